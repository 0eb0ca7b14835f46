#include "content.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t content_hash(uint64_t seed, const char *text, size_t size)
{
    uint64_t hash = mix(seed);
    for (size_t n = 0; n < size; n++)
        hash = mix(hash ^ (unsigned char)text[n]);
    return hash;
}

uint64_t content_size(const char *path, unsigned version)
{
    const char *given = strstr(path, "size=");
    if (given)
        return strtoull(given + 5, NULL, 10);
    uint64_t hash = content_hash(version + 1, path, strlen(path));
    return hash % 4 ? hash % 20000 : hash % 300000;
}

void content_fill(const char *path, unsigned version, uint64_t offset, unsigned char *out,
                  size_t size)
{
    uint64_t hash = content_hash(version + 1000, path, strlen(path));
    for (size_t n = 0; n < size; n++) {
        uint64_t at = offset + n;
        out[n] = (unsigned char)(mix(hash + at / 8) >> at % 8 * 8);
    }
}
