/* Gives each value its one spelling, as transfer/personal_data.py does with what is left to it. */

#include "values.h"

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

void take(struct found *found, struct span *spans, struct span span, uint8_t *values) {
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
