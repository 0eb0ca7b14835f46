/* Sleeps; locks; children; and how a process ends. */
#include "advise/agent/calls.h"

#include <pthread.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- sleeps --- */

EXPORT int nanosleep(const struct timespec *length, struct timespec *left)
{
    struct agent_wait wait = agent_wait_kind(RECORD_SLEEP, CALLER);
    int result = REAL(nanosleep)(length, left);
    if (result == 0)
        agent_wait_asked(&wait, length->tv_sec, length->tv_nsec);
    agent_wait_end(&wait);
    return result;
}

/*
 * How long it is until then. Where that has passed, no sleep is asked for; by so much that the
 * thread was kept from its processor since it asked, it was to be one.
 */
static void ask_until(struct agent_wait *wait, clockid_t clock, const struct timespec *until)
{
    struct timespec now;
    if (!until || clock_gettime(clock, &now) != 0)
        return;
    int64_t seconds = until->tv_sec - now.tv_sec;
    int64_t nanoseconds = until->tv_nsec - now.tv_nsec;
    agent_wait_asked(wait, seconds, nanoseconds);
    wait->late =
        seconds < -1 || (seconds <= 0 && seconds * 1000000000 + nanoseconds < -RECORD_SHORT_NS);
}

EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec *length,
                           struct timespec *left)
{
    struct agent_wait wait = agent_wait_kind(RECORD_SLEEP, CALLER);
    if (flags & TIMER_ABSTIME)
        ask_until(&wait, clock, length);
    int result = REAL(clock_nanosleep)(clock, flags, length, left);
    if (result == 0 && !(flags & TIMER_ABSTIME))
        agent_wait_asked(&wait, length->tv_sec, length->tv_nsec);
    agent_wait_end(&wait);
    return result;
}

EXPORT int usleep(useconds_t length)
{
    struct agent_wait wait = agent_wait_kind(RECORD_SLEEP, CALLER);
    int result = REAL(usleep)(length);
    if (result == 0)
        agent_wait_asked(&wait, 0, (int64_t)length * 1000);
    agent_wait_end(&wait);
    return result;
}

EXPORT unsigned sleep(unsigned seconds)
{
    struct agent_wait wait = agent_wait_kind(RECORD_SLEEP, CALLER);
    unsigned left = REAL(sleep)(seconds);
    if (left == 0)
        agent_wait_asked(&wait, seconds, 0);
    agent_wait_end(&wait);
    return left;
}

EXPORT int pause(void)
{
    TIMED_KIND(int, RECORD_OTHER, REAL(pause)());
}

/* --- locks --- */

static struct agent_wait wait_lock(const void *object, const void *caller)
{
    /* CPython waits on conditions for one thing only. */
    enum record_kind kind = agent_is_python_code(caller) ? RECORD_GIL : RECORD_LOCK;
    struct agent_wait wait = agent_wait_kind(kind, caller);
    wait.object = (uint64_t)(uintptr_t)object;
    return wait;
}

EXPORT int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex)
{
    struct agent_wait wait = wait_lock(condition, CALLER);
    int result = REAL(pthread_cond_wait)(condition, mutex);
    agent_wait_end(&wait);
    return result;
}

EXPORT int pthread_cond_timedwait(pthread_cond_t *restrict condition,
                                  pthread_mutex_t *restrict mutex,
                                  const struct timespec *restrict until)
{
    struct agent_wait wait = wait_lock(condition, CALLER);
    int result = REAL(pthread_cond_timedwait)(condition, mutex, until);
    agent_wait_end(&wait);
    return result;
}

EXPORT int pthread_cond_clockwait(pthread_cond_t *restrict condition,
                                  pthread_mutex_t *restrict mutex, clockid_t clock,
                                  const struct timespec *restrict until)
{
    struct agent_wait wait = wait_lock(condition, CALLER);
    int result = REAL(pthread_cond_clockwait)(condition, mutex, clock, until);
    agent_wait_end(&wait);
    return result;
}

/* A lock that is free costs no look at the clock. */
EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (!agent_record)
        return REAL(pthread_mutex_lock)(mutex);
    if (REAL(pthread_mutex_trylock)(mutex) == 0)
        return 0;
    struct agent_wait wait = agent_wait_kind(RECORD_LOCK, CALLER);
    wait.object = (uint64_t)(uintptr_t)mutex;
    int result = REAL(pthread_mutex_lock)(mutex);
    agent_wait_end(&wait);
    return result;
}

static struct agent_wait wait_semaphore(const void *object, const void *caller)
{
    struct agent_wait wait = agent_wait_kind(RECORD_LOCK, caller);
    wait.object = (uint64_t)(uintptr_t)object;
    return wait;
}

EXPORT int sem_wait(sem_t *semaphore)
{
    struct agent_wait wait = wait_semaphore(semaphore, CALLER);
    int result = REAL(sem_wait)(semaphore);
    agent_wait_end(&wait);
    return result;
}

EXPORT int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    struct agent_wait wait = wait_semaphore(semaphore, CALLER);
    int result = REAL(sem_timedwait)(semaphore, until);
    agent_wait_end(&wait);
    return result;
}

EXPORT int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
                         const struct timespec *restrict until)
{
    struct agent_wait wait = wait_semaphore(semaphore, CALLER);
    int result = REAL(sem_clockwait)(semaphore, clock, until);
    agent_wait_end(&wait);
    return result;
}

EXPORT int pthread_join(pthread_t thread, void **value)
{
    struct agent_wait wait = agent_wait_kind(RECORD_LOCK, CALLER);
    wait.flags |= RECORD_IDLE;
    int result = REAL(pthread_join)(thread, value);
    agent_wait_end(&wait);
    return result;
}

/* --- children --- */

EXPORT pid_t wait(int *status)
{
    struct agent_wait waited = agent_wait_kind(RECORD_CHILD, CALLER);
    pid_t result = REAL(wait)(status);
    waited.object = result > 0 ? (uint64_t)result : 0;
    agent_wait_end(&waited);
    return result;
}

EXPORT pid_t waitpid(pid_t pid, int *status, int options)
{
    struct agent_wait waited = agent_wait_kind(RECORD_CHILD, CALLER);
    pid_t result = REAL(waitpid)(pid, status, options);
    waited.object = result > 0 ? (uint64_t)result : 0;
    agent_wait_end(&waited);
    return result;
}

EXPORT pid_t wait3(int *status, int options, struct rusage *usage)
{
    struct agent_wait waited = agent_wait_kind(RECORD_CHILD, CALLER);
    pid_t result = REAL(wait3)(status, options, usage);
    waited.object = result > 0 ? (uint64_t)result : 0;
    agent_wait_end(&waited);
    return result;
}

EXPORT pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    struct agent_wait waited = agent_wait_kind(RECORD_CHILD, CALLER);
    pid_t result = REAL(wait4)(pid, status, options, usage);
    waited.object = result > 0 ? (uint64_t)result : 0;
    agent_wait_end(&waited);
    return result;
}

EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    struct agent_wait waited = agent_wait_kind(RECORD_CHILD, CALLER);
    waited.object = type == P_PID ? (uint64_t)id : 0;
    int result = REAL(waitid)(type, id, info, options);
    agent_wait_end(&waited);
    return result;
}

EXPORT int system(const char *command)
{
    TIMED_KIND(int, RECORD_CHILD, REAL(system)(command));
}

EXPORT int pclose(FILE *stream)
{
    TIMED_KIND(int, RECORD_CHILD, REAL(pclose)(stream));
}

/* --- ends that no destructor sees --- */

EXPORT void _exit(int status)
{
    agent_finish();
    REAL(_exit)(status);
    __builtin_unreachable();
}

EXPORT void _Exit(int status)
{
    agent_finish();
    REAL(_Exit)(status);
    __builtin_unreachable();
}
