/*
 * Condition variables that processes share. ThreadSanitizer looks condition variables up past the
 * hooks.
 */
#include "apart.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#ifndef __SANITIZE_THREAD__
static int await_value(void *unused)
{
    (void)unused;
    int error = pthread_mutex_lock(&shared->mutex);
    while (!error && !shared->value)
        error = pthread_cond_wait(&shared->cond, &shared->mutex);
    pthread_mutex_unlock(&shared->mutex);
    return -error;
}

static int signal_value(struct other *other)
{
    say(other->says[1]);
    hear(other->hears[0]);
    int error = pthread_mutex_lock(&shared->mutex);
    shared->value = 1;
    return error | pthread_cond_signal(&shared->cond) | pthread_mutex_unlock(&shared->mutex);
}

static void shared_conditions_are_waited_for(void)
{
    expect_one_wait(signal_value, await_value, 0);
}

static int wait_a_moment(void *unused)
{
    (void)unused;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    int error = pthread_mutex_lock(&shared->mutex);
    while (!error)
        error = pthread_cond_timedwait(&shared->cond, &shared->mutex, &time);
    return error == ETIMEDOUT ? -pthread_mutex_unlock(&shared->mutex) : -error;
}

static void waits_for_shared_conditions_time_out(void)
{
    shared_open();
    assert_int_equal(ovl_run(wait_a_moment, NULL, NULL), 0);
    shared_close();
}

/* As many turns as the other process, which answers each. */
static int answer_turns(struct other *other)
{
    int error = 0;
    say(other->says[1]);
    for (int i = 0; i < ROUNDS && !error; i++) {
        error = pthread_mutex_lock(&shared->mutex);
        while (!error && shared->value != 1)
            error = pthread_cond_wait(&shared->cond, &shared->mutex);
        shared->value = 0;
        error = error | pthread_cond_signal(&shared->cond) | pthread_mutex_unlock(&shared->mutex);
    }
    return error;
}

static int take_turns(void *unused)
{
    (void)unused;
    int error = 0;
    for (int i = 0; i < ROUNDS && !error; i++) {
        error = pthread_mutex_lock(&shared->mutex);
        shared->value = 1;
        error = error | pthread_cond_signal(&shared->cond);
        while (!error && shared->value)
            error = pthread_cond_wait(&shared->cond, &shared->mutex);
        error = error | pthread_mutex_unlock(&shared->mutex);
    }
    return -error;
}

static void no_signal_of_another_process_is_missed(void)
{
    struct other other;
    shared_open();
    other_begin(&other, answer_turns);
    assert_int_equal(ovl_run(take_turns, NULL, NULL), 0);
    assert_int_equal(other_end(&other), 0);
    shared_close();
}

static int wait_for_value_once(void *ret_error)
{
    pthread_mutex_lock(&shared->mutex);
    *(int *)ret_error = pthread_cond_wait(&shared->cond, &shared->mutex);
    return -pthread_mutex_unlock(&shared->mutex);
}

static int cancel_a_wait(void *unused)
{
    (void)unused;
    struct ovl_group *group;
    int result = -1;
    if (ovl_group_open(OVL_FOREVER, &group) || ovl_group_go(group, wait_for_value_once, &result))
        return -EIO;
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    ovl_group_cancel(group);
    ovl_group_close(group);
    return result == ECANCELED ? 0 : -EPROTO;
}

static void waits_for_shared_conditions_are_cancelled(void)
{
    shared_open();
    assert_int_equal(ovl_run(cancel_a_wait, NULL, NULL), 0);
    assert_int_equal(pthread_mutex_trylock(&shared->mutex), 0);
    assert_int_equal(pthread_mutex_unlock(&shared->mutex), 0);
    shared_close();
}

static void shared_conditions_go_on_where_no_thread_is_to_be_had(void)
{
    without_threads(signal_value, await_value);
}

int run_condition_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(shared_conditions_are_waited_for),
        TEST_CASE(waits_for_shared_conditions_time_out),
        TEST_CASE(no_signal_of_another_process_is_missed),
        TEST_CASE(waits_for_shared_conditions_are_cancelled),
        TEST_CASE(shared_conditions_go_on_where_no_thread_is_to_be_had),
    };
    return run_cases("apart", cases, COUNT_OF(cases), only);
}
#else
int run_condition_cases(const char *only)
{
    (void)only;
    return 0;
}
#endif
