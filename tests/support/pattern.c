#include "pattern.h"

static uint8_t byte_at(size_t place, uint32_t seed)
{
    uint32_t mixed = ((uint32_t)place ^ seed) * UINT32_C(2654435761);
    return (uint8_t)(mixed >> 24);
}

void pattern_fill(void *bytes, size_t start, size_t size, uint32_t seed)
{
    uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        at[i] = byte_at(start + i, seed);
}

bool pattern_holds(const void *bytes, size_t size, uint32_t seed)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++)
        if (at[i] != byte_at(i, seed))
            return false;
    return true;
}

/* FNV-1a. */
uint32_t pattern_digest(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint32_t sum = UINT32_C(2166136261);
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ at[i]) * UINT32_C(16777619);
    return sum;
}

/* splitmix64. */
uint64_t pattern_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
