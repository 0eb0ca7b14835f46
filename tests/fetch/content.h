/* What the pages of the tests' server are made of: it follows from their path and version. */
#ifndef TESTS_FETCH_CONTENT_H
#define TESTS_FETCH_CONTENT_H

#include <stddef.h>
#include <stdint.h>

/* A number that looks random and follows from the seed and the text. */
uint64_t content_hash(uint64_t seed, const char *text, size_t size);

/* How large the page at a path is: up to some 300,000 bytes, and often small. */
uint64_t content_size(const char *path, unsigned version);

/* Writes the bytes from `offset` on. */
void content_fill(const char *path, unsigned version, uint64_t offset, unsigned char *out,
                  size_t size);

#endif
