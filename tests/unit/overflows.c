/*
 * Proves that an overflow of a stack is told with the task's name before the process ends, and that
 * other faults, and the program's own handlers, are left as they are.
 */
#include "../support/cases.h"
#include "in_child.h"

#include <overlap.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char told[60000];

static int sleep_for_long(void *argument)
{
    (void)argument;
    return ovl_sleep(ovl_after(1000 * OVL_SECOND));
}

static int recurse(volatile int depth)
{
    volatile char bytes[512];
    bytes[0] = (char)depth;
    return depth < 0 ? bytes[0] : recurse(depth + 1) + bytes[0];
}

static int overflow(void *argument)
{
    (void)argument;
    ovl_set_name("deep one");
    return recurse(1);
}

static int overflow_beside_others(void *argument)
{
    (void)argument;
    struct ovl_group *group;
    if (ovl_group_open(OVL_FOREVER, &group) || ovl_group_go(group, sleep_for_long, NULL) ||
        ovl_group_go(group, overflow, NULL))
        return 1;
    return ovl_group_close(group);
}

static void run_overflow(void)
{
    ovl_run(overflow_beside_others, NULL, NULL);
}

__attribute__((unused)) static void an_overflow_is_told_by_name(void)
{
    int status = run_in_child(run_overflow, NULL, told, sizeof told);
    assert_non_null(strstr(told, "\"deep one\", has overflowed its stack of 256 KiB"));
    assert_true(status != 0);
    if (!SANITIZED) /* which exit, after a report of their own */
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* Its frame alone is larger than the stack, and it touches nothing of it. */
__attribute__((noinline)) static int huge(void)
{
    static volatile int *volatile nowhere;
    volatile char bytes[300 * 1024];
    __asm__ volatile("" : : "r"(bytes)); /* all of it is used, for all that the compiler knows */
    if (*nowhere)
        bytes[0] = 1;
    return bytes[0];
}

static int overflow_at_once(void *argument)
{
    (void)argument;
    ovl_set_name("huge one");
    return huge();
}

static void run_overflow_at_once(void)
{
    ovl_run(overflow_at_once, NULL, NULL);
}

__attribute__((unused)) static void an_overflow_beyond_the_guard_is_told_too(void)
{
    int status = run_in_child(run_overflow_at_once, NULL, told, sizeof told);
    assert_non_null(strstr(told, "\"huge one\", has overflowed its stack of 256 KiB"));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static int send_fault(void *argument)
{
    (void)argument;
    raise(SIGSEGV);
    return 0;
}

static void run_sent_fault(void)
{
    _exit(ovl_run(send_fault, NULL, NULL));
}

__attribute__((unused)) static void a_fault_that_is_sent_ends_the_program(void)
{
    int status = run_in_child(run_sent_fault, NULL, told, sizeof told);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_null(strstr(told, "has overflowed"));
}

static void run_sent_fault_ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    _exit(ovl_run(send_fault, NULL, NULL) ? 1 : 66);
}

__attribute__((unused)) static void a_fault_that_is_sent_may_be_ignored(void)
{
    int status = run_in_child(run_sent_fault_ignored, NULL, told, sizeof told);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 66);
}

static void on_fault(int signal)
{
    (void)signal;
    static const char text[] = "the program's own\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(77);
}

static void run_overflow_with_handler(void)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    ovl_run(overflow_beside_others, NULL, NULL);
}

static void the_programs_handler_is_called_after_it(void)
{
    int status = run_in_child(run_overflow_with_handler, NULL, told, sizeof told);
    char *first = strstr(told, "\"deep one\", has overflowed");
    assert_non_null(first);
    assert_non_null(strstr(first, "the program's own\n"));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 77);
}

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
#ifndef __SANITIZE_ADDRESS__ /* whose report of the same fault then runs, and may not end on this  \
                                stack */
        TEST_CASE(an_overflow_is_told_by_name),
#ifndef __SANITIZE_THREAD__ /* which keeps signals back, and touches a stack of its own accord */
        TEST_CASE(a_fault_that_is_sent_ends_the_program),
        TEST_CASE(a_fault_that_is_sent_may_be_ignored),
        TEST_CASE(an_overflow_beyond_the_guard_is_told_too),
#endif
#endif
        TEST_CASE(the_programs_handler_is_called_after_it),
    };
    return run_cases("overflows", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                     : EXIT_SUCCESS;
}
