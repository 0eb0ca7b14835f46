#include "fetch/checksum.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;   /* as it is written here */
    const char *dashed; /* as RFC 9530 and aria2 write it */
    const char *openssl;
    size_t size;
} kinds[] = {
    [CHECKSUM_NONE] = {"none", "none", NULL, 0},
    [CHECKSUM_MD5] = {"md5", "md5", "MD5", 16},
    [CHECKSUM_SHA1] = {"sha1", "sha-1", "SHA1", 20},
    [CHECKSUM_SHA224] = {"sha224", "sha-224", "SHA224", 28},
    [CHECKSUM_SHA256] = {"sha256", "sha-256", "SHA256", 32},
    [CHECKSUM_SHA384] = {"sha384", "sha-384", "SHA384", 48},
    [CHECKSUM_SHA512] = {"sha512", "sha-512", "SHA512", 64},
    [CHECKSUM_SHA3_256] = {"sha3-256", "sha3_256", "SHA3-256", 32},
    [CHECKSUM_SHA3_512] = {"sha3-512", "sha3_512", "SHA3-512", 64},
    [CHECKSUM_BLAKE2B] = {"blake2b", "blake2b-512", "BLAKE2B512", 64},
};

#define KIND_COUNT (sizeof kinds / sizeof *kinds)

struct hasher {
    enum checksum_kind kind;
    EVP_MD_CTX *context;
    bool broken;
};

static enum checksum_kind kind_of_name(const char *name, size_t size)
{
    for (enum checksum_kind kind = CHECKSUM_MD5; kind < KIND_COUNT; kind++) {
        const char *names[] = {kinds[kind].name, kinds[kind].dashed};
        for (size_t n = 0; n < 2; n++)
            if (strlen(names[n]) == size && strncasecmp(name, names[n], size) == 0)
                return kind;
    }
    return CHECKSUM_NONE;
}

/* Of bare digits: the common one of that length. */
static enum checksum_kind kind_of_digits(size_t digits)
{
    for (enum checksum_kind kind = CHECKSUM_MD5; kind <= CHECKSUM_SHA512; kind++)
        if (kinds[kind].size * 2 == digits)
            return kind;
    return CHECKSUM_NONE;
}

static bool read_hex(const char *text, size_t size, unsigned char *out)
{
    if (strspn(text, "0123456789abcdefABCDEF") != 2 * size || text[2 * size])
        return false;
    for (size_t n = 0; n < size; n++)
        sscanf(text + 2 * n, "%2hhx", out + n);
    return true;
}

const char *checksum_parse(const char *text, struct checksum *ret)
{
    size_t name = strcspn(text, "=:");
    const char *digits = text[name] ? text + name + 1 : text;
    struct checksum checksum = {.kind = text[name] ? kind_of_name(text, name)
                                                   : kind_of_digits(strlen(digits))};
    if (checksum.kind == CHECKSUM_NONE && text[name])
        return "no such checksum; there are md5, sha1, sha224, sha256, sha384, sha512, sha3-256, "
               "sha3-512 and blake2b";
    if (checksum.kind == CHECKSUM_NONE)
        return "no checksum has so many digits; write KIND=DIGITS, such as sha256=...";
    if (!read_hex(digits, kinds[checksum.kind].size, checksum.bytes))
        return "it has too many or too few hexadecimal digits for its kind";
    *ret = checksum;
    return NULL;
}

size_t checksum_size(enum checksum_kind kind)
{
    return kinds[kind].size;
}

void checksum_text(const struct checksum *checksum, char text[CHECKSUM_TEXT_BYTES])
{
    int used = snprintf(text, CHECKSUM_TEXT_BYTES, "%s=", kinds[checksum->kind].name);
    for (size_t n = 0; n < kinds[checksum->kind].size; n++)
        used +=
            snprintf(text + used, CHECKSUM_TEXT_BYTES - (size_t)used, "%02x", checksum->bytes[n]);
}

struct hasher *hasher_new(enum checksum_kind kind)
{
    struct hasher *hasher = calloc(1, sizeof *hasher);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *digest = EVP_get_digestbyname(kinds[kind].openssl);
    if (!hasher || !context || !digest || EVP_DigestInit_ex(context, digest, NULL) != 1) {
        EVP_MD_CTX_free(context);
        free(hasher);
        return NULL;
    }
    *hasher = (struct hasher){.kind = kind, .context = context};
    return hasher;
}

void hasher_free(struct hasher *hasher)
{
    if (!hasher)
        return;
    EVP_MD_CTX_free(hasher->context);
    free(hasher);
}

void hasher_add(struct hasher *hasher, const void *data, size_t size)
{
    hasher->broken |= EVP_DigestUpdate(hasher->context, data, size) != 1;
}

bool hasher_finish(struct hasher *hasher, struct checksum *ret)
{
    unsigned size = 0;
    unsigned char bytes[EVP_MAX_MD_SIZE];
    if (hasher->broken || EVP_DigestFinal_ex(hasher->context, bytes, &size) != 1 ||
        size != kinds[hasher->kind].size)
        return false;
    *ret = (struct checksum){.kind = hasher->kind};
    memcpy(ret->bytes, bytes, size);
    return true;
}
