/* Proves that the loop runs its coroutines in turn, wakes them by events, timers and other threads.
 */
#include "loop/loop.h"
#include "../support/cases.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "loop/park.h"
#include <errno.h>
#include <fcntl.h>
#include <overlap.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ovl__loop *loop;

/* What coroutines saw, in the order in which they saw it; looked at when the loop has ended. */
static int events[20000];
static int event_count;

static void note(int event)
{
    if (event_count < (int)COUNT_OF(events))
        events[event_count++] = event;
}

static ovl_time began;

static void set_up(void)
{
    assert_int_equal(ovl__loop_new(0, &loop), 0);
    began = ovl_now();
}

static void spawn(void (*fn)(void *), void *argument)
{
    assert_int_equal(ovl__loop_spawn(loop, fn, argument), 0);
}

/* Runs until all coroutines have ended, and checks what they noted. */
static void run_and_expect(const int *expected, int count)
{
    ovl__loop_stop(loop);
    ovl__loop_run(loop);
    assert_int_equal(ovl__loop_coroutines(loop), 0);
    ovl__loop_free(loop);
    assert_int_equal(event_count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(events[i], expected[i]);
}

static void note_thrice(void *argument)
{
    for (int i = 0; i < 3; i++) {
        note(*(int *)argument);
        ovl__yield();
    }
}

static void coroutines_take_turns(void)
{
    set_up();
    int names[] = {1, 2, 3};
    for (int i = 0; i < 3; i++)
        spawn(note_thrice, &names[i]);
    assert_int_equal(ovl__loop_coroutines(loop), 3);
    static const int expected[] = {1, 2, 3, 1, 2, 3, 1, 2, 3};
    run_and_expect(expected, 9);
}

static void loop_without_coroutines_ends(void)
{
    set_up();
    assert_null(ovl__loop_here());
    run_and_expect(NULL, 0);
    assert_null(ovl__loop_here());
    ovl__loop_free(NULL);
}

static void note_place(void *argument)
{
    (void)argument;
    note(ovl__loop_here() == loop);
    note(ovl__current && ovl__current->coroutine && ovl__current->coroutine->loop == loop);
}

static void coroutine_knows_its_loop(void)
{
    set_up();
    spawn(note_place, NULL);
    static const int expected[] = {1, 1};
    run_and_expect(expected, 2);
    assert_null(ovl__current);
}

static void sleep_as_told(void *argument)
{
    int number = *(int *)argument;
    ovl_time deadline = began + number * 10 * OVL_MILLISECOND;
    note(ovl__suspend(deadline) == OVL_ETIMEDOUT && ovl_now() >= deadline ? number : -1);
}

static void suspensions_end_at_their_deadlines(void)
{
    set_up();
    int numbers[] = {3, 0, 5, 1, 4, 2};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        spawn(sleep_as_told, &numbers[i]);
    static const int expected[] = {0, 1, 2, 3, 4, 5};
    run_and_expect(expected, 6);
}

static ovl_time longest_wait;
static int (*real_wait)(int, struct epoll_event *, int, ovl_time);

static int note_wait(int epoll_fd, struct epoll_event *happened, int count, ovl_time wait_ns)
{
    if (wait_ns != OVL_FOREVER && wait_ns > longest_wait)
        longest_wait = wait_ns;
    return real_wait(epoll_fd, happened, count, wait_ns);
}

/* The kernel may let a wait end late by a thousandth of its length: that is before the deadline. */
static void long_waits_end_in_time(void)
{
    int number = 30;
    real_wait = ovl__sys.epoll_wait_ns;
    ovl__sys.epoll_wait_ns = note_wait;
    set_up();
    spawn(sleep_as_told, &number);
    run_and_expect(&number, 1);
    assert_true(longest_wait > 0);
    assert_true(longest_wait + longest_wait / 1000 <= number * 10 * OVL_MILLISECOND);
}

static struct ovl__coroutine *sleeper;

static void suspend_for_ever(void *argument)
{
    (void)argument;
    sleeper = ovl__current->coroutine;
    note(1);
    note(ovl__suspend(OVL_FOREVER) ? -1 : 3);
}

static void resume_sleeper(void *argument)
{
    (void)argument;
    note(2);
    ovl__resume(sleeper);
    ovl__resume(sleeper);
}

static void resumed_coroutine_goes_on(void)
{
    set_up();
    spawn(suspend_for_ever, NULL);
    spawn(resume_sleeper, NULL);
    static const int expected[] = {1, 2, 3};
    run_and_expect(expected, 3);
}

static int pair[2];

static void read_when_ready(void *argument)
{
    (void)argument;
    note(1);
    note(ovl__wait_fd(pair[0], POLLIN, OVL_FOREVER) ? -1 : 3);
    char byte = 0;
    note(read(pair[0], &byte, 1) == 1 ? byte : -1);
}

static void write_byte(void *argument)
{
    (void)argument;
    note(2);
    if (write(pair[1], "\7", 1) != 1)
        note(-1);
}

static void descriptor_wakes_who_waits(void)
{
    set_up();
    assert_int_equal(pipe(pair), 0);
    spawn(read_when_ready, NULL);
    spawn(write_byte, NULL);
    static const int expected[] = {1, 2, 3, 7};
    run_and_expect(expected, 4);
    close(pair[0]);
    close(pair[1]);
}

static void descriptor_that_is_ready_wakes_at_once(void)
{
    set_up();
    assert_int_equal(pipe(pair), 0);
    spawn(write_byte, NULL);
    spawn(read_when_ready, NULL);
    static const int expected[] = {2, 1, 3, 7};
    run_and_expect(expected, 4);
    close(pair[0]);
    close(pair[1]);
}

static void wait_in_vain(void *argument)
{
    (void)argument;
    ovl_time deadline = ovl_after(20 * OVL_MILLISECOND);
    note(ovl__wait_fd(pair[0], POLLIN, deadline));
    note(ovl_now() >= deadline);
}

static void wait_ends_at_its_deadline(void)
{
    set_up();
    assert_int_equal(pipe(pair), 0);
    spawn(wait_in_vain, NULL);
    static const int expected[] = {OVL_ETIMEDOUT, 1};
    run_and_expect(expected, 2);
    close(pair[0]);
    close(pair[1]);
}

static void wait_to_read(void *argument)
{
    note(*(int *)argument);
    note(ovl__wait_fd(pair[0], POLLIN, OVL_FOREVER));
}

static void wait_to_write(void *argument)
{
    note(*(int *)argument);
    note(ovl__wait_fd(pair[0], POLLOUT, OVL_FOREVER) ? -1 : 50);
}

static void one_reads_and_one_writes(void)
{
    set_up();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    int names[] = {10, 11, 12};
    spawn(wait_to_read, &names[0]);
    spawn(wait_to_write, &names[1]);
    spawn(wait_to_read, &names[2]);
    spawn(sleep_as_told, &(int){1});
    spawn(write_byte, NULL);
    /* The writer first: nothing can be read before write_byte ran, and that needs no wait. */
    ovl__loop_stop(loop);
    ovl__loop_run(loop);
    ovl__loop_free(loop);
    int sum = 0;
    for (int i = 0; i < event_count; i++)
        sum += events[i];
    assert_int_equal(event_count, 3 + 1 + 3 + 1);
    assert_int_equal(sum, 10 + 11 + 12 + 2 + 50 + 1);
    close(pair[0]);
    close(pair[1]);
}

static void close_pair_end(void *argument)
{
    (void)argument;
    ovl__loop_forget_fd(pair[0]);
    close(pair[0]);
    /* The number is taken again at once, by what is ready to be read. */
    int others[2];
    if (pipe(others) || write(others[1], "x", 1) != 1)
        note(-2);
    note(others[0] == pair[0] ? 5 : -3);
    ovl__yield();
    ovl__yield();
    close(others[0]);
    close(others[1]);
}

static void closed_descriptor_wakes_with_an_error(void)
{
    set_up();
    assert_int_equal(pipe(pair), 0);
    int names[] = {1, 2};
    spawn(wait_to_read, &names[0]);
    spawn(wait_to_read, &names[1]);
    spawn(close_pair_end, NULL);
    static const int expected[] = {1, 2, 5, -EBADF, -EBADF};
    run_and_expect(expected, 5);
    close(pair[1]);
}

static void wait_for_what_is_none(void *argument)
{
    (void)argument;
    note(ovl__wait_fd(9999, POLLIN, OVL_FOREVER));
    int file = open("/proc/self/exe", O_RDONLY);
    note(ovl__wait_fd(file, POLLIN, OVL_FOREVER));
    close(file);
}

static void wait_tells_what_cannot_be_waited_for(void)
{
    set_up();
    spawn(wait_for_what_is_none, NULL);
    static const int expected[] = {-EBADF, -EPERM};
    run_and_expect(expected, 2);
}

static void wait_for_many(void *argument)
{
    int(*pipes)[2] = argument;
    struct pollfd fds[20];
    for (int i = 0; i < 20; i++)
        fds[i] = (struct pollfd){.fd = i == 3 ? -1 : pipes[i][0], .events = POLLIN};
    note(ovl__wait_fds(fds, 20, OVL_FOREVER));
    for (int i = 0; i < 20; i++) {
        char byte;
        fcntl(pipes[i][0], F_SETFL, O_NONBLOCK);
        if (read(pipes[i][0], &byte, 1) == 1)
            note(i);
    }
}

static void write_to_one_of_many(void *argument)
{
    int(*pipes)[2] = argument;
    if (write(pipes[17][1], "x", 1) != 1)
        note(-1);
}

static void one_of_many_descriptors_wakes(void)
{
    set_up();
    int pipes[20][2];
    for (int i = 0; i < 20; i++)
        assert_int_equal(pipe(pipes[i]), 0);
    spawn(wait_for_many, pipes);
    spawn(write_to_one_of_many, pipes);
    static const int expected[] = {0, 17};
    run_and_expect(expected, 2);
    for (int i = 0; i < 20; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
}

/* Coroutines that never rest do not keep descriptors and timers from being seen. */
static void spin_until_read(void *argument)
{
    (void)argument;
    while (event_count < 4 && event_count >= 0)
        ovl__yield();
}

static void busy_coroutines_do_not_starve_events(void)
{
    set_up();
    assert_int_equal(pipe(pair), 0);
    spawn(spin_until_read, NULL);
    spawn(spin_until_read, NULL);
    spawn(read_when_ready, NULL);
    spawn(write_byte, NULL);
    static const int expected[] = {1, 2, 3, 7};
    run_and_expect(expected, 4);
    close(pair[0]);
    close(pair[1]);
}

#define POSTS 5000

static struct ovl__message messages[POSTS];
static int posted;

static void handle(struct ovl__message *message)
{
    note((int)(message - messages));
    if (++posted == POSTS)
        ovl__loop_stop(loop);
}

static void *post_all(void *argument)
{
    (void)argument;
    for (int i = 0; i < POSTS; i++) {
        messages[i].handle = handle;
        ovl__loop_post(loop, &messages[i]);
    }
    return NULL;
}

static void messages_come_in_order_and_wake(void)
{
    set_up();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_all, NULL), 0);
    ovl__loop_run(loop);
    pthread_join(thread, NULL);
    ovl__loop_free(loop);
    assert_int_equal(event_count, POSTS);
    for (int i = 0; i < POSTS; i++)
        assert_int_equal(events[i], i);
}

static void change_errno(void *argument)
{
    errno = *(int *)argument;
    ovl__yield();
    note(errno);
}

static void errno_is_kept_apart(void)
{
    set_up();
    int errors[] = {5, 6, 7};
    for (int i = 0; i < 3; i++)
        spawn(change_errno, &errors[i]);
    static const int expected[] = {5, 6, 7};
    run_and_expect(expected, 3);
}

static void spawn_more(void *argument)
{
    int left = *(int *)argument - 1;
    note(left);
    if (left > 0 && ovl__loop_spawn(loop, spawn_more, &left))
        note(-1);
    for (int i = 0; i < left; i++)
        ovl__yield();
}

static void coroutines_may_spawn_coroutines(void)
{
    set_up();
    spawn(spawn_more, &(int){4});
    static const int expected[] = {3, 2, 1, 0};
    run_and_expect(expected, 4);
}

/* --- who is woken by the holder of a mutex --- */

static struct {
    pthread_mutex_t outer, inner;
    struct ovl__wait_list answers, calls;
    bool listening; /* under `inner` */
} line = {.outer = PTHREAD_MUTEX_INITIALIZER, .inner = PTHREAD_MUTEX_INITIALIZER};

static void *answer(void *unused)
{
    ovl__park_lock(&line.inner);
    line.listening = true;
    ovl__wait(&line.calls, &line.inner, OVL_FOREVER);
    line.listening = false;
    ovl__park_unlock(&line.inner);
    ovl__park_lock(&line.outer);
    ovl__wake_one(&line.answers);
    ovl__park_unlock(&line.outer);
    return unused;
}

/* Wakes the thread with two mutexes held, and lets one of them go. */
static pthread_t call(void)
{
    pthread_t thread;
    ovl__wait_list_init(&line.answers);
    ovl__wait_list_init(&line.calls);
    assert_int_equal(pthread_create(&thread, NULL, answer, NULL), 0);
    ovl__park_lock(&line.outer);
    ovl__park_lock(&line.inner);
    while (!line.listening) {
        ovl__park_unlock(&line.inner);
        sched_yield();
        ovl__park_lock(&line.inner);
    }
    assert_true(ovl__wake_one(&line.calls));
    assert_false(ovl__wake_one(&line.calls));
    ovl__park_unlock(&line.inner);
    return thread;
}

static void woken_are_told_by_the_last_unlock(void)
{
    pthread_t thread = call();
    ovl__park_unlock(&line.outer);
    pthread_join(thread, NULL);
}

static void woken_are_told_by_a_wait(void)
{
    pthread_t thread = call();
    assert_int_equal(ovl__wait(&line.answers, &line.outer, ovl_after(20 * OVL_SECOND)), 0);
    ovl__park_unlock(&line.outer);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(coroutines_take_turns),
        TEST_CASE(loop_without_coroutines_ends),
        TEST_CASE(coroutine_knows_its_loop),
        TEST_CASE(suspensions_end_at_their_deadlines),
        TEST_CASE(long_waits_end_in_time),
        TEST_CASE(resumed_coroutine_goes_on),
        TEST_CASE(descriptor_wakes_who_waits),
        TEST_CASE(descriptor_that_is_ready_wakes_at_once),
        TEST_CASE(wait_ends_at_its_deadline),
        TEST_CASE(one_reads_and_one_writes),
        TEST_CASE(closed_descriptor_wakes_with_an_error),
        TEST_CASE(wait_tells_what_cannot_be_waited_for),
        TEST_CASE(one_of_many_descriptors_wakes),
        TEST_CASE(busy_coroutines_do_not_starve_events),
        TEST_CASE(messages_come_in_order_and_wake),
        TEST_CASE(errno_is_kept_apart),
        TEST_CASE(coroutines_may_spawn_coroutines),
        TEST_CASE(woken_are_told_by_the_last_unlock),
        TEST_CASE(woken_are_told_by_a_wait),
    };
    return run_cases("loop", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
