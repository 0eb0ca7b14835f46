/*
 * Proves that mutexes which the kernel has a part in (priority inheritance and protection) are
 * waited for without asking again and again, held by one at a time, and lend priority to the loop's
 * thread.
 */
#include "../support/cases.h"
#include "base/system.h"

#include <errno.h>
#include <overlap.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define WHILE_NS   60000000 /* longer than any pause between two tries */
#define TRIES_MAX  8        /* those that come before a wait */
#define ROUNDS     SCALE(100, 30)
#define COROUTINES 8

struct scene {
    pthread_mutex_t *mutex;
    pthread_t thread;
    int protocol, type, robust;
    int inside, total, together;
    int pipe[2]; /* by which a thread that holds the mutex is told to unlock */
    atomic_bool holds;
    ovl_coroutine_fn *fn; /* what the coroutine that waits does; NULL: lock_and_unlock */
    int result;
};

/* In a page of its own, so that who touches it too late is found. */
static void scene_open(struct scene *scene)
{
    pthread_mutexattr_t attributes;
    scene->mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(scene->mutex != MAP_FAILED);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, scene->protocol);
    pthread_mutexattr_settype(&attributes, scene->type);
    pthread_mutexattr_setrobust(&attributes, scene->robust);
    assert_int_equal(pthread_mutex_init(scene->mutex, &attributes), 0);
    assert_int_equal(pipe(scene->pipe), 0);
}

static void scene_close(struct scene *scene)
{
    close(scene->pipe[0]);
    close(scene->pipe[1]);
    if (scene->mutex)
        munmap(scene->mutex, 4096);
}

/* False: this user may have no threads of real-time priority. */
static bool set_priority(int priority)
{
    struct sched_param wanted = {.sched_priority = priority};
    return !pthread_setschedparam(pthread_self(), priority ? SCHED_FIFO : SCHED_OTHER, &wanted);
}

/* --- a thread that holds it --- */

static void *hold(void *argument)
{
    struct scene *scene = argument;
    char byte;
    int error = pthread_mutex_lock(scene->mutex);
    atomic_store(&scene->holds, true);
    if (read(scene->pipe[0], &byte, 1) == 1 && !scene->robust)
        error |= pthread_mutex_unlock(scene->mutex);
    return error ? scene : NULL;
}

/* Sleeps meanwhile: of two threads of one real-time priority on one processor, the other would
 * never run. */
static int hold_in_thread(struct scene *scene)
{
    int error = pthread_create(&scene->thread, NULL, hold, scene);
    while (!error && !atomic_load(&scene->holds))
        ovl_sleep(ovl_after(OVL_MILLISECOND));
    return -error;
}

/* The thread unlocks, or where the mutex is robust ends without doing so. */
static int let_go(struct scene *scene)
{
    void *failed = NULL;
    if (write(scene->pipe[1], "x", 1) != 1 || pthread_join(scene->thread, &failed))
        return -EIO;
    return failed ? -EPROTO : 0;
}

static atomic_int asked;
static __typeof__(&pthread_mutex_trylock) real_trylock;

static int count_trylock(pthread_mutex_t *mutex)
{
    atomic_fetch_add(&asked, 1);
    return real_trylock(mutex);
}

static int lock_and_unlock(void *argument)
{
    struct scene *scene = argument;
    scene->result = pthread_mutex_lock(scene->mutex);
    if (scene->result == EOWNERDEAD && pthread_mutex_consistent(scene->mutex))
        return -EPROTO;
    return -pthread_mutex_unlock(scene->mutex);
}

static int wait_and_go_on(void *argument)
{
    struct scene *scene = argument;
    struct ovl_coroutine *coroutine;
    int error = hold_in_thread(scene);
    if (error || ovl_go(scene->fn ? scene->fn : lock_and_unlock, scene, &coroutine))
        return -EIO;
    nanosleep(&(struct timespec){.tv_nsec = WHILE_NS}, NULL);
    error = let_go(scene);
    int joined = ovl_join(coroutine);
    return error ? error : joined;
}

static void expect_one_wait(struct scene scene, int result)
{
    scene_open(&scene);
    atomic_store(&asked, 0);
    if (!real_trylock)
        real_trylock = ovl__sys.pthread_mutex_trylock;
    ovl__sys.pthread_mutex_trylock = count_trylock;
    assert_int_equal(ovl_run(wait_and_go_on, &scene, NULL), 0);
    assert_int_equal(scene.result, result);
    assert_in_range(atomic_load(&asked), 1, TRIES_MAX);
    assert_int_equal(pthread_mutex_lock(scene.mutex), 0); /* it was left as it should be */
    assert_int_equal(pthread_mutex_unlock(scene.mutex), 0);
    scene_close(&scene);
}

static void inheriting_mutexes_are_asked_for_a_few_times(void)
{
    expect_one_wait((struct scene){.protocol = PTHREAD_PRIO_INHERIT}, 0);
    expect_one_wait(
        (struct scene){.protocol = PTHREAD_PRIO_INHERIT, .type = PTHREAD_MUTEX_RECURSIVE}, 0);
    expect_one_wait(
        (struct scene){.protocol = PTHREAD_PRIO_INHERIT, .type = PTHREAD_MUTEX_ERRORCHECK}, 0);
}

static void a_dead_owner_is_told(void)
{
    for (int i = 0; i < 3; i++) {
        static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
                                    PTHREAD_MUTEX_ERRORCHECK};
        expect_one_wait((struct scene){.protocol = PTHREAD_PRIO_INHERIT,
                                       .type = types[i],
                                       .robust = PTHREAD_MUTEX_ROBUST},
                        EOWNERDEAD);
    }
}

static void protecting_mutexes_are_asked_for_a_few_times(void)
{
    if (set_priority(1)) /* which such mutexes ask for */
        expect_one_wait((struct scene){.protocol = PTHREAD_PRIO_PROTECT}, 0);
}

/* --- one at a time --- */

static void enter(struct scene *scene)
{
    if (scene->inside++)
        scene->together++;
    nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    scene->inside--;
    scene->total++;
}

static int enter_often(void *argument)
{
    struct scene *scene = argument;
    bool twice = scene->type == PTHREAD_MUTEX_RECURSIVE;
    int error = 0;
    for (int i = 0; i < ROUNDS && !error; i++) {
        error = pthread_mutex_lock(scene->mutex);
        error |= twice ? pthread_mutex_lock(scene->mutex) : 0;
        enter(scene);
        error |= twice ? pthread_mutex_unlock(scene->mutex) : 0;
        error |= pthread_mutex_unlock(scene->mutex);
    }
    return -error;
}

static void *enter_in_thread(void *argument)
{
    return enter_often(argument) ? argument : NULL;
}

static int enter_together(void *argument)
{
    struct scene *scene = argument;
    struct ovl_group *group;
    pthread_t thread;
    void *failed = NULL;
    int error = ovl_group_open(OVL_FOREVER, &group);
    for (int i = 0; i < COROUTINES && !error; i++)
        error = ovl_group_go(group, enter_often, scene);
    if (error || pthread_create(&thread, NULL, enter_in_thread, scene))
        return -EIO;
    error = ovl_group_close(group);
    return pthread_join(thread, &failed) || failed ? -EPROTO : error;
}

static void expect_one_at_a_time(int protocol, int type)
{
    struct scene scene = {.protocol = protocol, .type = type};
    scene_open(&scene);
    assert_int_equal(ovl_run(enter_together, &scene, NULL), 0);
    assert_int_equal(scene.together, 0);
    assert_int_equal(scene.total, ROUNDS * (COROUTINES + 1));
    scene_close(&scene);
}

static void one_at_a_time_holds_it(void)
{
    expect_one_at_a_time(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_NORMAL);
    expect_one_at_a_time(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_RECURSIVE);
    if (set_priority(1))
        expect_one_at_a_time(PTHREAD_PRIO_PROTECT, PTHREAD_MUTEX_NORMAL);
}

/* --- what a deputy holds --- */

static int unlock_and_unmap(void *argument)
{
    struct scene *scene = argument;
    int error = pthread_mutex_lock(scene->mutex) | pthread_mutex_unlock(scene->mutex) |
                munmap(scene->mutex, 4096);
    scene->mutex = NULL;
    return -error;
}

/* Nobody touches it once it was unlocked. */
static void what_was_unlocked_may_vanish(void)
{
    for (int i = 0; i < ROUNDS / 10; i++) {
        struct scene scene = {.protocol = PTHREAD_PRIO_INHERIT, .fn = unlock_and_unmap};
        scene_open(&scene);
        assert_int_equal(ovl_run(wait_and_go_on, &scene, NULL), 0);
        scene_close(&scene);
    }
}

static void *lock_at_high_priority(void *argument)
{
    struct scene *scene = argument;
    struct sched_param high = {.sched_priority = 5};
    int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &high);
    error |= pthread_mutex_lock(scene->mutex) | pthread_mutex_unlock(scene->mutex);
    return error ? scene : NULL;
}

/* As the kernel has it now: negative where it is of real time. */
static int priority_now(void)
{
    char text[512] = "";
    int priority = 0;
    FILE *file = fopen("/proc/thread-self/stat", "r");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = 0;
    char *fields = strrchr(text, ')');
    if (!fields ||
        sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d",
               &priority) != 1)
        return 0;
    return priority;
}

static int be_lent_priority(void *argument)
{
    struct scene *scene = argument;
    pthread_t thread;
    void *failed = NULL;
    int error = pthread_mutex_lock(scene->mutex);
    if (error || pthread_create(&thread, NULL, lock_at_high_priority, scene))
        return -EIO;
    while (priority_now() >= 0)
        ovl_yield();
    error = pthread_mutex_unlock(scene->mutex);
    if (priority_now() < 0)
        return -EPROTO;
    return pthread_join(thread, &failed) || failed ? -EPROTO : -error;
}

static void who_waits_lends_priority_to_the_loop(void)
{
    struct scene scene = {.protocol = PTHREAD_PRIO_INHERIT, .fn = be_lent_priority};
    if (!set_priority(1) || !set_priority(0))
        return;
    scene_open(&scene);
    assert_int_equal(ovl_run(wait_and_go_on, &scene, NULL), 0);
    scene_close(&scene);
}

static int time_out(void *argument)
{
    struct scene *scene = argument;
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec = 0;
    if (hold_in_thread(scene))
        return -EIO;
    if (pthread_mutex_timedlock(scene->mutex, &time) != ETIMEDOUT)
        return -EPROTO;
    return let_go(scene);
}

static void waits_time_out(void)
{
    struct scene scene = {.protocol = PTHREAD_PRIO_INHERIT};
    scene_open(&scene);
    assert_int_equal(ovl_run(time_out, &scene, NULL), 0);
    scene_close(&scene);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(inheriting_mutexes_are_asked_for_a_few_times),
        TEST_CASE(a_dead_owner_is_told),
        TEST_CASE(who_waits_lends_priority_to_the_loop),
        TEST_CASE(protecting_mutexes_are_asked_for_a_few_times),
        TEST_CASE(one_at_a_time_holds_it),
        TEST_CASE(what_was_unlocked_may_vanish),
        TEST_CASE(waits_time_out),
    };
    return run_cases("deputy", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
