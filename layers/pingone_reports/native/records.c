/* Counts a CSV's records while it streams, in 64-byte blocks: RFC 4180, with spaces around quotes, and
   other line ends.
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

/* A bit for each byte from one quote up to the next: the parity of the quotes so far. */
static inline uint64_t within(uint64_t quotes) {
    for (int distance = 1; distance < BLOCK; distance *= 2)
        quotes ^= quotes << distance;
    return quotes;
}

#define MOST_COLUMNS 1000
#define MOST_ROW_BYTES 4000000 /* without the line end */

/* Where in a value a text ends. */
enum { START, PLAIN, QUOTED, CLOSED, BEHIND, RETURN };
/* What was seen: line ends, blank lines, and spaces around quotes or a byte order mark. */
enum { LINE_FEED = 1, RETURN_AND_FEED = 2, LONE_RETURN = 4, BLANK = 8, ODD = 16 };
enum { A_QUOTE = 1, OTHER_COLUMNS, TOO_MUCH, NO_HEADER, OPEN_QUOTE };

struct csv {
    uint64_t rows;          /* below the header, without blank lines */
    uint64_t bytes, spaces; /* of the row so far; before its value */
    uint64_t header;        /* its bytes */
    uint32_t columns;       /* 0 before the header's end */
    uint32_t commas;        /* of the row so far */
    uint8_t place, seen, fault, mark; /* `mark` is how much of a byte order mark was passed over */
};

static void set_fault(struct csv *csv, uint8_t fault) {
    if (!csv->fault)
        csv->fault = fault;
}

/* Counts a row, and returns whether it is one: a blank line is none. */
static int end_row(struct csv *csv, uint8_t line_end, uint64_t bytes, uint32_t commas) {
    csv->seen |= line_end | (bytes ? 0 : BLANK);
    if (bytes > MOST_ROW_BYTES || commas >= MOST_COLUMNS)
        set_fault(csv, TOO_MUCH);
    if (!bytes)
        set_fault(csv, csv->columns ? 0 : NO_HEADER);
    else if (!csv->columns) {
        csv->columns = commas + 1;
        csv->header = bytes;
    } else {
        csv->rows++;
        if (commas + 1 != csv->columns)
            set_fault(csv, OTHER_COLUMNS);
    }
    csv->bytes = csv->commas = 0;
    csv->place = START;
    return bytes != 0;
}

/* Reads one byte; returns how many bytes of plain RFC 4180 are written for it, if `out` is given. */
static size_t csv_byte(struct csv *csv, uint8_t byte, uint8_t *out) {
    size_t written = 0;
#define WRITE(a_byte) (out ? (void)(out[written++] = (a_byte)) : (void)0)
    if (csv->place == RETURN) {
        uint8_t line_end = byte == '\n' ? RETURN_AND_FEED : LONE_RETURN;
        if (end_row(csv, line_end, csv->bytes, csv->commas))
            WRITE('\n');
        if (byte == '\n')
            return written;
    }
    if (csv->place == QUOTED || (csv->place == CLOSED && byte == '"')) {
        csv->place = (csv->place == QUOTED && byte == '"') ? CLOSED : QUOTED;
    } else if (byte == ' ' && csv->place != PLAIN) {
        csv->spaces += csv->place == START;
        csv->seen |= csv->place == START ? 0 : ODD;
        csv->place = csv->place == START ? START : BEHIND;
        csv->bytes++;
        return written;
    } else if (byte == '"') {
        if (csv->place != START)
            set_fault(csv, A_QUOTE);
        csv->seen |= csv->spaces ? ODD : 0;
        csv->place = QUOTED;
        csv->spaces = 0;
    } else {
        for (; csv->spaces; csv->spaces--) /* they belong to a value without quotes */
            WRITE(' ');
        if (byte == '\r') {
            csv->place = RETURN;
            return written;
        }
        if (byte == '\n') {
            if (end_row(csv, LINE_FEED, csv->bytes, csv->commas))
                WRITE('\n');
            return written;
        }
        if (byte != ',' && csv->place > PLAIN)
            set_fault(csv, A_QUOTE);
        csv->place = byte == ',' ? START : PLAIN;
        csv->commas += byte == ',';
    }
    csv->bytes++;
    WRITE(byte);
    return written;
}

/* Reads a block in which quotes and returns stand where RFC 4180 has them; returns whether it is one. */
static int csv_block(struct csv *csv, block bytes) {
    uint64_t quotes = where(bytes, '"'), inside = within(quotes) ^ -(uint64_t)(csv->place == QUOTED);
    uint64_t opened = quotes & inside, closed = quotes & ~inside, commas = where(bytes, ',') & ~inside;
    uint64_t feeds = where(bytes, '\n') & ~inside, returns = where(bytes, '\r') & ~inside;
    uint64_t ends = commas | feeds | returns;
    uint64_t behind_end = ends << 1 | (csv->place == START);
    uint64_t behind_closed = closed << 1 | (csv->place == CLOSED);
    uint64_t behind_return = returns << 1 | (csv->place == RETURN);
    uint64_t last = 1ull << (BLOCK - 1);
    if ((opened & ~(behind_end | behind_closed)) | (behind_closed & ~(ends | opened)) |
        (behind_return & ~feeds) | (where(bytes, ' ') & ~inside & last))
        return 0;
    uint64_t from = 0;
    for (uint64_t rest = feeds; rest; rest &= rest - 1) {
        uint64_t at = __builtin_ctzll(rest), before = (1ull << at) - 1;
        uint64_t returned = returns << 1 >> at & 1;
        end_row(csv, behind_return >> at & 1 ? RETURN_AND_FEED : LINE_FEED,
                csv->bytes + at - from - returned, csv->commas + __builtin_popcountll(commas & before));
        from = at + 1;
        commas &= ~before;
    }
    csv->bytes += BLOCK - from - (returns >> (BLOCK - 1));
    csv->commas += __builtin_popcountll(commas);
    csv->place = inside & last ? QUOTED : closed & last ? CLOSED : returns & last ? RETURN
               : ends & last ? START : PLAIN;
    return 1;
}

/* Reads the next text of a file, or its end if `size` is 0. If `out` is given, writes the same rows in
   plain RFC 4180, with line feeds; it has room for the text, for `spaces` and for four bytes more.
   Returns how much was written. */
size_t csv_rows(struct csv *csv, const uint8_t *text, size_t size, uint8_t *out) {
    static const uint8_t byte_order_mark[] = {0xEF, 0xBB, 0xBF};
    size_t at = 0, written = 0;
    while (csv->mark < 3) {
        if (at < size && text[at] == byte_order_mark[csv->mark]) {
            at++;
            csv->seen |= ++csv->mark == 3 ? ODD : 0;
            continue;
        }
        if (at == size && size)
            return 0;
        for (int of_mark = 0; of_mark < csv->mark; of_mark++) /* it is something else */
            written += csv_byte(csv, byte_order_mark[of_mark], out ? out + written : 0);
        csv->mark = 3;
    }
    while (at < size) {
        if (size - at >= BLOCK && !out && !csv->spaces && csv->place != BEHIND &&
            csv_block(csv, block_at(text + at))) {
            at += BLOCK;
            continue;
        }
        size_t end = size - at < BLOCK ? size : at + BLOCK;
        for (; at < end; at++)
            written += csv_byte(csv, text[at], out ? out + written : 0);
    }
    if (!size && (csv->bytes || csv->place == RETURN)) { /* the last row has no line feed */
        if (csv->place == QUOTED)
            set_fault(csv, OPEN_QUOTE);
        for (; out && csv->spaces; csv->spaces--)
            out[written++] = ' ';
        uint8_t line_end = csv->place == RETURN ? LONE_RETURN : 0;
        if (end_row(csv, line_end, csv->bytes, csv->commas) && out)
            out[written++] = '\n';
    }
    return written;
}
