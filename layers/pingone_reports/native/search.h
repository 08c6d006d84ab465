/* Searches text for the first byte of some kind, 16 bytes at a time. */

#pragma once

#include <stddef.h>
#include <stdint.h>

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
