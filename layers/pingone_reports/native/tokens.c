/* Puts tokens in the places of values: BLAKE2b with a key, RFC 7693. */

#include "values.h"

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

static inline uint64_t rotate(uint64_t word, int bits) { return word >> bits | word << (64 - bits); }

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
            v[d] = rotate(v[d] ^ v[a], 32);
            v[c] += v[d];
            v[b] = rotate(v[b] ^ v[c], 24);
            v[a] += v[b] + m[ORDER[round % 10][2 * mix + 1]];
            v[d] = rotate(v[d] ^ v[a], 16);
            v[c] += v[d];
            v[b] = rotate(v[b] ^ v[c], 63);
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

/* What token_stream.py and this library must agree on. */
const uint32_t token_layout[] = {
    sizeof(struct span), sizeof(struct found), sizeof(struct csv), sizeof(struct json), sizeof(struct name),
    MOST_SPANS, MOST_COLUMNS, MOST_OPEN, MOST_NAME_BYTES, TOKEN + 2,
};
