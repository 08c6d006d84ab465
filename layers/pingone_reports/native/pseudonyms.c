/* Finds the values of named fields while a report streams, and puts tokens in their places.

   Everything that is read is checked, because a file that is read in another way than its reader
   will read it may hide a value. What cannot be read is a fault, and nothing behind it is written.

   A call is given text that begins between two rows (CSV) or two tokens (JSON), and returns how much
   of it was read: the rest comes again, in front of the next text. */

#include <stddef.h>
#include <stdint.h>

#define MOST_COLUMNS 1000
#define MOST_OPEN 1000
#define MOST_NAMES 8
#define NAME 16 /* the longest name, and its length before it */
#define MOST_SPANS 8192
#define BETWEEN_VALUES 0xFF /* no UTF-8 text has this byte */

enum { NOT_THE_FORMAT = 1, OTHER_COLUMNS, NESTED, TOO_MUCH };

/* A value in the text, without its quotes. */
struct span {
    uint32_t start, end;
    uint32_t bare; /* the token needs quotes that the value does not have */
};

/* What a call has found. The values, unescaped, are in a buffer as long as the text, and one byte more for each span. */
struct found {
    uint64_t spans, bytes;
    uint32_t fault, full;
};

static inline size_t copy(const uint8_t *text, size_t from, size_t end, uint8_t *restrict out) {
    for (size_t at = from; at < end; at++)
        out[at - from] = text[at];
    return end - from;
}

static inline void take(struct found *found, struct span *spans, size_t start, size_t end,
                        uint32_t bare, uint8_t *values) {
    spans[found->spans++] = (struct span){(uint32_t)start, (uint32_t)end, bare};
    values[found->bytes++] = BETWEEN_VALUES;
}

typedef uint8_t block __attribute__((ext_vector_type(16)));
typedef _Bool flags __attribute__((ext_vector_type(16)));

#define BITS(condition) __builtin_bit_cast(uint16_t, __builtin_convertvector(condition, flags))
#define SEARCH(text, at, size, is_in_block, is_it)                                                  \
    for (; (at) + sizeof(block) <= (size); (at) += sizeof(block)) {                                 \
        block bytes;                                                                                \
        __builtin_memcpy(&bytes, (text) + (at), sizeof(block));                                     \
        uint16_t found_here = BITS(is_in_block);                                                    \
        if (found_here)                                                                             \
            return (at) + (size_t)__builtin_ctz(found_here);                                        \
    }                                                                                               \
    for (; (at) < (size); (at)++) {                                                                 \
        uint8_t byte = (text)[at];                                                                  \
        if (is_it)                                                                                  \
            break;                                                                                  \
    }                                                                                               \
    return (at)

/* --- CSV: RFC 4180, with spaces around quotes, and line feeds with or without returns ----------- */

struct csv {
    struct found found;
    uint32_t columns; /* 0 before the header */
    uint8_t named[MOST_COLUMNS];
};

static size_t end_of_plain(const uint8_t *text, size_t at, size_t size) {
    SEARCH(text, at, size,
           (bytes == ',') | (bytes == '\n') | (bytes == '\r') | (bytes == '"'),
           byte == ',' || byte == '\n' || byte == '\r' || byte == '"');
}

static size_t next_quote(const uint8_t *text, size_t at, size_t size) {
    SEARCH(text, at, size, bytes == '"', byte == '"');
}

static size_t behind_spaces(const uint8_t *text, size_t at, size_t size) {
    while (at < size && text[at] == ' ')
        at++;
    return at;
}

/* Reads one value, and copies it if it is wanted; returns where it ends, or `size` + 1 if that is
   not there yet. */
static size_t csv_value(struct csv *csv, const uint8_t *text, size_t at, size_t size, int last,
                        int wanted, struct span *spans, uint8_t *values) {
    size_t start = at, bytes = csv->found.bytes;
    at = behind_spaces(text, at, size);
    if (at == size || text[at] != '"') {
        at = end_of_plain(text, at, size);
        if (at == size && !last)
            return size + 1;
        if (at < size && text[at] == '"')
            csv->found.fault = NOT_THE_FORMAT;
        else if (wanted && (at > start || !csv->columns)) {
            csv->found.bytes += copy(text, start, at, values + csv->found.bytes);
            take(&csv->found, spans, start, at, 0, values);
        }
        return at;
    }
    start = ++at;
    for (size_t from = start;; from = at) {
        at = next_quote(text, at, size);
        if (at + (last ? 0 : 1) >= size) { /* open, or perhaps the first half of an escaped quote */
            if (last)
                csv->found.fault = NOT_THE_FORMAT;
            csv->found.bytes = bytes;
            return size + 1;
        }
        int escaped = at + 1 < size && text[at + 1] == '"';
        if (wanted)
            csv->found.bytes += copy(text, from, at + (size_t)escaped, values + csv->found.bytes);
        if (!escaped)
            break;
        at += 2;
    }
    if (wanted && (at > start || !csv->columns))
        take(&csv->found, spans, start, at, 0, values);
    at = behind_spaces(text, at + 1, size);
    return at == size && !last ? size + 1 : at;
}

/* Reads whole rows; before the header is known, one row, of which it takes every value. */
size_t csv_find(struct csv *csv, const uint8_t *text, size_t size, int last, struct span *spans,
                uint8_t *values) {
    struct found *found = &csv->found;
    size_t row = 0;
    *found = (struct found){.fault = found->fault};
    while (row < size && !found->fault) {
        struct found before = *found;
        if (MOST_SPANS - found->spans < MOST_COLUMNS) {
            found->full = 1;
            return row;
        }
        size_t at = row;
        uint32_t column = 0;
        for (;; at++) {
            if (column == MOST_COLUMNS) {
                found->fault = TOO_MUCH;
                break;
            }
            int wanted = !csv->columns || (column < csv->columns && csv->named[column]);
            at = csv_value(csv, text, at, size, last, wanted, spans, values);
            column++;
            if (found->fault || at >= size || text[at] != ',')
                break;
        }
        if (at > size && !found->fault) { /* the row goes on behind this text */
            *found = before;
            return row;
        }
        int blank = column == 1 && (at == row);
        if (!found->fault && at < size) {
            if (text[at] == '\r') {
                at++;
                if (at == size && !last) {
                    *found = before;
                    return row;
                }
            }
            if (at == size || text[at] != '\n')
                found->fault = NOT_THE_FORMAT;
            at++;
        }
        if (!found->fault && csv->columns && column != csv->columns && !blank)
            found->fault = OTHER_COLUMNS;
        if (found->fault) {
            before.fault = found->fault;
            *found = before;
            return row;
        }
        row = at;
        if (!csv->columns)
            return row;
    }
    return row;
}

/* --- JSON: RFC 8259, also one value after another ------------------------------------------------ */

enum { TOP, VALUE, FIRST_VALUE, NAME_OF_VALUE, FIRST_NAME, COLON, BEHIND_VALUE };

struct json {
    struct found found;
    uint32_t names_count;
    uint32_t seen; /* a bit for each name */
    uint32_t depth;
    uint8_t expected, named;
    uint8_t bare_items; /* a list has items that are neither objects nor lists */
    uint8_t is_object[MOST_OPEN];
    uint8_t names[MOST_NAMES][NAME]; /* a length, and letters and digits in lower case */
};

static size_t end_of_string(const uint8_t *text, size_t at, size_t size) {
    SEARCH(text, at, size, (bytes == '"') | (bytes == '\\') | (bytes < 0x20),
           byte == '"' || byte == '\\' || byte < 0x20);
}

/* The closing quote of the string whose text begins here; `size` if it is not there yet. */
static size_t string_end(struct json *json, const uint8_t *text, size_t at, size_t size) {
    while ((at = end_of_string(text, at, size)) < size && text[at] != '"') {
        if (text[at] != '\\') {
            json->found.fault = NOT_THE_FORMAT;
            return size;
        }
        if (size - at < 2)
            return size;
        at += 2;
    }
    return at;
}

static int32_t hex(const uint8_t *text, size_t at, size_t end) {
    int32_t code = 0;
    if (end - at < 4)
        return -1;
    for (size_t behind = at + 4; at < behind; at++) {
        uint8_t byte = text[at], letter = byte | 0x20;
        if (byte >= '0' && byte <= '9')
            code = code << 4 | (byte - '0');
        else if (letter >= 'a' && letter <= 'f')
            code = code << 4 | (letter - 'a' + 10);
        else
            return -1;
    }
    return code;
}

/* Writes one character of a string as UTF-8; returns how long it is in the string, or 0 for a wrong
   escape. A surrogate without its other half is written like any other character. */
static size_t character(const uint8_t *text, size_t at, size_t end, uint8_t out[4], size_t *size) {
    *size = 1;
    out[0] = text[at];
    if (text[at] != '\\')
        return 1;
    if (end - at < 2)
        return 0;
    switch (text[at + 1]) {
    case '"':
    case '\\':
    case '/':
        out[0] = text[at + 1];
        return 2;
    case 'b':
        out[0] = '\b';
        return 2;
    case 'f':
        out[0] = '\f';
        return 2;
    case 'n':
        out[0] = '\n';
        return 2;
    case 'r':
        out[0] = '\r';
        return 2;
    case 't':
        out[0] = '\t';
        return 2;
    case 'u':
        break;
    default:
        return 0;
    }
    int32_t code = hex(text, at + 2, end);
    size_t length = 6;
    if (code < 0)
        return 0;
    if (code >= 0xD800 && code < 0xDC00 && end - at >= 12 && text[at + 6] == '\\' &&
        text[at + 7] == 'u') {
        int32_t low = hex(text, at + 8, end);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            length = 12;
        }
    }
    if (code < 0x80) {
        out[0] = (uint8_t)code;
    } else if (code < 0x800) {
        out[0] = (uint8_t)(0xC0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3F));
        *size = 2;
    } else if (code < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code & 0x3F));
        *size = 3;
    } else {
        out[0] = (uint8_t)(0xF0 | code >> 18);
        out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3F));
        out[3] = (uint8_t)(0x80 | (code & 0x3F));
        *size = 4;
    }
    return length;
}

static int is_same(const uint8_t left[NAME], const uint8_t right[NAME]) {
    uint64_t of_left[2], of_right[2];
    __builtin_memcpy(of_left, left, NAME);
    __builtin_memcpy(of_right, right, NAME);
    return of_left[0] == of_right[0] && of_left[1] == of_right[1];
}

/* Whether a name is one of those asked for, by its letters and digits alone; notes which. */
static int is_named(struct json *json, const uint8_t *text, size_t at, size_t end) {
    uint8_t name[NAME] = {0}, out[4];
    while (at < end) {
        size_t size, length = character(text, at, end, out, &size);
        if (!length) {
            json->found.fault = NOT_THE_FORMAT;
            return 0;
        }
        at += length;
        uint8_t lower = out[0] >= 'A' && out[0] <= 'Z' ? out[0] | 0x20 : out[0];
        if (size > 1 || !((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')))
            continue;
        if (name[0] < NAME - 1)
            name[1 + name[0]++] = lower;
        else
            name[1] = 0; /* longer than all, so that it equals none */
    }
    for (uint32_t number = 0; number < json->names_count; number++) {
        if (is_same(name, json->names[number])) {
            json->seen |= 1u << number;
            return 1;
        }
    }
    return 0;
}

static void take_string(struct json *json, const uint8_t *text, size_t start, size_t end,
                        struct span *spans, uint8_t *values) {
    for (size_t at = start; at < end;) {
        uint8_t out[4];
        size_t size, length = character(text, at, end, out, &size);
        if (!length) {
            json->found.fault = NOT_THE_FORMAT;
            return;
        }
        for (size_t from = 0; from < size; from++)
            values[json->found.bytes++] = out[from];
        at += length;
    }
    if (end > start)
        take(&json->found, spans, start, end, 0, values);
}

static int is_of_word(uint8_t byte) {
    uint8_t lower = byte | 0x20;
    return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '+' ||
           byte == '-' || byte == '.';
}

static inline void behind_scalar(struct json *json) {
    json->bare_items |= !json->is_object[json->depth - 1];
    json->expected = BEHIND_VALUE;
    json->named = 0;
}

static inline void behind_bracket(struct json *json) {
    json->depth--;
    json->expected = json->depth ? BEHIND_VALUE : TOP;
    json->named = 0;
}

static void open(struct json *json, int object) {
    if (json->named)
        json->found.fault = NESTED;
    else if (json->depth == MOST_OPEN)
        json->found.fault = TOO_MUCH;
    else {
        json->is_object[json->depth++] = (uint8_t)object;
        json->expected = object ? FIRST_NAME : FIRST_VALUE;
    }
}

/* Reads whole tokens. */
size_t json_find(struct json *json, const uint8_t *text, size_t size, int last, struct span *spans,
                 uint8_t *values) {
    struct found *found = &json->found;
    size_t at = 0;
    *found = (struct found){.fault = found->fault};
    while (at < size && !found->fault) {
        uint8_t byte = text[at];
        if (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
            at++;
            continue;
        }
        if (found->spans == MOST_SPANS) {
            found->full = 1;
            return at;
        }
        uint64_t bytes = found->bytes;
        size_t start = at, end;
        uint8_t expected = json->expected;
        int is_value = expected == VALUE || expected == FIRST_VALUE;
        if (byte == '"' && (is_value || expected == NAME_OF_VALUE || expected == FIRST_NAME)) {
            end = string_end(json, text, start + 1, size);
            if (end == size)
                break;
            if (!is_value) {
                json->named = (uint8_t)is_named(json, text, start + 1, end);
                json->expected = COLON;
            } else {
                if (json->named)
                    take_string(json, text, start + 1, end, spans, values);
                behind_scalar(json);
            }
            at = end + 1;
        } else if (byte == ':' && expected == COLON) {
            json->expected = VALUE;
            at++;
        } else if (byte == ',' && expected == BEHIND_VALUE) {
            json->expected = json->is_object[json->depth - 1] ? NAME_OF_VALUE : VALUE;
            at++;
        } else if ((byte == '{' || byte == '[') && (is_value || expected == TOP)) {
            open(json, byte == '{');
            at++;
        } else if (byte == '}' && json->depth && json->is_object[json->depth - 1] &&
                   (expected == BEHIND_VALUE || expected == FIRST_NAME)) {
            behind_bracket(json);
            at++;
        } else if (byte == ']' && json->depth && !json->is_object[json->depth - 1] &&
                   (expected == BEHIND_VALUE || expected == FIRST_VALUE)) {
            behind_bracket(json);
            at++;
        } else if (is_value && is_of_word(byte)) {
            for (end = start; end < size && is_of_word(text[end]); end++)
                ;
            if (end == size && !last)
                break;
            int is_null = end - start == 4 && text[start] == 'n' && text[start + 1] == 'u' &&
                          text[start + 2] == 'l' && text[start + 3] == 'l';
            if (json->named && !is_null) {
                found->bytes += copy(text, start, end, values + found->bytes);
                take(found, spans, start, end, 1, values);
            }
            behind_scalar(json);
            at = end;
        } else {
            found->fault = NOT_THE_FORMAT;
        }
        if (found->fault) { /* nothing of this token is written */
            found->bytes = bytes;
            at = start;
        }
    }
    if (last && !found->fault && (at < size || json->expected != TOP))
        found->fault = NOT_THE_FORMAT;
    return at;
}

/* --- Tokens --------------------------------------------------------------------------------------- */

#define DIGEST 16
#define TOKEN 26

/* Base32 of RFC 4648, in lower case and without padding. */
static void put_token(const uint8_t digest[DIGEST], uint8_t token[TOKEN]) {
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz" "234567";
    uint32_t bits = 0, count = 0, at = 0;
    for (uint32_t from = 0; from < DIGEST; from++) {
        bits = (bits << 8 | digest[from]) & 0xFFFF;
        for (count += 8; count >= 5; count -= 5)
            token[at++] = (uint8_t)alphabet[bits >> (count - 5) & 31];
    }
    token[at] = (uint8_t)alphabet[bits << (5 - count) & 31];
}

/* Copies the text with a token in place of each value; returns the size. `out` has room for the text
   and 28 bytes more for each token. */
size_t put_tokens(const uint8_t *text, size_t size, const struct span *spans, size_t count,
                  const uint8_t *digests, uint8_t *out) {
    size_t at = 0, written = 0;
    for (size_t number = 0; number < count; number++) {
        struct span span = spans[number];
        written += copy(text, at, span.start, out + written);
        if (span.bare)
            out[written++] = '"';
        put_token(digests + number * DIGEST, out + written);
        written += TOKEN;
        if (span.bare)
            out[written++] = '"';
        at = span.end;
    }
    return written + copy(text, at, size, out + written);
}
