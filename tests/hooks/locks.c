/*
 * Proves that locks of pthreads hold between coroutines of one loop, and between them and threads:
 * whoever waits lets the others go on, the holder among them.
 */
#include "../support/cases.h"
#include <errno.h>
#include <linux/futex.h>
#include <overlap.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS     SCALE(200, 40)
#define COROUTINES 20

/* Runs fn as the first coroutine of a loop. */
static void run(ovl_coroutine_fn *fn, void *argument)
{
    assert_int_equal(ovl_run(fn, argument, NULL), 0);
}

/* Starts `count` coroutines and waits for their ends. */
static int run_many(ovl_coroutine_fn *fn, void *argument, int count)
{
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    for (int i = 0; i < count && !error; i++)
        error = ovl_group_go(group, fn, argument);
    int first = ovl_group_close(group);
    return error ? error : first;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

/* --- one at a time --- */

struct counter {
    pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
    int inside;
    int total;
    int together; /* how often somebody else was found inside */
};

static void enter(struct counter *counter)
{
    if (counter->inside++)
        counter->together++;
    nap();
    counter->inside--;
    counter->total++;
}

static int enter_often(void *argument)
{
    struct counter *counter = argument;
    for (int i = 0; i < ROUNDS; i++) {
        if (pthread_mutex_lock(&counter->mutex))
            return -EIO;
        enter(counter);
        if (pthread_mutex_unlock(&counter->mutex))
            return -EIO;
    }
    return 0;
}

static int enter_twice_over(void *argument)
{
    struct counter *counter = argument;
    for (int i = 0; i < ROUNDS; i++) {
        int error = pthread_mutex_lock(&counter->mutex);
        error = error ? error : pthread_mutex_lock(&counter->mutex);
        enter(counter);
        error = error ? error : pthread_mutex_unlock(&counter->mutex);
        error = error ? error : pthread_mutex_unlock(&counter->mutex);
        if (error)
            return -error;
    }
    return 0;
}

static int enter_to_write(void *argument)
{
    struct counter *counter = argument;
    for (int i = 0; i < ROUNDS / 4; i++) {
        int error = pthread_rwlock_wrlock(&counter->rwlock);
        enter(counter);
        error = error ? error : pthread_rwlock_unlock(&counter->rwlock);
        error = error ? error : pthread_rwlock_rdlock(&counter->rwlock);
        if (counter->inside)
            counter->together++;
        error = error ? error : pthread_rwlock_unlock(&counter->rwlock);
        if (error)
            return -error;
    }
    return 0;
}

static void *thread_of(void *argument)
{
    return enter_often(argument) ? argument : NULL;
}

static void counter_init(struct counter *counter, int type)
{
    *counter = (struct counter){0};
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type);
    assert_int_equal(pthread_mutex_init(&counter->mutex, &attributes), 0);
    pthread_mutexattr_destroy(&attributes);
    assert_int_equal(pthread_rwlock_init(&counter->rwlock, NULL), 0);
}

static void expect_counted(struct counter *counter, int total)
{
    assert_int_equal(counter->together, 0);
    assert_int_equal(counter->inside, 0);
    assert_int_equal(counter->total, total);
    assert_int_equal(pthread_mutex_destroy(&counter->mutex), 0);
    assert_int_equal(pthread_rwlock_destroy(&counter->rwlock), 0);
}

static int many_enter(void *counter)
{
    return run_many(enter_often, counter, COROUTINES);
}

static int many_enter_twice_over(void *counter)
{
    return run_many(enter_twice_over, counter, COROUTINES);
}

static int many_enter_to_write(void *counter)
{
    return run_many(enter_to_write, counter, COROUTINES);
}

static void holder_may_be_a_coroutine_of_the_same_loop(void)
{
    static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ERRORCHECK,
                                PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ADAPTIVE_NP};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct counter counter;
        counter_init(&counter, types[i]);
        run(many_enter, &counter);
        expect_counted(&counter, COROUTINES * ROUNDS);
    }
}

/* To libc they are one thread, and it would let all of them in. */
/*
 * A lock that is not libc's, as those of GLib, Abseil and Rust are made: 0, 1: locked, 2: locked,
 * and others wait.
 */
static atomic_uint foreign_lock;

static void foreign_lock_take(void)
{
    unsigned expected = 0;
    if (atomic_compare_exchange_strong(&foreign_lock, &expected, 1))
        return;
    while (atomic_exchange(&foreign_lock, 2))
        syscall(SYS_futex, &foreign_lock, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static void foreign_lock_give(void)
{
    if (atomic_exchange(&foreign_lock, 0) == 2)
        syscall(SYS_futex, &foreign_lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int enter_by_foreign_lock(void *argument)
{
    struct counter *counter = argument;
    for (int i = 0; i < ROUNDS; i++) {
        foreign_lock_take();
        enter(counter);
        foreign_lock_give();
    }
    return 0;
}

static void *foreign_thread_of(void *argument)
{
    enter_by_foreign_lock(argument);
    return NULL;
}

static int many_enter_by_foreign_lock(void *counter)
{
    return run_many(enter_by_foreign_lock, counter, COROUTINES);
}

static void locks_of_others_may_be_held_across_a_wait(void)
{
    struct counter counter;
    pthread_t thread;
    counter_init(&counter, PTHREAD_MUTEX_NORMAL);
    assert_int_equal(pthread_create(&thread, NULL, foreign_thread_of, &counter), 0);
    run(many_enter_by_foreign_lock, &counter);
    pthread_join(thread, NULL);
    expect_counted(&counter, (COROUTINES + 1) * ROUNDS);
}

/* Each waits for its turn as code does that spins. */
static int turn;

static int spin_for_turn(void *argument)
{
    int mine = *(int *)argument;
    for (int i = 0; i < ROUNDS; i++) {
        while (turn != mine)
            mine ? thrd_yield() : (void)sched_yield();
        turn = !mine;
    }
    return 0;
}

static int two_spin(void *unused)
{
    static int numbers[] = {0, 1};
    (void)unused;
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    for (int i = 0; i < 2 && !error; i++)
        error = ovl_group_go(group, spin_for_turn, &numbers[i]);
    int first = ovl_group_close(group);
    return error ? error : first;
}

static void who_spins_lets_others_run(void)
{
    run(two_spin, NULL);
    assert_int_equal(turn, 0);
}

static void recursive_mutexes_belong_to_one_coroutine(void)
{
    struct counter counter;
    counter_init(&counter, PTHREAD_MUTEX_RECURSIVE);
    run(many_enter_twice_over, &counter);
    expect_counted(&counter, COROUTINES * ROUNDS);
}

static void writers_are_alone(void)
{
    struct counter counter;
    counter_init(&counter, PTHREAD_MUTEX_NORMAL);
    run(many_enter_to_write, &counter);
    expect_counted(&counter, COROUTINES * (ROUNDS / 4));
}

static void threads_and_coroutines_share_a_mutex(void)
{
    static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ERRORCHECK};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct counter counter;
        counter_init(&counter, types[i]);
        pthread_t threads[3];
        for (size_t k = 0; k < COUNT_OF(threads); k++)
            assert_int_equal(pthread_create(&threads[k], NULL, thread_of, &counter), 0);
        run(many_enter, &counter);
        for (size_t k = 0; k < COUNT_OF(threads); k++) {
            void *failed = &counter;
            pthread_join(threads[k], &failed);
            assert_null(failed);
        }
        expect_counted(&counter, (COROUTINES + (int)COUNT_OF(threads)) * ROUNDS);
    }
}

/*
 * ThreadSanitizer has a pthread_once of its own, and looks up libc's condition variables by their
 * version, past the hooks: there a wait for either stops the loop.
 */
#ifndef __SANITIZE_THREAD__
/* --- queues of threads --- */

/* A bounded buffer as it is in every book; each number goes through once. */
struct buffer {
    pthread_mutex_t mutex;
    pthread_cond_t may_put;
    pthread_cond_t may_take;
    int numbers[4];
    int count;
    int put;   /* so far, by all */
    int taken; /* so far */
    long sum;
    int wanted;
};

static int put_numbers(void *argument)
{
    struct buffer *buffer = argument;
    pthread_mutex_lock(&buffer->mutex);
    while (buffer->put < buffer->wanted) {
        if (buffer->count < (int)COUNT_OF(buffer->numbers)) {
            buffer->numbers[buffer->count++] = ++buffer->put;
            pthread_cond_signal(&buffer->may_take);
        } else {
            pthread_cond_wait(&buffer->may_put, &buffer->mutex);
        }
    }
    pthread_cond_broadcast(&buffer->may_put);
    pthread_mutex_unlock(&buffer->mutex);
    return 0;
}

static int take_numbers(void *argument)
{
    struct buffer *buffer = argument;
    pthread_mutex_lock(&buffer->mutex);
    while (buffer->taken < buffer->wanted) {
        if (buffer->count) {
            buffer->sum += buffer->numbers[--buffer->count];
            buffer->taken++;
            pthread_cond_signal(&buffer->may_put);
        } else {
            pthread_cond_wait(&buffer->may_take, &buffer->mutex);
        }
    }
    pthread_cond_broadcast(&buffer->may_take);
    pthread_mutex_unlock(&buffer->mutex);
    return 0;
}

static void *put_in_thread(void *argument)
{
    put_numbers(argument);
    return NULL;
}

static void *take_in_thread(void *argument)
{
    take_numbers(argument);
    return NULL;
}

/* Both sides in coroutines, and what `way` says in threads. */
static int pass_numbers(void *argument)
{
    struct buffer *buffer = argument;
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    for (int i = 0; i < 5 && !error; i++) {
        error = ovl_group_go(group, put_numbers, buffer);
        error = error ? error : ovl_group_go(group, take_numbers, buffer);
    }
    int first = ovl_group_close(group);
    return error ? error : first;
}

static void conditions_pass_between_threads_and_coroutines(void)
{
    for (int threads = 0; threads < 3; threads++) {
        struct buffer buffer = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                .may_put = PTHREAD_COND_INITIALIZER,
                                .may_take = PTHREAD_COND_INITIALIZER,
                                .wanted = SCALE(20000, 2000)};
        pthread_t putters[2];
        pthread_t takers[2];
        for (int i = 0; i < threads; i++) {
            assert_int_equal(pthread_create(&putters[i], NULL, put_in_thread, &buffer), 0);
            assert_int_equal(pthread_create(&takers[i], NULL, take_in_thread, &buffer), 0);
        }
        run(pass_numbers, &buffer);
        for (int i = 0; i < threads; i++) {
            pthread_join(putters[i], NULL);
            pthread_join(takers[i], NULL);
        }
        assert_int_equal(buffer.taken, buffer.wanted);
        assert_int_equal(buffer.sum, (long)buffer.wanted * (buffer.wanted + 1) / 2);
    }
}
#endif

/* --- semaphores --- */

struct ping {
    sem_t there;
    sem_t back;
};

static void *answer(void *argument)
{
    struct ping *ping = argument;
    for (int i = 0; i < ROUNDS; i++) {
        while (sem_wait(&ping->there))
            ;
        sem_post(&ping->back);
    }
    return NULL;
}

static int call_out(void *argument)
{
    struct ping *ping = argument;
    for (int i = 0; i < ROUNDS; i++) {
        sem_post(&ping->there);
        if (sem_wait(&ping->back))
            return -errno;
    }
    return 0;
}

static void semaphores_go_there_and_back(void)
{
    struct ping ping;
    assert_int_equal(sem_init(&ping.there, 0, 0), 0);
    assert_int_equal(sem_init(&ping.back, 0, 0), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer, &ping), 0);
    run(call_out, &ping);
    pthread_join(thread, NULL);
    sem_destroy(&ping.there);
    sem_destroy(&ping.back);
}

/* More coroutines wait than one thread can have futexes watched. */
static int await_post(void *semaphore)
{
    return sem_wait(semaphore) ? -errno : 0;
}

static int many_wait(void *semaphore)
{
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    for (int i = 0; i < 1000 && !error; i++)
        error = ovl_group_go(group, await_post, semaphore);
    nap();
    for (int i = 0; i < 1000; i++)
        sem_post(semaphore);
    int first = ovl_group_close(group);
    return error ? error : first;
}

static void thousand_wait_for_one_semaphore(void)
{
    sem_t semaphore;
    int value = -1;
    assert_int_equal(sem_init(&semaphore, 0, 0), 0);
    run(many_wait, &semaphore);
    sem_getvalue(&semaphore, &value);
    assert_int_equal(value, 0);
    sem_destroy(&semaphore);
}

#ifndef __SANITIZE_THREAD__
/* --- once --- */

static pthread_once_t once_control = PTHREAD_ONCE_INIT;
static int once_calls;

static void do_slowly(void)
{
    nap();
    once_calls++;
}

static int do_once(void *unused)
{
    (void)unused;
    int error = pthread_once(&once_control, do_slowly);
    return error ? -error : (once_calls == 1 ? 0 : -EIO);
}

static int many_do_once(void *unused)
{
    return run_many(do_once, unused, COROUTINES);
}

static once_flag c11_flag = ONCE_FLAG_INIT;

static int do_once_by_c11(void *unused)
{
    (void)unused;
    call_once(&c11_flag, do_slowly);
    return once_calls == 2 ? 0 : -EIO;
}

static int many_do_once_by_c11(void *unused)
{
    return run_many(do_once_by_c11, unused, COROUTINES);
}

static void what_is_done_once_may_give_way(void)
{
    run(many_do_once, NULL);
    assert_int_equal(once_calls, 1);
    run(many_do_once_by_c11, NULL);
    assert_int_equal(once_calls, 2);
}

/* --- what is called off --- */

static int wait_for_nothing(void *argument)
{
    (void)argument;
    static sem_t semaphore;
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    if (sem_wait(&semaphore) == 0 || errno != ECANCELED)
        return -EIO;
    pthread_mutex_lock(&mutex);
    /* As code that does not look at what the call returns. */
    for (int i = 0; i < 3; i++)
        pthread_cond_wait(&cond, &mutex);
    int error = pthread_cond_wait(&cond, &mutex);
    pthread_mutex_unlock(&mutex);
    return error == ECANCELED ? 0 : -EIO;
}

static int call_off(void *unused)
{
    struct ovl_scope scope;
    int error = ovl_scope_enter(&scope, ovl_after(10 * OVL_MILLISECOND), 0);
    if (error)
        return error;
    error = wait_for_nothing(unused);
    int reason = ovl_scope_leave(&scope);
    return error || reason == OVL_ETIMEDOUT ? error : -EIO;
}

static void waits_are_called_off(void)
{
    run(call_off, NULL);
}
#endif

/* --- deadlocks --- */

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;

static int lock_both(pthread_mutex_t *first, pthread_mutex_t *second)
{
    pthread_mutex_lock(first);
    nap();
    int error = pthread_mutex_lock(second);
    if (!error)
        pthread_mutex_unlock(second);
    pthread_mutex_unlock(first);
    if (error == EDEADLK)
        atomic_fetch_add(&board->number[0], 1);
    return 0;
}

static int one_then_other(void *unused)
{
    (void)unused;
    return lock_both(&one, &other);
}

static int other_then_one(void *unused)
{
    (void)unused;
    return lock_both(&other, &one);
}

static int cross(void *unused)
{
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    error = error ? error : ovl_group_go(group, one_then_other, unused);
    error = error ? error : ovl_group_go(group, other_then_one, unused);
    int first = ovl_group_close(group);
    return error ? error : first;
}

static int lock_again(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&one);
    int error = pthread_mutex_lock(&one);
    pthread_mutex_unlock(&one);
    return error == EDEADLK ? 0 : -EIO;
}

/* What the library says on standard error while fn runs. */
static void run_and_hear(ovl_coroutine_fn *fn, char *heard, size_t size)
{
    int fds[2];
    int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && pipe(fds) == 0);
    dup2(fds[1], STDERR_FILENO);
    int error = ovl_run(fn, NULL, NULL);
    dup2(before, STDERR_FILENO);
    close(fds[1]);
    ssize_t length = read(fds[0], heard, size - 1);
    heard[length > 0 ? length : 0] = '\0';
    close(fds[0]);
    close(before);
    assert_int_equal(error, 0);
}

static void deadlocks_are_found_and_told(void)
{
    char heard[1000];
    run_and_hear(cross, heard, sizeof heard);
    assert_int_equal(board->number[0], 1);
    assert_non_null(strstr(heard, "deadlock"));
    run_and_hear(lock_again, heard, sizeof heard);
    assert_non_null(strstr(heard, "deadlock"));
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(holder_may_be_a_coroutine_of_the_same_loop),
        TEST_CASE(locks_of_others_may_be_held_across_a_wait),
        TEST_CASE(who_spins_lets_others_run),
        TEST_CASE(recursive_mutexes_belong_to_one_coroutine),
        TEST_CASE(writers_are_alone),
        TEST_CASE(threads_and_coroutines_share_a_mutex),
        TEST_CASE(semaphores_go_there_and_back),
        TEST_CASE(thousand_wait_for_one_semaphore),
        TEST_CASE(deadlocks_are_found_and_told),
#ifndef __SANITIZE_THREAD__
        TEST_CASE(conditions_pass_between_threads_and_coroutines),
        TEST_CASE(what_is_done_once_may_give_way),
        TEST_CASE(waits_are_called_off),
#endif
    };
    return run_cases("locks", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
