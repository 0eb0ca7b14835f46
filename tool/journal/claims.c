#include "journal/claims.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* How many items are remembered by how far their entries are taken: without it, a list of one item
 * repeated would go through all of its entries again for each. */
#define CURSORS 1024

struct cursor {
    uint64_t hash;
    int64_t taken; /* entries of the item up to this id */
};

struct claims {
    int64_t last;
    struct cursor cursors[CURSORS];
    uint64_t taken[];
};

int claims_new(int64_t last, struct claims **ret_claims)
{
    /* Ids in a journal from elsewhere may be anything. */
    if (last < 0 || last > (int64_t)1 << 36)
        return -ERANGE;
    struct claims *claims = calloc(1, sizeof *claims + ((size_t)last / 64 + 1) * sizeof(uint64_t));
    if (!claims)
        return -ENOMEM;
    claims->last = last;
    *ret_claims = claims;
    return 0;
}

void claims_free(struct claims *claims)
{
    free(claims);
}

/* FNV-1a, 64 bits: two items of one hash in a list are not to be expected, and cost a task that is
 * repeated, no more. */
static uint64_t hash_of(struct ovl_bytes item)
{
    const unsigned char *bytes = item.data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t n = 0; n < item.size; n++)
        hash = (hash ^ bytes[n]) * 0x100000001b3u;
    return hash ? hash : 1;
}

int64_t claims_begin(const struct claims *claims, struct ovl_bytes item)
{
    uint64_t hash = hash_of(item);
    const struct cursor *cursor = &claims->cursors[hash % CURSORS];
    return cursor->hash == hash ? cursor->taken : 0;
}

bool claims_take(struct claims *claims, struct ovl_bytes item, int64_t id)
{
    if (id < 1 || id > claims->last)
        return false;
    uint64_t bit = (uint64_t)1 << (id % 64);
    uint64_t *word = &claims->taken[id / 64];
    if (*word & bit)
        return false;
    *word |= bit;
    uint64_t hash = hash_of(item);
    claims->cursors[hash % CURSORS] = (struct cursor){.hash = hash, .taken = id};
    return true;
}
