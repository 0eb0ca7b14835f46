/*
 * Files that are not in memory: what a call costs in coroutines, and by a bare ring of liburing
 * that does nothing else.
 *
 *     file_calls coroutines|ring read|direct_read|direct_write|fsync FILE AT_ONCE CALLS
 *
 * read: 4 KiB anywhere, past the page cache that was emptied. direct_: the same with O_DIRECT.
 * fsync: each writes 4 KiB to a file of its own, and has it on the disk. Prints microseconds of
 * wall clock and of CPU time for a call.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK  4096
#define AT_MAX 64

static const char *kind;
static const char *path;
static int at_once;
static long calls;
static long begun;
static off_t blocks;

static _Alignas(BLOCK) char buffers[AT_MAX][BLOCK];
static int fds[AT_MAX];

static void give_up(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static int is(const char *name)
{
    return !strcmp(kind, name);
}

/* The same places each time, of which none comes twice in so short a run. */
static off_t next_place(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (off_t)(state % (uint64_t)blocks) * BLOCK;
}

static void open_all(void)
{
    int flags = O_CLOEXEC | O_RDWR | (is("direct_read") || is("direct_write") ? O_DIRECT : 0);
    struct stat status;
    for (int i = 0; i < at_once; i++) {
        char name[4096];
        snprintf(name, sizeof name, is("fsync") ? "%s.%d" : "%s", path, i);
        fds[i] = open(name, flags | O_CREAT, 0600);
        if (fds[i] < 0)
            give_up(name);
        if (is("fsync") && (pwrite(fds[i], buffers[i], BLOCK, 0) != BLOCK || fsync(fds[i])))
            give_up(name); /* the file's place on the disk is not what is measured */
        posix_fadvise(fds[i], 0, 0, POSIX_FADV_RANDOM);
        posix_fadvise(fds[i], 0, 0, POSIX_FADV_DONTNEED);
    }
    if (fstat(fds[0], &status))
        give_up(path);
    blocks = status.st_size / BLOCK;
}

/* --- in coroutines --- */

static int call_in_turn(void *argument)
{
    int i = (int)(intptr_t)argument;
    while (begun < calls) {
        begun++;
        ssize_t size = is("fsync")          ? pwrite(fds[i], buffers[i], BLOCK, 0)
                       : is("direct_write") ? pwrite(fds[i], buffers[i], BLOCK, next_place())
                                            : pread(fds[i], buffers[i], BLOCK, next_place());
        if (size != BLOCK || (is("fsync") && fsync(fds[i])))
            return -errno;
    }
    return 0;
}

static int call_in_coroutines(void *unused)
{
    (void)unused;
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    if (error)
        return error;
    for (int i = 0; i < at_once; i++)
        ovl_group_go(group, call_in_turn, (void *)(intptr_t)i);
    return ovl_group_close(group);
}

/* --- by a bare ring --- */

static void ask(struct io_uring *ring, int i)
{
    begun++;
    struct io_uring_sqe *request = io_uring_get_sqe(ring);
    if (is("read") || is("direct_read"))
        io_uring_prep_read(request, fds[i], buffers[i], BLOCK, (uint64_t)next_place());
    else
        io_uring_prep_write(request, fds[i], buffers[i], BLOCK,
                            is("fsync") ? 0 : (uint64_t)next_place());
    io_uring_sqe_set_data64(request, (uint64_t)i);
    if (!is("fsync"))
        return;
    io_uring_sqe_set_flags(request, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
    request = io_uring_get_sqe(ring);
    io_uring_prep_fsync(request, fds[i], 0);
    io_uring_sqe_set_data64(request, (uint64_t)i);
}

static int call_by_ring(void)
{
    struct io_uring ring;
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    int error = io_uring_queue_init_params(2 * AT_MAX, &ring, &params);
    if (error)
        return error;
    for (int i = 0; i < at_once; i++)
        ask(&ring, i);
    for (long done = 0; done < calls && !error; done++) {
        struct io_uring_cqe *answer;
        error = io_uring_submit_and_wait(&ring, 1);
        error = error < 0 ? error : io_uring_wait_cqe(&ring, &answer);
        if (error)
            break;
        error = answer->res < 0 ? answer->res : 0;
        int i = (int)io_uring_cqe_get_data64(answer);
        io_uring_cqe_seen(&ring, answer);
        if (begun < calls)
            ask(&ring, i);
    }
    io_uring_queue_exit(&ring);
    return error;
}

static double cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

int main(int argc, char *argv[])
{
    if (argc != 6)
        return 2;
    kind = argv[2];
    path = argv[3];
    at_once = atoi(argv[4]);
    calls = atol(argv[5]);
    if (at_once < 1 || at_once > AT_MAX || calls < at_once)
        return 2;
    open_all();
    double cpu = cpu_us();
    ovl_time began = ovl_now();
    int error = !strcmp(argv[1], "ring") ? call_by_ring() : ovl_run(call_in_coroutines, NULL, NULL);
    double wall = (double)(ovl_now() - began) / 1e3;
    if (error) {
        fprintf(stderr, "%s: %s\n", kind, ovl_error_message(error));
        return EXIT_FAILURE;
    }
    printf("%.3f %.3f\n", wall / (double)calls, (cpu_us() - cpu) / (double)calls);
    return EXIT_SUCCESS;
}
