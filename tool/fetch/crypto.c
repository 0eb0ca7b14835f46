/* libcrypto's functions for checksums, which load it where the first of them is called. */
#include "late.h"

#include <openssl/evp.h>

static struct late libcrypto = LATE("libcrypto", LIBCRYPTO_SONAME);

#define REAL(name) LATE_FUNCTION(&libcrypto, name)

EVP_MD_CTX *EVP_MD_CTX_new(void)
{
    return REAL(EVP_MD_CTX_new)();
}

void EVP_MD_CTX_free(EVP_MD_CTX *context)
{
    REAL(EVP_MD_CTX_free)(context);
}

const EVP_MD *EVP_get_digestbyname(const char *name)
{
    return REAL(EVP_get_digestbyname)(name);
}

int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *digest, ENGINE *engine)
{
    return REAL(EVP_DigestInit_ex)(context, digest, engine);
}

int EVP_DigestUpdate(EVP_MD_CTX *context, const void *bytes, size_t size)
{
    return REAL(EVP_DigestUpdate)(context, bytes, size);
}

int EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned *size)
{
    return REAL(EVP_DigestFinal_ex)(context, digest, size);
}
