/* Whether a file is JSON (RFC 8259), while it streams: one list or object, or objects one after another.
   Bytes that are no UTF-8 are the tables' matter. */

#include "json_words.h"

#include <stddef.h>
#include <stdint.h>

#define MOST_OPEN 1000

/* What may come next outside of a string, a number and a word. */
enum { BEGIN, FIRST, VALUE, FIRST_ITEM, FIRST_NAME, NAME, COLON, BEHIND, BEHIND_ALL };
/* What the text is in the middle of. */
enum { NOTHING, MARK_1, MARK_2, STRING, ESCAPE, HEX, HEX_1, HEX_2, HEX_3, WORD }; /* or a number */

struct grammar {
    uint8_t expects, within, is_name;
    uint8_t word, letter; /* which of the words, and how much of it is there */
    uint8_t items;        /* of the outermost list: 1 for objects, 2 for others */
    uint8_t numbers;      /* whether there was one */
    uint8_t fault;
    uint16_t open, list; /* brackets and braces, and where the outermost list is among them */
    uint8_t is_object[MOST_OPEN + 1];
    uint16_t mixed_at; /* where the outermost list that has both is, as `list`; 0 for none */
};

static int is_hex(uint8_t byte) { return is_digit(byte) || (uint8_t)((byte | 0x20) - 'a') < 6; }

/* After a value, in whatever it is in. */
static void end_value(struct grammar *json) {
    json->within = NOTHING;
    json->expects = json->open ? BEHIND : BEHIND_ALL;
}

static void begin_item(struct grammar *json, int is_object) {
    if (json->list && json->open == json->list && (json->items |= is_object ? 1 : 2) == 3)
        if (!json->mixed_at || json->list < json->mixed_at)
            json->mixed_at = json->list;
}

static void open(struct grammar *json, int is_object) {
    if (json->open == MOST_OPEN) {
        json->fault = 1;
        return;
    }
    json->is_object[++json->open] = is_object;
    if (!is_object && !json->list)
        json->list = json->open, json->items = 0;
    json->expects = is_object ? FIRST_NAME : FIRST_ITEM;
}

static void close(struct grammar *json, int is_object) {
    if (!json->open || json->is_object[json->open] != is_object) {
        json->fault = 1;
        return;
    }
    if (json->list == json->open)
        json->list = 0;
    json->open--;
    end_value(json);
}

static void begin_value(struct grammar *json, uint8_t byte) {
    begin_item(json, byte == '{');
    switch (byte) {
    case '{': open(json, 1); break;
    case '[': open(json, 0); break;
    case '"': json->within = STRING, json->is_name = 0; break;
    case 't': json->within = WORD, json->word = 0, json->letter = 1; break;
    case 'f': json->within = WORD, json->word = 1, json->letter = 1; break;
    case 'n': json->within = WORD, json->word = 2, json->letter = 1; break;
    case 'N': json->within = WORD, json->word = 3, json->letter = 1; break;
    default: (json->within = number_from(byte)) ? (json->numbers = 1) : (json->fault = 1);
    }
}

/* A byte outside of strings, numbers and words. */
static void step(struct grammar *json, uint8_t byte) {
    if (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
        json->expects += json->expects == BEGIN;
        return;
    }
    switch (json->expects) {
    case BEGIN:
        if (byte == 0xEF) { /* a byte order mark is passed over, but not behind a space */
            json->within = MARK_1;
            json->expects = FIRST;
            break;
        }
        /* fall through */
    case FIRST: byte == '{' || byte == '[' ? begin_value(json, byte) : (void)(json->fault = 1); break;
    case FIRST_ITEM: byte == ']' ? close(json, 0) : begin_value(json, byte); break;
    case VALUE: begin_value(json, byte); break;
    case FIRST_NAME:
    case NAME:
        if (byte == '}' && json->expects == FIRST_NAME)
            close(json, 1);
        else if (byte == '"')
            json->within = STRING, json->is_name = 1;
        else
            json->fault = 1;
        break;
    case COLON: byte == ':' ? (json->expects = VALUE) : (json->fault = 1); break;
    case BEHIND:
        if (byte == ',')
            json->expects = json->is_object[json->open] ? NAME : VALUE;
        else if ((byte | 0x20) == '}')
            close(json, byte == '}');
        else
            json->fault = 1;
        break;
    case BEHIND_ALL: /* objects alone follow each other; the first of all was noted below the others */
        byte == '{' && json->is_object[1] ? open(json, 1) : (void)(json->fault = 1);
    }
}

static int is_escape(uint8_t byte) {
    for (const char *known = ESCAPES; *known; known++)
        if (byte == (uint8_t)*known)
            return 1;
    return 0;
}

#define EACH(byte) (0x0101010101010101u * (byte))

/* The high bit of each byte that is zero; above the first of them, others may have it, too. */
static uint64_t zeros(uint64_t bytes) { return (bytes - EACH(0x01)) & ~bytes & EACH(0x80); }

/* How many bytes of a string neither end it, nor escape others, nor are control characters. */
static size_t plain(const uint8_t *text, size_t size) {
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        uint64_t bytes;
        __builtin_memcpy(&bytes, text + at, 8);
        uint64_t ends = zeros(bytes ^ EACH('"')) | zeros(bytes ^ EACH('\\')) | zeros(bytes & EACH(0xE0));
        if (ends)
            return at + __builtin_ctzll(ends) / 8; /* both of Lambda's processors are little-endian */
    }
    while (at < size && text[at] != '"' && text[at] != '\\' && text[at] >= ' ')
        at++;
    return at;
}

/* Takes the next bytes, and writes their braces and brackets outside of strings, in order; returns how
   many. After a fault, nothing counts any more. */
size_t json_structure(struct grammar *json, const uint8_t *text, size_t size, uint8_t *structure) {
    size_t count = 0;
    for (size_t at = 0; at < size && !json->fault; at++) {
        uint16_t before = json->open;
        uint8_t byte = text[at];
        switch (json->within) {
        case NOTHING: step(json, byte); break;
        case MARK_1: json->within = MARK_2; json->fault = byte != 0xBB; break;
        case MARK_2: json->within = NOTHING; json->fault = byte != 0xBF; break;
        case STRING:
            at += plain(text + at, size - at);
            if (at == size)
                return count;
            byte = text[at];
            if (byte == '\\')
                json->within = ESCAPE;
            else if (byte == '"' && json->is_name)
                json->within = NOTHING, json->expects = COLON;
            else if (byte == '"')
                end_value(json);
            else
                json->fault = byte < ' ';
            break;
        case ESCAPE: json->within = byte == 'u' ? HEX : STRING; json->fault = byte != 'u' && !is_escape(byte); break;
        case HEX: case HEX_1: case HEX_2: json->within++; json->fault = !is_hex(byte); break;
        case HEX_3: json->within = STRING; json->fault = !is_hex(byte); break;
        case WORD:
            json->fault = (uint8_t)WORDS[json->word][json->letter] != byte;
            if (!WORDS[json->word][++json->letter])
                end_value(json);
            break;
        default: {
            int next = in_number(json->within, byte);
            if (next > 0)
                json->within = next;
            else if (next < 0)
                json->fault = 1;
            else {
                end_value(json);
                step(json, byte);
            }
        }
        }
        if (json->open != before)
            structure[count++] = byte;
    }
    return count;
}
