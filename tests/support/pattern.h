/* Bytes that follow from a seed, so that a reader can check every one of them. */
#ifndef TESTS_SUPPORT_PATTERN_H
#define TESTS_SUPPORT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes the bytes from `start` on of the seed's pattern. */
void pattern_fill(void *bytes, size_t start, size_t size, uint32_t seed);

/* Whether `bytes` are the first `size` of the seed's pattern. */
bool pattern_holds(const void *bytes, size_t size, uint32_t seed);

/* A short sum of bytes, for logs. */
uint32_t pattern_digest(const void *bytes, size_t size);

/* The next of a seeded series of random numbers. */
uint64_t pattern_random(uint64_t *state);

#endif
