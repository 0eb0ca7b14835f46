/* Proves that a system which refuses what processes need costs tasks or workers, and nothing else.
 */
#include "../support/cases.h"
#include "../support/watch.h"
#include "base/system.h"
#include "executor/processes/processes.h"
#include <dlfcn.h>
#include <errno.h>
#include <overlap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Calls that are to succeed before all fail; shared with the workers. */
#define CALLS_LEFT  0
#define FAILING_PID 1 /* whose calls fail */

enum { NOBODY, IN_PARENT, IN_HELPER, IN_WORKERS };

static struct ovl__system real;
static pid_t parent;

static bool fails(void)
{
    long whom = atomic_load(&board->number[FAILING_PID]);
    long here = getpid() == parent ? IN_PARENT : getppid() == parent ? IN_HELPER : IN_WORKERS;
    return here == whom && atomic_fetch_sub(&board->number[CALLS_LEFT], 1) <= 0;
}

static void fail_after(long calls, long whom)
{
    atomic_store(&board->number[CALLS_LEFT], calls);
    atomic_store(&board->number[FAILING_PID], whom);
}

static void fail_no_more(void)
{
    atomic_store(&board->number[FAILING_PID], NOBODY);
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

static pid_t faulty_fork(void)
{
    return fails() ? refuse(EAGAIN) : real.fork();
}

static int faulty_memfd_create(const char *name, unsigned flags)
{
    return fails() ? refuse(EMFILE) : real.memfd_create(name, flags);
}

static int faulty_fallocate(int fd, int mode, off_t offset, off_t size)
{
    return fails() ? refuse(ENOSPC) : real.fallocate(fd, mode, offset, size);
}

static int faulty_pidfd_open(pid_t pid, unsigned flags)
{
    return fails() ? refuse(EMFILE) : real.pidfd_open(pid, flags);
}

static int missing_pidfd_open(pid_t pid, unsigned flags)
{
    (void)pid;
    (void)flags;
    return refuse(ENOSYS);
}

static int faulty_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    return fails() ? refuse(ENOSPC) : real.epoll_ctl(epoll_fd, operation, fd, event);
}

static int faulty_epoll_create1(int flags)
{
    return fails() ? refuse(EMFILE) : real.epoll_create1(flags);
}

static int faulty_eventfd(unsigned count, int flags)
{
    return fails() ? refuse(ENFILE) : real.eventfd(count, flags);
}

static void *faulty_mmap(void *address, size_t size, int protection, int flags, int fd,
                         off_t offset)
{
    if (!fails())
        return real.mmap(address, size, protection, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

static void *faulty_malloc(size_t size)
{
    return fails() ? NULL : real.malloc(size);
}

static int faulty_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                                 void *(*fn)(void *), void *argument)
{
    return fails() ? EAGAIN : real.pthread_create(thread, attributes, fn, argument);
}

/* --- */

static int square(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    number *= number;
    return ovl_task_return(task, &number, sizeof number);
}

static int die(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    _exit(4);
}

static int large(struct ovl_task *task, struct ovl_bytes item)
{
    size_t size = *(const size_t *)item.data;
    void *result = ovl_task_result(task, size);
    return result ? (memset(result, 1, size), 0) : -ENOENT;
}

static struct ovl_outcome run(struct ovl_executor *executor, ovl_task_fn *fn, const void *item,
                              size_t size)
{
    struct ovl_future *future = NULL;
    assert_int_equal(
        ovl_submit(executor, fn, (struct ovl_bytes){.data = item, .size = size}, &future), 0);
    assert_int_equal(ovl_future_wait(future, ovl_after(PATIENCE_NS)), 0);
    struct ovl_outcome outcome = ovl_future_outcome(future);
    ovl_future_free(future);
    return outcome;
}

static int run_square(struct ovl_executor *executor)
{
    return run(executor, square, &(int){7}, sizeof(int)).error;
}

static struct ovl_executor *open_workers(unsigned workers)
{
    struct ovl_executor *executor = NULL;
    struct ovl_options options = {.workers = workers};
    assert_int_equal(ovl_executor_open(OVL_PROCESSES, &options, &executor), 0);
    return executor;
}

static void close_all(struct ovl_executor *executor)
{
    assert_int_equal(ovl_executor_close(executor, ovl_after(PATIENCE_NS)), 0);
}

/*
 * Opens with ever more calls that succeed, until all do: each time an error, or workers that work.
 * Returns how many opens were refused; `ret_fewer` counts those with fewer workers.
 */
static int open_until_it_works(int error, long whom, int *ret_fewer)
{
    enum { WORKERS = 3 };
    int refused = 0;
    *ret_fewer = 0;
    for (long calls = 0; calls < 100; calls++) {
        struct ovl_executor *executor = NULL;
        fail_after(calls, whom);
        int result =
            ovl_executor_open(OVL_PROCESSES, &(struct ovl_options){.workers = WORKERS}, &executor);
        bool all = atomic_load(&board->number[CALLS_LEFT]) >= 0;
        fail_no_more();
        if (result) {
            assert_int_equal(result, error);
            assert_null(executor);
            refused++;
            continue;
        }
        *ret_fewer += ovl_executor_workers(executor) < WORKERS;
        assert_int_equal(run_square(executor), 0);
        close_all(executor);
        if (all)
            return refused;
    }
    fail_msg("the open never succeeded");
    return 0;
}

static void open_without(int error, long whom, int expected_refused, int expected_fewer)
{
    int fewer;
    int refused = open_until_it_works(error, whom, &fewer);
    assert_int_equal(refused, expected_refused);
    assert_int_equal(fewer, expected_fewer);
    ovl__sys = real;
}

static void open_when_the_system_refuses(void)
{
    ovl__sys.fork = faulty_fork;
    open_without(-EAGAIN, IN_PARENT, 1, 0);
    ovl__sys.fork = faulty_fork;
    open_without(-EAGAIN, IN_HELPER, 1, 2);
    ovl__sys.memfd_create = faulty_memfd_create;
    open_without(-EMFILE, IN_PARENT, 1, 2);
    ovl__sys.fallocate = faulty_fallocate;
    open_without(-ENOMEM, IN_PARENT, 1, 2);
    ovl__sys.pidfd_open = faulty_pidfd_open;
    open_without(-EMFILE, IN_PARENT, 0, 0);
    ovl__sys.epoll_ctl = faulty_epoll_ctl;
    open_without(-ENOSPC, IN_PARENT, 1, 0);
    ovl__sys.epoll_create1 = faulty_epoll_create1;
    open_without(-EMFILE, IN_PARENT, 1, 0);
    ovl__sys.eventfd = faulty_eventfd;
    open_without(-ENFILE, IN_PARENT, 2, 0);
    ovl__sys.mmap = faulty_mmap;
    open_without(-ENOMEM, IN_PARENT, 2, 2);
    ovl__sys.malloc = faulty_malloc;
    open_without(-ENOMEM, IN_PARENT, 4, 2);
    ovl__sys.pthread_create = faulty_pthread_create;
    open_without(-EAGAIN, IN_PARENT, 1, 0);
}

static void replacing_when_the_system_refuses(void)
{
    ovl__sys.fork = faulty_fork; /* the helper has the calls that the parent has at the open */
    struct ovl_executor *executor = open_workers(2);
    fail_after(0, IN_HELPER);
    assert_int_equal(run(executor, die, NULL, 0).error, OVL_EEXITED);
    for (int i = 0; i < 10; i++)
        assert_int_equal(run_square(executor), 0);
    assert_int_equal(run(executor, die, NULL, 0).error, OVL_EEXITED);
    struct ovl_outcome refused = run(executor, square, &(int){7}, sizeof(int));
    assert_int_equal(refused.error, -EAGAIN);
    assert_int_equal(refused.attempts, 0);
    fail_no_more();
    ovl_time patience = ovl_after(PATIENCE_NS);
    while (run_square(executor) && ovl_now() < patience)
        ;
    assert_int_equal(run_square(executor), 0);
    close_all(executor);
}

static void close_while_no_worker_can_be_had(void)
{
    ovl__sys.fork = faulty_fork;
    struct ovl_executor *executor = open_workers(1);
    fail_after(0, IN_HELPER);
    assert_int_equal(run(executor, die, NULL, 0).error, OVL_EEXITED);
    close_all(executor);
}

/* Workers that die before they can serve: no tight loop, and no task that waits for ever. */
static void workers_that_never_come_to_serve(void)
{
    ovl__sys.mmap = faulty_mmap;
    struct ovl_executor *executor = open_workers(2);
    assert_int_equal(run_square(executor), 0);
    fail_after(0, IN_WORKERS);
    while (run(executor, die, NULL, 0).error != OVL_EEXITED)
        ;
    struct ovl_outcome outcome;
    do
        outcome = run(executor, die, NULL, 0);
    while (outcome.attempts);
    assert_int_equal(outcome.error, OVL_EEXITED);
    fail_no_more();
    ovl_time patience = ovl_after(PATIENCE_NS);
    while (run_square(executor) && ovl_now() < patience)
        ;
    assert_int_equal(run_square(executor), 0);
    close_all(executor);
}

/* A payload for which there is no memory fails its task, and the worker goes on. */
static void payloads_without_memory(void)
{
    size_t size = 1 << 20;
    char *bytes = calloc(1, size);
    ovl__sys.fallocate = faulty_fallocate;
    struct ovl_executor *executor = open_workers(1);
    fail_after(0, IN_PARENT);
    assert_int_equal(run(executor, die, bytes, size).error, -ENOMEM);
    assert_int_equal(run(executor, large, &size, sizeof size).error, 0);
    size = 3 << 20;
    fail_after(0, IN_WORKERS);
    assert_int_equal(run(executor, large, &size, sizeof size).error, -ENOENT);
    fail_no_more();
    assert_int_equal(run(executor, large, &size, sizeof size).error, 0);
    assert_int_equal(run_square(executor), 0);
    close_all(executor);
    free(bytes);
}

/* The sanitizers ask for the size of a page before there is anything to answer with. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define PAGES_MAY_BE_CHOSEN

/* Bytes of a page, where they are to be others than the machine's. */
static long large_page;

long sysconf(int name)
{
    long (*libc)(int);
    *(void **)&libc = dlsym(RTLD_NEXT, "sysconf");
    return large_page && name == _SC_PAGESIZE ? large_page : libc(name);
}

static void *mmap_by_page(void *address, size_t size, int protection, int flags, int fd,
                          off_t offset)
{
    if (offset % large_page) {
        refuse(EINVAL);
        return MAP_FAILED;
    }
    return real.mmap(address, size, protection, flags, fd, offset);
}

/* As some kernels of aarch64 have them. */
static void pages_may_be_large(void)
{
    char bytes[20000] = "";
    large_page = 65536;
    ovl__sys.mmap = mmap_by_page;
    struct ovl_executor *executor = open_workers(1);
    for (size_t size = 1000; size <= sizeof bytes; size += 1000) {
        assert_int_equal(run(executor, large, &size, sizeof size).error, 0);
        assert_int_equal(run(executor, die, bytes, size).error, OVL_EEXITED);
    }
    close_all(executor);
    large_page = 0;
}

#endif

/* Before Linux 5.3, and under some filters of system calls. */
static void without_pidfds(void)
{
    ovl__sys.pidfd_open = missing_pidfd_open;
    struct ovl_executor *executor = open_workers(2);
    for (int i = 0; i < 5; i++) {
        struct ovl_outcome outcome = run(executor, die, NULL, 0);
        assert_int_equal(outcome.error, OVL_EEXITED);
        assert_int_equal(outcome.detail, 4);
        assert_int_equal(run_square(executor), 0);
    }
    close_all(executor);
}

/* The real limit: every number of descriptors that may be left gives an error, or workers that
 * work. */
static void few_descriptors(void)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (unsigned room = 0; room <= 12; room++) {
        struct rlimit few = {.rlim_cur = watch_descriptor_limit(room), .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        struct ovl_executor *executor = NULL;
        int error =
            ovl_executor_open(OVL_PROCESSES, &(struct ovl_options){.workers = 4}, &executor);
        if (!error) {
            assert_in_range(ovl_executor_workers(executor), 1, 4);
            assert_int_equal(run_square(executor), 0);
            assert_int_equal(run(executor, die, NULL, 0).error, OVL_EEXITED);
            assert_int_equal(run_square(executor), 0);
            close_all(executor);
        }
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(error, room < 4 ? -EMFILE : 0);
    }
}

/* What one more ring would overflow. */
static void fill(int bell_fd)
{
    const uint64_t most = UINT64_MAX - 1;
    uint64_t rung;
    while (write(bell_fd, &most, sizeof most) < 0) {
        assert_int_equal(errno, EAGAIN);
        if (read(bell_fd, &rung, sizeof rung) < 0) /* somebody else was faster */
            assert_int_equal(errno, EAGAIN);
    }
}

/* Whoever is told of a reply, or of a death, is told by a bell that is full as well. */
static void full_bells(void)
{
    struct ovl_executor *executor = open_workers(2);
    struct ovl__processes *processes = executor->own;
    for (int i = 0; i < 20; i++) {
        fill(processes->bell_fd);
        fill(processes->helper_fd);
        assert_int_equal(run_square(executor), 0);
        fill(processes->bell_fd);
        assert_int_equal(run(executor, die, NULL, 0).error, OVL_EEXITED);
    }
    close_all(executor);
}

static void remember_parent(void)
{
    real = ovl__sys;
    parent = getpid();
}

#define FAULT_CASE(function)                                                                       \
    static void function##_case(void)                                                              \
    {                                                                                              \
        remember_parent();                                                                         \
        function();                                                                                \
        ovl__sys = real;                                                                           \
    }

FAULT_CASE(open_when_the_system_refuses)
FAULT_CASE(replacing_when_the_system_refuses)
FAULT_CASE(close_while_no_worker_can_be_had)
FAULT_CASE(workers_that_never_come_to_serve)
FAULT_CASE(payloads_without_memory)
#ifdef PAGES_MAY_BE_CHOSEN
FAULT_CASE(pages_may_be_large)
#endif
FAULT_CASE(without_pidfds)
FAULT_CASE(few_descriptors)
FAULT_CASE(full_bells)

int main(int argc, char **argv)
{
    const struct test_case cases[] = {
        TEST_CASE(open_when_the_system_refuses_case),
        TEST_CASE(replacing_when_the_system_refuses_case),
        TEST_CASE(close_while_no_worker_can_be_had_case),
        TEST_CASE(workers_that_never_come_to_serve_case),
        TEST_CASE(payloads_without_memory_case),
#ifdef PAGES_MAY_BE_CHOSEN
        TEST_CASE(pages_may_be_large_case),
#endif
        TEST_CASE(without_pidfds_case),
        TEST_CASE(few_descriptors_case),
        TEST_CASE(full_bells_case),
    };
    return run_cases("faults", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) != 0;
}
