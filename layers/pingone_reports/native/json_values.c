/* Finds the values of JSON: RFC 8259, also one value after another. */

#include "json_words.h"
#include "search.h"
#include "values.h"

enum { TOP, VALUE, FIRST_VALUE, NAME_OF_VALUE, FIRST_NAME, COLON, BEHIND_VALUE };

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

/* What each of ESCAPES stands for. */
static const char ESCAPED[] = "\"\\/\b\f\n\r\t";

/* Writes one character of a string as UTF-8; returns how long it is in the string, or 0 for a wrong
   escape. A surrogate without its other half is written like any other character. */
static size_t character(const uint8_t *text, size_t at, size_t end, uint8_t out[4], size_t *size) {
    *size = 1;
    out[0] = text[at];
    if (text[at] != '\\')
        return 1;
    if (end - at < 2)
        return 0;
    for (size_t each = 0; ESCAPES[each]; each++) {
        if (text[at + 1] == (uint8_t)ESCAPES[each]) {
            out[0] = (uint8_t)ESCAPED[each];
            return 2;
        }
    }
    int32_t code = text[at + 1] == 'u' ? hex(text, at + 2, end) : -1;
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

/* Whether the kind of a name is known; notes it. The names of a record mostly come in one order. */
static int is_known(struct json *json, const uint8_t *text, size_t at, size_t end) {
    uint32_t number = json->named;
    for (uint32_t tried = 1; tried < json->names_count; tried++) {
        number = number + 1 < json->names_count ? number + 1 : 1;
        struct name known = json->names[number];
        uint32_t same = 0;
        if (known.size != end - at)
            continue;
        while (same < known.size && json->letters[known.at + same] == text[at + same])
            same++;
        if (same == known.size) {
            json->named = number;
            return 1;
        }
    }
    json->found.unknown = (uint32_t)(end - at) + 1;
    return 0;
}

/* The number of the name that a value has here. */
static uint32_t name_here(const struct json *json) {
    if (!json->depth)
        return 0;
    return json->is_object[json->depth - 1] ? json->named : json->lists[json->depth - 1];
}

/* Reads what is in a name's quotes; returns where it ends, or `at` if it is not whole yet or its kind
   is not known. */
static size_t read_name(struct json *json, const uint8_t *text, size_t at, size_t size) {
    size_t end = string_end(json, text, at + 1, size);
    if (end == size || !is_known(json, text, at + 1, end))
        return at;
    json->expected = COLON;
    return end + 1;
}

/* Reads a string, and takes its text unless its field is clear; returns where it ends, or `at` if it is
   not whole yet. */
static size_t read_string(struct json *json, const uint8_t *text, size_t at, size_t size,
                          struct span *spans, uint8_t *values) {
    struct name *name = &json->names[name_here(json)];
    size_t end = string_end(json, text, at + 1, size);
    if (end == size)
        return at;
    name->has_values = 1;
    json->expected = BEHIND_VALUE;
    if (name->kind) {
        struct span span = {.start = (uint32_t)at + 1, .end = (uint32_t)end, .kind = name->kind,
                            .at = (uint32_t)json->found.bytes};
        for (size_t from = at + 1; from < end;) {
            uint8_t out[4];
            size_t bytes, length = character(text, from, end, out, &bytes);
            if (!length) {
                json->found.fault = NOT_THE_FORMAT;
                return at;
            }
            span.size += copy(out, 0, bytes, values + span.at + span.size);
            from += length;
        }
        if (span.size)
            take(&json->found, spans, span, values);
    }
    return end + 1;
}

static int is_of_word(uint8_t byte) {
    uint8_t lower = byte | 0x20;
    return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '+' ||
           byte == '-' || byte == '.';
}

static int is(const uint8_t *text, size_t at, size_t end, const char *word) {
    for (; at < end && *word; word++)
        if (text[at++] != (uint8_t)*word)
            return 0;
    return at == end && !*word;
}

static int is_number(const uint8_t *text, size_t at, size_t end) {
    int within = number_from(text[at]);
    while (within > 0 && ++at < end)
        within = in_number(within, text[at]);
    return within > 0 && !in_number(within, ' ');
}

static int is_word(const uint8_t *text, size_t at, size_t end) {
    for (size_t word = 0; word < sizeof WORDS / sizeof *WORDS; word++)
        if (is(text, at, end, WORDS[word]))
            return 1;
    return 0;
}

/* Reads a number, true, false or null, and takes it unless it is null or its field is clear; returns
   where it ends, or `at` if it may go on behind this text. What becomes no token, json_grammar.c judges
   in what is written. */
static size_t read_word(struct json *json, const uint8_t *text, size_t at, size_t size, int last,
                        struct span *spans, uint8_t *values) {
    struct name *name = &json->names[name_here(json)];
    size_t end = at;
    while (end < size && is_of_word(text[end]))
        end++;
    if (end == size && !last)
        return at;
    name->has_values = 1;
    json->expected = BEHIND_VALUE;
    if (name->kind && !is(text, at, end, "null")) {
        if (!is_number(text, at, end) && !is_word(text, at, end)) {
            json->found.fault = NOT_THE_FORMAT;
            return at;
        }
        struct span span = {.start = (uint32_t)at, .end = (uint32_t)end, .kind = name->kind,
                            .at = (uint32_t)json->found.bytes, .bare = 1};
        span.size = (uint32_t)copy(text, at, end, values + span.at);
        take(&json->found, spans, span, values);
    }
    return end;
}

static void open(struct json *json, int object) {
    if (json->depth == MOST_OPEN) {
        json->found.fault = TOO_MUCH;
        return;
    }
    json->lists[json->depth] = (uint16_t)name_here(json);
    json->is_object[json->depth++] = (uint8_t)object;
    json->expected = object ? FIRST_NAME : FIRST_VALUE;
}

/* Reads a token that is no space; returns where it ends, or `at` if more text is needed for it. */
static size_t read_token(struct json *json, const uint8_t *text, size_t at, size_t size, int last,
                         struct span *spans, uint8_t *values) {
    uint8_t byte = text[at], expected = json->expected;
    int is_value = expected == VALUE || expected == FIRST_VALUE;
    int in_object = json->depth && json->is_object[json->depth - 1];
    if (byte == '"' && is_value)
        return read_string(json, text, at, size, spans, values);
    if (byte == '"' && (expected == NAME_OF_VALUE || expected == FIRST_NAME))
        return read_name(json, text, at, size);
    if (is_value && is_of_word(byte))
        return read_word(json, text, at, size, last, spans, values);
    if (byte == ':' && expected == COLON) {
        json->expected = VALUE;
    } else if (byte == ',' && expected == BEHIND_VALUE) {
        json->expected = in_object ? NAME_OF_VALUE : VALUE;
    } else if ((byte == '{' || byte == '[') && (is_value || expected == TOP)) {
        open(json, byte == '{');
    } else if (json->depth && byte == (in_object ? '}' : ']') &&
               (expected == BEHIND_VALUE || expected == (in_object ? FIRST_NAME : FIRST_VALUE))) {
        json->expected = --json->depth ? BEHIND_VALUE : TOP;
    } else {
        json->found.fault = NOT_THE_FORMAT;
    }
    return at + 1;
}

/* Reads whole tokens; of one that is at fault, nothing is written. */
size_t json_find(struct json *json, const uint8_t *text, size_t size, int last, struct span *spans,
                 uint8_t *values) {
    struct found *found = &json->found;
    size_t at = 0, end = 0;
    *found = (struct found){.fault = found->fault};
    while (at < size && !found->fault) {
        uint8_t byte = text[at];
        if (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
            at++;
            continue;
        }
        found->full = found->spans == MOST_SPANS;
        end = found->full ? at : read_token(json, text, at, size, last, spans, values);
        if (end == at || found->fault)
            break;
        at = end;
    }
    int more = found->full || found->unknown; /* this text is read on in another call */
    if (last && !more && !found->fault && (at < size || json->expected != TOP))
        found->fault = NOT_THE_FORMAT;
    return at;
}
