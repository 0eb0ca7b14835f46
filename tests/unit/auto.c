/* With how many threads `auto` begins where tasks wait for files, whatever disk there is. */
#include "../support/cases.h"

#include "base/system.h"

#include <errno.h>
#include <overlap.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What stands in docs/decisions. */
#define THREADS_FIRST 16

#define TASKS 400

/* Long beside anything else that a task does. */
#define FIRST_NS (20 * OVL_MILLISECOND)

/*
 * The disk: each wait takes its time, until the threads may be there; then each lasts until so many
 * wait together, as on a disk that does nothing for fewer. ThreadSanitizer looks away within a call
 * of the system: no lock is taken here.
 */
static struct {
    atomic_bool gathers;
    atomic_uint waiting;
    int gate[2]; /* a byte for each that may go on */
} disk;

static void open_gate(void)
{
    static const char bytes[TASKS];
    if (syscall(SYS_write, disk.gate[1], bytes, sizeof bytes) != sizeof bytes)
        _exit(3);
}

static int wait_for_disk(int fd)
{
    (void)fd;
    char byte;
    if (!atomic_load(&disk.gathers))
        return ovl__sys.nanosleep(&(struct timespec){.tv_nsec = FIRST_NS}, NULL);
    if (atomic_fetch_add(&disk.waiting, 1) + 1 == THREADS_FIRST)
        open_gate();
    return syscall(SYS_read, disk.gate[0], &byte, 1) == 1 ? 0 : -1;
}

/* A ring would ask the kernel past the seam. */
static int no_ring(unsigned entries, struct io_uring_params *params)
{
    (void)entries;
    (void)params;
    errno = ENOSYS;
    return -1;
}

static int store(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return fdatasync(STDOUT_FILENO);
}

/* The decision for files, or one whose model is another. */
static struct ovl_decision files_decision(struct ovl_executor *executor)
{
    struct ovl_decision decision;
    for (size_t n = 0; n < ovl_auto_decision_count(executor); n++)
        if (!ovl_auto_decision(executor, n, &decision) && strstr(decision.reason, "wait for files"))
            return decision;
    return (struct ovl_decision){.model = OVL_SYNC};
}

static void expect_threads(struct ovl_executor *executor)
{
    struct ovl_decision decision = files_decision(executor);
    assert_int_equal(decision.model, OVL_THREADS);
    assert_int_equal(decision.workers, THREADS_FIRST + ovl_model_default_workers(OVL_PROCESSES));
}

/* One task tells it what they wait for; from then on sixteen wait at once: with fewer they all
 * would wait for ever. */
static void file_work_begins_with_sixteen_threads(void)
{
    ovl__sys.io_uring_setup = no_ring;
    ovl__sys.fdatasync = wait_for_disk;
    assert_int_equal(pipe(disk.gate), 0);
    struct ovl_executor *executor;
    assert_int_equal(ovl_executor_open(OVL_AUTO, NULL, &executor), 0);
    char item = 0;
    for (int i = 0; i < 100 && files_decision(executor).model != OVL_THREADS; i++)
        assert_int_equal(ovl_map(executor, store, &item, 1, NULL, 0, 1, NULL), 0);
    expect_threads(executor);
    atomic_store(&disk.gathers, true);
    char items[TASKS] = {0};
    assert_int_equal(ovl_map(executor, store, items, 1, NULL, 0, TASKS, NULL), 0);
    assert_int_equal(atomic_load(&disk.waiting), TASKS);
    assert_int_equal(ovl_executor_close(executor, OVL_FOREVER), 0);
    close(disk.gate[0]);
    close(disk.gate[1]);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        TEST_CASE(file_work_begins_with_sixteen_threads),
    };
    return run_cases("auto", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? 1 : 0;
}
