#include "hooks/lot.h"

#include "hooks/locks.h"

#include <stdint.h>

#define BUCKETS 64

struct bucket {
    pthread_mutex_t lock;
    struct ovl__link waits; /* the longest first */
};

static struct bucket buckets[BUCKETS];
atomic_uint ovl__lot_waiting;

static void init_buckets(void)
{
    for (int i = 0; i < BUCKETS; i++) {
        pthread_mutex_init(&buckets[i].lock, NULL);
        ovl__list_init(&buckets[i].waits);
    }
    atomic_store(&ovl__lot_waiting, 0);
}

/* A child of fork has none of those who waited, and threads may have held the locks. */
__attribute__((constructor)) static void prepare(void)
{
    init_buckets();
    pthread_atfork(NULL, NULL, init_buckets);
}

static struct bucket *bucket_of(const void *address)
{
    uint64_t hash = (uint64_t)(uintptr_t)address * 0x9e3779b97f4a7c15u;
    return &buckets[hash >> 58];
}

void ovl__lot_begin(struct ovl__lot_wait *wait, const void *address)
{
    struct bucket *bucket = bucket_of(address);
    wait->address = address;
    ovl__wait_list_init(&wait->list);
    ovl__own_pthread_mutex_lock(&bucket->lock);
    ovl__list_append(&bucket->waits, &wait->link);
    atomic_fetch_add(&ovl__lot_waiting, 1);
}

int ovl__lot_wait(struct ovl__lot_wait *wait, ovl_time deadline, bool may_end)
{
    pthread_mutex_t *lock = &bucket_of(wait->address)->lock;
    return may_end ? ovl__wait_or_cancel(&wait->list, lock, deadline)
                   : ovl__wait(&wait->list, lock, deadline);
}

void ovl__lot_end(struct ovl__lot_wait *wait)
{
    atomic_fetch_sub(&ovl__lot_waiting, 1);
    ovl__list_remove(&wait->link);
    ovl__own_pthread_mutex_unlock(&bucket_of(wait->address)->lock);
}

bool ovl__lot_wake(const void *address, bool all)
{
    struct bucket *bucket = bucket_of(address);
    bool woken = false;
    ovl__own_pthread_mutex_lock(&bucket->lock);
    struct ovl__link *next;
    for (struct ovl__link *link = bucket->waits.next; link != &bucket->waits; link = next) {
        next = link->next;
        struct ovl__lot_wait *wait = ovl__of(link, struct ovl__lot_wait, link);
        if (wait->address == address && (all || !woken))
            woken = ovl__wake_one(&wait->list) || woken;
    }
    ovl__own_pthread_mutex_unlock(&bucket->lock);
    return woken;
}
