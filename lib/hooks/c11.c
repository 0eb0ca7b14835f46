/* C11's names for what POSIX has: libc's own go past the hooks of the latter. */
#include "hooks/locks.h"

#include <sched.h>
#include <stdint.h>

OVL__HOOK_FILE(c11);

/* In libc each of these is the other under another name. */
static pthread_mutex_t *mutex_of(mtx_t *mutex)
{
    return (pthread_mutex_t *)(void *)mutex;
}

static pthread_cond_t *cond_of(cnd_t *cond)
{
    return (pthread_cond_t *)(void *)cond;
}

_Static_assert(sizeof(mtx_t) <= sizeof(pthread_mutex_t) &&
                   sizeof(cnd_t) == sizeof(pthread_cond_t) &&
                   sizeof(once_flag) == sizeof(pthread_once_t),
               "not the C11 threads of this libc");

static int result_of(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case ENOMEM:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    case EBUSY:
        return thrd_busy;
    default:
        return thrd_error;
    }
}

OVL__HOOK int mtx_lock(mtx_t *mutex)
{
    if (!ovl__in_task())
        return ovl__sys.mtx_lock(mutex);
    return result_of(pthread_mutex_lock(mutex_of(mutex)));
}

OVL__HOOK int mtx_trylock(mtx_t *mutex)
{
    if (!ovl__in_task())
        return ovl__sys.mtx_trylock(mutex);
    return result_of(pthread_mutex_trylock(mutex_of(mutex)));
}

OVL__HOOK int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict time)
{
    if (!ovl__in_task())
        return ovl__sys.mtx_timedlock(mutex, time);
    return result_of(pthread_mutex_timedlock(mutex_of(mutex), time));
}

OVL__HOOK int mtx_unlock(mtx_t *mutex)
{
    if (!ovl__in_task())
        return ovl__sys.mtx_unlock(mutex);
    return result_of(pthread_mutex_unlock(mutex_of(mutex)));
}

OVL__HOOK int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    if (!ovl__in_task())
        return ovl__sys.cnd_wait(cond, mutex);
    return result_of(pthread_cond_wait(cond_of(cond), mutex_of(mutex)));
}

OVL__HOOK int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
                            const struct timespec *restrict time)
{
    if (!ovl__in_task())
        return ovl__sys.cnd_timedwait(cond, mutex, time);
    return result_of(pthread_cond_timedwait(cond_of(cond), mutex_of(mutex), time));
}

OVL__HOOK int cnd_signal(cnd_t *cond)
{
    return result_of(pthread_cond_signal(cond_of(cond)));
}

OVL__HOOK int cnd_broadcast(cnd_t *cond)
{
    return result_of(pthread_cond_broadcast(cond_of(cond)));
}

OVL__HOOK int thrd_join(thrd_t thread, int *ret_value)
{
    if (!ovl__in_task())
        return ovl__sys.thrd_join(thread, ret_value);
    void *value;
    int error = pthread_join(thread, &value);
    if (!error && ret_value)
        *ret_value = (int)(intptr_t)value;
    return result_of(error);
}

OVL__HOOK int thrd_sleep(const struct timespec *length, struct timespec *rest)
{
    if (!ovl__in_task())
        return ovl__sys.thrd_sleep(length, rest);
    int error = clock_nanosleep(CLOCK_REALTIME, 0, length, rest);
    if (!error)
        return 0;
    return error == EINTR ? -1 : -2;
}

OVL__HOOK void thrd_yield(void)
{
    sched_yield();
}

OVL__HOOK void call_once(once_flag *flag, void (*fn)(void))
{
    pthread_once((pthread_once_t *)(void *)flag, fn);
}
