/* Finds the values that become tokens while a report streams, and puts the tokens in their places.

   Everything that is read is checked, because a file that is read in another way than its reader
   will read it may hide a value. What cannot be read is a fault, and nothing behind it is written.

   A call is given text that begins between two rows (CSV) or two tokens (JSON), and returns how much
   of it was read: the rest comes again, in front of the next text. */

#include <stddef.h>
#include <stdint.h>

#define MOST_COLUMNS 1000
#define MOST_OPEN 1000
#define MOST_SPANS 8192
#define MOST_NAME_BYTES 32768

enum { NOT_THE_FORMAT = 1, OTHER_COLUMNS, TOO_MUCH };

/* What becomes of a field's values. */
enum { CLEAR, TEXT, CASELESS, PHONE };

/* A value in the text, without its quotes, and as it is hashed. */
struct span {
    uint32_t at, size;
    uint32_t odd_before;
    uint8_t kind;
    uint8_t bare; /* the token needs quotes that the value does not have */
    uint8_t odd;  /* the caller gives it its one spelling */
    uint32_t start, end;
};

/* What a call has found. The values are in a buffer as long as the text. */
struct found {
    uint64_t spans, bytes;
    uint32_t fault, full;
    uint32_t unknown; /* of a name in JSON whose kind is not known: its size, and 1 */
    uint32_t odd;     /* the number of the last odd span, from 1; each leads to the one before it */
};

static inline size_t copy(const uint8_t *text, size_t from, size_t end, uint8_t *restrict out) {
    for (size_t at = from; at < end; at++)
        out[at - from] = text[at];
    return end - from;
}

enum {
    DIGIT = 1, LETTER = 2, CAPITAL = 4, POINT = 8, MINUS = 16, REST = 32,
    LATIN = 64,     /* begins U+00C0 to U+017F */
    EXTENDED = 128, /* begins U+0180 to U+02FF: up to here, all is in NFC */
    FURTHER = 256,
};

static const uint16_t CLASS[256] = {
    [0 ... '*'] = REST, ['+' ... ','] = REST, ['-'] = MINUS, ['.'] = POINT, ['/'] = REST,
    ['0' ... '9'] = DIGIT, [':' ... '@'] = REST, ['A' ... 'Z'] = LETTER | CAPITAL,
    ['[' ... '`'] = REST, ['a' ... 'z'] = LETTER, ['{' ... 0xC1] = REST, [0xC2] = FURTHER,
    [0xC3 ... 0xC5] = LATIN, [0xC6 ... 0xCB] = EXTENDED, [0xCC ... 255] = FURTHER,
};

/* What is not spelled here, by kind. */
static const uint16_t NOT_HERE[] = {
    [TEXT] = FURTHER, [CASELESS] = FURTHER | EXTENDED, [PHONE] = FURTHER | EXTENDED | LATIN,
};

/* Lowers a letter of U+00C0 to U+017F; returns whether it is not lowered here. */
static uint8_t lower_latin(uint8_t two[2]) {
    uint32_t letter = (two[0] & 0x1Fu) << 6 | (two[1] & 0x3Fu);
    if (letter == 0x130 || letter == 0x178)
        return 1;
    if (letter < 0xDF)
        letter += letter == 0xD7 ? 0 : 0x20;
    else if (letter > 0xFF && letter < 0x17F)
        letter += (letter < 0x138 || (letter > 0x148 && letter < 0x178)) != (letter & 1);
    two[0] = (uint8_t)(0xC0 | letter >> 6);
    two[1] = (uint8_t)(0x80 | (letter & 0x3F));
    return 0;
}

/* Takes a value whose text is behind the others, and gives it its one spelling. A value that has
   spaces around it, is a number with a point, or is of rarer letters, is left to the caller. */
static void take(struct found *found, struct span *spans, struct span span, uint8_t *values) {
    uint8_t *value = values + span.at;
    uint16_t seen = 0;
    for (uint32_t at = 0; at < span.size; at++)
        seen |= CLASS[value[at]];
    int is_number = (seen & POINT) && !(seen & ~(DIGIT | POINT | MINUS));
    if ((seen & NOT_HERE[span.kind]) || (is_number && (span.bare || span.kind != PHONE)) ||
        (span.size && (value[0] <= ' ' || value[span.size - 1] <= ' '))) {
        span.odd = 1;
    } else if (span.kind == PHONE && (seen & DIGIT) && !(seen & LETTER)) {
        uint32_t kept = 0;
        for (uint32_t at = 0; at < span.size; at++)
            if (value[at] == '+' || CLASS[value[at]] == DIGIT)
                value[kept++] = value[at];
        span.size = kept;
    } else if (span.kind == CASELESS && (seen & (CAPITAL | LATIN))) {
        for (uint32_t at = 0; at < span.size; at++) {
            if (CLASS[value[at]] & CAPITAL)
                value[at] |= 0x20;
            else if (CLASS[value[at]] == LATIN && at + 1 < span.size)
                span.odd |= lower_latin(value + at);
        }
    }
    if (span.odd) {
        span.odd_before = found->odd;
        found->odd = (uint32_t)found->spans + 1;
    }
    found->bytes += span.size;
    spans[found->spans++] = span;
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
    uint8_t kinds[MOST_COLUMNS];
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

/* Reads one value, and takes it unless its field is clear; returns where it ends, or `size` + 1 if
   that is not there yet. */
static size_t csv_value(struct csv *csv, const uint8_t *text, size_t at, size_t size, int last,
                        uint8_t kind, struct span *spans, uint8_t *values) {
    struct found *found = &csv->found;
    struct span span = {.at = (uint32_t)found->bytes, .kind = kind};
    size_t start = at;
    at = behind_spaces(text, at, size);
    if (at == size || text[at] != '"') {
        at = end_of_plain(text, at, size);
        if (at == size && !last)
            return size + 1;
        if (at < size && text[at] == '"')
            found->fault = NOT_THE_FORMAT;
        else if (kind)
            span.size = (uint32_t)copy(text, start, at, values + span.at);
        span.end = (uint32_t)at;
    } else {
        start = ++at;
        for (size_t from = start;; from = at) {
            at = next_quote(text, at, size);
            if (at + (last ? 0 : 1) >= size) { /* open, or perhaps the first half of an escaped quote */
                if (last)
                    found->fault = NOT_THE_FORMAT;
                return size + 1;
            }
            int escaped = at + 1 < size && text[at + 1] == '"';
            if (kind)
                span.size += copy(text, from, at + (size_t)escaped, values + span.at + span.size);
            if (!escaped)
                break;
            at += 2;
        }
        span.end = (uint32_t)at;
        at = behind_spaces(text, at + 1, size);
        if (at == size && !last)
            return size + 1;
    }
    span.start = (uint32_t)start;
    if (kind && !found->fault && (span.size || !csv->columns))
        take(found, spans, span, values);
    return at;
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
            uint8_t kind = csv->columns ? csv->kinds[column] : TEXT;
            at = csv_value(csv, text, at, size, last, kind, spans, values);
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

struct name {
    uint32_t at, size;
    uint8_t kind;
    uint8_t has_values;
};

struct json {
    struct found found;
    uint32_t depth;
    uint32_t names_count, named; /* the last one that was read */
    uint8_t expected;
    uint8_t is_object[MOST_OPEN];
    uint16_t lists[MOST_OPEN];       /* the number of the name that a list's items have */
    struct name names[MOST_COLUMNS]; /* the first is of what has no name at all */
    uint8_t letters[MOST_NAME_BYTES]; /* of the names, as the file has them */
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

static void take_string(struct json *json, const uint8_t *text, struct span span,
                        struct span *spans, uint8_t *values) {
    for (size_t at = span.start; at < span.end;) {
        uint8_t out[4];
        size_t size, length = character(text, at, span.end, out, &size);
        if (!length) {
            json->found.fault = NOT_THE_FORMAT;
            return;
        }
        for (size_t from = 0; from < size; from++)
            values[span.at + span.size++] = out[from];
        at += length;
    }
    if (span.size)
        take(&json->found, spans, span, values);
}

static int is_of_word(uint8_t byte) {
    uint8_t lower = byte | 0x20;
    return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '+' ||
           byte == '-' || byte == '.';
}

static inline void behind_bracket(struct json *json) {
    json->depth--;
    json->expected = json->depth ? BEHIND_VALUE : TOP;
}

static void open(struct json *json, int object, uint32_t named) {
    if (json->depth == MOST_OPEN) {
        json->found.fault = TOO_MUCH;
        return;
    }
    json->lists[json->depth] = (uint16_t)named;
    json->is_object[json->depth++] = (uint8_t)object;
    json->expected = object ? FIRST_NAME : FIRST_VALUE;
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
        size_t start = at, end;
        uint8_t expected = json->expected;
        int is_value = expected == VALUE || expected == FIRST_VALUE;
        uint32_t named = !json->depth                       ? 0
                         : json->is_object[json->depth - 1] ? json->named
                                                            : json->lists[json->depth - 1];
        uint8_t kind = json->names[named].kind;
        struct span span = {.start = (uint32_t)start, .at = (uint32_t)found->bytes, .kind = kind};
        if (byte == '"' && (is_value || expected == NAME_OF_VALUE || expected == FIRST_NAME)) {
            end = string_end(json, text, start + 1, size);
            if (end == size)
                break;
            if (!is_value) {
                if (!is_known(json, text, start + 1, end))
                    return start;
                json->expected = COLON;
            } else {
                span.start++;
                span.end = (uint32_t)end;
                json->names[named].has_values = 1;
                if (kind)
                    take_string(json, text, span, spans, values);
                json->expected = BEHIND_VALUE;
            }
            at = end + 1;
        } else if (byte == ':' && expected == COLON) {
            json->expected = VALUE;
            at++;
        } else if (byte == ',' && expected == BEHIND_VALUE) {
            json->expected = json->is_object[json->depth - 1] ? NAME_OF_VALUE : VALUE;
            at++;
        } else if ((byte == '{' || byte == '[') && (is_value || expected == TOP)) {
            open(json, byte == '{', named);
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
            json->names[named].has_values = 1;
            if (kind && !is_null) {
                span.end = (uint32_t)end;
                span.bare = 1;
                span.size = (uint32_t)copy(text, start, end, values + span.at);
                take(found, spans, span, values);
            }
            json->expected = BEHIND_VALUE;
            at = end;
        } else {
            found->fault = NOT_THE_FORMAT;
        }
        if (found->fault) /* nothing of this token is written */
            at = start;
    }
    if (last && !found->fault && (at < size || json->expected != TOP))
        found->fault = NOT_THE_FORMAT;
    return at;
}

/* --- Tokens: BLAKE2b with a key, RFC 7693 --------------------------------------------------------- */

#define BLOCK 128
#define DIGEST 16
#define TOKEN 26

static const uint64_t START[8] = {
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
};

static const uint8_t ORDER[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static inline uint64_t turn(uint64_t word, int bits) { return word >> bits | word << (64 - bits); }

/* Takes the next block: `size` bytes and zeros. `total` counts all bytes so far. */
static void compress(uint64_t hash[8], const uint8_t *block, size_t size, uint64_t total, int last) {
    uint64_t m[16], v[16];
    for (int at = 0; at < 16; at++) {
        m[at] = 0;
        v[at] = at < 8 ? hash[at] : START[at - 8];
    }
    for (size_t at = 0; at < size; at++)
        m[at / 8] |= (uint64_t)block[at] << at % 8 * 8;
    v[12] ^= total;
    v[14] ^= last ? ~(uint64_t)0 : 0;
#pragma unroll
    for (int round = 0; round < 12; round++) {
#pragma unroll
        for (int mix = 0; mix < 8; mix++) {
            int turned = mix / 4, a = mix % 4, b = 4 + (a + turned) % 4;
            int c = 8 + (a + 2 * turned) % 4, d = 12 + (a + 3 * turned) % 4;
            v[a] += v[b] + m[ORDER[round % 10][2 * mix]];
            v[d] = turn(v[d] ^ v[a], 32);
            v[c] += v[d];
            v[b] = turn(v[b] ^ v[c], 24);
            v[a] += v[b] + m[ORDER[round % 10][2 * mix + 1]];
            v[d] = turn(v[d] ^ v[a], 16);
            v[c] += v[d];
            v[b] = turn(v[b] ^ v[c], 63);
        }
    }
    for (int at = 0; at < 8; at++)
        hash[at] ^= v[at] ^ v[at + 8];
}

/* The state behind a key of 64 bytes, which is a block of its own before each value. */
void mac_start(uint64_t hash[8], const uint8_t key[64]) {
    for (int at = 0; at < 8; at++)
        hash[at] = START[at];
    hash[0] ^= 0x01010000 | 64 << 8 | DIGEST;
    compress(hash, key, 64, BLOCK, 0);
}

static void mac(const uint64_t start[8], const uint8_t *value, size_t size, uint8_t digest[DIGEST]) {
    uint64_t hash[8], total = BLOCK + size;
    for (int at = 0; at < 8; at++)
        hash[at] = start[at];
    for (; size > BLOCK; size -= BLOCK, value += BLOCK)
        compress(hash, value, BLOCK, total - size + BLOCK, 0);
    compress(hash, value, size, total, 1);
    __builtin_memcpy(digest, hash, DIGEST);
}

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

/* Copies the text with a token in place of each value; returns the size. `odd` has what the caller has
   spelled. `out` has room for the text and 28 bytes more for each token. */
size_t put_tokens(const uint64_t start[8], const uint8_t *text, size_t size,
                  const struct span *spans, size_t count, const uint8_t *values,
                  const uint8_t *odd, uint8_t *out) {
    size_t at = 0, written = 0;
    for (size_t number = 0; number < count; number++) {
        struct span span = spans[number];
        uint8_t digest[DIGEST];
        mac(start, (span.odd ? odd : values) + span.at, span.size, digest);
        written += copy(text, at, span.start, out + written);
        if (span.bare)
            out[written++] = '"';
        put_token(digest, out + written);
        written += TOKEN;
        if (span.bare)
            out[written++] = '"';
        at = span.end;
    }
    return written + copy(text, at, size, out + written);
}
