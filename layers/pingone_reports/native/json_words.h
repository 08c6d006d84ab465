/* The numbers, words and escapes of JSON (RFC 8259). */

#pragma once

#include <stdint.h>

/* The last is not JSON, but readers take it. */
static const char *const WORDS[] = {"true", "false", "null", "NaN"};

/* What may stand behind a reverse solidus, beside the u of a code. */
static const char ESCAPES[] = "\"\\/bfnrt";

/* Where in a number the text is: beyond what else it can be in the middle of. */
enum { MINUS = 32, ZERO, DIGITS, POINT, FRACTION, E, E_SIGN, E_DIGITS };

static inline int is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

/* The state behind a number's first byte; 0 if none begins with it. */
static inline int number_from(uint8_t byte) {
    return byte == '-' ? MINUS : byte == '0' ? ZERO : is_digit(byte) ? DIGITS : 0;
}

/* The next state within a number; 0 if the byte is behind it, and -1 if it may not end there. */
static inline int in_number(int within, uint8_t byte) {
    int digit = is_digit(byte), e = (byte | 0x20) == 'e';
    switch (within) {
    case MINUS: return byte == '0' ? ZERO : digit ? DIGITS : -1;
    case ZERO: return digit ? -1 : byte == '.' ? POINT : e ? E : 0;
    case DIGITS: return digit ? DIGITS : byte == '.' ? POINT : e ? E : 0;
    case POINT: return digit ? FRACTION : -1;
    case FRACTION: return digit ? FRACTION : e ? E : 0;
    case E: return digit ? E_DIGITS : byte == '+' || byte == '-' ? E_SIGN : -1;
    case E_SIGN: return digit ? E_DIGITS : -1;
    default: return digit ? E_DIGITS : 0;
    }
}
