/* The values that become tokens, as one search of a report finds them.

   csv_values.c and json_values.c find them, spelling.c gives each its one spelling, and tokens.c puts
   tokens in their places. Everything that is read is checked, because a file that is read in another
   way than its reader will read it may hide a value. What cannot be read is a fault, and nothing behind
   it is written.

   transfer/token_stream.py has the same structures and limits.

   A search is given text that begins between two rows (CSV) or two tokens (JSON), and returns how much
   of it was read: the rest comes again, in front of the next text. */

#pragma once

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

/* The state of a search of a CSV. */
struct csv {
    struct found found;
    uint32_t columns; /* 0 before the header */
    uint8_t kinds[MOST_COLUMNS];
};

/* The state of a search of JSON. */
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

/* Takes a value whose text is behind the others in `values`, and gives it its one spelling. A value
   that has spaces around it, is a number with a point, or is of rarer letters, is left to the caller. */
__attribute__((visibility("hidden"))) void take(struct found *found, struct span *spans,
                                                struct span span, uint8_t *values);

static inline size_t copy(const uint8_t *text, size_t from, size_t end, uint8_t *restrict out) {
    for (size_t at = from; at < end; at++)
        out[at - from] = text[at];
    return end - from;
}
