#include "base/blocks.h"

#include "base/atomic.h"
#include "base/sanitize.h"
#include "base/system.h"

#include <stdbool.h>
#include <stdlib.h>

#define BATCH 64

/* What all threads together keep for each other of a kind, in batches: about a megabyte and a half.
 */
#define SHARED_BYTES (OVL__SMALL_BLOCK_BYTES * BATCH * (size_t)128)

struct block {
    struct block *next;
    struct block *next_batch; /* of the first of a batch */
};

/* Up to two batches: one that is used, and a full one, or none, behind it. */
struct cache {
    struct block *free;
    unsigned count;
    struct block *batch;
};

static _Thread_local struct cache caches[OVL__BLOCK_KINDS];
static _Thread_local bool registered; /* they are given back when the thread ends */

struct batches {
    struct block *first;
    size_t bytes;
};

static struct {
    struct ovl__lock lock;
    struct batches batches[OVL__BLOCK_KINDS];
    pthread_key_t key;
    bool has_key;
} shared;

static void free_list(struct block *list)
{
    while (list) {
        struct block *next = list->next;
        free(list);
        list = next;
    }
}

static void give_batch(enum ovl__block_kind kind, struct block *batch)
{
    struct batches *batches = &shared.batches[kind];
    ovl__lock(&shared.lock);
    bool take = batches->bytes < SHARED_BYTES;
    if (take) {
        batch->next_batch = batches->first;
        batches->first = batch;
        batches->bytes += BATCH * ovl__block_bytes(kind);
    }
    ovl__unlock(&shared.lock);
    if (!take)
        free_list(batch);
}

static struct block *take_batch(enum ovl__block_kind kind)
{
    struct batches *batches = &shared.batches[kind];
    ovl__lock(&shared.lock);
    struct block *batch = batches->first;
    if (batch) {
        batches->first = batch->next_batch;
        batches->bytes -= BATCH * ovl__block_bytes(kind);
    }
    ovl__unlock(&shared.lock);
    return batch;
}

static void end_caches(void *own)
{
    struct cache *ending = own;
    for (enum ovl__block_kind kind = 0; kind < OVL__BLOCK_KINDS; kind++) {
        free_list(ending[kind].free);
        if (ending[kind].batch)
            give_batch(kind, ending[kind].batch);
        ending[kind] = (struct cache){0};
    }
    registered = false;
}

/* Of the other threads nothing is left in a child, nor is what the lock guards as it should be. */
static void forget_shared(void)
{
    shared.lock = (struct ovl__lock){0};
    for (enum ovl__block_kind kind = 0; kind < OVL__BLOCK_KINDS; kind++)
        shared.batches[kind] = (struct batches){0};
}

__attribute__((constructor)) static void prepare(void)
{
    shared.has_key = pthread_key_create(&shared.key, end_caches) == 0;
    pthread_atfork(NULL, NULL, forget_shared);
}

/* At exit, so that what is kept is not taken for lost. */
__attribute__((destructor)) static void end(void)
{
    struct block *batch;
    end_caches(caches);
    for (enum ovl__block_kind kind = 0; kind < OVL__BLOCK_KINDS; kind++)
        while ((batch = take_batch(kind)))
            free_list(batch);
}

static bool may_keep(void)
{
    if (!registered)
        registered = shared.has_key && pthread_setspecific(shared.key, caches) == 0;
    return registered;
}

__attribute__((noinline)) static void *refill(enum ovl__block_kind kind)
{
    struct cache *cache = &caches[kind];
    struct block *batch = cache->batch;
    cache->batch = NULL;
    if (!batch && may_keep())
        batch = take_batch(kind);
    if (!batch)
        return ovl__sys.malloc(ovl__block_bytes(kind));
    cache->free = batch->next;
    cache->count = BATCH - 1;
    return batch;
}

/* The block that is taken next was used by other processors, most likely: its lines come while the
 * caller fills this one. */
static void fetch_early(const struct block *block, size_t bytes)
{
    for (size_t i = 0; block && i < bytes; i += 64)
        __builtin_prefetch((const char *)block + i, 1);
}

void *ovl__block_new(enum ovl__block_kind kind)
{
#ifdef OVL__ASAN /* which could not tell a block that is used after it was freed */
    return ovl__sys.malloc(ovl__block_bytes(kind));
#endif
    struct cache *cache = &caches[kind];
    struct block *block = cache->free;
    if (!block)
        return refill(kind);
    cache->free = block->next;
    cache->count--;
    fetch_early(cache->free, ovl__block_bytes(kind));
    return block;
}

void ovl__block_free(enum ovl__block_kind kind, void *own)
{
#ifdef OVL__ASAN
    free(own);
    return;
#endif
    struct cache *cache = &caches[kind];
    struct block *block = own;
    if (cache->count == BATCH) {
        if (cache->batch)
            give_batch(kind, cache->batch);
        cache->batch = cache->free;
        cache->free = NULL;
        cache->count = 0;
    }
    if (!cache->count && !may_keep()) {
        free(own);
        return;
    }
    block->next = cache->free;
    cache->free = block;
    cache->count++;
}
