/* Proves that streams carry what they are given, wait no longer than they are told, and end well.
 */
#include "../support/pattern.h"
#include "in_loop.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUARD ovl_after(20 * OVL_SECOND)

static void make_pair(struct ovl_io *pair[2])
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(ovl_io_open(fds[0], &pair[0]), 0);
    assert_int_equal(ovl_io_open(fds[1], &pair[1]), 0);
}

static void close_pair(struct ovl_io *pair[2])
{
    ovl_io_close(pair[0]);
    ovl_io_close(pair[1]);
}

/* --- data --- */

enum { MANY = 3000000 };

static int write_many(void *argument)
{
    char *data = malloc(MANY);
    pattern_fill(data, 0, MANY, 7);
    int error = ovl_io_write(argument, data, MANY, GUARD);
    free(data);
    return error ? error : ovl_io_shut(argument);
}

static int carry_many(void *argument)
{
    (void)argument;
    struct ovl_io *pair[2];
    make_pair(pair);
    struct ovl_coroutine *writer;
    assert_int_equal(ovl_go(write_many, pair[0], &writer), 0);
    char *data = malloc(MANY);
    size_t done = 0;
    ssize_t size;
    while (done < MANY && (size = ovl_io_read(pair[1], data + done, MANY - done, GUARD)) > 0)
        done += (size_t)size;
    assert_int_equal(done, MANY);
    assert_true(pattern_holds(data, MANY, 7));
    assert_int_equal(ovl_io_read(pair[1], data, 1, GUARD), 0); /* the end stays */
    assert_int_equal(ovl_join(writer), 0);
    free(data);
    close_pair(pair);
    return 0;
}

static void much_arrives_whole(void)
{
    in_loop(carry_many);
}

static int reply(void *argument)
{
    struct ovl_io *stream = argument;
    char byte;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(ovl_io_read(stream, &byte, 1, GUARD), 1);
        assert_int_equal(ovl_io_write(stream, &byte, 1, GUARD), 0);
    }
    return 0;
}

/* An event that came before the wait, or with another one, is not forgotten. */
static int ping(void *argument)
{
    (void)argument;
    struct ovl_io *pair[2];
    make_pair(pair);
    struct ovl_coroutine *other;
    assert_int_equal(ovl_go(reply, pair[1], &other), 0);
    for (int i = 0; i < 1000; i++) {
        char byte = (char)i;
        assert_int_equal(ovl_io_write(pair[0], &byte, 1, GUARD), 0);
        if (i % 3 == 0)
            ovl_yield();
        char back = 0;
        assert_int_equal(ovl_io_read_all(pair[0], &back, 1, GUARD), 0);
        assert_int_equal(back, byte);
    }
    assert_int_equal(ovl_join(other), 0);
    close_pair(pair);
    return 0;
}

static void messages_go_back_and_forth(void)
{
    in_loop(ping);
}

static int read_pieces(void *argument)
{
    (void)argument;
    struct ovl_io *pair[2];
    make_pair(pair);
    char data[10] = "";
    assert_int_equal(ovl_io_write(pair[0], "abcdef", 6, GUARD), 0);
    assert_int_equal(ovl_io_read(pair[1], data, 2, GUARD), 2);
    assert_int_equal(ovl_io_read(pair[1], data + 2, 8, GUARD), 4);
    assert_string_equal(data, "abcdef");
    assert_int_equal(ovl_io_write(pair[0], "xy", 2, GUARD), 0);
    assert_int_equal(ovl_io_shut(pair[0]), 0);
    assert_int_equal(ovl_io_read_all(pair[1], data, 3, GUARD), OVL_EENDED);
    close_pair(pair);
    return 0;
}

static void what_is_left_is_read_next(void)
{
    in_loop(read_pieces);
}

/* --- waiting --- */

static int time_out(void *argument)
{
    (void)argument;
    struct ovl_io *pair[2];
    make_pair(pair);
    char byte;
    ovl_time deadline = ovl_after(20 * MS);
    assert_int_equal(ovl_io_read(pair[0], &byte, 1, deadline), OVL_ETIMEDOUT);
    assert_true(ovl_now() >= deadline);
    assert_int_equal(ovl_io_read(pair[0], &byte, 1, 0), OVL_ETIMEDOUT);
    char *data = calloc(1, MANY);
    assert_int_equal(ovl_io_write(pair[0], data, MANY, ovl_after(20 * MS)), OVL_ETIMEDOUT);
    free(data);
    assert_int_equal(ovl_io_write(pair[1], "z", 1, GUARD), 0);
    assert_int_equal(ovl_io_read(pair[0], &byte, 1, GUARD), 1); /* it still works */
    close_pair(pair);
    return 0;
}

static void deadlines_end_waits(void)
{
    in_loop(time_out);
}

static int read_byte(void *argument)
{
    char byte;
    return (int)ovl_io_read(argument, &byte, 1, GUARD);
}

static int call_off(void *argument)
{
    (void)argument;
    struct ovl_io *pair[2];
    make_pair(pair);
    struct ovl_coroutine *reader;
    assert_int_equal(ovl_go(read_byte, pair[0], &reader), 0);
    ovl_yield();
    char byte;
    assert_int_equal(ovl_io_read(pair[0], &byte, 1, GUARD), -EBUSY);
    ovl_coroutine_cancel(reader);
    assert_int_equal(ovl_join(reader), OVL_ECANCELED);
    close_pair(pair);
    return 0;
}

static void cancelling_ends_a_read(void)
{
    in_loop(call_off);
}

/* Nothing that is there already gets through in a cancelled scope: who reads on and on is ended
 * too. */
static int read_in_cancelled(void *argument)
{
    (void)argument;
    struct ovl_io *pair[2];
    make_pair(pair);
    assert_int_equal(ovl_io_write(pair[1], "abc", 3, GUARD), 0);
    struct ovl_scope scope;
    char byte;
    assert_int_equal(ovl_scope_enter(&scope, OVL_FOREVER, 0), 0);
    assert_int_equal(ovl_io_read(pair[0], &byte, 1, GUARD), 1);
    ovl_scope_cancel(&scope);
    assert_int_equal(ovl_io_read(pair[0], &byte, 1, GUARD), OVL_ECANCELED);
    assert_int_equal(ovl_io_write(pair[0], &byte, 1, GUARD), OVL_ECANCELED);
    assert_int_equal(ovl_scope_leave(&scope), OVL_ECANCELED);
    assert_int_equal(ovl_io_read(pair[0], &byte, 1, GUARD), 1);
    close_pair(pair);
    return 0;
}

static void cancelled_scopes_read_nothing(void)
{
    in_loop(read_in_cancelled);
}

static int close_under(void *argument)
{
    (void)argument;
    struct ovl_io *pair[2];
    make_pair(pair);
    struct ovl_coroutine *reader;
    assert_int_equal(ovl_go(read_byte, pair[0], &reader), 0);
    ovl_yield();
    ovl_io_close(pair[0]);
    assert_int_equal(ovl_join(reader), -EBADF);
    assert_int_equal(ovl_io_write(pair[1], "a", 1, GUARD), -EPIPE);
    ovl_io_close(pair[1]);
    return 0;
}

static void closing_wakes_who_waits(void)
{
    in_loop(close_under);
}

/* --- what was read for one that no longer waits --- */

/* Keeps the loop until `time`, so that all that happens meanwhile is seen in one look. */
static void keep_loop_until(ovl_time time)
{
    while (ovl_now() < time)
        ;
}

struct dated_read {
    struct ovl_io *stream;
    ovl_time deadline;
};

/* Returns the byte, or the error. */
static int read_dated(void *argument)
{
    const struct dated_read *read = argument;
    char byte;
    ssize_t count = ovl_io_read(read->stream, &byte, 1, read->deadline);
    return count == 1 ? byte : (int)count;
}

/* Returns what the reader got whose byte was there before its deadline passed, both in the same
 * turn of the loop; 0: the machine was so busy that the deadline passed before the byte was there.
 */
static int arrive_within(ovl_time left)
{
    struct ovl_io *pair[2];
    make_pair(pair);
    struct ovl_coroutine *reader;
    struct dated_read read = {.stream = pair[0], .deadline = ovl_after(left)};
    assert_int_equal(ovl_go(read_dated, &read, &reader), 0);
    ovl_yield();
    assert_int_equal(ovl_io_write(pair[1], "s", 1, GUARD), 0);
    bool in_time = ovl_now() < read.deadline;
    keep_loop_until(read.deadline + 10 * MS);
    int got = ovl_join(reader);
    close_pair(pair);
    return in_time ? got : 0;
}

static int arrive_in_time(void *argument)
{
    (void)argument;
    int got = 0;
    for (ovl_time left = 10 * MS; !got; left *= 2)
        got = arrive_within(left);
    assert_int_equal(got, 's');
    return 0;
}

static void data_and_deadline_at_once_are_data(void)
{
    in_loop(arrive_in_time);
}

struct canceller {
    struct ovl_io *sign;
    struct ovl_coroutine *reader;
    struct ovl_io *closes;
};

/* Waits for a sign; when it comes, what the reader waits for has come too, right after it. */
static int cancel_at_sign(void *argument)
{
    struct canceller *self = argument;
    char byte;
    assert_int_equal(ovl_io_read(self->sign, &byte, 1, GUARD), 1);
    if (self->closes)
        ovl_io_close(self->closes);
    else
        ovl_coroutine_cancel(self->reader);
    return 0;
}

/* Returns the byte where data came first, and the next call told of the cancellation. */
static int read_then_fail(void *argument)
{
    char byte;
    ssize_t count = ovl_io_read(argument, &byte, 1, GUARD);
    if (count < 0)
        return (int)count;
    char next;
    assert_int_equal(ovl_io_read(argument, &next, 1, GUARD), OVL_ECANCELED);
    return byte;
}

/* The loop has read for the reader when it is called off, or its stream closed, by one that runs
 * first. */
static int overtake(bool closes)
{
    struct ovl_io *signs[2], *pair[2];
    make_pair(signs);
    make_pair(pair);
    struct canceller canceller = {.sign = signs[0], .closes = closes ? pair[0] : NULL};
    struct ovl_coroutine *one;
    assert_int_equal(ovl_go(cancel_at_sign, &canceller, &one), 0);
    assert_int_equal(ovl_go(read_then_fail, pair[0], &canceller.reader), 0);
    ovl_yield();
    assert_int_equal(ovl_io_write(signs[1], "!", 1, GUARD), 0);
    assert_int_equal(ovl_io_write(pair[1], "d", 1, GUARD), 0);
    int result = ovl_join(canceller.reader);
    assert_int_equal(ovl_join(one), 0);
    close_pair(signs);
    if (!closes)
        ovl_io_close(pair[0]);
    ovl_io_close(pair[1]);
    return result;
}

static int cancel_who_has_read(void *argument)
{
    (void)argument;
    assert_int_equal(overtake(false), 'd');
    return 0;
}

static void nothing_read_is_lost_to_a_cancellation(void)
{
    in_loop(cancel_who_has_read);
}

static int close_under_who_has_read(void *argument)
{
    (void)argument;
    assert_int_equal(overtake(true), -EBADF);
    return 0;
}

static void who_has_read_from_a_closed_stream_is_told(void)
{
    in_loop(close_under_who_has_read);
}

/* The number of a closed stream's descriptor is taken at once: nothing of the old one reaches the
 * new. */
static int reuse_numbers(void *argument)
{
    (void)argument;
    for (int i = 0; i < 200; i++) {
        struct ovl_io *old[2], *new[2];
        make_pair(old);
        struct ovl_coroutine *reader;
        assert_int_equal(ovl_go(read_byte, old[0], &reader), 0);
        ovl_yield();
        assert_int_equal(ovl_io_write(old[1], "x", 1, GUARD), 0); /* an event is under way */
        int number = ovl_io_fd(old[0]);
        ovl_io_close(old[0]);
        make_pair(new);
        assert_int_equal(ovl_io_fd(new[0]), number);
        char byte;
        assert_int_equal(ovl_io_read(new[0], &byte, 1, ovl_after(0)), OVL_ETIMEDOUT);
        assert_int_equal(ovl_join(reader), -EBADF);
        ovl_io_close(old[1]);
        close_pair(new);
    }
    return 0;
}

static void numbers_used_again_get_no_old_events(void)
{
    in_loop(reuse_numbers);
}

/* --- loops --- */

static int wait_in_vain(void *argument)
{
    char byte;
    assert_int_equal(ovl_io_read(argument, &byte, 1, ovl_after(MS)), OVL_ETIMEDOUT);
    return 0;
}

static int write_byte(void *argument)
{
    return ovl_io_write(argument, "x", 1, GUARD);
}

/* Its reader waits before there is anything. */
static int carry_byte(void *argument)
{
    struct ovl_io **pair = argument;
    struct ovl_coroutine *reader;
    assert_int_equal(ovl_go(read_byte, pair[0], &reader), 0);
    assert_int_equal(ovl_yield(), 0);
    assert_int_equal(write_byte(pair[1]), 0);
    assert_int_equal(ovl_join(reader), 1);
    return 0;
}

/* One loop after the other is most likely to lie where the former one lay. */
static void streams_outlive_their_loop(void)
{
    struct ovl_io *pair[2];
    make_pair(pair);
    assert_int_equal(ovl_run(wait_in_vain, pair[0], NULL), 0);
    assert_int_equal(ovl_run(carry_byte, pair, NULL), 0);
    close_pair(pair);
}

static int close_in_child(void *argument)
{
    struct ovl_io **pair = argument;
    wait_in_vain(pair[0]);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        close_pair(pair);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return carry_byte(pair);
}

static void children_close_their_copies_alone(void)
{
    struct ovl_io *pair[2];
    make_pair(pair);
    assert_int_equal(ovl_run(close_in_child, pair, NULL), 0);
    close_pair(pair);
}

/* --- turns --- */

static int count_up(void *argument)
{
    int *count = argument;
    while (ovl_yield() == 0 && *count < 1000000)
        ++*count;
    return 0;
}

/* One that always finds something to read leaves room for others. */
static int never_wait(void *argument)
{
    (void)argument;
    struct ovl_io *pair[2];
    make_pair(pair);
    char data[8000] = "";
    int count = 0;
    struct ovl_coroutine *counter;
    assert_int_equal(ovl_io_write(pair[1], data, sizeof data, GUARD), 0);
    assert_int_equal(ovl_go(count_up, &count, &counter), 0);
    for (size_t i = 0; i < sizeof data; i++)
        assert_int_equal(ovl_io_read(pair[0], &data[i], 1, GUARD), 1);
    assert_true(count > 0);
    count = 1000000;
    assert_int_equal(ovl_join(counter), 0);
    close_pair(pair);
    return 0;
}

static void readers_that_never_wait_give_way(void)
{
    in_loop(never_wait);
}

/* --- pipes --- */

static int use_pipe(void *argument)
{
    (void)argument;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct ovl_io *pair[2];
    assert_int_equal(ovl_io_open(fds[0], &pair[0]), 0);
    assert_int_equal(ovl_io_open(fds[1], &pair[1]), 0);
    char *data = malloc(100000);
    pattern_fill(data, 0, 100000, 3);
    struct ovl_coroutine *reader;
    assert_int_equal(ovl_go(read_byte, pair[0], &reader), 0);
    assert_int_equal(ovl_io_write(pair[1], data, 1000, GUARD), 0);
    assert_int_equal(ovl_join(reader), 1);
    assert_int_equal(ovl_io_read_all(pair[0], data, 999, GUARD), 0);
    assert_int_equal(ovl_io_write(pair[1], data, 100000, ovl_after(20 * MS)), OVL_ETIMEDOUT);
    ovl_io_close(pair[0]);
    assert_int_equal(ovl_io_write(pair[1], data, 1, GUARD), -EPIPE); /* and no signal */
    ovl_io_close(pair[1]);
    free(data);
    return 0;
}

static void pipes_are_streams_too(void)
{
    in_loop(use_pipe);
}

static void threads_may_use_streams(void)
{
    struct ovl_io *pair[2];
    make_pair(pair);
    char byte = 'a';
    assert_int_equal(ovl_io_read(pair[0], &byte, 1, ovl_after(5 * MS)), OVL_ETIMEDOUT);
    assert_int_equal(ovl_io_write(pair[1], &byte, 1, GUARD), 0);
    assert_int_equal(ovl_io_read(pair[0], &byte, 1, GUARD), 1);
    close_pair(pair);
    struct ovl_io *none = NULL;
    assert_int_equal(ovl_io_open(9999, &none), -EBADF);
    assert_null(none);
}

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
        TEST_CASE(much_arrives_whole),
        TEST_CASE(messages_go_back_and_forth),
        TEST_CASE(what_is_left_is_read_next),
        TEST_CASE(deadlines_end_waits),
        TEST_CASE(cancelling_ends_a_read),
        TEST_CASE(cancelled_scopes_read_nothing),
        TEST_CASE(closing_wakes_who_waits),
        TEST_CASE(data_and_deadline_at_once_are_data),
        TEST_CASE(nothing_read_is_lost_to_a_cancellation),
        TEST_CASE(who_has_read_from_a_closed_stream_is_told),
        TEST_CASE(numbers_used_again_get_no_old_events),
        TEST_CASE(streams_outlive_their_loop),
        TEST_CASE(children_close_their_copies_alone),
        TEST_CASE(readers_that_never_wait_give_way),
        TEST_CASE(pipes_are_streams_too),
        TEST_CASE(threads_may_use_streams),
    };
    return run_cases("io", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                              : EXIT_SUCCESS;
}
