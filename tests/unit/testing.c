/* Proves that under ovl_run_test time jumps, and that an order comes again with its seed. */
#include "../support/cases.h"
#include <errno.h>
#include <overlap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOUR (3600 * OVL_SECOND)

static ovl_time real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (ovl_time)now.tv_sec * OVL_SECOND + now.tv_nsec;
}

static int sleep_hours(void *argument)
{
    (void)argument;
    ovl_time begin = ovl_now();
    assert_int_equal(ovl_now(), begin); /* it stands still */
    assert_int_equal(ovl_sleep(begin + HOUR), 0);
    assert_int_equal(ovl_now(), begin + HOUR);
    sleep(7200); /* a hooked call */
    assert_int_equal(ovl_now(), begin + 3 * HOUR);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct pollfd look = {.fd = fds[0], .events = POLLIN};
    assert_int_equal(poll(&look, 1, 3600000), 0);
    assert_int_equal(ovl_now(), begin + 4 * HOUR);
    close(fds[0]);
    close(fds[1]);
    return 42;
}

static void hours_pass_at_once(void)
{
    ovl_time begin = real_now();
    assert_int_equal(ovl_run_test(sleep_hours, NULL, NULL), 42);
    assert_true(real_now() - begin < 60 * OVL_SECOND);
    assert_true(ovl_now() - real_now() <= 0); /* and here it is the time again */
}

/* More than the 65,535 milliseconds at which 16 bits would end. */
static int receive_for_long(void *argument)
{
    const int *fds = argument;
    ovl_time begin = ovl_now();
    char byte;
    assert_int_equal(recv(fds[0], &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(ovl_now(), begin + 100 * OVL_SECOND);
    return 0;
}

static void long_timeouts_of_sockets_are_whole(void)
{
    int fds[2];
    struct timeval timeout = {.tv_sec = 100};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
    assert_int_equal(ovl_run_test(receive_for_long, fds, NULL), 0);
    close(fds[0]);
    close(fds[1]);
}

static char order[64];

static int note_one(void *argument)
{
    strncat(order, argument, 1);
    ovl_yield();
    strncat(order, argument, 1);
    return 0;
}

static int note_all(void *argument)
{
    static char names[] = "abcdefgh";
    struct ovl_group *group;
    (void)argument;
    order[0] = '\0';
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(ovl_group_go(group, note_one, &names[i]), 0);
    return ovl_group_close(group);
}

static void run_with(uint64_t seed, char *ret_order)
{
    struct ovl_testing testing = {.seed = seed, .quiet = true};
    assert_int_equal(ovl_run_test(note_all, NULL, &testing), 0);
    assert_int_equal(strlen(order), 16);
    strcpy(ret_order, order);
}

static void a_seed_makes_an_order(void)
{
    char first[64], again[64], other[64];
    int differ = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        run_with(seed, first);
        run_with(seed, again);
        run_with(seed + 1000, other);
        assert_string_equal(first, again);
        differ += strcmp(first, other) != 0;
    }
    assert_true(differ > 15);
    struct ovl_testing in_order = {.in_order = true};
    assert_int_equal(ovl_run_test(note_all, NULL, &in_order), 0);
    assert_string_equal(order, "abcdefghabcdefgh");
    setenv("OVL_SEED", "7", 1);
    run_with(0, first);
    run_with(7, again);
    assert_string_equal(first, again);
}

/* A lost update that only some orders show: such tests are what the orders are for. */
static int balance;

static int withdraw(void *argument)
{
    (void)argument;
    int read = balance;
    ovl_yield();
    balance = read - 1;
    return 0;
}

static int deposit(void *argument)
{
    (void)argument;
    balance += 10;
    return 0;
}

static int race(void *argument)
{
    struct ovl_group *group;
    (void)argument;
    balance = 100;
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), 0);
    assert_int_equal(ovl_group_go(group, deposit, NULL), 0);
    assert_int_equal(ovl_group_go(group, withdraw, NULL), 0);
    assert_int_equal(ovl_group_close(group), 0);
    return balance == 109 ? 0 : 1;
}

static void random_orders_find_races(void)
{
    int found = 0;
    for (uint64_t seed = 1; seed <= 50; seed++)
        found += ovl_run_test(race, NULL, &(struct ovl_testing){.seed = seed, .quiet = true});
    assert_true(found > 0 && found < 50);
    assert_int_equal(ovl_run(race, NULL, NULL), 0); /* where it never shows */
}

static int work_a_while(void *argument)
{
    usleep(50000);
    *(bool *)argument = true;
    return 0;
}

/* What helper threads do takes real time: the clock waits for them. */
static int wait_for_thread(void *argument)
{
    (void)argument;
    bool done = false;
    struct ovl_scope scope;
    assert_int_equal(ovl_scope_enter(&scope, ovl_after(HOUR), 0), 0);
    ovl_time begin = ovl_now();
    assert_int_equal(ovl_to_thread(work_a_while, &done), 0);
    assert_true(done);
    assert_int_equal(ovl_now(), begin);
    assert_int_equal(ovl_scope_leave(&scope), 0);
    return 0;
}

static void the_clock_waits_for_helper_threads(void)
{
    assert_int_equal(ovl_run_test(wait_for_thread, NULL, NULL), 0);
}

static int wait_for_child(void *argument)
{
    (void)argument;
    const char *command[] = {"sleep", "0.1", NULL};
    struct ovl_process *process;
    struct ovl_exit end;
    assert_int_equal(ovl_process_start(command, 0, &process), 0);
    assert_int_equal(ovl_process_wait(process, ovl_after(HOUR), &end), 0);
    ovl_process_close(process);
    return 0;
}

static void patience_waits_for_the_world(void)
{
    struct ovl_testing testing = {.patience_ns = 20 * OVL_SECOND};
    assert_int_equal(ovl_run_test(wait_for_child, NULL, &testing), 0);
}

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
        TEST_CASE(hours_pass_at_once),
        TEST_CASE(long_timeouts_of_sockets_are_whole),
        TEST_CASE(a_seed_makes_an_order),
        TEST_CASE(random_orders_find_races),
        TEST_CASE(the_clock_waits_for_helper_threads),
        TEST_CASE(patience_waits_for_the_world),
    };
    return run_cases("testing", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                   : EXIT_SUCCESS;
}
