#include "hooks/deputy.h"

#include "base/thread.h"
#include "hooks/locks.h"
#include "hooks/owner.h"
#include "loop/loop.h"
#include "loop/park.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct deputy {
    struct deputy *next;
    pthread_mutex_t *mutex;
    clockid_t clock;
    const struct timespec *time;
    struct ovl__wait_list waiter; /* these three guarded by `lock` */
    bool has_locked;              /* or was refused */
    int result;
    uint32_t leash; /* the coroutine's thread, which holds it: a futex with priority inheritance */
    pid_t principal;
    _Atomic uint32_t over; /* it touches nothing any more */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local struct deputy *deputies; /* that hold something */

static void take_lock(void)
{
    ovl__own_pthread_mutex_lock(&lock);
}

static void leave_lock(void)
{
    ovl__own_pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(take_lock, leave_lock, leave_lock);
}

static long futex(void *word, int operation, uint32_t value)
{
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

/* --- its thread --- */

/* Where the kernel has no such futexes, or the principal is gone, it waits for a plain one. */
static void await_leash(struct deputy *self)
{
    for (;;) {
        uint32_t word = __atomic_load_n(&self->leash, __ATOMIC_ACQUIRE);
        if ((word & FUTEX_TID_MASK) != (uint32_t)self->principal)
            return;
        if (!futex(&self->leash, FUTEX_LOCK_PI, 0))
            return;
        if (errno != EINTR && errno != EAGAIN)
            futex(&self->leash, FUTEX_WAIT, word);
    }
}

static void give_back(struct deputy *self)
{
    int *owner = &self->mutex->__data.__owner;
    int principal = self->principal;
    /* Who has made it consistent was taken for its owner. */
    __atomic_compare_exchange_n(owner, &principal, gettid(), false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    ovl__sys.pthread_mutex_unlock(self->mutex);
}

static bool is_locked(int result)
{
    return result == 0 || result == EOWNERDEAD;
}

static void *stand_in(void *argument)
{
    struct deputy *self = argument;
    pthread_setname_np(pthread_self(), "ovl-deputy");
    int result = self->time ? ovl__sys.pthread_mutex_clocklock(self->mutex, self->clock, self->time)
                            : ovl__sys.pthread_mutex_lock(self->mutex);
    take_lock();
    self->result = result;
    self->has_locked = true;
    ovl__wake_all(&self->waiter);
    leave_lock();
    if (is_locked(result)) {
        await_leash(self);
        give_back(self);
    }
    atomic_store(&self->over, 1);
    futex(&self->over, FUTEX_WAKE, 1);
    return NULL;
}

/* --- its principal --- */

static struct deputy **place_of(const pthread_mutex_t *mutex)
{
    struct deputy **at = &deputies;
    while (*at && (*at)->mutex != mutex)
        at = &(*at)->next;
    return at;
}

bool ovl__deputy_holds(const pthread_mutex_t *mutex)
{
    return *place_of(mutex) != NULL;
}

/* ThreadSanitizer would report that another thread unlocks than the one that locked. */
#ifdef OVL__TSAN
#define STANDS_IN false
#else
#define STANDS_IN true
#endif

static struct deputy *deputy_start(pthread_mutex_t *mutex, clockid_t clock,
                                   const struct timespec *time)
{
    struct deputy *self = STANDS_IN ? ovl__sys.malloc(sizeof *self) : NULL;
    if (!self)
        return NULL;
    *self = (struct deputy){.mutex = mutex, .clock = clock, .time = time};
    ovl__wait_list_init(&self->waiter);
    self->principal = ovl__owner_thread();
    self->leash = (uint32_t)self->principal;
    if (ovl__thread_start(stand_in, self, NULL)) {
        free(self);
        return NULL;
    }
    return self;
}

static void deputy_free(struct deputy *self)
{
    while (!atomic_load(&self->over))
        futex(&self->over, FUTEX_WAIT, 0);
    free(self);
}

int ovl__deputy_lock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time)
{
    struct deputy *self = deputy_start(mutex, clock, time);
    if (!self)
        return -1;
    take_lock();
    ovl__loop_outside(1);
    while (!self->has_locked) {
        ovl__waits_for("mutex", -1);
        ovl__wait(&self->waiter, &lock, OVL_FOREVER);
    }
    ovl__loop_outside(-1);
    leave_lock();
    int result = self->result;
    if (is_locked(result)) {
        self->next = deputies;
        deputies = self;
    } else {
        deputy_free(self);
    }
    return result;
}

void ovl__deputy_unlock(const pthread_mutex_t *mutex)
{
    struct deputy **at = place_of(mutex);
    struct deputy *self = *at;
    if (!self)
        return;
    uint32_t held = (uint32_t)self->principal;
    *at = self->next;
    if (__atomic_compare_exchange_n(&self->leash, &held, 0, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED)) {
        futex(&self->leash, FUTEX_WAKE, 1);
    } else {
        __atomic_fetch_or(&self->leash, 0, __ATOMIC_RELEASE); /* the kernel's own store follows */
        futex(&self->leash, FUTEX_UNLOCK_PI, 0);
    }
    deputy_free(self);
}
