/*
 * Proves that limits of the system itself, on descriptors, processes and memory, give clear errors
 * or fewer workers: whatever number is left, an open fails cleanly, or what it opened works.
 */
#include "../support/cases.h"
#include "../support/watch.h"
#include <errno.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int square(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    if (nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL))
        return -errno;
    number *= number;
    return ovl_task_return(task, &number, sizeof number);
}

#define ITEMS 100

/* Every task ends with its square, or with `told`. Returns how many did not end well. */
static int use(struct ovl_executor *executor, int told)
{
    static int items[ITEMS], results[ITEMS];
    static struct ovl_outcome outcomes[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        items[i] = i;
    int error =
        ovl_map(executor, square, items, sizeof *items, results, sizeof *results, ITEMS, outcomes);
    int failed = 0;
    for (int i = 0; i < ITEMS; i++) {
        if (outcomes[i].error)
            assert_true(outcomes[i].error == told || error == told);
        else
            assert_int_equal(results[i], i * i);
        failed += outcomes[i].error != 0;
    }
    assert_int_equal(error != 0, failed > 0);
    struct ovl_counts counts;
    ovl_executor_counts(executor, &counts);
    assert_int_equal(counts.submitted, counts.done + counts.failed + counts.cancelled);
    return failed;
}

static void set_limit(int resource, rlim_t value)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(resource, &limit), 0);
    limit.rlim_cur = value;
    assert_int_equal(setrlimit(resource, &limit), 0);
}

/* --- descriptors --- */

#define ENOUGH_DESCRIPTORS 4

static int answer(void *argument)
{
    (void)argument;
    return ovl_sleep(ovl_after(OVL_MILLISECOND)) ? -EPROTO : 42;
}

/* Returns whether the model could be opened. */
static bool open_with_few(enum ovl_model model)
{
    struct ovl_executor *executor = NULL;
    const struct ovl_options options = {.workers = 3};
    int error = ovl_executor_open(model, &options, &executor);
    if (error) {
        assert_int_equal(error, -EMFILE);
        assert_null(executor);
        return false;
    }
    assert_int_equal(use(executor, 0), 0);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
    return true;
}

static void few_descriptors(void)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int refused = 0;
    for (unsigned room = 0; room <= ENOUGH_DESCRIPTORS; room++) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        set_limit(RLIMIT_NOFILE, watch_descriptor_limit(room));
        assert_true(open_with_few(OVL_SYNC));
        assert_true(open_with_few(OVL_THREADS));
        bool opened = open_with_few(OVL_ASYNC);
        refused += !opened;
        assert_int_equal(ovl_run(answer, NULL, NULL), opened ? 42 : -EMFILE);
    }
    assert_in_range(refused, 1, ENOUGH_DESCRIPTORS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* What came of opens, with ever more of what is limited. */
struct tally {
    int refused; /* opens */
    int fewer;   /* opens with fewer workers than wanted */
    int failed;  /* tasks */
    int whole;   /* opens that lacked nothing */
};

/* --- processes and threads --- */

/* Root may have as many as it likes, and whoever else runs the test has other processes, which come
 * and go: the test becomes somebody who has none. */
static void become_limited(void)
{
    if (geteuid() || setuid(1000000 + (uid_t)getpid())) {
        print_message("not here: only root can become somebody who has no other processes\n");
        skip();
    }
}

/* Whether the limit lets the test have one more. */
static bool may_fork(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid(child, NULL, 0);
    return child > 0;
}

static int die(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    _exit(4);
}

/* A worker's place is filled again. */
static void let_one_die(struct ovl_executor *executor)
{
    struct ovl_future *future = NULL;
    assert_int_equal(ovl_submit(executor, die, (struct ovl_bytes){0}, &future), 0);
    assert_int_equal(ovl_future_result(future, NULL), OVL_EEXITED);
    ovl_future_free(future);
}

#define SLOTS_WANTED 4

static void open_with_slots(enum ovl_model model, struct tally *tally)
{
    struct ovl_executor *executor = NULL;
    const struct ovl_options options = {.workers = SLOTS_WANTED};
    int error = ovl_executor_open(model, &options, &executor);
    if (error) {
        assert_int_equal(error, -EAGAIN);
        assert_null(executor);
        tally->refused++;
        return;
    }
    bool fewer = ovl_executor_workers(executor) < SLOTS_WANTED;
    tally->fewer += fewer;
    tally->whole += !fewer;
    assert_int_equal(use(executor, 0), 0);
    if (model == OVL_PROCESSES)
        let_one_die(executor);
    assert_int_equal(use(executor, 0), 0);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
}

/* From none that is left on. */
static struct tally open_with_few_slots(enum ovl_model model)
{
    struct tally tally = {0};
    become_limited();
    rlim_t slots = 1;
    for (set_limit(RLIMIT_NPROC, slots); slots < 4096 && !may_fork();)
        set_limit(RLIMIT_NPROC, ++slots);
    struct watch before = watch_now();
    for (rlim_t more = 0; more < 10; more++) {
        char difference[256];
        set_limit(RLIMIT_NPROC, slots - 1 + more);
        open_with_slots(model, &tally);
        /* A thread that was joined counts until the system has done with it. */
        if (!watch_settles(&before, difference, sizeof difference))
            fail_msg("left behind: %s", difference);
    }
    return tally;
}

static void threads_with_few_slots(void)
{
    struct tally tally = open_with_few_slots(OVL_THREADS);
    assert_true(tally.refused > 0);
    assert_int_equal(tally.fewer, SLOTS_WANTED - 1);
    assert_true(tally.whole > 0);
}

static void async_with_few_slots(void)
{
    struct tally tally = open_with_few_slots(OVL_ASYNC);
    assert_true(tally.refused > 0);
    assert_int_equal(tally.fewer, 0);
    assert_true(tally.whole > 0);
}

static void auto_with_few_slots(void)
{
    struct tally tally = open_with_few_slots(OVL_AUTO);
    assert_true(tally.refused > 0);
    assert_true(tally.refused + tally.fewer < 10);
}

/* Beside the workers it takes a helper and a thread. */
static void processes_with_few_slots(void)
{
    struct tally tally = open_with_few_slots(OVL_PROCESSES);
    assert_int_equal(tally.refused, 3);
    assert_int_equal(tally.fewer, SLOTS_WANTED - 1);
    assert_true(tally.whole > 0);
}

/* --- memory --- */

static size_t mapped_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    size_t pages = 0;
    assert_int_equal(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

#define MANY       64
#define STACK      ((size_t)1 << 20)
#define STEP_BYTES ((size_t)300 << 10)

/* Opens with ever more memory, until there is as much as all workers' stacks need, and more. */
static struct tally open_with_little_memory(enum ovl_model model)
{
    struct tally tally = {0};
    size_t before = mapped_bytes();
    for (size_t room = 0; room <= 2 * MANY * STACK; room += STEP_BYTES + room / 4) {
        struct ovl_executor *executor = NULL;
        const struct ovl_options options = {.workers = MANY, .stack_bytes = STACK};
        set_limit(RLIMIT_AS, before + room);
        int error = ovl_executor_open(model, &options, &executor);
        if (error) {
            assert_true(error == -ENOMEM || error == -EAGAIN);
            assert_null(executor);
            tally.refused++;
            continue;
        }
        bool fewer = ovl_executor_workers(executor) < MANY;
        int failed = use(executor, -ENOMEM);
        tally.fewer += fewer;
        tally.failed += failed;
        tally.whole += !fewer && !failed;
        assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
    }
    set_limit(RLIMIT_AS, RLIM_INFINITY);
    return tally;
}

static void threads_with_little_memory(void)
{
    struct tally tally = open_with_little_memory(OVL_THREADS);
    assert_true(tally.refused > 0);
    assert_true(tally.fewer > 0);
    assert_true(tally.whole > 0);
}

/* Its workers begin with the tasks: where stacks for some are to be had, all tasks run on these. */
static void async_with_little_memory(void)
{
    struct tally tally = open_with_little_memory(OVL_ASYNC);
    assert_true(tally.refused + tally.failed > 0);
    assert_int_equal(tally.fewer, 0);
    assert_true(tally.whole > 0);
}

static void processes_with_little_memory(void)
{
    struct tally tally = open_with_little_memory(OVL_PROCESSES);
    assert_true(tally.refused > 0);
    assert_true(tally.fewer + tally.failed > 0);
    assert_true(tally.whole > 0);
}

static int run_little(void *argument)
{
    *(bool *)argument = true;
    struct ovl_group *group = NULL;
    int error = ovl_group_open(OVL_FOREVER, &group);
    for (int i = 0; i < MANY && !error; i++)
        error = ovl_group_go(group, answer, NULL);
    if (group)
        ovl_group_cancel(group);
    ovl_group_close(group);
    return error;
}

static void loop_with_little_memory(void)
{
    size_t before = mapped_bytes();
    int failed = 0, done = 0;
    for (size_t room = 0; room <= 2 * MANY * STACK; room += STEP_BYTES + room / 4) {
        bool ran = false;
        set_limit(RLIMIT_AS, before + room);
        int error = ovl_run(run_little, &ran, &(struct ovl_run_options){.stack_bytes = STACK});
        assert_true(!error || error == -ENOMEM);
        assert_true(ran || error);
        failed += error != 0;
        done += !error;
    }
    set_limit(RLIMIT_AS, RLIM_INFINITY);
    assert_true(failed > 0);
    assert_true(done > 0);
}

int main(int argc, char **argv)
{
    const struct test_case cases[] = {
        TEST_CASE(few_descriptors),
        TEST_CASE(threads_with_few_slots),
        TEST_CASE(async_with_few_slots),
        TEST_CASE(auto_with_few_slots),
        TEST_CASE(processes_with_few_slots),
        TEST_CASE(threads_with_little_memory),
        TEST_CASE(async_with_little_memory),
        TEST_CASE(loop_with_little_memory),
        TEST_CASE(processes_with_little_memory),
    };
    /* A sanitizer's shadow alone takes more than any such limit. */
    size_t count = SANITIZED ? 5 : COUNT_OF(cases);
    return run_cases("limits", cases, count, argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                        : EXIT_SUCCESS;
}
