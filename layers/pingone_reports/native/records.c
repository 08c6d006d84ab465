/* Counts a report's records while it streams: reads CSV's and JSON's structure in 64-byte blocks.
   The state carries over from one chunk of a file to the next. */

#include <stddef.h>
#include <stdint.h>

#define BLOCK 64

typedef uint8_t block __attribute__((ext_vector_type(BLOCK)));
typedef _Bool flags __attribute__((ext_vector_type(BLOCK)));

static inline block block_at(const uint8_t *text) {
    block bytes;
    __builtin_memcpy(&bytes, text, BLOCK);
    return bytes;
}

/* A bit for each byte of the block that equals this one. */
static inline uint64_t where(block bytes, uint8_t byte) {
    return __builtin_bit_cast(uint64_t, __builtin_convertvector(bytes == byte, flags));
}

static inline uint64_t where_digits(block bytes) {
    return __builtin_bit_cast(uint64_t, __builtin_convertvector(bytes - '0' < 10, flags));
}

/* A bit for each byte from one quote up to the next: the parity of the quotes so far. */
static inline uint64_t within(uint64_t quotes) {
    for (int distance = 1; distance < BLOCK; distance *= 2)
        quotes ^= quotes << distance;
    return quotes;
}

/* Counts line feeds outside quotes. RFC 4180's escaped quote, "", does not change the count. */
size_t csv_line_feeds(uint8_t *quoted, const uint8_t *text, size_t size) {
    size_t count = 0, at = 0;
    uint64_t all = -(uint64_t)*quoted;
    for (; at + BLOCK <= size; at += BLOCK) {
        block bytes = block_at(text + at);
        uint64_t inside = within(where(bytes, '"')) ^ all;
        count += __builtin_popcountll(where(bytes, '\n') & ~inside);
        all = -(inside >> (BLOCK - 1));
    }
    uint8_t open = all & 1;
    for (; at < size; at++) {
        open ^= text[at] == '"';
        count += text[at] == '\n' && !open;
    }
    *quoted = open;
    return count;
}

struct json {
    uint8_t in_string;
    uint8_t escaped; /* a backslash escapes the next byte */
    uint8_t numbers; /* a digit was outside strings */
};

/* Writes the braces and brackets outside strings, in order; returns how many. Notes numbers too. */
size_t json_structure(struct json *state, const uint8_t *text, size_t size, uint8_t *structure) {
    size_t count = 0, at = 0;
    while (at < size) {
        if (size - at >= BLOCK && !state->escaped) {
            block bytes = block_at(text + at);
            if (!where(bytes, '\\')) {
                uint64_t inside = within(where(bytes, '"')) ^ -(uint64_t)state->in_string;
                block lower = bytes | 0x20; /* turns brackets into braces */
                uint64_t marks = (where(lower, '{') | where(lower, '}')) & ~inside;
                for (; marks; marks &= marks - 1)
                    structure[count++] = text[at + __builtin_ctzll(marks)];
                state->numbers |= (where_digits(bytes) & ~inside) != 0;
                state->in_string = inside >> (BLOCK - 1);
                at += BLOCK;
                continue;
            }
        }
        size_t end = size - at < BLOCK ? size : at + BLOCK;
        for (; at < end; at++) {
            uint8_t byte = text[at];
            if (state->escaped)
                state->escaped = 0;
            else if (byte == '"')
                state->in_string ^= 1;
            else if (state->in_string)
                state->escaped = byte == '\\';
            else if ((byte | 0x20) == '{' || (byte | 0x20) == '}')
                structure[count++] = byte;
            else
                state->numbers |= (uint8_t)(byte - '0') < 10;
        }
    }
    return count;
}
