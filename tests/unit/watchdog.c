/*
 * Proves that a task which keeps its loop is reported while it does so, by the function that it is
 * in; that dumps tell what every task waits for; and that an overflow is told with the task's name.
 */
#include "../support/cases.h"
#include "../support/emulator.h"
#include <errno.h>
#include <fcntl.h>
#include <overlap.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS OVL_MILLISECOND

/* What a handler was told, and the names of the functions, innermost first, each with a full stop.
 */
struct told {
    atomic_int count;
    int stalls;        /* that there were */
    atomic_bool go_on; /* who keeps the loop may stop it */
    size_t task;
    char name[40];
    char functions[2000];
    char file[200];
    ovl_time length_ns;
};

static void add_function(char *text, size_t size, const char *function)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s.", function ? function : "?");
}

/*
 * A machine that gives the loop no processor holds it up too: that is a stall, and not the test's.
 * One that is seen inside of ThreadSanitizer's runtime, which keeps no frames, is waited for again.
 */
static void note_stall(void *context, const struct ovl_stall *stall)
{
    struct told *told = context;
    char functions[sizeof told->functions] = "";
    const char *file = NULL;
    for (size_t i = 0; i < stall->frame_count; i++) {
        const struct ovl_frame *frame = &stall->frames[i];
        add_function(functions, sizeof functions, frame->function);
        if (frame->function && !strcmp(frame->function, "keep_the_loop"))
            file = frame->file;
    }
    if (!strstr(functions, "keep_the_loop.") || !strncmp(functions, "__tsan_", strlen("__tsan_")))
        return;
    told->task = stall->task;
    told->length_ns = stall->length_ns;
    snprintf(told->name, sizeof told->name, "%s", stall->name);
    snprintf(told->functions, sizeof told->functions, "%s", functions);
    snprintf(told->file, sizeof told->file, "%s", file ? file : "");
    atomic_fetch_add(&told->count, 1);
    atomic_store(&told->go_on, true);
}

/* Computes until it was reported: that it is, while it lasts, is what ends it. */
__attribute__((noinline)) int keep_the_loop(struct told *told);
int keep_the_loop(struct told *told)
{
    told->stalls++;
    ovl_time guard = ovl_after(3 * OVL_SECOND);
    volatile unsigned x = 1;
    while (!atomic_load(&told->go_on) && ovl_now() < guard)
        for (int i = 0; i < 1000; i++)
            x = x * 3 + 1;
    return atomic_load(&told->go_on) ? 0 : 1;
}

/*
 * Where the machine took the processor away just before, that was reported, and once is enough for
 * one stall: then there has to be another.
 */
static int stall_until_told(struct told *told)
{
    int error = 1;
    for (int tries = 0; error && tries < 15; tries++) {
        error = keep_the_loop(told);
        ovl_yield();
    }
    return error;
}

static int stall(void *argument)
{
    ovl_set_name("the slow one");
    return stall_until_told(argument);
}

static void check_told(const struct told *told)
{
    assert_in_range(atomic_load(&told->count), 1, told->stalls);
    assert_true(told->length_ns >= 20 * MS);
    assert_non_null(strstr(told->functions, "keep_the_loop."));
}

static void a_stall_is_reported_while_it_lasts(void)
{
    struct told told = {.count = 0};
    struct ovl_run_options options = {
        .stall_ns = 20 * MS, .stalled = note_stall, .stall_context = &told};
    assert_int_equal(ovl_run(stall, &told, &options), 0);
    check_told(&told);
    assert_string_equal(told.name, "the slow one");
    assert_true(told.task == OVL_NO_TASK);
    if (!strstr(told.functions, "stall."))
        fail_msg("the backtrace is: %s", told.functions);
    assert_non_null(strstr(told.file, "watchdog.c"));
}

static int stall_as_task(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    return stall_until_told(*(struct told **)item.data);
}

/* The default limit: the task is named by its number, and its record counts it. */
static void a_stall_is_counted_in_the_ledger(void)
{
    struct told told = {.count = 0};
    struct told *context = &told;
    struct ovl_ledger *ledger;
    struct ovl_executor *executor;
    struct ovl_future *future;
    struct ovl_record record;
    assert_int_equal(ovl_ledger_open(0, &ledger), 0);
    struct ovl_options options = {.ledger = ledger, .stalled = note_stall, .stall_context = &told};
    assert_int_equal(ovl_executor_open(OVL_ASYNC, &options, &executor), 0);
    struct ovl_bytes item = {.data = &context, .size = sizeof context};
    assert_int_equal(ovl_submit(executor, stall_as_task, item, &future), 0);
    assert_int_equal(ovl_future_wait(future, OVL_FOREVER), 0);
    ovl_future_free(future);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
    check_told(&told);
    assert_true(told.length_ns >= OVL_STALL_NS);
    assert_int_equal(told.task, 0);
    assert_int_equal(ovl_ledger_read(ledger, 0, &record), 0);
    assert_true(record.stalls >= 1);
    ovl_ledger_close(ledger);
}

struct fair {
    atomic_int stalls;
    ovl_time longest; /* for which its machine let it wait, as far as it can tell */
};

static void count_stall(void *context, const struct ovl_stall *stall)
{
    struct fair *fair = context;
    (void)stall;
    atomic_fetch_add(&fair->stalls, 1);
}

/* Those who give way, however busy, and those who sleep, hold up nobody. */
static int busy_but_fair(void *argument)
{
    struct fair *fair = argument;
    ovl_time last = ovl_now();
    ovl_time until = last + 150 * MS;
    while (last < until) {
        ovl_yield();
        ovl_time now = ovl_now();
        fair->longest = now - last > fair->longest ? now - last : fair->longest;
        last = now;
    }
    until = ovl_after(150 * MS);
    ovl_sleep(until);
    ovl_time late = ovl_now() - until;
    fair->longest = late > fair->longest ? late : fair->longest;
    return 0;
}

/* But where the machine took the processor away for so long, which is a stall, too: within a turn,
 * it may be twice. */
static void who_gives_way_is_not_reported(void)
{
    struct fair fair = {.stalls = 0};
    struct ovl_run_options options = {
        .stall_ns = 100 * MS, .stalled = count_stall, .stall_context = &fair};
    assert_int_equal(ovl_run(busy_but_fair, &fair, &options), 0);
    if (fair.longest < 50 * MS)
        assert_int_equal(atomic_load(&fair.stalls), 0);
}

/* --- dumps --- */

static char dump_text[60000];

static void read_dump(int fd)
{
    size_t used = 0;
    ssize_t size;
    lseek(fd, 0, SEEK_SET);
    while ((size = read(fd, dump_text + used, sizeof dump_text - 1 - used)) > 0)
        used += (size_t)size;
    dump_text[used] = '\0';
}

static void clear(int fd)
{
    assert_int_equal(ftruncate(fd, 0), 0);
    lseek(fd, 0, SEEK_SET);
}

static int wait_for_byte(void *argument)
{
    ovl_set_name("reader");
    char byte;
    return read(*(int *)argument, &byte, 1) == 1 ? 0 : -errno;
}

static int sleep_for_long(void *argument)
{
    (void)argument;
    return ovl_sleep(ovl_after(1000 * OVL_SECOND));
}

static int wait_for_event(void *argument)
{
    /* No call in the last place: an optimiser would leave nothing of this function on the stack. */
    volatile int error = ovl_event_wait(argument, OVL_FOREVER);
    return error;
}

/* The text between a coroutine's line and the next one's. */
static bool part_has(const char *begin, const char *wanted)
{
    const char *end = strstr(begin + 1, "  coroutine ");
    const char *found = strstr(begin, wanted);
    return found && (!end || found < end);
}

static int dump_some(void *argument)
{
    (void)argument;
    int fds[2];
    struct ovl_group *group;
    struct ovl_event *event;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(ovl_event_open(&event), 0);
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), 0);
    assert_int_equal(ovl_group_go(group, wait_for_byte, &fds[0]), 0);
    assert_int_equal(ovl_group_go(group, sleep_for_long, NULL), 0);
    assert_int_equal(ovl_group_go(group, wait_for_event, event), 0);
    ovl_sleep(ovl_after(20 * MS));
    assert_int_equal(ovl_group_go(group, sleep_for_long, NULL), 0); /* one that has not begun */
    assert_int_equal(ovl_dump(fileno(file)), 0);
    read_dump(fileno(file));
    char *reader = strstr(dump_text, "\"reader\"");
    assert_non_null(reader);
    char wanted[60];
    snprintf(wanted, sizeof wanted, "waits for descriptor %d, for ", fds[0]);
    assert_true(part_has(reader, wanted));
    double seconds = -1;
    assert_int_equal(sscanf(strstr(reader, ", for "), ", for %lf s", &seconds), 1);
    assert_true(seconds >= 0 && seconds < 60);
    assert_true(part_has(reader, " wait_for_byte"));
    assert_non_null(strstr(dump_text, "waits for sleep, for "));
    assert_non_null(strstr(dump_text, "waits for event, for "));
    assert_non_null(strstr(dump_text, " wait_for_event"));
    assert_non_null(strstr(dump_text, "has not begun"));
    char *self = strstr(dump_text, ": runs\n");
    assert_non_null(self);
    assert_true(part_has(self, " dump_some"));
    assert_non_null(strstr(dump_text, "5 coroutines"));
    ovl_group_cancel(group);
    ovl_group_close(group);
    ovl_event_free(event);
    fclose(file);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void a_dump_tells_where_each_waits(void)
{
    assert_int_equal(ovl_run(dump_some, NULL, NULL), 0);
}

/* --- what is waited for, by its kind --- */

static struct {
    struct ovl_channel *channel;
    struct ovl_semaphore *permits;
    struct ovl_mutex *mutex;
    struct ovl_coroutine *sleeper;
    sem_t posts;
    int fds[2];
} awaited;

static int await_item(void)
{
    char item;
    return ovl_channel_receive(awaited.channel, &item, OVL_FOREVER);
}

static int await_permit(void)
{
    return ovl_semaphore_take(awaited.permits, OVL_FOREVER);
}

static int await_mutex(void)
{
    return ovl_mutex_lock(awaited.mutex, OVL_FOREVER);
}

static int await_post(void)
{
    return sem_wait(&awaited.posts);
}

static int await_sleeper(void)
{
    return ovl_join(awaited.sleeper);
}

static int read_byte(void *unused)
{
    char byte;
    (void)unused;
    return read(awaited.fds[0], &byte, 1) == 1 ? 0 : -errno;
}

static int await_thread(void)
{
    return ovl_to_thread(read_byte, NULL);
}

static const struct kind_of_wait {
    const char *name;
    int (*wait)(void);
    const char *told;
} kinds_of_wait[] = {
    {"item", await_item, "waits for channel, for "},
    {"permit", await_permit, "waits for semaphore, for "},
    {"mutex", await_mutex, "waits for mutex, for "},
    {"post", await_post, "waits for semaphore, for "},
    {"sleeper", await_sleeper, "waits for join, for "},
    {"thread", await_thread, "waits for helper thread, for "},
};

static int wait_as_told(void *argument)
{
    const struct kind_of_wait *kind = argument;
    ovl_set_name(kind->name);
    return kind->wait();
}

static void awaited_open(void)
{
    assert_int_equal(ovl_channel_open(1, 1, &awaited.channel), 0);
    assert_int_equal(ovl_semaphore_open(0, &awaited.permits), 0);
    assert_int_equal(ovl_mutex_open(&awaited.mutex), 0);
    assert_int_equal(ovl_mutex_lock(awaited.mutex, OVL_FOREVER), 0);
    assert_int_equal(ovl_go(sleep_for_long, NULL, &awaited.sleeper), 0);
    assert_int_equal(sem_init(&awaited.posts, 0, 0), 0);
    assert_int_equal(pipe(awaited.fds), 0);
}

static void awaited_close(void)
{
    ovl_mutex_unlock(awaited.mutex);
    ovl_channel_free(awaited.channel);
    ovl_semaphore_free(awaited.permits);
    ovl_mutex_free(awaited.mutex);
    sem_destroy(&awaited.posts);
    close(awaited.fds[0]);
    close(awaited.fds[1]);
}

static int dump_kinds(void *unused)
{
    struct ovl_group *group;
    FILE *file = tmpfile();
    (void)unused;
    assert_non_null(file);
    awaited_open();
    assert_int_equal(ovl_group_open(OVL_FOREVER, &group), 0);
    for (size_t i = 0; i < COUNT_OF(kinds_of_wait); i++)
        assert_int_equal(ovl_group_go(group, wait_as_told, (void *)&kinds_of_wait[i]), 0);
    ovl_sleep(ovl_after(20 * MS));
    assert_int_equal(ovl_dump(fileno(file)), 0);
    read_dump(fileno(file));
    for (size_t i = 0; i < COUNT_OF(kinds_of_wait); i++) {
        char name[40];
        snprintf(name, sizeof name, "\"%s\"", kinds_of_wait[i].name);
        char *part = strstr(dump_text, name);
        if (!part || !part_has(part, kinds_of_wait[i].told))
            fail_msg("%s: \"%s\" is not in:\n%s", name, kinds_of_wait[i].told, dump_text);
    }
    assert_int_equal(write(awaited.fds[1], "x", 1), 1); /* which no scope ends */
    ovl_group_cancel(group);
    ovl_group_close(group);
    fclose(file);
    awaited_close();
    return 0;
}

static void a_dump_tells_what_each_waits_for(void)
{
    assert_int_equal(ovl_run(dump_kinds, NULL, NULL), 0);
}

static atomic_bool computing, enough;

__attribute__((noinline)) int compute(void);
int compute(void)
{
    atomic_store(&computing, true);
    volatile unsigned x = 1;
    while (!atomic_load(&enough))
        x = x * 3 + 1;
    return 0;
}

static int compute_task(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return compute();
}

/* From another thread, of a loop that is busy and would never answer. */
static void a_loop_that_is_busy_is_dumped_too(void)
{
    struct ovl_executor *executor;
    struct ovl_options options = {.stall_ns = OVL_FOREVER};
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(ovl_executor_open(OVL_ASYNC, &options, &executor), 0);
    assert_int_equal(ovl_submit(executor, compute_task, (struct ovl_bytes){0}, NULL), 0);
    while (!atomic_load(&computing))
        usleep(1000);
    for (int seen = 0; seen < 20;) {
        clear(fileno(file));
        assert_int_equal(ovl_dump(fileno(file)), 0);
        read_dump(fileno(file));
        if (strstr(dump_text, ": it cannot be stopped"))
            continue; /* the thread had no processor for as long as a dump waits for it */
        if (!strstr(dump_text, "task 0: runs\n") || !strstr(dump_text, " compute"))
            fail_msg("\"task 0: runs\" or \"compute\" is not in:\n%s", dump_text);
        seen++;
    }
    atomic_store(&enough, true);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
    clear(fileno(file));
    assert_int_equal(ovl_dump(fileno(file)), 0);
    read_dump(fileno(file));
    assert_string_equal(dump_text, "overlap: no loop runs\n");
    fclose(file);
}

static int wait_to_be_dumped(void *argument)
{
    (void)argument;
    ovl_set_name("patient");
    if (kill(getpid(), SIGQUIT))
        return 1;
    ovl_sleep(ovl_after(1000 * OVL_SECOND)); /* until it was seen, and is ended */
    return 0;
}

/*
 * Runs fn in a child whose standard error is read, and ends it once that has `last` in it (NULL: it
 * ends by itself); returns its status.
 */
static int run_in_child(void (*fn)(void), const char *last, char *text, size_t size)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(fds[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(fds[1]);
    size_t used = 0;
    ssize_t count;
    while ((count = read(fds[0], text + used, size - 1 - used)) > 0) {
        used += (size_t)count;
        text[used] = '\0';
        if (last && strstr(text, last))
            kill(child, SIGKILL);
    }
    text[used] = '\0';
    close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void run_with_signal(void)
{
    if (ovl_dump_on_signal(SIGQUIT) || ovl_run(wait_to_be_dumped, NULL, NULL))
        _exit(1);
}

static void a_signal_dumps_where_asked_for(void)
{
    assert_true(
        WIFSIGNALED(run_in_child(run_with_signal, "\"patient\"", dump_text, sizeof dump_text)));
    assert_non_null(strstr(dump_text, "\"patient\""));
    assert_int_equal(ovl_dump_on_signal(12345), -EINVAL);
}

/* --- overflows --- */

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
    int status = run_in_child(run_overflow, NULL, dump_text, sizeof dump_text);
    assert_non_null(strstr(dump_text, "\"deep one\", has overflowed its stack of 256 KiB"));
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
    int status = run_in_child(run_overflow_at_once, NULL, dump_text, sizeof dump_text);
    assert_non_null(strstr(dump_text, "\"huge one\", has overflowed its stack of 256 KiB"));
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
    int status = run_in_child(run_sent_fault, NULL, dump_text, sizeof dump_text);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_null(strstr(dump_text, "has overflowed"));
}

static void run_sent_fault_ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    _exit(ovl_run(send_fault, NULL, NULL) ? 1 : 66);
}

__attribute__((unused)) static void a_fault_that_is_sent_may_be_ignored(void)
{
    int status = run_in_child(run_sent_fault_ignored, NULL, dump_text, sizeof dump_text);
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
    int status = run_in_child(run_overflow_with_handler, NULL, dump_text, sizeof dump_text);
    char *first = strstr(dump_text, "\"deep one\", has overflowed");
    assert_non_null(first);
    assert_non_null(strstr(first, "the program's own\n"));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 77);
}

#ifndef __SANITIZE_THREAD__
/* The watchdog, its signals and its locks do not come along into a child, which may run a loop
 * itself. */
static int fork_and_run(void *argument)
{
    (void)argument;
    pid_t child = fork();
    if (child == 0) {
        struct told told = {.count = 0};
        struct ovl_run_options options = {
            .stall_ns = 20 * MS, .stalled = note_stall, .stall_context = &told};
        _exit(ovl_run(stall, &told, &options) || atomic_load(&told.count) != 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void children_have_watchdogs_of_their_own(void)
{
    if (!forks_can_start_threads())
        skip();
    struct told told = {.count = 0};
    struct ovl_run_options options = {.stalled = note_stall, .stall_context = &told};
    assert_int_equal(ovl_run(fork_and_run, NULL, &options), 0);
}
#endif

int main(int argc, char *argv[])
{
    const struct test_case cases[] = {
        TEST_CASE(a_stall_is_reported_while_it_lasts),
        TEST_CASE(a_stall_is_counted_in_the_ledger),
        TEST_CASE(who_gives_way_is_not_reported),
        TEST_CASE(a_dump_tells_where_each_waits),
        TEST_CASE(a_dump_tells_what_each_waits_for),
        TEST_CASE(a_loop_that_is_busy_is_dumped_too),
        TEST_CASE(a_signal_dumps_where_asked_for),
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
#ifndef __SANITIZE_THREAD__ /* which has no threads after a fork of a process with threads */
        TEST_CASE(children_have_watchdogs_of_their_own),
#endif
    };
    return run_cases("watchdog", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                    : EXIT_SUCCESS;
}
