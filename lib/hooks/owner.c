#include "hooks/owner.h"

#include "base/system.h"
#include "coroutine/coroutine.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct held {
    const void *lock; /* NULL: a free place */
    struct ovl__coroutine *coroutine;
    unsigned depth;
};

/* A hash table with open addressing, at most half full. */
struct table {
    size_t size; /* a power of two; 0: none yet */
    size_t count;
    struct held places[];
};

/* What fills a page, nearly. */
#define FIRST_SIZE 128

static _Thread_local struct table *table;
static _Thread_local struct ovl__lock_wait *waits;

/* gettid is a system call; a thread changes its number in a child of fork only. */
static _Thread_local pid_t thread_number;

static void forget_thread_number(void)
{
    thread_number = 0;
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_thread_number);
}

pid_t ovl__owner_thread(void)
{
    if (!thread_number)
        thread_number = gettid();
    return thread_number;
}

/*
 * Tables are mapped, not allocated: the lock that is noted may be the allocator's own, which is
 * then held.
 */
static struct table *table_new(size_t size)
{
    size_t bytes = sizeof(struct table) + size * sizeof(struct held);
    struct table *new =
        ovl__sys.mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (new == MAP_FAILED)
        return NULL;
    new->size = size;
    return new;
}

static void table_free(void *old)
{
    if (old)
        munmap(old, sizeof(struct table) + ((struct table *)old)->size * sizeof(struct held));
}

/* It goes with its thread. */
static pthread_key_t key;
static bool has_key;

__attribute__((constructor)) static void make_key(void)
{
    has_key = !pthread_key_create(&key, table_free);
}

static size_t home_of(const struct table *in, const void *lock)
{
    uint64_t hash = (uint64_t)(uintptr_t)lock * 0x9e3779b97f4a7c15u;
    return (size_t)(hash >> 32) & (in->size - 1);
}

/* The lock's place, or the free one where it would be. */
static struct held *place_of(struct table *in, const void *lock)
{
    size_t at = home_of(in, lock);
    while (in->places[at].lock && in->places[at].lock != lock)
        at = (at + 1) & (in->size - 1);
    return &in->places[at];
}

static bool grow(void)
{
    struct table *larger = table_new(table ? table->size * 2 : FIRST_SIZE);
    if (!larger || !has_key || pthread_setspecific(key, larger)) {
        table_free(larger);
        return false;
    }
    larger->count = table ? table->count : 0;
    for (size_t i = 0; table && i < table->size; i++)
        if (table->places[i].lock)
            *place_of(larger, table->places[i].lock) = table->places[i];
    table_free(table);
    table = larger;
    return true;
}

struct ovl__coroutine *ovl__owner_of(const void *lock)
{
    return table ? place_of(table, lock)->coroutine : NULL;
}

void ovl__owner_note(const void *lock)
{
    bool full = !table || table->count * 2 >= table->size;
    if (full && !grow())
        return;
    struct held *held = place_of(table, lock);
    struct ovl__coroutine *self = ovl__current->coroutine;
    if (!held->lock)
        table->count++;
    unsigned depth = held->coroutine == self ? held->depth : 0;
    *held = (struct held){.lock = lock, .coroutine = self, .depth = depth + 1};
}

/* Whatever comes after it in its row moves up, if that is nearer to its home. */
static void take_out(struct held *held)
{
    size_t mask = table->size - 1;
    size_t hole = (size_t)(held - table->places);
    for (size_t at = (hole + 1) & mask; table->places[at].lock; at = (at + 1) & mask) {
        size_t home = home_of(table, table->places[at].lock);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->places[hole] = table->places[at];
            hole = at;
        }
    }
    table->places[hole] = (struct held){0};
    table->count--;
}

bool ovl__owner_forget(const void *lock)
{
    struct held *held = table ? place_of(table, lock) : NULL;
    if (!held || !held->lock || --held->depth)
        return !held || !held->lock;
    take_out(held);
    return true;
}

/* --- waits --- */

static const struct ovl__lock_wait *wait_of(const struct ovl__coroutine *coroutine)
{
    const struct ovl__lock_wait *wait = waits;
    while (wait && wait->coroutine != coroutine)
        wait = wait->next;
    return wait;
}

/* Everyone on the way waits for one lock: it ends, or comes back to the one that runs. */
static bool comes_back(const void *lock)
{
    const struct ovl__coroutine *self = ovl__current->coroutine;
    for (;;) {
        const struct ovl__coroutine *owner = ovl__owner_of(lock);
        const struct ovl__lock_wait *wait = owner ? wait_of(owner) : NULL;
        if (owner == self)
            return true;
        if (!wait)
            return false;
        lock = wait->lock;
    }
}

/* By its name, or by its number where it was given none. */
static const char *name_of(const struct ovl__coroutine *coroutine, char *buffer, size_t size)
{
    if (*coroutine->name)
        snprintf(buffer, size, "\"%s\"", coroutine->name);
    else
        snprintf(buffer, size, "%" PRIu64, coroutine->number);
    return buffer;
}

static void tell(const struct ovl__coroutine *holder, const void *lock)
{
    char line[320];
    char self_name[OVL__NAME_BYTES + 3];
    char holder_name[OVL__NAME_BYTES + 3];
    const struct ovl__coroutine *self = ovl__current->coroutine;
    name_of(self, self_name, sizeof self_name);
    name_of(holder, holder_name, sizeof holder_name);
    int length;
    if (holder == self)
        length = snprintf(line, sizeof line,
                          "overlap: deadlock: coroutine %s locks the lock at %p, which it holds "
                          "itself: the call fails with EDEADLK\n",
                          self_name, lock);
    else
        length =
            snprintf(line, sizeof line,
                     "overlap: deadlock: coroutine %s locks the lock at %p, which coroutine %s "
                     "holds, and that waits for one of the first: the call fails with EDEADLK\n",
                     self_name, lock, holder_name);
    (void)!ovl__sys.write(STDERR_FILENO, line, (size_t)length);
}

void ovl__tell_relock(const void *lock)
{
    tell(ovl__current->coroutine, lock);
}

bool ovl__lock_wait_begin(struct ovl__lock_wait *wait, const void *lock)
{
    if (comes_back(lock)) {
        tell(ovl__owner_of(lock), lock);
        return false;
    }
    *wait = (struct ovl__lock_wait){
        .next = waits,
        .coroutine = ovl__current->coroutine,
        .lock = lock,
    };
    waits = wait;
    return true;
}

void ovl__lock_wait_end(struct ovl__lock_wait *wait)
{
    struct ovl__lock_wait **at = &waits;
    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
}
