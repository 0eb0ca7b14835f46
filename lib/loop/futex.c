#include "loop/futex.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/thread.h"
#include "loop/loop.h"
#include "loop/park.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <overlap/error.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

/* From Linux 5.16 on; older headers lack it, older kernels answer ENOSYS. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* As the kernel has them: its header may be older than the kernel. */
struct wait_vector {
    uint64_t value;
    uint64_t address;
    uint32_t flags;
    uint32_t reserved;
};

#define SIZE_32   2u
#define PRIVATE   128u
#define SLOTS     127 /* the kernel takes 128, and one is the watcher's own */
#define IDLE_NS   (OVL_SECOND / 2)
#define GLANCE_NS (10 * OVL_MILLISECOND)
#define ALONE_MAX 64 /* watchers of one futex each */
#define YIELDS    8  /* tries of ovl__pause that only let others run */
#define PAUSE_MIN (20 * OVL_MICROSECOND)
#define PAUSE_MAX OVL_MILLISECOND

/* One who waits, on its own stack. */
struct wait {
    struct ovl__futex futex;
    struct ovl__wait_list list;
    bool over;
};

/* Someone's place in a watcher's vector. It stays taken until the watcher has seen that it was
 * left. */
struct slot {
    struct wait *wait;
    uint32_t *word; /* NULL: the slot is free */
    uint32_t flags;
};

/*
 * A thread that sleeps on many futexes at once, for the coroutines of all loops. It takes a new
 * vector each time that `turn` is woken. Guarded by watchers_lock, but for `turn`.
 *
 * Where the kernel lets a thread sleep on one futex only, a watcher has one slot. Nothing wakes it
 * there when the slot is left: it looks from time to time.
 */
struct watcher {
    struct ovl__link link;
    struct slot slots[SLOTS];
    unsigned taken;
    _Atomic uint32_t turn;
};

static pthread_mutex_t watchers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ovl__link watchers = {&watchers, &watchers};
static unsigned watcher_count;
static atomic_bool unsupported; /* many futexes for one thread */

typedef int wait_fn(struct ovl__wait_list *list, pthread_mutex_t *mutex, ovl_time deadline);

static void futex_wake(uint32_t *word, uint32_t flags, int count)
{
    int operation = FUTEX_WAKE | (flags & PRIVATE ? FUTEX_PRIVATE_FLAG : 0);
    syscall(SYS_futex, word, operation, count, NULL, NULL, 0);
}

static void kick(struct watcher *watcher)
{
    atomic_fetch_add(&watcher->turn, 1);
    futex_wake((uint32_t *)&watcher->turn, PRIVATE, 1);
}

/* --- the watcher's thread --- */

static struct timespec time_of(ovl_time deadline)
{
    return (struct timespec){.tv_sec = deadline / OVL_SECOND, .tv_nsec = deadline % OVL_SECOND};
}

/* Either may answer as if it had been woken, too; what they return is then the first's number. */
static long sleep_on_all(const struct wait_vector *vector, unsigned count)
{
    struct timespec until = time_of(ovl_after(IDLE_NS));
    return syscall(SYS_futex_waitv, vector, count, 0, count == 1 ? &until : NULL, CLOCK_MONOTONIC);
}

/* On its slot's, or where that is free, on its own. */
static long sleep_on_last(const struct wait_vector *vector, unsigned count)
{
    const struct wait_vector *last = &vector[count - 1];
    struct timespec until = time_of(ovl_after(count == 1 ? IDLE_NS : GLANCE_NS));
    int operation = FUTEX_WAIT_BITSET | (last->flags & PRIVATE ? FUTEX_PRIVATE_FLAG : 0);
    long error = syscall(SYS_futex, (uintptr_t)last->address, operation, (uint32_t)last->value,
                         &until, NULL, FUTEX_BITSET_MATCH_ANY);
    return error ? -1 : (long)count - 1;
}

/* Sleeps until one of them is woken or has changed; -1 where no slot is named. */
static long sleep_on(const struct wait_vector *vector, unsigned count)
{
    pthread_mutex_unlock(&watchers_lock);
    long woken = -1;
    if (!atomic_load(&unsupported)) {
        woken = sleep_on_all(vector, count);
        if (woken < 0 && errno != EAGAIN && errno != ETIMEDOUT && errno != EINTR)
            atomic_store(&unsupported, true);
    } else if (count <= 2) {
        woken = sleep_on_last(vector, count);
    }
    pthread_mutex_lock(&watchers_lock);
    return woken - 1;
}

/* Tells who waits; a wake that nobody takes is somebody else's, who sleeps on the same word. */
static void end_wait(struct slot *slot)
{
    slot->wait->over = true;
    if (!ovl__wake_one(&slot->wait->list))
        futex_wake(slot->word, slot->flags, 1);
}

/*
 * After a sleep on the first `count` slots that were taken, of which `order` has the numbers. Who
 * shares a watcher that can watch one alone is to look for another.
 */
static void settle(struct watcher *watcher, const unsigned char *order, unsigned count, long woken)
{
    for (unsigned i = 0; i < count; i++) {
        struct slot *slot = &watcher->slots[order[i]];
        if (!slot->wait) {
            futex_wake(slot->word, slot->flags, 1);
            slot->word = NULL;
            watcher->taken--;
        } else if (woken == (long)i || (count > 1 && atomic_load(&unsupported)) ||
                   __atomic_load_n(slot->word, __ATOMIC_ACQUIRE) != slot->wait->futex.value) {
            if (!slot->wait->over)
                end_wait(slot);
        }
    }
}

static unsigned build(const struct watcher *watcher, struct wait_vector *vector,
                      unsigned char *order)
{
    unsigned count = 0;
    vector[0] = (struct wait_vector){
        .value = atomic_load(&watcher->turn),
        .address = (uintptr_t)&watcher->turn,
        .flags = SIZE_32 | PRIVATE,
    };
    for (unsigned i = 0; i < SLOTS; i++) {
        const struct slot *slot = &watcher->slots[i];
        if (!slot->word || (slot->wait && slot->wait->over))
            continue;
        vector[count + 1] = (struct wait_vector){
            .value = slot->wait ? slot->wait->futex.value : 0,
            .address = (uintptr_t)slot->word,
            .flags = slot->flags,
        };
        order[count++] = (unsigned char)i;
    }
    return count;
}

/* A slot that was left while the watcher did not sleep on it needs no passing on. */
static void free_left(struct watcher *watcher)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &watcher->slots[i];
        if (slot->word && !slot->wait) {
            slot->word = NULL;
            watcher->taken--;
        }
    }
}

static void *watch(void *argument)
{
    struct watcher *watcher = argument;
    struct wait_vector vector[SLOTS + 1];
    unsigned char order[SLOTS];
    pthread_setname_np(pthread_self(), "ovl-futex");
    pthread_mutex_lock(&watchers_lock);
    for (;;) {
        free_left(watcher);
        unsigned count = build(watcher, vector, order);
        uint32_t turn = (uint32_t)vector[0].value;
        long woken = sleep_on(vector, count + 1);
        settle(watcher, order, count, woken);
        if (!watcher->taken && turn == atomic_load(&watcher->turn))
            break;
    }
    ovl__list_remove(&watcher->link);
    watcher_count--;
    pthread_mutex_unlock(&watchers_lock);
    free(watcher);
    return NULL;
}

/* --- those who wait --- */

/* In a child of fork there are no watchers, and none of those who waited. */
static void start_anew(void)
{
    ovl__list_init(&watchers);
    watcher_count = 0;
    pthread_mutex_unlock(&watchers_lock);
}

static void lock_watchers(void)
{
    pthread_mutex_lock(&watchers_lock);
}

static void unlock_watchers(void)
{
    pthread_mutex_unlock(&watchers_lock);
}

static struct watcher *watcher_start(void)
{
    static bool prepared;
    if (!prepared)
        pthread_atfork(lock_watchers, unlock_watchers, start_anew);
    prepared = true;
    bool may_start = watcher_count < ALONE_MAX || !atomic_load(&unsupported);
    struct watcher *watcher = may_start ? ovl__zalloc(sizeof *watcher) : NULL;
    if (!watcher)
        return NULL;
    if (ovl__thread_start(watch, watcher, NULL)) {
        free(watcher);
        return NULL;
    }
    ovl__list_append(&watchers, &watcher->link);
    watcher_count++;
    return watcher;
}

static struct watcher *watcher_with_room(void)
{
    unsigned room = atomic_load(&unsupported) ? 1 : SLOTS;
    for (struct ovl__link *link = watchers.next; link != &watchers; link = link->next) {
        struct watcher *watcher = ovl__of(link, struct watcher, link);
        if (watcher->taken < room)
            return watcher;
    }
    return watcher_start();
}

static struct slot *take_slot(struct watcher *watcher, struct wait *wait)
{
    struct slot *slot = watcher->slots;
    while (slot->word)
        slot++;
    *slot = (struct slot){
        .wait = wait,
        .word = wait->futex.word,
        .flags = SIZE_32 | (wait->futex.shared ? 0 : PRIVATE),
    };
    watcher->taken++;
    kick(watcher);
    return slot;
}

/* Where no watcher is to be had: a pause, and another look. */
static int wait_unwatched(ovl_time deadline, wait_fn *wait_on)
{
    if (wait_on == ovl__wait)
        return ovl__pause(UINT_MAX, deadline);
    ovl_time soon = ovl_after(PAUSE_MAX);
    int error = ovl__suspend(deadline < soon ? deadline : soon);
    return error == OVL_ETIMEDOUT && deadline > soon ? 0 : error;
}

static int wait_for(const struct ovl__futex *futex, ovl_time deadline, wait_fn *wait_on)
{
    struct wait wait = {.futex = *futex};
    ovl__wait_list_init(&wait.list);
    lock_watchers();
    struct watcher *watcher = watcher_with_room();
    if (!watcher) {
        unlock_watchers();
        return wait_unwatched(deadline, wait_on);
    }
    struct slot *slot = take_slot(watcher, &wait);
    int error = wait_on(&wait.list, &watchers_lock, deadline);
    slot->wait = NULL;
    kick(watcher);
    unlock_watchers();
    return error;
}

int ovl__futex_wait(const struct ovl__futex *futex, ovl_time deadline)
{
    return wait_for(futex, deadline, ovl__wait);
}

int ovl__futex_wait_or_cancel(const struct ovl__futex *futex, ovl_time deadline)
{
    return wait_for(futex, deadline, ovl__wait_or_cancel);
}

int ovl__pause(unsigned tries, ovl_time deadline)
{
    if (tries < YIELDS) {
        ovl__yield();
        return 0;
    }
    ovl_time length = tries - YIELDS < 6 ? PAUSE_MIN << (tries - YIELDS) : PAUSE_MAX;
    ovl_time end = ovl_after(length);
    ovl__suspend_shielded(deadline < end ? deadline : end);
    return ovl_now() >= deadline ? OVL_ETIMEDOUT : 0;
}
