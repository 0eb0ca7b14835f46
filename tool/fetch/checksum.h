/* Checksums: what a file's content is to be, and whether it is. */
#ifndef TOOL_FETCH_CHECKSUM_H
#define TOOL_FETCH_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

#define CHECKSUM_BYTES_MAX 64

/* Of SHA-512 in hexadecimal digits, with its name and a NUL. */
#define CHECKSUM_TEXT_BYTES (2 * CHECKSUM_BYTES_MAX + 24)

enum checksum_kind {
    CHECKSUM_NONE,
    CHECKSUM_MD5,
    CHECKSUM_SHA1,
    CHECKSUM_SHA224,
    CHECKSUM_SHA256,
    CHECKSUM_SHA384,
    CHECKSUM_SHA512,
    CHECKSUM_SHA3_256,
    CHECKSUM_SHA3_512,
    CHECKSUM_BLAKE2B,
};

struct checksum {
    enum checksum_kind kind;
    unsigned char bytes[CHECKSUM_BYTES_MAX];
};

/*
 * Reads "sha256=HEX", "sha-256:HEX" or bare digits, whose number tells the kind. On failure *ret is
 * untouched.
 *
 * Returns NULL, or what is wrong, in a few words.
 */
const char *checksum_parse(const char *text, struct checksum *ret);

/* How many bytes a kind has. */
size_t checksum_size(enum checksum_kind kind);

/* "sha256=0123…" */
void checksum_text(const struct checksum *checksum, char text[CHECKSUM_TEXT_BYTES]);

/* A checksum that is being computed. */
struct hasher;

/* NULL: the kind is not to be had on this machine, or there is no memory. */
struct hasher *hasher_new(enum checksum_kind kind);
void hasher_free(struct hasher *hasher);
void hasher_add(struct hasher *hasher, const void *data, size_t size);

/* Ends it: *ret is what the bytes have. False: it could not be computed. */
bool hasher_finish(struct hasher *hasher, struct checksum *ret);

#endif
