/*
 * Proves that reads of files that must wait for the disk are whole by whatever way they are made:
 * by the kernel's ring, more at once than it holds, and without one; that others go on
 * meanwhile; and that a cancelled scope does not take the memory away that is still written to.
 */
#include "../support/cases.h"
#include "../support/scratch.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK  4096
#define BLOCKS 400 /* more than are with the kernel at once */

static int disk_fd;
static long others;   /* how often another coroutine had its turn */
static long entered;  /* submissions that the kernel was given */
static long set_up;   /* rings that it was asked for */
static long made;     /* rings that it gave */
static long fails_at; /* the submission that it refuses; -1: every one */
static int set_up_error;
static long maps;         /* of a ring's memory */
static long maps_fail_at; /* which of them fails; 0: none */
static bool tells_nobody; /* the kernel takes no descriptor to tell of what is done */
static struct ovl__system real;

static int count_setup(unsigned entries, struct io_uring_params *params)
{
    set_up++;
    if (set_up_error) {
        errno = set_up_error;
        return -1;
    }
    int fd = real.io_uring_setup(entries, params);
    made += fd >= 0;
    return fd;
}

static int count_enter(int fd, unsigned submitted, unsigned wanted, unsigned flags)
{
    if (submitted && (++entered == fails_at || fails_at < 0)) {
        errno = EAGAIN;
        return -1;
    }
    return real.io_uring_enter(fd, submitted, wanted, flags);
}

/* What is mapped of a descriptor is a ring's. */
static void *count_maps(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fd < 0 || ++maps != maps_fail_at)
        return real.mmap(address, size, protection, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

static int count_register(int fd, unsigned what, void *argument, unsigned count)
{
    if (!tells_nobody)
        return real.io_uring_register(fd, what, argument, count);
    errno = ENOMEM;
    return -1;
}

static void watch_ring(void)
{
    if (real.mmap)
        return;
    real = ovl__sys;
    ovl__sys.mmap = count_maps;
    ovl__sys.io_uring_register = count_register;
    ovl__sys.io_uring_setup = count_setup;
    ovl__sys.io_uring_enter = count_enter;
}

/* Each block is full of its own number. A file system without direct reads is read as any. */
static void open_disk(void)
{
    char name[SCRATCH_BYTES];
    int fd = scratch_file(name, ON_DISK);
    assert_true(fd >= 0);
    static uint32_t block[BLOCK / sizeof(uint32_t)];
    for (uint32_t i = 0; i < BLOCKS; i++) {
        for (size_t j = 0; j < COUNT_OF(block); j++)
            block[j] = i;
        assert_int_equal(write(fd, block, BLOCK), BLOCK);
    }
    assert_int_equal(fsync(fd), 0);
    disk_fd = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (disk_fd < 0)
        disk_fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(disk_fd >= 0);
    unlink(name);
    close(fd);
}

static int read_block(void *argument)
{
    uint32_t number = (uint32_t)(uintptr_t)argument;
    uint32_t *block = aligned_alloc(BLOCK, BLOCK);
    if (!block)
        return -ENOMEM;
    ssize_t size = pread(disk_fd, block, BLOCK, (off_t)number * BLOCK);
    int error = size < 0 ? -errno : size == BLOCK ? 0 : -EIO;
    for (size_t i = 0; i < BLOCK / sizeof *block && !error; i++)
        error = block[i] == number ? 0 : -EBADMSG;
    free(block);
    return error;
}

static int read_all(void *unused)
{
    (void)unused;
    static struct ovl_coroutine *readers[BLOCKS];
    int error = 0;
    for (uintptr_t i = 0; i < BLOCKS && !error; i++)
        error = ovl_go(read_block, (void *)i, &readers[i]);
    for (int i = 0; i < BLOCKS && !error; i++)
        error = ovl_join(readers[i]);
    return error;
}

static void run(ovl_coroutine_fn *fn)
{
    open_disk();
    watch_ring();
    assert_int_equal(ovl_run(fn, NULL, NULL), 0);
    close(disk_fd);
}

static void more_at_once_than_a_ring_holds(void)
{
    run(read_all);
    assert_true(set_up <= 1);
}

/* The kernel says so once for all; nobody asks it again. */
static void no_ring_is_to_be_had(void)
{
    set_up_error = EPERM;
    run(read_all);
    assert_int_equal(entered, 0);
    assert_true(set_up <= 1);
}

static void a_ring_is_to_be_had_later(void)
{
    set_up_error = EMFILE;
    run(read_all);
    assert_int_equal(entered, 0);
    assert_true(set_up != 1);
}

/* A ring that came about in part is given back, and the next one is whole. */
static void its_memory_is_to_be_had_later(void)
{
    for (maps_fail_at = 1; maps_fail_at <= 2; maps_fail_at++) {
        maps = 0;
        run(read_all);
    }
}

static void no_ring_can_tell_the_loop(void)
{
    tells_nobody = true;
    run(read_all);
    assert_int_equal(entered, 0);
}

static void some_requests_are_refused(void)
{
    fails_at = 3;
    run(read_all);
}

static void every_request_is_refused(void)
{
    fails_at = -1;
    run(read_all);
}

static int take_turns(void *unused)
{
    (void)unused;
    int error = 0;
    while (!error) {
        others++;
        error = ovl_yield();
    }
    return 0;
}

static int read_beside_another(void *unused)
{
    (void)unused;
    struct ovl_coroutine *other;
    int error = ovl_go(take_turns, NULL, &other);
    for (uintptr_t i = 0; i < 32 && !error; i++)
        error = read_block((void *)i);
    long during = others;
    ovl_coroutine_cancel(other);
    ovl_join(other);
    return error ? error : during ? 0 : -EDEADLK;
}

/* Nothing in these reads gives way but the wait for the disk. */
static void others_go_on_meanwhile(void)
{
    run(read_beside_another);
}

/* The second of each pair is the ring's. */
static int read_cancelled(void *unused)
{
    (void)unused;
    struct ovl_coroutine *readers[2];
    int error = 0;
    for (uintptr_t i = 0; i < 32 && !error; i++) {
        for (uintptr_t j = 0; j < 2 && !error; j++)
            error = ovl_go(read_block, (void *)(2 * i + j), &readers[j]);
        ovl_yield(); /* they have begun */
        for (int j = 0; j < 2 && !error; j++)
            ovl_coroutine_cancel(readers[j]);
        for (int j = 0; j < 2 && !error; j++)
            error = ovl_join(readers[j]);
    }
    return error;
}

static void cancelled_reads_are_whole(void)
{
    run(read_cancelled);
}

static int sync_disk(void *data_only)
{
    return (data_only ? fdatasync(disk_fd) : fsync(disk_fd)) ? -errno : 0;
}

static int sync_all(void *unused)
{
    struct ovl_coroutine *syncs[16];
    int error = 0;
    for (int i = 0; i < 16 && !error; i++)
        error = ovl_go(sync_disk, i % 2 ? &disk_fd : unused, &syncs[i]);
    for (int i = 0; i < 16 && !error; i++)
        error = ovl_join(syncs[i]);
    return error;
}

/* The first is a thread's; the next find that one waits, and go to the ring, where there is one. */
static void several_syncs_go_to_the_ring(void)
{
    run(sync_all);
    if (made)
        assert_true(entered > 0);
}

static void syncs_are_made_without_a_ring(void)
{
    set_up_error = EPERM;
    run(sync_all);
    assert_int_equal(entered, 0);
}

int main(int argc, char **argv)
{
    const struct test_case cases[] = {
        TEST_CASE(more_at_once_than_a_ring_holds), TEST_CASE(no_ring_is_to_be_had),
        TEST_CASE(a_ring_is_to_be_had_later),      TEST_CASE(its_memory_is_to_be_had_later),
        TEST_CASE(no_ring_can_tell_the_loop),      TEST_CASE(some_requests_are_refused),
        TEST_CASE(every_request_is_refused),       TEST_CASE(others_go_on_meanwhile),
        TEST_CASE(cancelled_reads_are_whole),      TEST_CASE(several_syncs_go_to_the_ring),
        TEST_CASE(syncs_are_made_without_a_ring),
    };
    return run_cases("ring", cases, COUNT_OF(cases), argc > 1 ? argv[1] : NULL) ? EXIT_FAILURE
                                                                                : EXIT_SUCCESS;
}
