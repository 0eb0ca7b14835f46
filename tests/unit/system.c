/* Proves that child processes, signals, local values and what is done once work in coroutines. */
#include "base/system.h"
#include "../support/emulator.h"
#include "in_loop.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUARD ovl_after(20 * OVL_SECOND)

/* --- processes --- */

static struct ovl_process *start(const char *script, unsigned flags)
{
    const char *command[] = {"sh", "-c", script, NULL};
    struct ovl_process *process = NULL;
    assert_int_equal(ovl_process_start(command, flags, &process), 0);
    return process;
}

static int count_ticks(void *argument)
{
    int *ticks = argument;
    while (*ticks >= 0 && !ovl_sleep(ovl_after(MS)))
        ++*ticks;
    return 0;
}

static int talk(void *argument)
{
    (void)argument;
    int ticks = 0;
    struct ovl_coroutine *ticker;
    struct ovl_exit end = {0};
    char data[100] = "";
    assert_int_equal(ovl_go(count_ticks, &ticks, &ticker), 0);
    struct ovl_process *process =
        start("sort; echo done >&2; exit 3", OVL_PIPE_INPUT | OVL_PIPE_OUTPUT | OVL_PIPE_ERROR);
    assert_true(ovl_process_id(process) > 0);
    assert_int_equal(ovl_process_wait(process, ovl_after(10 * MS), &end), OVL_ETIMEDOUT);
    assert_int_equal(ovl_io_write(ovl_process_input(process), "b\na\n", 4, GUARD), 0);
    ovl_process_end_input(process);
    assert_int_equal(ovl_io_read_all(ovl_process_output(process), data, 4, GUARD), 0);
    assert_string_equal(data, "a\nb\n");
    assert_int_equal(ovl_io_read_all(ovl_process_error(process), data, 5, GUARD), 0);
    assert_memory_equal(data, "done\n", 5);
    assert_int_equal(ovl_io_read(ovl_process_output(process), data, 1, GUARD), 0);
    assert_int_equal(ovl_process_wait(process, GUARD, &end), 0);
    assert_int_equal(end.code, 3);
    assert_int_equal(end.signal, 0);
    assert_int_equal(ovl_process_wait(process, 0, &end), 0); /* it stays so */
    assert_int_equal(ovl_process_signal(process, SIGTERM), -ESRCH);
    ovl_process_close(process);
    assert_true(ticks > 0);
    ticks = -2;
    assert_int_equal(ovl_join(ticker), 0);
    return 0;
}

static void a_process_is_talked_to(void)
{
    in_loop(talk);
}

static int end_some(void *argument)
{
    (void)argument;
    struct ovl_exit end = {0};
    struct ovl_process *process = start("exec sleep 100", 0);
    assert_int_equal(ovl_process_signal(process, SIGTERM), 0);
    assert_int_equal(ovl_process_wait(process, GUARD, &end), 0);
    assert_int_equal(end.code, -1);
    assert_int_equal(end.signal, SIGTERM);
    ovl_process_close(process);
    process = start("trap '' TERM; exec sleep 100", 0); /* it must be killed, and awaited */
    struct ovl_scope scope;
    assert_int_equal(ovl_scope_enter(&scope, ovl_after(5 * MS), 0), 0);
    assert_int_equal(ovl_process_wait(process, OVL_FOREVER, &end), OVL_ECANCELED);
    ovl_process_close(process); /* in a cancelled scope, too */
    assert_int_equal(ovl_scope_leave(&scope), OVL_ETIMEDOUT);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
    ovl_process_close(NULL);
    return 0;
}

static void processes_are_ended_and_never_left(void)
{
    in_loop(end_some);
}

static int missing_pidfd_open(pid_t pid, unsigned flags)
{
    (void)pid;
    (void)flags;
    errno = ENOSYS;
    return -1;
}

static void processes_do_without_pidfds(void)
{
    ovl__sys.pidfd_open = missing_pidfd_open;
    in_loop(talk);
    in_loop(end_some);
    struct ovl_exit end = {0};
    struct ovl_process *process = start("read line || exit 3", OVL_PIPE_INPUT); /* in a thread */
    assert_int_equal(ovl_process_wait(process, 0, &end), OVL_ETIMEDOUT);
    assert_int_equal(ovl_process_wait(process, ovl_after(5 * MS), &end), OVL_ETIMEDOUT);
    ovl_process_end_input(process);
    assert_int_equal(ovl_process_wait(process, GUARD, &end), 0);
    assert_int_equal(end.code, 3);
    ovl_process_close(process);
}

static void what_cannot_be_started_says_why(void)
{
    if (!spawns_tell_errors())
        skip();
    struct ovl_process *none = NULL;
    const char *missing[] = {"there-is-no-such-command", NULL};
    const char *empty[] = {NULL};
    const char *ok[] = {"true", NULL};
    assert_int_equal(ovl_process_start(missing, OVL_PIPE_OUTPUT, &none), -ENOENT);
    assert_int_equal(ovl_process_start(empty, 0, &none), -EINVAL);
    assert_int_equal(ovl_process_start(ok, 1u << 7, &none), -EINVAL);
    assert_null(none);
    struct ovl_exit end = {.code = 1};
    assert_int_equal(ovl_process_start(ok, 0, &none), 0); /* and threads may, too */
    assert_int_equal(ovl_process_wait(none, GUARD, &end), 0);
    assert_int_equal(end.code, 0);
    ovl_process_close(none);
}

/* --- signals --- */

static int await_signal(void *argument)
{
    return ovl_signal_wait(argument, GUARD);
}

static int await_signals(void *argument)
{
    (void)argument;
    struct ovl_signal *first, *second;
    struct ovl_coroutine *waiter;
    assert_int_equal(ovl_signal_open(SIGUSR1, &first), 0);
    assert_int_equal(ovl_signal_open(SIGUSR1, &second), 0);
    assert_int_equal(ovl_signal_wait(first, ovl_after(5 * MS)), OVL_ETIMEDOUT);
    assert_int_equal(ovl_go(await_signal, first, &waiter), 0);
    ovl_yield();
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    assert_int_equal(ovl_join(waiter), 0);
    assert_int_equal(ovl_signal_wait(second, GUARD), 0); /* one that came before the wait */
    assert_int_equal(ovl_signal_wait(second, ovl_after(5 * MS)), OVL_ETIMEDOUT);
    ovl_signal_close(first);
    kill(getpid(), SIGUSR1);
    assert_int_equal(ovl_signal_wait(second, GUARD), 0);
    kill(getpid(), SIGUSR1);
    assert_int_equal(ovl_signal_wait(second, 0), 0); /* it has come */
    assert_int_equal(ovl_signal_wait(second, 0), OVL_ETIMEDOUT);
    ovl_signal_close(second);
    return 0;
}

static atomic_int caught;

static void count_caught(int signal)
{
    (void)signal;
    atomic_fetch_add(&caught, 1);
}

static void signals_are_awaited(void)
{
    struct ovl_signal *none = NULL;
    signal(SIGUSR1, count_caught);
    in_loop(await_signals);
    assert_int_equal(atomic_load(&caught), 0);
    kill(getpid(), SIGUSR1); /* it does again what it did before */
    assert_int_equal(atomic_load(&caught), 1);
    assert_int_equal(ovl_signal_open(SIGKILL, &none), -EINVAL);
    assert_int_equal(ovl_signal_open(1000, &none), -EINVAL);
    assert_null(none);
}

/* --- local values --- */

static unsigned key;
static int destroyed;

static void note_destroyed(void *value)
{
    destroyed += *(int *)value;
}

static int keep_own(void *argument)
{
    assert_null(ovl_local_get(key));
    assert_int_equal(ovl_local_set(key, argument), 0);
    for (int i = 0; i < 3; i++) {
        ovl_yield();
        assert_ptr_equal(ovl_local_get(key), argument);
    }
    return 0;
}

static int keep_apart(void *argument)
{
    (void)argument;
    int numbers[3] = {1, 10, 100};
    struct ovl_group *group;
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ovl_group_go(group, keep_own, &numbers[i]), 0);
    assert_int_equal(ovl_group_close(group), 0);
    assert_null(ovl_local_get(key));
    return destroyed == 111 ? 0 : 1;
}

static void local_values_are_each_coroutines_own(void)
{
    static int of_thread = 1000;
    assert_int_equal(ovl_local_new(note_destroyed, &key), 0);
    assert_int_equal(ovl_local_set(key, &of_thread), 0);
    in_loop(keep_apart);
    assert_ptr_equal(ovl_local_get(key), &of_thread);
    assert_int_equal(ovl_local_set(key, NULL), 0);
    assert_int_equal(ovl_local_set(OVL_LOCALS_MAX, NULL), -EINVAL);
    assert_null(ovl_local_get(OVL_LOCALS_MAX));
    unsigned other;
    int error = 0;
    for (int i = 0; i < OVL_LOCALS_MAX && !error; i++)
        error = ovl_local_new(NULL, &other);
    assert_int_equal(error, -EAGAIN);
}

/* --- once --- */

static struct ovl_once once = OVL_ONCE;
static int tries;

static int set_up_slowly(void *argument)
{
    (void)argument;
    int number = ++tries;
    ovl_sleep(ovl_after(10 * MS));
    return number == 1 ? 77 : 0; /* the first try fails */
}

static int ask_once(void *argument)
{
    int error = ovl_once_call(&once, set_up_slowly, NULL, GUARD);
    if (!error)
        ++*(int *)argument;
    return error == 77 ? 0 : error;
}

static int ask_many_times(void *argument)
{
    (void)argument;
    int done = 0;
    struct ovl_group *group;
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ovl_group_go(group, ask_once, &done), 0);
    assert_int_equal(ovl_group_close(group), 0);
    assert_int_equal(done, 9); /* all but the one whose try failed */
    assert_int_equal(tries, 2);
    return 0;
}

static void once_is_done_once(void)
{
    in_loop(ask_many_times);
    assert_int_equal(ovl_once_call(&once, set_up_slowly, NULL, 0), 0);
    assert_int_equal(tries, 2);
}

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
        TEST_CASE(a_process_is_talked_to),
        TEST_CASE(processes_are_ended_and_never_left),
        TEST_CASE(processes_do_without_pidfds),
        {.name = "what_cannot_be_started_says_why",
         .run = what_cannot_be_started_says_why,
         .valgrind = "posix_spawn's child does not share memory there, by which it tells"},
        TEST_CASE(signals_are_awaited),
        TEST_CASE(local_values_are_each_coroutines_own),
        TEST_CASE(once_is_done_once),
    };
    return run_cases("system", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                  : EXIT_SUCCESS;
}
