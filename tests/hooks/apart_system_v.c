/* System V's queues and semaphores, for which a thread waits in the kernel. */
#include "apart.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <unistd.h>

struct message {
    long type;
    char bytes[8];
};

static int receive_hello(void *unused)
{
    (void)unused;
    struct message message;
    ssize_t size = msgrcv(shared->messages, &message, sizeof message.bytes, 7, 0);
    return size == 5 && message.type == 7 && !memcmp(message.bytes, "hello", 5) ? 0 : -EIO;
}

static int send_hello(struct other *other)
{
    struct message message = {.type = 7, .bytes = "hello"};
    say(other->says[1]);
    hear(other->hears[0]);
    return msgsnd(shared->messages, &message, 5, 0);
}

static int go_down(void *unused)
{
    (void)unused;
    struct sembuf down = {.sem_op = -1};
    return semop(shared->semaphores, &down, 1) ? -errno : 0;
}

static int count_up(void)
{
    struct sembuf up = {.sem_op = 1};
    return semop(shared->semaphores, &up, 1);
}

static int go_up(struct other *other)
{
    say(other->says[1]);
    hear(other->hears[0]);
    return count_up();
}

static void system_v_is_asked_for_once(void)
{
    expect_one_wait(send_hello, receive_hello, 2);
    expect_one_wait(go_up, go_down, 2);
}

/* --- what is interrupted --- */

static int receive_or_not(void *ret_error)
{
    struct message message;
    ssize_t size = msgrcv(shared->messages, &message, sizeof message.bytes, 0, 0);
    *(int *)ret_error = size < 0 ? errno : size == 5 ? 0 : EIO;
    return 0;
}

static int go_down_or_not(void *ret_error)
{
    *(int *)ret_error = -go_down(NULL);
    return 0;
}

static void *send_one(void *unused)
{
    (void)unused;
    struct message message = {.type = 1, .bytes = "hello"};
    return msgsnd(shared->messages, &message, 5, 0) ? shared : NULL;
}

static void *add_one(void *unused)
{
    (void)unused;
    return count_up() ? shared : NULL;
}

static bool message_is_there(void)
{
    struct message message;
    return msgrcv(shared->messages, &message, sizeof message.bytes, 0, IPC_NOWAIT) == 5;
}

static bool count_is_there(void)
{
    struct sembuf down = {.sem_op = -1, .sem_flg = IPC_NOWAIT};
    return semop(shared->semaphores, &down, 1) == 0;
}

struct interruption {
    int (*wait)(void *ret_error);
    void *(*give)(void *unused); /* in another thread */
    bool (*is_there)(void);
};

/* Cancelled while it is given: the call has it, and says so, or it is there still. */
static int race_with_giver(void *argument)
{
    const struct interruption *interruption = argument;
    struct ovl_group *group;
    pthread_t thread;
    void *failed;
    int result = -1;
    if (ovl_group_open(OVL_FOREVER, &group) || ovl_group_go(group, interruption->wait, &result))
        return -EIO;
    ovl_yield();
    if (pthread_create(&thread, NULL, interruption->give, NULL))
        return -EIO;
    ovl_group_cancel(group);
    ovl_group_close(group);
    pthread_join(thread, &failed);
    bool there = interruption->is_there();
    bool right = result == 0 ? !there : result == ECANCELED && there;
    return right && !failed ? 0 : -EPROTO;
}

static void what_is_interrupted_loses_nothing(void)
{
    struct interruption messages = {receive_or_not, send_one, message_is_there};
    struct interruption semaphores = {go_down_or_not, add_one, count_is_there};
    shared_open();
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(ovl_run(race_with_giver, &messages, NULL), 0);
        assert_int_equal(ovl_run(race_with_giver, &semaphores, NULL), 0);
    }
    shared_close();
}

/* --- signals --- */

static void ignore(int signal)
{
    (void)signal;
}

static int raise_in_a_wait(void *unused)
{
    (void)unused;
    struct ovl_group *group;
    int result = -1;
    if (ovl_group_open(OVL_FOREVER, &group) || ovl_group_go(group, receive_or_not, &result))
        return -EIO;
    ovl_yield();
    raise(SIGUSR1);
    int error = ovl_group_close(group);
    return error ? error : -result;
}

static void signals_interrupt_system_v(void)
{
    struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
    shared_open();
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(ovl_run(raise_in_a_wait, NULL, NULL), -EINTR);
    shared_close();
}

/* Whoever changes the group of a process of several threads does it by a signal to each. */
static int change_group_in_a_wait(void *unused)
{
    (void)unused;
    struct ovl_coroutine *coroutine;
    int error = ovl_go(receive_hello, NULL, &coroutine);
    if (error)
        return error;
    for (int i = 0; i < ROUNDS; i++) {
        ovl_yield();
        if (setgid(getgid()))
            return -errno;
    }
    struct message message = {.type = 7, .bytes = "hello"};
    if (msgsnd(shared->messages, &message, 5, 0))
        return -errno;
    return ovl_join(coroutine);
}

static void signals_of_libc_s_own_are_not_shown(void)
{
    shared_open();
    assert_int_equal(ovl_run(change_group_in_a_wait, NULL, NULL), 0);
    shared_close();
}

/* --- in a test's time --- */

static int hold_for_seconds(void *unused)
{
    (void)unused;
    int error = flock(shared->files[1], LOCK_EX);
    sleep(10);
    return error | count_up() | flock(shared->files[1], LOCK_UN);
}

static int wait_for_seconds(void *unused)
{
    (void)unused;
    struct ovl_coroutine *coroutine;
    ovl_time begin = ovl_now();
    int error = ovl_go(hold_for_seconds, NULL, &coroutine);
    if (error)
        return error;
    ovl_yield();
    error = go_down(NULL);
    if (!error)
        error = flock(shared->files[0], LOCK_EX) ? -errno : 0;
    ovl_time length = ovl_now() - begin;
    if (!error && (length < 10 * OVL_SECOND || length > 11 * OVL_SECOND))
        error = -ETIME;
    return error | ovl_join(coroutine);
}

/* The clock jumps, whatever a coroutine waits for that another is to give. */
static void a_test_s_clock_goes_on(void)
{
    shared_open();
    assert_int_equal(ovl_run_test(wait_for_seconds, NULL, NULL), 0);
    shared_close();
}

static void system_v_goes_on_where_no_thread_is_to_be_had(void)
{
    without_threads(send_hello, receive_hello);
    without_threads(go_up, go_down);
}

int run_system_v_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(system_v_is_asked_for_once),
        TEST_CASE(what_is_interrupted_loses_nothing),
        TEST_CASE(signals_interrupt_system_v),
        TEST_CASE(signals_of_libc_s_own_are_not_shown),
        TEST_CASE(a_test_s_clock_goes_on),
        TEST_CASE(system_v_goes_on_where_no_thread_is_to_be_had),
    };
    return run_cases("apart", cases, COUNT_OF(cases), only);
}
