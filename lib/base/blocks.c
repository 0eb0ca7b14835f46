#include "base/blocks.h"

#include "base/atomic.h"
#include "base/sanitize.h"
#include "base/system.h"

#include <stdbool.h>
#include <stdlib.h>

#define BATCH 64

/* Batches that all threads together keep for each other: a megabyte and a half. */
#define SHARED_BATCHES 128

struct block {
    struct block *next;
    struct block *next_batch; /* of the first of a batch */
};

/* Up to two batches: one that is used, and a full one, or none, behind it. */
struct cache {
    struct block *free;
    unsigned count;
    struct block *batch;
    bool registered; /* is given back when the thread ends */
};

static _Thread_local struct cache cache;

static struct {
    struct ovl__lock lock;
    struct block *batches;
    unsigned count;
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

static void give_batch(struct block *batch)
{
    ovl__lock(&shared.lock);
    bool take = shared.count < SHARED_BATCHES;
    if (take) {
        batch->next_batch = shared.batches;
        shared.batches = batch;
        shared.count++;
    }
    ovl__unlock(&shared.lock);
    if (!take)
        free_list(batch);
}

static struct block *take_batch(void)
{
    ovl__lock(&shared.lock);
    struct block *batch = shared.batches;
    if (batch) {
        shared.batches = batch->next_batch;
        shared.count--;
    }
    ovl__unlock(&shared.lock);
    return batch;
}

static void end_cache(void *own)
{
    struct cache *ending = own;
    free_list(ending->free);
    if (ending->batch)
        give_batch(ending->batch);
    *ending = (struct cache){0};
}

/* Of the other threads nothing is left in a child, nor is what the lock guards as it should be. */
static void forget_shared(void)
{
    shared.lock = (struct ovl__lock){0};
    shared.batches = NULL;
    shared.count = 0;
}

__attribute__((constructor)) static void prepare(void)
{
    shared.has_key = pthread_key_create(&shared.key, end_cache) == 0;
    pthread_atfork(NULL, NULL, forget_shared);
}

/* At exit, so that what is kept is not taken for lost. */
__attribute__((destructor)) static void end(void)
{
    struct block *batch;
    end_cache(&cache);
    while ((batch = take_batch()))
        free_list(batch);
}

static bool may_keep(void)
{
    if (!cache.registered)
        cache.registered = shared.has_key && pthread_setspecific(shared.key, &cache) == 0;
    return cache.registered;
}

__attribute__((noinline)) static void *refill(void)
{
    struct block *batch = cache.batch;
    cache.batch = NULL;
    if (!batch && may_keep())
        batch = take_batch();
    if (!batch)
        return ovl__sys.malloc(OVL__BLOCK_BYTES);
    cache.free = batch->next;
    cache.count = BATCH - 1;
    return batch;
}

/* The block that is taken next was used by other processors, most likely: its lines come while the
 * caller fills this one. */
static void fetch_early(const struct block *block)
{
    for (size_t i = 0; block && i < OVL__BLOCK_BYTES; i += 64)
        __builtin_prefetch((const char *)block + i, 1);
}

void *ovl__block_new(void)
{
#ifdef OVL__ASAN /* which could not tell a block that is used after it was freed */
    return ovl__sys.malloc(OVL__BLOCK_BYTES);
#endif
    struct block *block = cache.free;
    if (!block)
        return refill();
    cache.free = block->next;
    cache.count--;
    fetch_early(cache.free);
    return block;
}

void ovl__block_free(void *own)
{
#ifdef OVL__ASAN
    free(own);
    return;
#endif
    struct block *block = own;
    if (cache.count == BATCH) {
        if (cache.batch)
            give_batch(cache.batch);
        cache.batch = cache.free;
        cache.free = NULL;
        cache.count = 0;
    }
    if (!cache.count && !may_keep()) {
        free(own);
        return;
    }
    block->next = cache.free;
    cache.free = block;
    cache.count++;
}
