/*
 * C++'s statics of functions, which whoever comes first initialises while the others wait. A
 * coroutine that initialises one may give way in the middle of it: another one of its loop, in the
 * runtime's own wait for it, would stop the loop, and with it the first.
 *
 * So who initialises which is noted here, of coroutines and threads alike, by the guard's address;
 * the runtime is asked only when nobody does. Of the guard itself nothing is known but what every
 * runtime has: the lowest bit of its first byte says that it is done. Source: Itanium C++ ABI,
 * 3.3.3.
 */
#include "hooks/locks.h"

#include "base/list.h"
#include "loop/loop.h"
#include "loop/park.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>

OVL__HOOK_FILE(guard);

/* Their names are the runtime's. */
int __cxa_guard_acquire(int64_t *guard);
void __cxa_guard_release(int64_t *guard);
void __cxa_guard_abort(int64_t *guard);

/*
 * The runtime's. There may be none: the program is none of C++, and loads a library that is, or has
 * its runtime linked into itself, which then leaves these out. The notes are enough then.
 */
static struct {
    int (*acquire)(int64_t *guard);
    void (*release)(int64_t *guard);
    void (*abort)(int64_t *guard);
} runtime;
static atomic_bool has_looked;

/* Assigning through a pointer to the pointer: ISO C has no cast from void * to a function. */
__attribute__((constructor)) static void find_runtime(void)
{
    if (atomic_load(&has_looked))
        return;
    *(void **)&runtime.acquire = dlsym(RTLD_NEXT, "__cxa_guard_acquire");
    *(void **)&runtime.release = dlsym(RTLD_NEXT, "__cxa_guard_release");
    *(void **)&runtime.abort = dlsym(RTLD_NEXT, "__cxa_guard_abort");
    atomic_store(&has_looked, true);
}

static bool is_done(const int64_t *guard)
{
    return __atomic_load_n((const unsigned char *)guard, __ATOMIC_ACQUIRE) & 1;
}

/* --- who initialises what --- */

struct claim {
    struct ovl__link link; /* of all claims, or of the free ones */
    const int64_t *guard;
    const void *owner;
    struct ovl__wait_list waiters;
};

#define PAGE 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ovl__link claims = {&claims, &claims};
static struct ovl__link unused = {&unused, &unused};

static void take_lock(void)
{
    ovl__own_pthread_mutex_lock(&lock);
}

static void leave_lock(void)
{
    ovl__own_pthread_mutex_unlock(&lock);
}

/* In a child of fork there are none of those who waited. */
static void forget_waiters(void)
{
    for (struct ovl__link *link = claims.next; link != &claims; link = link->next)
        ovl__wait_list_init(&ovl__of(link, struct claim, link)->waiters);
    leave_lock();
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(take_lock, leave_lock, forget_waiters);
}

/* The coroutine that runs, or the thread. */
static const void *caller(void)
{
    static _Thread_local char thread;
    const struct ovl__coroutine *coroutine = ovl__self();
    return coroutine ? (const void *)coroutine : &thread;
}

/* By whomever; NULL: nobody initialises it. */
static struct claim *claim_of(const int64_t *guard)
{
    for (struct ovl__link *link = claims.next; link != &claims; link = link->next) {
        struct claim *claim = ovl__of(link, struct claim, link);
        if (claim->guard == guard)
            return claim;
    }
    return NULL;
}

/* Mapped, not allocated: an allocator may have such statics itself. */
static void map_claims(void)
{
    struct claim *new =
        ovl__sys.mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (new == MAP_FAILED)
        return;
    for (size_t i = 0; i < PAGE / sizeof *new; i++)
        ovl__list_append(&unused, &new[i].link);
}

/* Without memory it is not noted. */
static void note(const int64_t *guard)
{
    if (ovl__list_empty(&unused))
        map_claims();
    struct ovl__link *link = ovl__list_take(&unused);
    if (!link)
        return;
    struct claim *claim = ovl__of(link, struct claim, link);
    claim->guard = guard;
    claim->owner = caller();
    ovl__wait_list_init(&claim->waiters);
    ovl__list_append(&claims, link);
}

static void forget(const int64_t *guard)
{
    take_lock();
    struct claim *claim = claim_of(guard);
    if (claim) {
        ovl__list_remove(&claim->link);
        ovl__wake_all(&claim->waiters);
        ovl__list_append(&unused, &claim->link);
    }
    leave_lock();
}

static void wait_for(struct claim *claim)
{
    ovl__waits_for("static variable", -1);
    ovl__wait(&claim->waiters, &lock, OVL_FOREVER);
}

/*
 * Whether the caller is to ask the runtime: nobody else initialises it, and it is not done. Who
 * comes back to its own gets what the runtime has for that; without one it waits for itself, as
 * others would.
 */
static bool claim(const int64_t *guard)
{
    struct claim *other;
    take_lock();
    while ((other = claim_of(guard)) && (other->owner != caller() || !runtime.acquire))
        wait_for(other);
    bool done = is_done(guard);
    if (!done && !other)
        note(guard);
    leave_lock();
    return !done;
}

/* --- the hooks --- */

OVL__HOOK int __cxa_guard_acquire(int64_t *guard)
{
    find_runtime();
    if (is_done(guard))
        return 0;
    int before = errno;
    bool claimed = claim(guard);
    errno = before;
    if (!claimed)
        return 0;
    int is_to_be_done = runtime.acquire ? runtime.acquire(guard) : 1;
    if (!is_to_be_done)
        forget(guard);
    return is_to_be_done;
}

OVL__HOOK void __cxa_guard_release(int64_t *guard)
{
    if (runtime.release)
        runtime.release(guard);
    else
        __atomic_store_n((unsigned char *)guard, 1, __ATOMIC_RELEASE);
    forget(guard);
}

OVL__HOOK void __cxa_guard_abort(int64_t *guard)
{
    if (runtime.abort)
        runtime.abort(guard);
    forget(guard);
}
