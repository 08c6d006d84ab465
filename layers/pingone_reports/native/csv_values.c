/* Finds the values of a CSV: RFC 4180, with spaces around quotes, and line feeds with or without
   returns. */

#include "search.h"
#include "values.h"

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

/* Reads one row, and takes its values; returns where the next one begins, or `row` if this one goes on
   behind this text. */
static size_t csv_row(struct csv *csv, const uint8_t *text, size_t row, size_t size, int last,
                      struct span *spans, uint8_t *values) {
    struct found *found = &csv->found;
    uint32_t column = 0;
    size_t at = row;
    for (;; at++) {
        if (column == MOST_COLUMNS) {
            found->fault = TOO_MUCH;
            return row;
        }
        uint8_t kind = csv->columns ? csv->kinds[column] : TEXT;
        at = csv_value(csv, text, at, size, last, kind, spans, values);
        column++;
        if (found->fault || at > size)
            return row;
        if (at == size || text[at] != ',')
            break;
    }
    int blank = column == 1 && at == row;
    if (at < size) {
        at += text[at] == '\r';
        if (at == size && !last)
            return row;
        if (at == size || text[at] != '\n') {
            found->fault = NOT_THE_FORMAT;
            return row;
        }
        at++;
    }
    if (csv->columns && column != csv->columns && !blank) {
        found->fault = OTHER_COLUMNS;
        return row;
    }
    return at;
}

/* Reads whole rows; before the header is known, one row, of which it takes every value. Of a row that
   is at fault, nothing is written. */
size_t csv_find(struct csv *csv, const uint8_t *text, size_t size, int last, struct span *spans,
                uint8_t *values) {
    struct found *found = &csv->found;
    size_t row = 0;
    *found = (struct found){.fault = found->fault};
    while (row < size && !found->fault) {
        struct found before = *found;
        if (MOST_SPANS - found->spans < MOST_COLUMNS) {
            found->full = 1;
            break;
        }
        size_t next = csv_row(csv, text, row, size, last, spans, values);
        if (next == row) {
            before.fault = found->fault;
            *found = before;
            break;
        }
        row = next;
        if (!csv->columns)
            break;
    }
    return row;
}
