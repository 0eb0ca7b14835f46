/* The real calls behind own.h. */
#include "base/sanitize.h"
#include "base/system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/sendfile.h>

/*
 * ThreadSanitizer takes no note of what does not come by libc's names, nor of anything that happens
 * within a blocking call; so it is told who hands what to whom.
 */
#define OWN(type, name, parameters, arguments)                                                     \
    type ovl__own_##name parameters;                                                               \
    type ovl__own_##name parameters                                                                \
    {                                                                                              \
        return ovl__sys.name arguments;                                                            \
    }

/* Those that hand something over, by their first argument. */
#define TAKE(type, name, parameters, first, arguments)                                             \
    type ovl__own_##name parameters;                                                               \
    type ovl__own_##name parameters                                                                \
    {                                                                                              \
        type error = ovl__sys.name arguments;                                                      \
        if (!error)                                                                                \
            __tsan_acquire(first);                                                                 \
        return error;                                                                              \
    }

#define GIVE(type, name, parameters, first, arguments)                                             \
    type ovl__own_##name parameters;                                                               \
    type ovl__own_##name parameters                                                                \
    {                                                                                              \
        __tsan_release(first);                                                                     \
        return ovl__sys.name arguments;                                                            \
    }

/* The wait gives the mutex and takes it again. */
#define WAIT(name, parameters, arguments)                                                          \
    int ovl__own_##name parameters;                                                                \
    int ovl__own_##name parameters                                                                 \
    {                                                                                              \
        __tsan_release(mutex);                                                                     \
        int error = ovl__sys.name arguments;                                                       \
        __tsan_acquire(mutex);                                                                     \
        return error;                                                                              \
    }

#define MUTEX(X)                                                                                   \
    X(int, pthread_mutex_lock, (pthread_mutex_t * mutex), mutex, (mutex))                          \
    X(int, pthread_mutex_trylock, (pthread_mutex_t * mutex), mutex, (mutex))                       \
    X(int, pthread_mutex_timedlock, (pthread_mutex_t * mutex, const struct timespec *deadline),    \
      mutex, (mutex, deadline))                                                                    \
    X(int, pthread_mutex_clocklock,                                                                \
      (pthread_mutex_t * mutex, clockid_t clock, const struct timespec *deadline), mutex,          \
      (mutex, clock, deadline))                                                                    \
    X(int, pthread_rwlock_rdlock, (pthread_rwlock_t * lock), lock, (lock))                         \
    X(int, pthread_rwlock_wrlock, (pthread_rwlock_t * lock), lock, (lock))                         \
    X(int, pthread_rwlock_tryrdlock, (pthread_rwlock_t * lock), lock, (lock))                      \
    X(int, pthread_rwlock_trywrlock, (pthread_rwlock_t * lock), lock, (lock))                      \
    X(int, sem_wait, (sem_t * semaphore), semaphore, (semaphore))                                  \
    X(int, sem_trywait, (sem_t * semaphore), semaphore, (semaphore))                               \
    X(int, sem_timedwait, (sem_t * semaphore, const struct timespec *deadline), semaphore,         \
      (semaphore, deadline))

MUTEX(TAKE)
GIVE(int, pthread_mutex_unlock, (pthread_mutex_t * mutex), mutex, (mutex))
GIVE(int, pthread_rwlock_unlock, (pthread_rwlock_t * lock), lock, (lock))
WAIT(pthread_cond_wait, (pthread_cond_t * cond, pthread_mutex_t *mutex), (cond, mutex))
WAIT(pthread_cond_timedwait,
     (pthread_cond_t * cond, pthread_mutex_t *mutex, const struct timespec *deadline),
     (cond, mutex, deadline))
WAIT(pthread_cond_clockwait,
     (pthread_cond_t * cond, pthread_mutex_t *mutex, clockid_t clock,
      const struct timespec *deadline),
     (cond, mutex, clock, deadline))
OWN(int, pthread_cond_signal, (pthread_cond_t * cond), (cond))
OWN(int, pthread_cond_broadcast, (pthread_cond_t * cond), (cond))
OVL__HOOKED_CALLS(OWN)
OVL__HOOKED_FILES(OWN)
OVL__HOOKED_BY_NUMBER(OWN)
OVL__HOOKED_PRINTS(OWN)

/* Whoever does it hands on what it did, before anybody else goes on. */
int ovl__own_pthread_once(pthread_once_t *control, void (*fn)(void));
#ifdef OVL__TSAN
static _Thread_local struct once {
    pthread_once_t *control;
    void (*fn)(void);
} own_once;

static void do_once(void)
{
    struct once once = own_once;
    once.fn();
    __tsan_release(once.control);
}

int ovl__own_pthread_once(pthread_once_t *control, void (*fn)(void))
{
    struct once around = own_once;
    own_once = (struct once){control, fn};
    int error = ovl__sys.pthread_once(control, do_once);
    own_once = around;
    __tsan_acquire(control);
    return error;
}
#else
int ovl__own_pthread_once(pthread_once_t *control, void (*fn)(void))
{
    return ovl__sys.pthread_once(control, fn);
}
#endif

/* A sanitizer must learn which threads have ended: in a thread that runs no task the hook passes.
 */
int ovl__own_pthread_join(pthread_t thread, void **ret_value);
int ovl__own_pthread_join(pthread_t thread, void **ret_value)
{
#ifdef OVL__TSAN
    return pthread_join(thread, ret_value);
#else
    return ovl__sys.pthread_join(thread, ret_value);
#endif
}

int ovl__own_fprintf(FILE *stream, const char *format, ...);
int ovl__own_fprintf(FILE *stream, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = ovl__sys.__vfprintf_chk(stream, 0, format, list);
    va_end(list);
    return length;
}
