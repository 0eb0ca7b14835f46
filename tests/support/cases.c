#include "cases.h"
#include "watch.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_CLO_CHANGE(option)
#endif

/* Ends what hangs, and nothing that is slow: most take less than a second where the machine is
 * idle. Longer than PATIENCE_NS, whose message says more. */
#define CASE_SECONDS SCALE(240, 900)

#if SANITIZED
/* Memory that is not to be had is a case like others, not a fault. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}
#endif

static void *tell_number(void *ret_number)
{
    *(pid_t *)ret_number = gettid();
    return NULL;
}

/*
 * In a child of fork, ThreadSanitizer starts its own thread along with the first other one; which
 * is joined a moment before the system has forgotten it.
 */
static void let_sanitizer_start(void)
{
    pthread_t thread;
    pid_t number = 0;
    char path[64];
    if (!SANITIZED || pthread_create(&thread, NULL, tell_number, &number))
        return;
    pthread_join(thread, NULL);
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)number);
    while (access(path, F_OK) == 0)
        sched_yield();
}

struct board *board;
const void *case_argument;
void (*case_job)(const char *group, const struct test_case *test);
const char *board_path;
const char *case_here;

static const int crash_signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
static struct sigaction crash_actions[COUNT_OF(crash_signals)];

static void remember_crash_actions(void)
{
    for (size_t i = 0; i < COUNT_OF(crash_signals); i++)
        sigaction(crash_signals[i], NULL, &crash_actions[i]);
}

/* cmocka catches crashes, and worker processes would inherit that. */
static void restore_crash_actions(void)
{
    for (size_t i = 0; i < COUNT_OF(crash_signals); i++)
        sigaction(crash_signals[i], &crash_actions[i], NULL);
}

bool board_map(void)
{
    int fd = board_path ? open(board_path, O_RDWR | O_CLOEXEC) : -1;
    int flags = MAP_SHARED | (board_path ? 0 : MAP_ANONYMOUS);
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (fd >= 0)
        close(fd);
    return board != MAP_FAILED;
}

static void call_case(void **state)
{
    const struct test_case *test = *state;
    restore_crash_actions();
    assert_true(board_map());
    case_argument = test->argument;
    let_sanitizer_start();
    struct watch before = watch_now();
    test->run();
    char difference[256];
    if (!watch_settles(&before, difference, sizeof difference))
        fail_msg("left behind: %s", difference);
    munmap(board, sizeof *board);
}

static int run_in_this_process(const struct test_case *test)
{
    const struct CMUnitTest tests[] = {
        {.name = test->name, .test_func = call_case, .initial_state = (void *)(uintptr_t)test},
    };
    remember_crash_actions();
    return cmocka_run_group_tests_name(test->name, tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What the threads of a process held is nobody's in its child; and to look for that in all that is
 * shared takes seconds. */
static void count_no_leaks(void)
{
    VALGRIND_CLO_CHANGE("--leak-check=no");
}

static void let_child_run(const char *group, const struct test_case *test)
{
    setpgid(0, 0);
    signal(SIGALRM, SIG_DFL);
    alarm(CASE_SECONDS);
    if (RUNNING_ON_VALGRIND)
        pthread_atfork(NULL, NULL, count_no_leaks);
    if (case_job)
        case_job(group, test);
    exit(run_in_this_process(test));
}

static const char *what_happened(int status, char *buffer, size_t size)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return "did not end in its time";
    if (WIFSIGNALED(status))
        snprintf(buffer, size, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(buffer, size, "failed, exit %d", WEXITSTATUS(status));
    return buffer;
}

static bool run_case(const char *group, const struct test_case *test)
{
    if (test->valgrind && RUNNING_ON_VALGRIND) {
        printf("%s: %s: not on Valgrind: %s\n", group, test->name, test->valgrind);
        return true;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        let_child_run(group, test);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        fprintf(stderr, "%s: %s: no process: %s\n", group, test->name, strerror(errno));
        return false;
    }
    kill(-child, SIGKILL);
    if (status == 0)
        return true;
    char text[128];
    fprintf(stderr, "FAILED %s: %s: %s\n", group, test->name,
            what_happened(status, text, sizeof text));
    return false;
}

int run_cases(const char *group, const struct test_case *cases, size_t count, const char *only)
{
    int failed = 0;
    for (size_t i = 0; case_here && i < count; i++)
        if (!strcmp(cases[i].name, case_here))
            exit(run_in_this_process(&cases[i]));
    for (size_t i = 0; !case_here && i < count; i++)
        if (!only || strstr(cases[i].name, only))
            failed += !run_case(group, &cases[i]);
    return failed;
}
