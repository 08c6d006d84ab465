/* ZipCrypto, PKWARE's traditional encryption: APPNOTE.TXT, 6.1. Only decryption.

   The key of a byte depends on the plaintext before it. So the chain of operations from one byte to
   the next decides the speed. CRC tables are linear: table[a ^ b] is table[a] ^ table[b]. So each
   step's change of a key has two parts: one needs only the keys and is known early, the other waits
   for the plaintext. So the chain is a third shorter than with the specification's formulas. */

#include <stddef.h>
#include <stdint.h>

#define MULTIPLIER 134775813u
#define TURNED(word) ((word) >> 2 | (word) << 30)

static uint32_t table[256];  /* of CRC-32 */
static uint32_t turned[256]; /* the same, turned by two bits */
/* Indexed by bits 2 to 15 of the last key: the byte to decrypt with, and the low byte of its change
   of the first key. */
static uint8_t stream[1 << 14];
static uint8_t feedback[1 << 14];

/* Fills the tables. Call it once, before anything else. */
void zipcrypto_prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320u & -(crc & 1));
        table[i] = crc;
        turned[i] = TURNED(crc);
    }
    for (uint32_t i = 0; i < 1 << 14; i++) {
        uint32_t key = i << 2 | 2;
        stream[i] = (uint8_t)(key * (key ^ 1) >> 8);
        feedback[i] = (uint8_t)table[stream[i]];
    }
}

/* Advances the three keys by this plaintext: first by the password. */
void zipcrypto_advance(uint32_t keys[3], const uint8_t *plain, size_t size) {
    for (size_t i = 0; i < size; i++) {
        keys[0] = (keys[0] >> 8) ^ table[(keys[0] ^ plain[i]) & 0xff];
        keys[1] = (keys[1] + (keys[0] & 0xff)) * MULTIPLIER + 1;
        keys[2] = (keys[2] >> 8) ^ table[(keys[2] ^ keys[1] >> 24) & 0xff];
    }
}

/* Decrypts the bytes, and advances the three keys. */
void zipcrypto_decrypt(uint32_t keys[3], const uint8_t *cipher, uint8_t *plain, size_t size) {
    uint32_t key0 = keys[0], key1 = keys[1];
    /* The last key is turned, so that the bits that the chain needs are its lowest. */
    uint32_t key2 = TURNED(keys[2]);
    uint32_t next1 = key1 * MULTIPLIER + 1;
    for (size_t i = 0; i < size; i++) {
        uint32_t byte = cipher[i];
        /* Known early. */
        uint32_t next0 = (key0 >> 8) ^ table[(key0 ^ byte) & 0xff];
        uint32_t straight = key2 << 2 | key2 >> 30;
        uint32_t next2 = TURNED(straight >> 8) ^ turned[straight & 0xff];
        /* The chain. */
        uint32_t at = key2 & 0x3fff;
        key1 = ((next0 & 0xff) ^ feedback[at]) * MULTIPLIER + next1;
        key2 = next2 ^ turned[key1 >> 24];
        /* Beside it. */
        key0 = next0 ^ table[stream[at]];
        next1 = key1 * MULTIPLIER + 1;
        /* Hides next1 from the compiler, which would lengthen the chain to save a multiplication. */
        __asm__("" : "+r"(next1));
        plain[i] = (uint8_t)(byte ^ stream[at]);
    }
    keys[0] = key0, keys[1] = key1, keys[2] = key2 << 2 | key2 >> 30;
}
