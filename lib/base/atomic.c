#include "base/atomic.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <overlap/error.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* How often a lock is looked at before its taker sleeps: its holder needs less than that. */
#define LOOKS 40

atomic_uint ovl__fence_stand_in;
bool ovl__light_fence_is_free;

static bool membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0) == 0;
}

/* ThreadSanitizer would not see why the light fence orders anything. */
__attribute__((constructor)) static void find_membarrier(void)
{
#ifndef OVL__TSAN
    ovl__light_fence_is_free = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
#endif
}

/* Where the registration was lost, it is made again; it cannot fail where it did not fail before.
 */
void ovl__fence_heavy(void)
{
    ovl__fence();
    while (ovl__light_fence_is_free && !membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
        membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

int ovl__word_wait(atomic_uint *word, unsigned value, ovl_time deadline)
{
    if (deadline < 0)
        deadline = 0;
    struct timespec until = {.tv_sec = deadline / OVL_SECOND, .tv_nsec = deadline % OVL_SECOND};
    long error = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
                         deadline == OVL_FOREVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
    return error && errno == ETIMEDOUT ? OVL_ETIMEDOUT : 0;
}

void ovl__word_wake(atomic_uint *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void ovl__lock_slowly(struct ovl__lock *lock)
{
    for (int look = 0; look < LOOKS; look++) {
        unsigned free = 0;
        if (ovl__load(&lock->word, relaxed) == 0 && ovl__cas(&lock->word, &free, 1u, acquire))
            return;
        ovl__spin_hint();
    }
    while (ovl__exchange(&lock->word, 2u, acquire))
        ovl__word_wait(&lock->word, 2, OVL_FOREVER);
}
