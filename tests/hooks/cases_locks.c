/*
 * Locks and what else threads wait for each other by, as unsuspecting code uses them. Compiled
 * twice, under the name CASES_LOCKS: plainly, and with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define MS 1000000LL

/* --- somebody who holds a lock --- */

struct holder {
    void *lock;
    int (*take)(void *lock);
    int (*give)(void *lock);
    int held[2]; /* a byte comes once it holds the lock */
    int go[2];   /* and goes when it is to give it up */
    pthread_t thread;
};

static void *hold(void *argument)
{
    struct holder *holder = argument;
    char byte = 'x';
    if (holder->take(holder->lock) || write(holder->held[1], &byte, 1) != 1 ||
        read(holder->go[0], &byte, 1) != 1 || holder->give(holder->lock))
        abort();
    return NULL;
}

static void holder_begin(struct holder *holder, struct record *record)
{
    char byte;
    NEED(record, pipe2(holder->held, O_CLOEXEC) == 0 && pipe2(holder->go, O_CLOEXEC) == 0);
    NEED(record, pthread_create(&holder->thread, NULL, hold, holder) == 0);
    NEED(record, read(holder->held[0], &byte, 1) == 1);
}

static void holder_go(void *argument)
{
    const struct holder *holder = argument;
    if (write(holder->go[1], "x", 1) != 1)
        abort();
}

static void holder_end(struct holder *holder)
{
    pthread_join(holder->thread, NULL);
    for (int i = 0; i < 2; i++) {
        close(holder->held[i]);
        close(holder->go[i]);
    }
}

static struct timespec time_in(clockid_t clock, long long ns)
{
    struct timespec time;
    clock_gettime(clock, &time);
    ns += time.tv_sec * 1000000000LL + time.tv_nsec;
    time.tv_sec = ns / 1000000000;
    time.tv_nsec = ns % 1000000000;
    return time;
}

/* --- mutexes --- */

static int take_mutex(void *lock)
{
    return pthread_mutex_lock(lock);
}

static int give_mutex(void *lock)
{
    return pthread_mutex_unlock(lock);
}

struct kind {
    int type;
    int protocol;
    int robust;
    int shared;
};

static const struct kind kinds[] = {
    {.type = PTHREAD_MUTEX_NORMAL},
    {.type = PTHREAD_MUTEX_RECURSIVE},
    {.type = PTHREAD_MUTEX_ERRORCHECK},
    {.type = PTHREAD_MUTEX_ADAPTIVE_NP},
    {.type = PTHREAD_MUTEX_NORMAL, .shared = PTHREAD_PROCESS_SHARED},
    {.type = PTHREAD_MUTEX_NORMAL, .robust = PTHREAD_MUTEX_ROBUST},
    {.type = PTHREAD_MUTEX_NORMAL, .protocol = PTHREAD_PRIO_INHERIT},
};

#define KINDS (sizeof kinds / sizeof *kinds)

static void mutex_open(struct record *record, pthread_mutex_t *mutex, const struct kind *kind)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, kind->type);
    pthread_mutexattr_setprotocol(&attributes, kind->protocol);
    pthread_mutexattr_setrobust(&attributes, kind->robust);
    pthread_mutexattr_setpshared(&attributes, kind->shared);
    NEED(record, pthread_mutex_init(mutex, &attributes) == 0);
    pthread_mutexattr_destroy(&attributes);
}

static void mutexes_are_waited_for(struct record *record)
{
    for (size_t i = 0; i < KINDS; i++) {
        pthread_mutex_t mutex;
        struct holder holder = {.lock = &mutex, .take = take_mutex, .give = give_mutex};
        mutex_open(record, &mutex, &kinds[i]);
        holder_begin(&holder, record);
        CALL(record, pthread_mutex_trylock(&mutex));
        struct later later;
        later_begin(&later, record, holder_go, &holder);
        CALL(record, pthread_mutex_lock(&mutex));
        later_end(&later);
        holder_end(&holder);
        CALL(record, pthread_mutex_unlock(&mutex));
        CALL(record, pthread_mutex_lock(&mutex));
        CALL(record, pthread_mutex_unlock(&mutex));
        CALL(record, pthread_mutex_destroy(&mutex));
    }
}

#ifndef __SANITIZE_THREAD__
static void mutexes_know_their_owner(struct record *record)
{
    pthread_mutex_t mutex;
    struct holder holder = {.lock = &mutex, .take = take_mutex, .give = give_mutex};
    mutex_open(record, &mutex, &kinds[2]);
    CALL(record, pthread_mutex_unlock(&mutex));
    CALL(record, pthread_mutex_lock(&mutex));
    CALL(record, pthread_mutex_lock(&mutex));
    CALL(record, pthread_mutex_trylock(&mutex));
    CALL(record, pthread_mutex_unlock(&mutex));
    holder_begin(&holder, record);
    CALL(record, pthread_mutex_unlock(&mutex));
    holder_go(&holder);
    holder_end(&holder);
    CALL(record, pthread_mutex_destroy(&mutex));
    mutex_open(record, &mutex, &kinds[1]);
    for (int i = 0; i < 3; i++)
        CALL(record, pthread_mutex_lock(&mutex));
    CALL(record, pthread_mutex_trylock(&mutex));
    for (int i = 0; i < 5; i++)
        CALL(record, pthread_mutex_unlock(&mutex));
    CALL(record, pthread_mutex_destroy(&mutex));
}
#endif

static void mutexes_time_out(struct record *record)
{
    for (size_t i = 0; i < KINDS; i++) {
        pthread_mutex_t mutex;
        struct holder holder = {.lock = &mutex, .take = take_mutex, .give = give_mutex};
        mutex_open(record, &mutex, &kinds[i]);
        struct timespec never = {.tv_nsec = -1};
        CALL(record, pthread_mutex_timedlock(&mutex, &never));
        CALL(record, pthread_mutex_unlock(&mutex));
        holder_begin(&holder, record);
        struct stretch stretch = stretch_begin();
        struct timespec time = time_in(CLOCK_REALTIME, 20 * MS);
        CALL(record, pthread_mutex_timedlock(&mutex, &time));
        stretch_end(&stretch, record, 19 * MS);
        CALL(record, pthread_mutex_timedlock(&mutex, &time));
        if (!kinds[i].protocol) { /* which libc has for the other clock only */
            stretch = stretch_begin();
            time = time_in(CLOCK_MONOTONIC, 20 * MS);
            CALL(record, pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &time));
            stretch_end(&stretch, record, 19 * MS);
            CALL(record, pthread_mutex_timedlock(&mutex, &never));
        }
        time = time_in(CLOCK_REALTIME, 60000 * MS);
        struct later later;
        later_begin(&later, record, holder_go, &holder);
        CALL(record, pthread_mutex_timedlock(&mutex, &time));
        later_end(&later);
        CALL(record, pthread_mutex_clocklock(&mutex, CLOCK_TAI, &time));
        holder_end(&holder);
        CALL(record, pthread_mutex_unlock(&mutex));
        CALL(record, pthread_mutex_destroy(&mutex));
    }
}

static int take_and_die(void *argument)
{
    return pthread_mutex_lock(argument);
}

static int keep(void *argument)
{
    (void)argument;
    return 0;
}

static void robust_mutexes_tell_of_a_death(struct record *record)
{
    pthread_mutex_t mutex;
    struct holder holder = {.lock = &mutex, .take = take_and_die, .give = keep};
    mutex_open(record, &mutex, &kinds[5]);
    holder_begin(&holder, record);
    struct later later;
    later_begin(&later, record, holder_go, &holder);
    CALL(record, pthread_mutex_lock(&mutex));
    later_end(&later);
    CALL(record, pthread_mutex_consistent(&mutex));
    CALL(record, pthread_mutex_unlock(&mutex));
    holder_end(&holder);
    CALL(record, pthread_mutex_destroy(&mutex));
}

/* --- condition variables --- */

/* ThreadSanitizer looks libc's up by their version, past the hooks: there such a wait blocks. */
#ifndef __SANITIZE_THREAD__
struct event {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool happened;
    bool all; /* by a broadcast */
};

static void happen(void *argument)
{
    struct event *event = argument;
    pthread_mutex_lock(&event->mutex);
    event->happened = true;
    if (event->all)
        pthread_cond_broadcast(&event->cond);
    pthread_mutex_unlock(&event->mutex);
    if (!event->all)
        pthread_cond_signal(&event->cond);
}

static void event_open(struct record *record, struct event *event, clockid_t clock, int shared)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, clock);
    pthread_condattr_setpshared(&attributes, shared);
    *event = (struct event){0};
    mutex_open(record, &event->mutex, &kinds[0]);
    NEED(record, pthread_cond_init(&event->cond, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

static void event_close(struct record *record, struct event *event)
{
    CALL(record, pthread_cond_destroy(&event->cond));
    CALL(record, pthread_mutex_destroy(&event->mutex));
}

static void conditions_are_waited_for(struct record *record)
{
    for (int way = 0; way < 4; way++) {
        struct event event;
        event_open(record, &event, CLOCK_REALTIME, way < 2 ? 0 : PTHREAD_PROCESS_SHARED);
        event.all = way & 1;
        pthread_mutex_lock(&event.mutex);
        struct later later;
        later_begin(&later, record, happen, &event);
        int error = 0;
        while (!event.happened && !error)
            error = pthread_cond_wait(&event.cond, &event.mutex);
        CALL(record, error);
        CALL(record, pthread_mutex_unlock(&event.mutex));
        later_end(&later);
        event_close(record, &event);
    }
}

static int wait_until(struct event *event, clockid_t clock, const struct timespec *time, bool named)
{
    int error = 0;
    while (!event->happened && !error)
        error = named ? pthread_cond_clockwait(&event->cond, &event->mutex, clock, time)
                      : pthread_cond_timedwait(&event->cond, &event->mutex, time);
    return error;
}

static void conditions_time_out(struct record *record)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    for (int way = 0; way < 4; way++) {
        clockid_t clock = clocks[way & 1];
        bool named = way & 2;
        struct event event;
        event_open(record, &event, named ? CLOCK_REALTIME : clock, 0);
        pthread_mutex_lock(&event.mutex);
        struct stretch stretch = stretch_begin();
        struct timespec time = time_in(clock, 20 * MS);
        CALL(record, wait_until(&event, clock, &time, named));
        stretch_end(&stretch, record, 19 * MS);
        CALL(record, wait_until(&event, clock, &time, named));
        time.tv_nsec = 1000000000;
        CALL(record, wait_until(&event, clock, &time, named));
        time = time_in(clock, 60000 * MS);
        struct later later;
        later_begin(&later, record, happen, &event);
        CALL(record, wait_until(&event, clock, &time, named));
        later_end(&later);
        CALL(record, pthread_cond_clockwait(&event.cond, &event.mutex, CLOCK_TAI, &time));
        CALL(record, pthread_mutex_unlock(&event.mutex));
        event_close(record, &event);
    }
}

static void conditions_need_the_mutex(struct record *record)
{
    struct event event;
    event_open(record, &event, CLOCK_REALTIME, 0);
    pthread_mutex_destroy(&event.mutex);
    mutex_open(record, &event.mutex, &kinds[2]);
    CALL(record, pthread_cond_wait(&event.cond, &event.mutex));
    CALL(record, pthread_cond_signal(&event.cond));
    CALL(record, pthread_cond_broadcast(&event.cond));
    event_close(record, &event);
}
#endif

/* --- semaphores --- */

static void post(void *semaphore)
{
    if (sem_post(semaphore))
        abort();
}

/* ThreadSanitizer holds signals back until a call of its own. */
#ifndef __SANITIZE_THREAD__
static sem_t *posted_by_signal;

static void on_signal(int number)
{
    (void)number;
    sem_post(posted_by_signal);
}

static void raise_signal(void *process)
{
    kill(*(pid_t *)process, SIGUSR2);
}
#endif

static void semaphores_are_waited_for(struct record *record)
{
    sem_t semaphore;
    for (int shared = 0; shared < 2; shared++) {
        NEED(record, sem_init(&semaphore, shared, 1) == 0);
        CALL(record, sem_wait(&semaphore));
        CALL(record, sem_trywait(&semaphore));
        struct later later;
        later_begin(&later, record, post, &semaphore);
        CALL(record, sem_wait(&semaphore));
        later_end(&later);
        int value = -1;
        CALL(record, sem_getvalue(&semaphore, &value));
        CALL(record, value);
        CALL(record, sem_destroy(&semaphore));
    }
}

#ifndef __SANITIZE_THREAD__
static void semaphores_are_posted_by_handlers(struct record *record)
{
    sem_t semaphore;
    NEED(record, sem_init(&semaphore, 0, 0) == 0);
    posted_by_signal = &semaphore;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction before;
    NEED(record, sigaction(SIGUSR2, &action, &before) == 0);
    pid_t self = getpid();
    struct later later;
    later_begin(&later, record, raise_signal, &self);
    CALL(record, sem_wait(&semaphore));
    later_end(&later);
    NEED(record, sigaction(SIGUSR2, &before, NULL) == 0);
    CALL(record, sem_destroy(&semaphore));
}
#endif

static void semaphores_time_out(struct record *record)
{
    sem_t semaphore;
    NEED(record, sem_init(&semaphore, 0, 1) == 0);
    struct timespec time = {.tv_nsec = -1};
    CALL(record, sem_timedwait(&semaphore, &time));
    time = time_in(CLOCK_REALTIME, -20 * MS);
    CALL(record, sem_timedwait(&semaphore, &time));
    CALL(record, sem_timedwait(&semaphore, &time));
    struct stretch stretch = stretch_begin();
    time = time_in(CLOCK_REALTIME, 20 * MS);
    CALL(record, sem_timedwait(&semaphore, &time));
    stretch_end(&stretch, record, 19 * MS);
    stretch = stretch_begin();
    time = time_in(CLOCK_MONOTONIC, 20 * MS);
    CALL(record, sem_clockwait(&semaphore, CLOCK_MONOTONIC, &time));
    stretch_end(&stretch, record, 19 * MS);
    CALL(record, sem_clockwait(&semaphore, CLOCK_TAI, &time));
    time = time_in(CLOCK_REALTIME, 60000 * MS);
    struct later later;
    later_begin(&later, record, post, &semaphore);
    CALL(record, sem_timedwait(&semaphore, &time));
    later_end(&later);
    CALL(record, sem_destroy(&semaphore));
}

/* --- locks for reading and writing --- */

static int take_write(void *lock)
{
    return pthread_rwlock_wrlock(lock);
}

static int take_read(void *lock)
{
    return pthread_rwlock_rdlock(lock);
}

static int give_rwlock(void *lock)
{
    return pthread_rwlock_unlock(lock);
}

static void rwlocks_are_waited_for(struct record *record)
{
    for (int way = 0; way < 3; way++) {
        pthread_rwlock_t lock;
        NEED(record, pthread_rwlock_init(&lock, NULL) == 0);
        bool held_for_reading = way == 2;
        struct holder holder = {
            .lock = &lock, .take = held_for_reading ? take_read : take_write, .give = give_rwlock};
        holder_begin(&holder, record);
        CALL(record, pthread_rwlock_trywrlock(&lock));
        CALL(record, pthread_rwlock_tryrdlock(&lock));
        if (held_for_reading)
            CALL(record, pthread_rwlock_unlock(&lock));
        struct stretch stretch = stretch_begin();
        struct timespec time = time_in(CLOCK_REALTIME, 20 * MS);
        CALL(record, pthread_rwlock_timedwrlock(&lock, &time));
        stretch_end(&stretch, record, 19 * MS);
        struct later later;
        later_begin(&later, record, holder_go, &holder);
        CALL(record, way == 1 ? pthread_rwlock_rdlock(&lock) : pthread_rwlock_wrlock(&lock));
        later_end(&later);
        if (way != 1)
            CALL(record, pthread_rwlock_wrlock(&lock));
        CALL(record, pthread_rwlock_unlock(&lock));
        holder_end(&holder);
        CALL(record, pthread_rwlock_destroy(&lock));
    }
}

/* --- once, barriers, joins --- */

static int *calls_of_once;

static void slowly_once(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20 * MS}, NULL);
    ++*calls_of_once;
}

static void done_once(struct record *record)
{
    pthread_once_t control = PTHREAD_ONCE_INIT;
    int calls = 0;
    calls_of_once = &calls;
    struct stretch stretch = stretch_begin();
    CALL(record, pthread_once(&control, slowly_once));
    stretch_end(&stretch, record, 20 * MS);
    CALL(record, pthread_once(&control, slowly_once));
    CALL(record, calls);
    once_flag flag = ONCE_FLAG_INIT;
    stretch = stretch_begin();
    call_once(&flag, slowly_once);
    stretch_end(&stretch, record, 20 * MS);
    call_once(&flag, slowly_once);
    CALL(record, calls);
}

static void arrive(void *barrier)
{
    pthread_barrier_wait(barrier);
}

static void barriers_are_waited_for(struct record *record)
{
    pthread_barrier_t barrier;
    NEED(record, pthread_barrier_init(&barrier, NULL, 2) == 0);
    struct later later;
    later_begin(&later, record, arrive, &barrier);
    int result = pthread_barrier_wait(&barrier);
    FACT(record, result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
    later_end(&later);
    CALL(record, pthread_barrier_destroy(&barrier));
}

#ifndef __SANITIZE_THREAD__ /* under which a join blocks: lib/hooks/thread.c */
static void *await_byte(void *argument)
{
    const int *fds = argument;
    char byte;
    (void)!read(fds[0], &byte, 1);
    return argument;
}

static void write_byte(void *argument)
{
    const int *fds = argument;
    (void)!write(fds[1], "x", 1);
}

static void joins_time_out(struct record *record)
{
    int fds[2];
    pthread_t thread;
    void *value = NULL;
    NEED(record, pipe2(fds, O_CLOEXEC) == 0);
    NEED(record, pthread_create(&thread, NULL, await_byte, fds) == 0);
    CALL(record, pthread_tryjoin_np(thread, &value));
    struct stretch stretch = stretch_begin();
    struct timespec time = time_in(CLOCK_REALTIME, 20 * MS);
    CALL(record, pthread_timedjoin_np(thread, &value, &time));
    stretch_end(&stretch, record, 19 * MS);
    stretch = stretch_begin();
    time = time_in(CLOCK_MONOTONIC, 20 * MS);
    CALL(record, pthread_clockjoin_np(thread, &value, CLOCK_MONOTONIC, &time));
    stretch_end(&stretch, record, 19 * MS);
    time = time_in(CLOCK_REALTIME, 60000 * MS);
    struct later later;
    later_begin(&later, record, write_byte, fds);
    CALL(record, pthread_timedjoin_np(thread, &value, &time));
    later_end(&later);
    FACT(record, value == fds);
    close(fds[0]);
    close(fds[1]);
}
#endif

/* --- C11's names --- */

/* Of which ThreadSanitizer knows nothing: it would take each lock for a race. */
#ifndef __SANITIZE_THREAD__
static int take_c11(void *lock)
{
    return mtx_lock(lock) != thrd_success;
}

static int give_c11(void *lock)
{
    return mtx_unlock(lock) != thrd_success;
}

struct c11_event {
    mtx_t mutex;
    cnd_t cond;
    bool happened;
};

static void happen_c11(void *argument)
{
    struct c11_event *event = argument;
    mtx_lock(&event->mutex);
    event->happened = true;
    cnd_signal(&event->cond);
    mtx_unlock(&event->mutex);
}

static int sleep_in_thread(void *argument)
{
    (void)argument;
    thrd_sleep(&(struct timespec){.tv_nsec = 30 * MS}, NULL);
    return 7;
}

static void c11_threads(struct record *record)
{
    struct c11_event event = {.happened = false};
    NEED(record, mtx_init(&event.mutex, mtx_timed) == thrd_success);
    NEED(record, cnd_init(&event.cond) == thrd_success);
    struct holder holder = {.lock = &event.mutex, .take = take_c11, .give = give_c11};
    holder_begin(&holder, record);
    FACT(record, mtx_trylock(&event.mutex) == thrd_busy);
    struct timespec time = time_in(CLOCK_REALTIME, 20 * MS);
    FACT(record, mtx_timedlock(&event.mutex, &time) == thrd_timedout);
    struct later later;
    later_begin(&later, record, holder_go, &holder);
    FACT(record, mtx_lock(&event.mutex) == thrd_success);
    later_end(&later);
    holder_end(&holder);
    time = time_in(CLOCK_REALTIME, 20 * MS);
    FACT(record, cnd_timedwait(&event.cond, &event.mutex, &time) == thrd_timedout);
    later_begin(&later, record, happen_c11, &event);
    while (!event.happened)
        NEED(record, cnd_wait(&event.cond, &event.mutex) == thrd_success);
    later_end(&later);
    FACT(record, mtx_unlock(&event.mutex) == thrd_success);
    struct stretch stretch = stretch_begin();
    CALL(record, thrd_sleep(&(struct timespec){.tv_nsec = 20 * MS}, NULL));
    stretch_end(&stretch, record, 20 * MS);
    FACT(record, thrd_sleep(&(struct timespec){.tv_nsec = -1}, NULL) == -2);
    thrd_t thread;
    int result = 0;
    NEED(record, thrd_create(&thread, sleep_in_thread, NULL) == thrd_success);
    CALL(record, thrd_join(thread, &result));
    CALL(record, result);
    mtx_destroy(&event.mutex);
    cnd_destroy(&event.cond);
}
#endif

#define CASE(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }

const struct hook_case CASES_LOCKS[] = {
    CASE(mutexes_are_waited_for),
    CASE(mutexes_time_out),
    CASE(robust_mutexes_tell_of_a_death),
    CASE(semaphores_are_waited_for),
    CASE(semaphores_time_out),
    CASE(rwlocks_are_waited_for),
    CASE(done_once),
    CASE(barriers_are_waited_for),
#ifndef __SANITIZE_THREAD__ /* the first reports the wrong use that it is about */
    CASE(mutexes_know_their_owner),
    CASE(conditions_are_waited_for),
    CASE(conditions_time_out),
    CASE(conditions_need_the_mutex),
    CASE(semaphores_are_posted_by_handlers),
    CASE(joins_time_out),
    CASE(c11_threads),
#endif
    {0},
};
