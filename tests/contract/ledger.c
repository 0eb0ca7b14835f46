/* The ledger: what tasks did, and what they waited for. */
#include "contract.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct ovl_ledger *ledger_new(size_t limit)
{
    struct ovl_ledger *ledger = NULL;
    assert_int_equal(ovl_ledger_open(limit, &ledger), 0);
    return ledger;
}

static struct ovl_executor *open_recorded(unsigned workers, struct ovl_ledger *ledger)
{
    return open_with(&(struct ovl_options){.workers = workers, .ledger = ledger});
}

static struct ovl_record record_at(struct ovl_ledger *ledger, size_t n)
{
    struct ovl_record record;
    assert_int_equal(ovl_ledger_read(ledger, n, &record), 0);
    return record;
}

static struct ovl_ledger_sum sum_of(struct ovl_ledger *ledger)
{
    struct ovl_ledger_sum sum;
    memset(&sum, 0xff, sizeof sum);
    ovl_ledger_sum(ledger, &sum);
    return sum;
}

/* Runs fn alone, and returns its record. */
static struct ovl_record record_of(ovl_task_fn *fn, const void *item, size_t size)
{
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl_executor *executor = open_recorded(2, ledger);
    expect_error(submit(executor, fn, item, size), 0);
    close_all(executor);
    assert_int_equal(ovl_ledger_count(ledger), 1);
    struct ovl_record record = record_at(ledger, 0);
    ovl_ledger_close(ledger);
    return record;
}

static ovl_time all_waits(const ovl_time *wait_ns)
{
    ovl_time sum = 0;
    for (int i = 0; i < OVL_WAIT_COUNT; i++)
        sum += wait_ns[i];
    return sum;
}

static int fail_sevenths(struct ovl_task *task, struct ovl_bytes item)
{
    int number = *(const int *)item.data;
    pause_ns(10 * OVL_MICROSECOND);
    return number % 7 ? square(task, item) : 1000 + number;
}

static void every_task_is_recorded(void)
{
    enum { TASKS = 210 };
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl_executor *executor = open_recorded(3, ledger);
    ovl_time opened = ovl_now();
    for (int i = 0; i < TASKS; i++)
        ovl_future_free(submit(executor, fail_sevenths, &i, sizeof i));
    unsigned workers = ovl_executor_workers(executor);
    close_all(executor);
    assert_int_equal(ovl_ledger_count(ledger), TASKS);
    bool seen[TASKS] = {false};
    struct ovl_ledger_sum expected = {0};
    for (size_t i = 0; i < TASKS; i++) {
        struct ovl_record record = record_at(ledger, i);
        assert_in_range(record.task, 0, TASKS - 1);
        assert_false(seen[record.task]);
        seen[record.task] = true;
        assert_in_range(record.worker, 0, workers - 1);
        assert_int_equal(record.error, record.task % 7 ? 0 : 1000 + record.task);
        assert_true(opened <= record.submitted && record.submitted <= record.start);
        assert_true(record.start <= record.end && record.end <= ovl_now());
        assert_true(record.cpu_ns >= 0);
        assert_true(all_waits(record.wait_ns) <= record.end - record.start);
        expected.wall_ns += record.end - record.start;
        expected.cpu_ns += record.cpu_ns;
        for (int kind = 0; kind < OVL_WAIT_COUNT; kind++)
            expected.wait_ns[kind] += record.wait_ns[kind];
    }
    struct ovl_ledger_sum sum = sum_of(ledger);
    assert_int_equal(sum.tasks, TASKS);
    assert_int_equal(sum.failed, TASKS / 7);
    assert_int_equal(sum.wall_ns, expected.wall_ns);
    assert_int_equal(sum.cpu_ns, expected.cpu_ns);
    assert_memory_equal(sum.wait_ns, expected.wait_ns, sizeof sum.wait_ns);
    struct ovl_record untouched = {.task = 99};
    assert_int_equal(ovl_ledger_read(ledger, TASKS, &untouched), -ERANGE);
    assert_int_equal(ovl_ledger_read(ledger, SIZE_MAX, &untouched), -ERANGE);
    assert_int_equal(untouched.task, 99);
    ovl_ledger_close(ledger);
}

static void what_never_began_is_not_recorded(void)
{
    if (runs_in_submit())
        return;
    struct holder holder = holder_new();
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl_executor *executor = open_recorded(1, ledger);
    holder_begin(&holder, executor);
    for (int i = 0; i < 5; i++) {
        struct ovl_future *future = submit(executor, count_call, NULL, 0);
        ovl_future_cancel(future);
        expect_error(future, OVL_ECANCELED);
    }
    holder_release(&holder);
    holder_end(&holder);
    close_all(executor);
    assert_int_equal(sum_of(ledger).tasks, 1);
    assert_int_equal(ovl_ledger_count(ledger), 1);
    ovl_ledger_close(ledger);
}

static void ledger_may_serve_executors_in_turn(void)
{
    struct ovl_ledger *ledger = ledger_new(0);
    for (int i = 0; i < 3; i++) {
        struct ovl_executor *executor = open_recorded(2, ledger);
        assert_int_equal(ovl_map(executor, count_call, NULL, 0, NULL, 0, 10, NULL), 0);
        close_all(executor);
    }
    assert_int_equal(sum_of(ledger).tasks, 30);
    ovl_ledger_close(ledger);
}

#define NAP_NS (20 * OVL_MILLISECOND)

static int nap_by_nanosleep(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL) ? -errno : 0;
}

static int nap_by_usleep(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return usleep(NAP_NS / 1000) ? -errno : 0;
}

static int nap_by_poll(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return poll(NULL, 0, NAP_NS / OVL_MILLISECOND);
}

static int nap_by_clock(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

/*
 * Returns whether it hardly computed, and had its processor for all else. What the call itself
 * computes is no wait, and may be more than it slept too long.
 */
static bool sleep_is_seen(ovl_task_fn *nap)
{
    struct ovl_record record = record_of(nap, NULL, 0);
    assert_true(record.wait_ns[OVL_WAIT_SLEEP] <= record.end - record.start);
    assert_true(record.end - record.start >= NAP_NS);
    assert_int_equal(all_waits(record.wait_ns), record.wait_ns[OVL_WAIT_SLEEP]);
    return record.cpu_ns < NAP_NS / 2 && record.wait_ns[OVL_WAIT_SLEEP] + record.cpu_ns >= NAP_NS;
}

/* The time in which a busy machine has taken the processor away from a coroutine is either its CPU
 * time or, where it was long, neither that nor a wait: then there is another try. */
static void sleeps_are_seen(void)
{
    static ovl_task_fn *const naps[] = {nap_by_nanosleep, nap_by_usleep, nap_by_poll, nap_by_clock};
    for (size_t i = 0; i < COUNT_OF(naps); i++) {
        int tries = 0;
        while (!sleep_is_seen(naps[i]) && ++tries < 10)
            ;
        assert_true(tries < 10);
    }
}

/* A descriptor to read from, which is written to late. */
struct late {
    int fds[2];
    struct wire asked;
};

#define LATE_NS (30 * OVL_MILLISECOND)

static void *write_late(void *argument)
{
    struct late *late = argument;
    if (wire_await(&late->asked, 1)) {
        pause_ns(LATE_NS);
        if (write(late->fds[1], "late", 4) != 4)
            atomic_fetch_add(&board->number[1], 1);
    }
    return NULL;
}

static int read_late(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const struct late *late = item.data;
    char bytes[4];
    wire_tell(&late->asked, 1);
    return read(late->fds[0], bytes, sizeof bytes) == sizeof bytes ? 0 : -EIO;
}

static int poll_late(struct ovl_task *task, struct ovl_bytes item)
{
    const struct late *late = item.data;
    struct pollfd wanted = {.fd = late->fds[0], .events = POLLIN};
    wire_tell(&late->asked, 1);
    if (poll(&wanted, 1, -1) != 1 || !(wanted.revents & POLLIN))
        return -EIO;
    char bytes[4];
    (void)task;
    return read(late->fds[0], bytes, sizeof bytes) == sizeof bytes ? 0 : -EIO;
}

static struct ovl_record record_of_late(ovl_task_fn *fn, struct late late)
{
    late.asked = wire_open();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_late, &late), 0);
    struct ovl_record record = record_of(fn, &late, sizeof late);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&board->number[1]), 0);
    wire_close(&late.asked);
    close(late.fds[0]);
    close(late.fds[1]);
    return record;
}

static void open_late(struct late *late, bool by_sockets)
{
    if (by_sockets)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, late->fds), 0);
    else
        assert_int_equal(pipe2(late->fds, O_CLOEXEC), 0);
}

/* The task comes to its wait after the writer has begun to count: on a busy machine so long after
 * it that there is nothing to wait for, and then there is another try. */
static void expect_late(ovl_task_fn *fn, bool by_sockets, enum ovl_wait kind)
{
    struct ovl_record record;
    int tries = 0;
    do {
        struct late late;
        open_late(&late, by_sockets);
        record = record_of_late(fn, late);
        assert_true(record.wait_ns[kind] <= record.end - record.start);
        for (int other = 0; other < OVL_WAIT_COUNT; other++)
            if (other != (int)kind && other != OVL_WAIT_CHILD)
                assert_int_equal(record.wait_ns[other], 0);
    } while (record.wait_ns[kind] <= LATE_NS / 3 && ++tries < 20);
    assert_true(tries < 20);
}

static void waits_for_sockets_are_seen(void)
{
    if (!has_our_files())
        return;
    expect_late(read_late, true, OVL_WAIT_NETWORK);
    expect_late(poll_late, true, OVL_WAIT_NETWORK);
}

static void waits_for_pipes_are_seen(void)
{
    if (!has_our_files())
        return;
    expect_late(read_late, false, OVL_WAIT_CHILD);
}

static ovl_time cpu_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * OVL_SECOND + now.tv_nsec;
}

#define WORK_NS (60 * OVL_MILLISECOND)

/* What cpu_ns may be off by for each short stretch of time that others have had before: see
 * overlap/ledger.h. */
#define SHORT_NS (50 * OVL_MICROSECOND)

enum { SPENT };

static int compute(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    ovl_time start = cpu_now();
    ovl_time spent;
    do
        spent = cpu_now() - start;
    while (spent < WORK_NS);
    atomic_store(&board->number[SPENT], (long)spent);
    return 0;
}

static void computing_is_seen(void)
{
    struct ovl_record record = record_of(compute, NULL, 0);
    assert_true(record.cpu_ns >= WORK_NS);
    assert_true(record.cpu_ns <= record.end - record.start + OVL_MILLISECOND);
    /* A machine that was stopped meanwhile may count that to who was running. */
    assert_true(record.cpu_ns < atomic_load(&board->number[SPENT]) + WORK_NS / 2);
    assert_int_equal(all_waits(record.wait_ns), 0);
}

/* Each task's CPU time is its own, although others compute while it sleeps. */
static void computing_is_counted_to_whom_it_belongs(void)
{
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl_executor *executor = open_recorded(4, ledger);
    struct ovl_future *futures[4];
    for (int i = 0; i < 4; i++)
        futures[i] = submit(executor, i % 2 ? compute : nap_by_nanosleep, NULL, 0);
    for (int i = 0; i < 4; i++)
        expect_error(futures[i], 0);
    close_all(executor);
    for (size_t i = 0; i < 4; i++) {
        struct ovl_record record = record_at(ledger, i);
        if (record.task % 2)
            assert_true(record.cpu_ns >= WORK_NS - 4 * SHORT_NS); /* two sleeps, begun and ended */
        else
            assert_true(record.cpu_ns < WORK_NS / 2);
    }
    ovl_ledger_close(ledger);
}

#define SHORT_WORK_NS (30 * OVL_MICROSECOND)

static int compute_shortly(struct ovl_task *task, struct ovl_bytes item)
{
    (void)item;
    ovl_time start = cpu_now();
    ovl_time spent;
    do
        spent = cpu_now() - start;
    while (spent < SHORT_WORK_NS);
    return ovl_task_return(task, &spent, sizeof spent);
}

static pid_t fork_busy_one(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        __asm__ volatile("");
}

/* Of this process and those it has waited for. */
static ovl_time cpu_of_all(void)
{
    ovl_time sum = 0;
    for (int i = 0; i < 2; i++) {
        struct rusage usage;
        assert_int_equal(getrusage(i ? RUSAGE_CHILDREN : RUSAGE_SELF, &usage), 0);
        sum += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * OVL_SECOND +
               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * OVL_MICROSECOND;
    }
    return sum;
}

/* Tasks too short for their thread's CPU clock to be read lose their processor to others, whose
 * time is not theirs: it is no less than what they measured, and no more than the system says. */
static void cpu_time_of_short_tasks_adds_up_on_a_busy_machine(void)
{
    enum { TASKS = 2000, BUSY = 4 };
    static ovl_time spent[TASKS];
    struct ovl_ledger *ledger = ledger_new(0);
    pid_t busy[BUSY];
    for (int i = 0; i < BUSY; i++)
        busy[i] = fork_busy_one();
    ovl_time before = cpu_of_all();
    struct ovl_executor *executor = open_recorded(2, ledger);
    int error = ovl_map(executor, compute_shortly, NULL, 0, spent, sizeof *spent, TASKS, NULL);
    close_all(executor);
    ovl_time system = cpu_of_all() - before;
    for (int i = 0; i < BUSY; i++) {
        kill(busy[i], SIGKILL);
        assert_int_equal(waitpid(busy[i], NULL, 0), busy[i]);
    }
    assert_int_equal(error, 0);
    ovl_time measured = 0;
    for (int i = 0; i < TASKS; i++)
        measured += spent[i];
    struct ovl_ledger_sum sum = sum_of(ledger);
    assert_int_equal(sum.tasks, TASKS);
    if (the_model == OVL_CLUSTER)
        system = OVL_SECOND; /* other ranks are no children: it does not know */
    if (sum.cpu_ns < measured - measured / 20 || sum.cpu_ns > system + system / 20)
        fail_msg("%.1f ms, where the tasks measured %.1f and the system says %.1f",
                 sum.cpu_ns / 1e6, measured / 1e6, system / 1e6);
    ovl_ledger_close(ledger);
}

static void waits_of_many_sleepers_add_up(void)
{
    enum { TASKS = 20 };
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl_executor *executor = open_recorded(10, ledger);
    assert_int_equal(ovl_map(executor, nap_by_nanosleep, NULL, 0, NULL, 0, TASKS, NULL), 0);
    close_all(executor);
    struct ovl_ledger_sum sum = sum_of(ledger);
    assert_int_equal(sum.tasks, TASKS);
    assert_true(sum.wait_ns[OVL_WAIT_SLEEP] >= TASKS * NAP_NS);
    assert_true(sum.wait_ns[OVL_WAIT_SLEEP] <= sum.wall_ns);
    assert_int_equal(ovl_ledger_bound(&sum), OVL_IO_BOUND);
    ovl_ledger_close(ledger);
}

static void records_beyond_the_limit_are_sampled(void)
{
    enum { TASKS = 3000, LIMIT = 100 };
    struct ovl_ledger *ledger = ledger_new(LIMIT);
    struct ovl_executor *executor = open_recorded(2, ledger);
    assert_int_equal(ovl_map(executor, count_call, NULL, 0, NULL, 0, TASKS, NULL), 0);
    close_all(executor);
    assert_int_equal(sum_of(ledger).tasks, TASKS);
    assert_int_equal(ovl_ledger_count(ledger), LIMIT);
    double mean = 0;
    for (size_t i = 0; i < LIMIT; i++)
        mean += (double)record_at(ledger, i).task / LIMIT;
    assert_true(mean > 0.3 * TASKS && mean < 0.7 * TASKS);
    ovl_ledger_close(ledger);
}

static void ledger_sees_deadlines_and_errors(void)
{
    struct wire begun = wire_open();
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl_executor *executor = open_recorded(1, ledger);
    ovl_time deadline;
    expect_error(submit_dated(executor, until_cancelled, &begun, sizeof begun, &deadline),
                 OVL_ETIMEDOUT);
    close_all(executor);
    struct ovl_ledger_sum sum = sum_of(ledger);
    assert_int_equal(sum.tasks, 1);
    assert_int_equal(sum.failed, 1);
    struct ovl_record record = record_at(ledger, 0);
    assert_int_equal(record.error, OVL_ETIMEDOUT);
    assert_true(record.end >= deadline);
    ovl_ledger_close(ledger);
    wire_close(&begun);
}

static void compute_for(ovl_time length)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    ovl_time end = now.tv_sec * OVL_SECOND + now.tv_nsec + length;
    while (now.tv_sec * OVL_SECOND + now.tv_nsec < end)
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
}

/* Computes, sleeps where a hook sees it, computes, and sleeps where none does. */
static int do_four_things(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    compute_for(5 * OVL_MILLISECOND);
    pause_ns(30 * OVL_MILLISECOND);
    compute_for(5 * OVL_MILLISECOND);
    syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = 30 * OVL_MILLISECOND}, NULL);
    return 0;
}

/* Finds the next segment of this kind that lasts at least as long. */
static int find_segment(const struct ovl_segment *segments, int count, int from, int kind,
                        ovl_time least)
{
    int n = from;
    while (n < count && (segments[n].kind != kind || segments[n].length_ns < least))
        n++;
    return n;
}

static void segments_tell_what_came_when(void)
{
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl_executor *executor = open_recorded(1, ledger);
    expect_error(submit(executor, do_four_things, NULL, 0), 0);
    close_all(executor);
    struct ovl_record record = record_at(ledger, 0);
    struct ovl_segment segments[OVL_SEGMENTS_MAX];
    int count = ovl_ledger_segments(ledger, 0, segments, OVL_SEGMENTS_MAX);
    assert_in_range(count, 4, OVL_SEGMENTS_MAX);
    const struct {
        int kind;
        ovl_time least;
    } expected[] = {
        {OVL_COMPUTING, OVL_MILLISECOND},
        {OVL_WAIT_SLEEP, 25 * OVL_MILLISECOND},
        {OVL_COMPUTING, OVL_MILLISECOND},
        {OVL_UNSEEN, 25 * OVL_MILLISECOND},
    };
    int n = 0;
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        n = find_segment(segments, count, n, expected[i].kind, expected[i].least);
        if (n == count)
            fail_msg("no segment of %s", ovl_segment_name(expected[i].kind));
    }
    ovl_time all = 0;
    ovl_time computed = 0;
    for (int i = 0; i < count; i++) {
        all += segments[i].length_ns;
        computed += segments[i].kind == OVL_COMPUTING ? segments[i].length_ns : 0;
    }
    assert_int_equal(computed, record.cpu_ns);
    assert_true(all <= record.end - record.start);
    assert_true(all >= (record.end - record.start) * 9 / 10);
    assert_true(record.switches > 0);
    assert_int_equal(ovl_ledger_segments(ledger, 1, segments, 1), -ERANGE);
    assert_int_equal(ovl_ledger_segments(ledger, 0, NULL, 0), count);
    ovl_ledger_close(ledger);
}

#define HELD_NS (20 * OVL_MILLISECOND)

static int init_shared(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int error = pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return error;
}

/* Sleeps twice with the first mutex, the second time with the other as well, then without, then
 * with the other. */
static int sleep_with_locks(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_t shared;
    int error = init_shared(&shared);
    error = error ? error : pthread_mutex_lock(&shared);
    pause_ns(HELD_NS);
    error = error ? error : pthread_mutex_trylock(&other);
    error = error ? error : pthread_mutex_lock(&shared); /* once more: it is a recursive one */
    error = error ? error : pthread_mutex_unlock(&shared);
    pause_ns(HELD_NS);
    error = error ? error : pthread_mutex_unlock(&other);
    error = error ? error : pthread_mutex_unlock(&shared);
    pause_ns(HELD_NS);
    error = error ? error : pthread_mutex_lock(&other);
    pause_ns(HELD_NS);
    error = error ? error : pthread_mutex_unlock(&other);
    pthread_mutex_destroy(&shared);
    return error;
}

static void segments_tell_which_lock_was_held(void)
{
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl_executor *executor = open_recorded(1, ledger);
    expect_error(submit(executor, sleep_with_locks, NULL, 0), 0);
    close_all(executor);
    struct ovl_segment segments[OVL_SEGMENTS_MAX];
    int count = ovl_ledger_segments(ledger, 0, segments, OVL_SEGMENTS_MAX);
    unsigned locks[4];
    int sleeps = 0;
    for (int i = 0; i < count; i++) {
        if (segments[i].kind != OVL_WAIT_SLEEP) {
            assert_int_equal(segments[i].lock, 0);
            continue;
        }
        assert_true(sleeps < 4);
        assert_true(segments[i].length_ns >= HELD_NS * 9 / 10);
        locks[sleeps++] = segments[i].lock;
    }
    assert_int_equal(sleeps, 4);
    assert_int_not_equal(locks[0], 0);
    assert_int_equal(locks[1], locks[0]);
    assert_int_equal(locks[2], 0);
    assert_int_not_equal(locks[3], 0);
    assert_int_not_equal(locks[3], locks[0]);
    assert_true(locks[0] & OVL_LOCK_SHARED);
    assert_false(locks[3] & OVL_LOCK_SHARED);
    ovl_ledger_close(ledger);
}

static int sleep_often(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    for (int i = 0; i < 100; i++)
        pause_ns(200 * OVL_MICROSECOND);
    return 0;
}

static void many_segments_are_summed_up(void)
{
    struct ovl_ledger *ledger = ledger_new(0);
    struct ovl_executor *executor = open_recorded(1, ledger);
    expect_error(submit(executor, sleep_often, NULL, 0), 0);
    close_all(executor);
    struct ovl_segment segments[OVL_SEGMENTS_MAX];
    int count = ovl_ledger_segments(ledger, 0, segments, OVL_SEGMENTS_MAX);
    assert_in_range(count, 1, OVL_SEGMENTS_MAX);
    ovl_time slept = 0;
    for (int i = 0; i < count; i++)
        slept += segments[i].kind == OVL_WAIT_SLEEP ? segments[i].length_ns : 0;
    assert_true(slept >= 18 * OVL_MILLISECOND);
    ovl_ledger_close(ledger);
}

/* --- bytes --- */

struct ways {
    int pipe[2];
    int sockets[2]; /* of datagrams */
    int file;
};

static int expect_size(ssize_t size, ssize_t expected)
{
    return size == expected ? 0 : -EIO;
}

static int move_through_pipe(const struct ways *ways, char *data)
{
    struct iovec parts[] = {{.iov_base = data, .iov_len = 3}, {.iov_base = data, .iov_len = 4}};
    int error = expect_size(write(ways->pipe[1], data, 1000), 1000);
    error = error ? error : expect_size(writev(ways->pipe[1], parts, 2), 7);
    error = error ? error : expect_size(read(ways->pipe[0], data, 1000), 1000);
    return error ? error : expect_size(readv(ways->pipe[0], parts, 2), 7);
}

static int move_through_sockets(const struct ways *ways, char *data)
{
    struct iovec part = {.iov_base = data, .iov_len = 20};
    struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
                                  {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}}};
    int error = expect_size(send(ways->sockets[1], data, 300, 0), 300);
    error = error ? error : expect_size(recv(ways->sockets[0], data, 1000, 0), 300);
    error = error ? error : expect_size(sendmmsg(ways->sockets[1], messages, 2, 0), 2);
    return error ? error : expect_size(recvmmsg(ways->sockets[0], messages, 2, 0, NULL), 2);
}

static int move_through_file(const struct ways *ways, char *data)
{
    off_t offset = 0;
    int error = expect_size(pwrite(ways->file, data, 500, 0), 500);
    error = error ? error : expect_size(pread(ways->file, data, 200, 100), 200);
    return error ? error : expect_size(sendfile(ways->pipe[1], ways->file, &offset, 400), 400);
}

/* Of the two ends, one is read and the other written; memory is neither. */
static int move_between(const struct ways *ways, char *data)
{
    off_t from = 0;
    off_t to = 2000;
    struct iovec part = {.iov_base = data, .iov_len = 30};
    int error = expect_size(copy_file_range(ways->file, &from, ways->file, &to, 100, 0), 100);
    int other[2];
    if (!error && pipe2(other, O_CLOEXEC))
        return errno;
    if (!error) {
        error = expect_size(tee(ways->pipe[0], other[1], 400, 0), 400);
        close(other[0]);
        close(other[1]);
    }
    error = error ? error : expect_size(splice(ways->pipe[0], NULL, ways->file, &to, 400, 0), 400);
    return error ? error : expect_size(vmsplice(ways->pipe[1], &part, 1, 0), 30);
}

/* What fails, and what finds the end, moves nothing. */
static int move_bytes(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    const struct ways *ways = item.data;
    char data[1000] = {0};
    int error = expect_size(write(-1, data, 9), -1);
    error = error ? error : expect_size(pread(ways->file, data, 9, 5000), 0);
    error = error ? error : move_through_pipe(ways, data);
    error = error ? error : move_through_sockets(ways, data);
    error = error ? error : move_through_file(ways, data);
    return error ? error : move_between(ways, data);
}

static void bytes_are_counted(void)
{
    if (!has_our_files())
        return;
    struct ways ways = {.file = memfd_create("bytes", MFD_CLOEXEC)};
    assert_true(ways.file >= 0);
    assert_int_equal(pipe2(ways.pipe, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ways.sockets), 0);
    struct ovl_record record = record_of(move_bytes, &ways, sizeof ways);
    assert_int_equal(record.error, 0);
    assert_int_equal(record.bytes_in, 1000 + 7 + 300 + 2 * 20 + 200 + 400 + 100 + 2 * 400);
    assert_int_equal(record.bytes_out, 1000 + 7 + 300 + 2 * 20 + 500 + 400 + 100 + 2 * 400 + 30);
    close(ways.file);
    for (int i = 0; i < 2; i++) {
        close(ways.pipe[i]);
        close(ways.sockets[i]);
    }
}

int ledger_cases(const char *only)
{
    const struct test_case cases[] = {
        TEST_CASE(every_task_is_recorded),
        TEST_CASE(what_never_began_is_not_recorded),
        TEST_CASE(ledger_may_serve_executors_in_turn),
        TEST_CASE(sleeps_are_seen),
        TEST_CASE(waits_for_sockets_are_seen),
        TEST_CASE(waits_for_pipes_are_seen),
        TEST_CASE(computing_is_seen),
        TEST_CASE(computing_is_counted_to_whom_it_belongs),
        TEST_CASE(cpu_time_of_short_tasks_adds_up_on_a_busy_machine),
        TEST_CASE(waits_of_many_sleepers_add_up),
        TEST_CASE(records_beyond_the_limit_are_sampled),
        TEST_CASE(ledger_sees_deadlines_and_errors),
        TEST_CASE(segments_tell_what_came_when),
        TEST_CASE(segments_tell_which_lock_was_held),
        TEST_CASE(many_segments_are_summed_up),
        TEST_CASE(bytes_are_counted),
    };
    return run_cases("ledger", cases, COUNT_OF(cases), only);
}
