/* Proves the native API: groups, scopes, cancellation, helper threads. */
#include "in_loop.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* --- running --- */

static int answer(void *argument)
{
    assert_true(ovl_in_coroutine());
    assert_int_equal(ovl_run(answer, NULL, NULL), -EBUSY);
    return *(int *)argument;
}

static void run_returns_what_its_function_returns(void)
{
    assert_false(ovl_in_coroutine());
    assert_int_equal(ovl_run(answer, &(int){42}, NULL), 42);
    assert_int_equal(ovl_run(answer, &(int){-7}, NULL), -7);
}

static int need_a_coroutine(void *argument)
{
    (void)argument;
    return 0;
}

static void some_need_a_coroutine(void)
{
    struct ovl_group *group = NULL;
    struct ovl_scope scope;
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), -EPERM);
    assert_null(group);
    assert_int_equal(ovl_scope_enter(&scope, OVL_FOREVER, 0), -EPERM);
    assert_int_equal(ovl_yield(), 0);
    ovl_time deadline = ovl_after(5 * MS);
    assert_int_equal(ovl_sleep(deadline), 0);
    assert_true(ovl_now() >= deadline);
    assert_int_equal(ovl_to_thread(need_a_coroutine, NULL), 0);
    assert_int_equal(ovl_wait_fd(9999, POLLIN, OVL_FOREVER), -EBADF);
    assert_int_equal(ovl_wait_fd(-1, POLLIN, OVL_FOREVER), -EBADF);
}

/* --- groups --- */

struct turn {
    char *log;
    char name;
};

static int take_turns(void *argument)
{
    const struct turn *turn = argument;
    for (int i = 0; i < 3; i++) {
        strncat(turn->log, &turn->name, 1);
        assert_int_equal(ovl_yield(), 0);
    }
    return 0;
}

static int turns(void *argument)
{
    (void)argument;
    char log[16] = "";
    struct turn a = {.log = log, .name = 'a'};
    struct turn b = {.log = log, .name = 'b'};
    struct ovl_group *group = open_group(OVL_FOREVER);
    assert_int_equal(ovl_group_go(group, take_turns, &a), 0);
    assert_int_equal(ovl_group_go(group, take_turns, &b), 0);
    assert_string_equal(log, "");
    assert_int_equal(ovl_group_close(group), 0);
    assert_string_equal(log, "ababab");
    return 0;
}

static void coroutines_take_turns(void)
{
    in_loop(turns);
}

static int sleep_long(void *argument)
{
    int *ret_error = argument;
    *ret_error = ovl_sleep(ovl_after(100 * OVL_SECOND));
    return *ret_error;
}

static int fail_soon(void *argument)
{
    (void)argument;
    ovl_sleep(ovl_after(5 * MS));
    return 13;
}

static int first_error(void *argument)
{
    (void)argument;
    int errors[3] = {0};
    struct ovl_group *group = open_group(OVL_FOREVER);
    for (int i = 0; i < 3; i++)
        ovl_group_go(group, sleep_long, &errors[i]);
    ovl_group_go(group, fail_soon, NULL);
    /* The opener is inside of the group. */
    assert_int_equal(ovl_sleep(ovl_after(100 * OVL_SECOND)), OVL_ECANCELED);
    assert_int_equal(ovl_group_go(group, fail_soon, NULL), OVL_ECANCELED);
    assert_int_equal(ovl_group_close(group), 13);
    for (int i = 0; i < 3; i++)
        assert_int_equal(errors[i], OVL_ECANCELED);
    /* Outside of it nothing is cancelled. */
    assert_int_equal(ovl_sleep(ovl_after(MS)), 0);
    return 0;
}

static void first_error_calls_off_the_rest(void)
{
    in_loop(first_error);
}

static int group_deadline(void *argument)
{
    (void)argument;
    int error = 0;
    ovl_time deadline = ovl_after(20 * MS);
    struct ovl_group *group = open_group(deadline);
    ovl_group_go(group, sleep_long, &error);
    assert_int_equal(ovl_group_close(group), OVL_ETIMEDOUT);
    assert_int_equal(error, OVL_ECANCELED);
    assert_true(ovl_now() >= deadline);
    group = open_group(OVL_FOREVER);
    ovl_group_go(group, sleep_long, &error);
    ovl_group_cancel(group);
    assert_int_equal(ovl_group_close(group), OVL_ECANCELED);
    assert_int_equal(ovl_group_close(NULL), 0);
    return 0;
}

static void group_has_a_deadline(void)
{
    in_loop(group_deadline);
}

static int open_inner(void *argument)
{
    int *ret_error = argument;
    struct ovl_group *group = open_group(OVL_FOREVER);
    ovl_group_go(group, sleep_long, ret_error);
    ovl_group_go(group, sleep_long, ret_error);
    return ovl_group_close(group);
}

static int nested_groups(void *argument)
{
    (void)argument;
    int error = 0;
    struct ovl_group *group = open_group(ovl_after(20 * MS));
    ovl_group_go(group, open_inner, &error);
    assert_int_equal(ovl_group_close(group), OVL_ETIMEDOUT);
    assert_int_equal(error, OVL_ECANCELED);
    return 0;
}

static void cancellation_reaches_inner_groups(void)
{
    in_loop(nested_groups);
}

static int count_one(void *argument)
{
    ++*(long *)argument;
    return 0;
}

#define CROWD SCALE(20000, 500)

static int crowd(void *argument)
{
    (void)argument;
    long count = 0;
    struct ovl_group *group = open_group(OVL_FOREVER);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(ovl_group_go(group, count_one, &count), 0);
    assert_int_equal(ovl_group_close(group), 0);
    assert_int_equal(count, CROWD);
    return 0;
}

static void groups_may_be_large(void)
{
    in_loop(crowd);
}

/* --- scopes --- */

static int cancelled_read(void *argument)
{
    int *fds = argument;
    char byte;
    struct ovl_scope scope;
    assert_int_equal(ovl_scope_enter(&scope, ovl_after(20 * MS), 0), 0);
    /* Every wait fails, not only the first: nobody can swallow it. */
    for (int i = 0; i < 3; i++) {
        errno = 0;
        assert_int_equal(read(fds[0], &byte, 1), -1);
        assert_int_equal(errno, ECANCELED);
    }
    struct pollfd look = {.fd = fds[0], .events = POLLIN};
    assert_int_equal(poll(&look, 1, -1), -1);
    assert_int_equal(errno, ECANCELED);
    struct timespec rest = {0};
    assert_int_equal(nanosleep(&(struct timespec){.tv_sec = 50}, &rest), -1);
    assert_int_equal(errno, ECANCELED);
    assert_true(rest.tv_sec >= 49);
    assert_int_equal(sleep(30), 30);
    assert_int_equal(ovl_yield(), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&scope), OVL_ETIMEDOUT);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    return 0;
}

static int hooked_calls(void *argument)
{
    (void)argument;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    cancelled_read(fds);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(pipe(fds), 0);
    cancelled_read(fds);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void cancellation_reaches_hooked_calls(void)
{
    in_loop(hooked_calls);
}

static int shielded(void *argument)
{
    (void)argument;
    struct ovl_scope outer;
    struct ovl_scope shield;
    assert_int_equal(ovl_scope_enter(&outer, OVL_FOREVER, 7), -EINVAL);
    assert_int_equal(ovl_scope_enter(&outer, ovl_after(0), 0), 0);
    assert_int_equal(ovl_sleep(ovl_after(50 * MS)), OVL_ECANCELED);
    assert_int_equal(ovl_scope_enter(&shield, OVL_FOREVER, OVL_SHIELD), 0);
    ovl_time deadline = ovl_after(10 * MS);
    assert_int_equal(ovl_sleep(deadline), 0);
    assert_true(ovl_now() >= deadline);
    assert_int_equal(ovl_scope_leave(&shield), 0);
    assert_int_equal(ovl_sleep(ovl_after(50 * MS)), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&outer), OVL_ETIMEDOUT);
    return 0;
}

static void shield_keeps_cancellation_out(void)
{
    in_loop(shielded);
}

static int cancel_it(void *argument)
{
    ovl_scope_cancel(argument);
    return 0;
}

static int scopes(void *argument)
{
    (void)argument;
    struct ovl_group *group = open_group(OVL_FOREVER);
    struct ovl_scope outer;
    struct ovl_scope inner;
    assert_int_equal(ovl_scope_enter(&outer, OVL_FOREVER, 0), 0);
    assert_int_equal(ovl_scope_enter(&inner, ovl_after(50 * OVL_SECOND), 0), 0);
    ovl_group_go(group, cancel_it, &outer);
    assert_int_equal(ovl_sleep(ovl_after(50 * OVL_SECOND)), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&inner), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&outer), OVL_ECANCELED);
    assert_int_equal(ovl_group_close(group), 0);
    return 0;
}

static void scope_is_cancelled_by_another_coroutine(void)
{
    in_loop(scopes);
}

/* --- threads and descriptors --- */

static int which_thread(void *argument)
{
    *(pthread_t *)argument = pthread_self();
    return 5;
}

static int offload(void *argument)
{
    (void)argument;
    pthread_t thread = pthread_self();
    assert_int_equal(ovl_to_thread(which_thread, &thread), 5);
    assert_false(pthread_equal(thread, pthread_self()));
    return 0;
}

static void to_thread_calls_in_another_thread(void)
{
    in_loop(offload);
}

static int write_later(void *argument)
{
    int *fds = argument;
    assert_int_equal(write(fds[1], "x", 1), 1);
    return 0;
}

static int close_later(void *argument)
{
    int *fds = argument;
    close(fds[0]);
    fds[0] = -1;
    return 0;
}

static int descriptors(void *argument)
{
    (void)argument;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(ovl_wait_fd(fds[0], POLLIN, ovl_after(MS)), OVL_ETIMEDOUT);
    struct ovl_group *group = open_group(OVL_FOREVER);
    ovl_group_go(group, write_later, fds);
    assert_int_equal(ovl_wait_fd(fds[0], POLLIN, OVL_FOREVER), 0);
    assert_int_equal(ovl_wait_fd(fds[0], POLLIN, 0), 0); /* no time, but it is ready */
    char byte;
    assert_int_equal(read(fds[0], &byte, 1), 1);
    assert_int_equal(ovl_wait_fd(fds[0], POLLIN, 0), OVL_ETIMEDOUT);
    assert_int_equal(ovl_wait_fd(-1, POLLIN, OVL_FOREVER), -EBADF);
    ovl_group_go(group, close_later, fds);
    assert_int_equal(ovl_wait_fd(fds[0], POLLIN, OVL_FOREVER), -EBADF);
    assert_int_equal(ovl_group_close(group), 0);
    close(fds[1]);
    return 0;
}

/* Numbers of two descriptors: in a thread, the second one's file comes to be the first's. */
static int replace(void *argument)
{
    const int *fds = argument;
    return dup2(fds[1], fds[0]) == fds[0] ? 0 : -errno;
}

static int wait_to_read(void *argument)
{
    return ovl_wait_fd(*(int *)argument, POLLIN, ovl_after(20 * OVL_SECOND));
}

static int wait_for_another_file(void *argument)
{
    (void)argument;
    int before[2];
    int after[2];
    assert_int_equal(pipe(before), 0);
    assert_int_equal(pipe(after), 0);
    struct ovl_coroutine *first;
    struct ovl_coroutine *second;
    assert_int_equal(ovl_go(wait_to_read, &before[0], &first), 0);
    assert_int_equal(ovl_yield(), 0);
    assert_int_equal(ovl_to_thread(replace, (int[]){before[0], after[0]}), 0);
    assert_int_equal(ovl_go(wait_to_read, &before[0], &second), 0);
    assert_int_equal(ovl_yield(), 0);
    assert_int_equal(write(after[1], "a", 1), 1);
    assert_int_equal(ovl_join(second), 0);
    assert_int_equal(ovl_join(first), 0);
    for (int i = 0; i < 2; i++) {
        close(before[i]);
        close(after[i]);
    }
    return 0;
}

static void number_used_again_is_waited_for_anew(void)
{
    in_loop(wait_for_another_file);
}

static void a_deadline_long_past_has_passed(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(ovl_wait_fd(fds[0], POLLIN, INT64_MIN), OVL_ETIMEDOUT);
    close(fds[0]);
    close(fds[1]);
}

static void descriptors_are_waited_for(void)
{
    in_loop(descriptors);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(run_returns_what_its_function_returns),
        TEST_CASE(some_need_a_coroutine),
        TEST_CASE(coroutines_take_turns),
        TEST_CASE(first_error_calls_off_the_rest),
        TEST_CASE(group_has_a_deadline),
        TEST_CASE(cancellation_reaches_inner_groups),
        TEST_CASE(groups_may_be_large),
        TEST_CASE(cancellation_reaches_hooked_calls),
        TEST_CASE(shield_keeps_cancellation_out),
        TEST_CASE(scope_is_cancelled_by_another_coroutine),
        TEST_CASE(to_thread_calls_in_another_thread),
        TEST_CASE(descriptors_are_waited_for),
        TEST_CASE(number_used_again_is_waited_for_anew),
        TEST_CASE(a_deadline_long_past_has_passed),
    };
    return run_cases("native", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
