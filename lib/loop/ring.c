#include "loop/ring.h"

#include "base/memory.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "loop/inside.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

/* As many may be with the kernel at once. What is done has as many places, so that none is lost. */
#define REQUESTS 256

/*
 * Work that is left for the loop's thread is done when that thread asks for it: without this
 * the kernel would end other calls of the thread with EINTR.
 */
#define SETUP_FLAGS (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CLAMP)

/* What is shared with the kernel. Head and tail of each queue count on without end. */
struct ovl__ring {
    int fd;
    unsigned requests; /* that are with the kernel */
    void *queues;
    size_t queues_size;
    struct io_uring_sqe *submissions;
    size_t submissions_size;
    atomic_uint *submission_head;
    atomic_uint *submission_tail;
    unsigned *submission_order;
    unsigned submission_mask;
    atomic_uint *completion_head;
    atomic_uint *completion_tail;
    const struct io_uring_cqe *completions;
    unsigned completion_mask;
};

/* Lies on the stack of the coroutine that waits for it. */
struct request {
    struct ovl__coroutine *waiter; /* NULL while it still runs: a resumed one must not */
    int result;
    bool done;
};

/* The kernel, or whoever runs this, wants none: looked at once for all loops. */
static atomic_bool is_refused;

__attribute__((constructor)) static void ask_environment(void)
{
    /* Valgrind does not see what the kernel writes into memory by itself. */
    const char *wanted = getenv("OVL_IO_URING");
    if (RUNNING_ON_VALGRIND || (wanted && !strcmp(wanted, "0")))
        is_refused = true;
}

/* --- the ring itself --- */

static bool map_queues(struct ovl__ring *ring, const struct io_uring_params *params)
{
    size_t order_end = params->sq_off.array + params->sq_entries * sizeof(unsigned);
    size_t completions_end = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    ring->queues_size = order_end > completions_end ? order_end : completions_end;
    ring->submissions_size = params->sq_entries * sizeof(struct io_uring_sqe);
    char *queues = ovl__sys.mmap(NULL, ring->queues_size, PROT_READ | PROT_WRITE, MAP_SHARED,
                                 ring->fd, IORING_OFF_SQ_RING);
    if (queues == MAP_FAILED)
        return false;
    ring->queues = queues;
    void *submissions = ovl__sys.mmap(NULL, ring->submissions_size, PROT_READ | PROT_WRITE,
                                      MAP_SHARED, ring->fd, IORING_OFF_SQES);
    if (submissions == MAP_FAILED)
        return false;
    ring->submissions = submissions;
    ring->submission_head = (atomic_uint *)(queues + params->sq_off.head);
    ring->submission_tail = (atomic_uint *)(queues + params->sq_off.tail);
    ring->submission_order = (unsigned *)(queues + params->sq_off.array);
    ring->submission_mask = params->sq_entries - 1;
    ring->completion_head = (atomic_uint *)(queues + params->cq_off.head);
    ring->completion_tail = (atomic_uint *)(queues + params->cq_off.tail);
    ring->completions = (struct io_uring_cqe *)(queues + params->cq_off.cqes);
    ring->completion_mask = params->cq_entries - 1;
    return true;
}

/*
 * The ring tells the loop by the descriptor that wakes it. Epoll on the ring's own would not do:
 * work that is left for the loop's thread is no event there.
 */
static bool open_ring(struct ovl__ring *ring, int wake_fd)
{
    struct io_uring_params params = {.flags = SETUP_FLAGS};
    ring->fd = ovl__sys.io_uring_setup(REQUESTS, &params);
    if (ring->fd < 0) {
        if (errno != ENOMEM && errno != EMFILE && errno != ENFILE)
            atomic_store_explicit(&is_refused, true, memory_order_relaxed);
        return false;
    }
    return map_queues(ring, &params) &&
           !ovl__sys.io_uring_register(ring->fd, IORING_REGISTER_EVENTFD, &wake_fd, 1);
}

void ovl__ring_free(struct ovl__ring *ring)
{
    if (!ring)
        return;
    if (ring->submissions)
        munmap(ring->submissions, ring->submissions_size);
    if (ring->queues)
        munmap(ring->queues, ring->queues_size);
    if (ring->fd >= 0)
        ovl__sys.close(ring->fd);
    free(ring);
}

/* The loop's ring, made for its first request; NULL where there is none. */
static struct ovl__ring *find_ring(struct ovl__loop *loop)
{
    if (loop->ring || atomic_load_explicit(&is_refused, memory_order_relaxed))
        return loop->ring;
    struct ovl__ring *ring = ovl__zalloc(sizeof *ring);
    if (!ring)
        return NULL;
    if (open_ring(ring, loop->wake_fd))
        loop->ring = ring;
    else
        ovl__ring_free(ring);
    return loop->ring;
}

/* --- what goes in and what comes out --- */

static void take_completions(struct ovl__ring *ring)
{
    unsigned head = atomic_load_explicit(ring->completion_head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(ring->completion_tail, memory_order_acquire);
    for (; head != tail; head++) {
        const struct io_uring_cqe *completion = &ring->completions[head & ring->completion_mask];
        struct request *request = (struct request *)(uintptr_t)completion->user_data;
        request->result = completion->res;
        request->done = true;
        ring->requests--;
        if (request->waiter)
            ovl__resume(request->waiter);
    }
    atomic_store_explicit(ring->completion_head, head, memory_order_release);
}

void ovl__ring_look(struct ovl__loop *loop)
{
    if (!loop->ring || !loop->ring->requests)
        return;
    ovl__sys.io_uring_enter(loop->ring->fd, 0, 0, IORING_ENTER_GETEVENTS);
    take_completions(loop->ring);
}

/* false: the kernel has not taken it. */
static bool submit(struct ovl__ring *ring, const struct io_uring_sqe *submission)
{
    unsigned tail = atomic_load_explicit(ring->submission_tail, memory_order_relaxed);
    unsigned place = tail & ring->submission_mask;
    ring->submissions[place] = *submission;
    ring->submission_order[place] = place;
    atomic_store_explicit(ring->submission_tail, tail + 1, memory_order_release);
    ovl__sys.io_uring_enter(ring->fd, 1, 0, 0);
    if (atomic_load_explicit(ring->submission_head, memory_order_acquire) == tail) {
        atomic_store_explicit(ring->submission_tail, tail, memory_order_relaxed);
        return false;
    }
    ring->requests++;
    return true;
}

static const unsigned char opcodes[] = {
    [OVL__RING_READ] = IORING_OP_READV,
    [OVL__RING_WRITE] = IORING_OP_WRITEV,
    [OVL__RING_SYNC] = IORING_OP_FSYNC,
    [OVL__RING_DATASYNC] = IORING_OP_FSYNC,
};

bool ovl__ring_do(enum ovl__ring_call call, int fd, const struct iovec *parts, int count,
                  off_t offset, ssize_t *ret_result)
{
    /* The kernel would hand a sync to a thread of its own, which for one alone takes longer. */
    bool sync = call == OVL__RING_SYNC || call == OVL__RING_DATASYNC;
    if (sync && !ovl__here->outside)
        return false;
    struct ovl__ring *ring = find_ring(ovl__here);
    if (!ring || ring->requests == REQUESTS)
        return false;
    struct request request = {.done = false};
    struct io_uring_sqe submission = {
        .opcode = opcodes[call],
        .fsync_flags = call == OVL__RING_DATASYNC ? IORING_FSYNC_DATASYNC : 0,
        .fd = fd,
        .off = (uint64_t)offset,
        .addr = (uintptr_t)parts,
        .len = (unsigned)count,
        .user_data = (uintptr_t)&request,
    };
    if (!submit(ring, &submission))
        return false;
    take_completions(ring); /* it may be done already */
    request.waiter = ovl__current->coroutine;
    ovl__loop_outside(1);
    while (!request.done) {
        ovl__waits_for("disk", fd);
        ovl__suspend_shielded(OVL_FOREVER);
    }
    ovl__loop_outside(-1);
    *ret_result = request.result;
    return true;
}
