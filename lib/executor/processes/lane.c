#include "executor/processes/lane.h"

#include "base/system.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>

/* Pages of their own for the head keep the payload aligned. */
#define HEAD_BYTES 4096
#define FIRST_ROOM (((size_t)64 << 10) - HEAD_BYTES)

/* What a lane keeps between tasks; more is given back. */
#define KEPT_ROOM (((size_t)4 << 20) - HEAD_BYTES)
#define GROWTH    ((size_t)1 << 20)

_Static_assert(sizeof(struct ovl__lane_head) <= HEAD_BYTES, "the head has its page");

/* Other processes that the parent forks must not reach into a lane: each worker maps its own. */
static struct ovl__lane_head *map(const struct ovl__lane *lane, size_t room)
{
    size_t size = HEAD_BYTES + room;
    void *memory = ovl__sys.mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, lane->fd, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (!lane->adopted)
        ovl__sys.madvise(memory, size, MADV_DONTFORK);
    return memory;
}

/* Memory that is only promised would end whoever touches it, by SIGBUS. */
static int back(int fd, size_t room)
{
    int error;
    do
        error = ovl__sys.fallocate(fd, 0, 0, (off_t)(HEAD_BYTES + room));
    while (error && errno == EINTR);
    return error ? -ENOMEM : 0;
}

int ovl__lane_open(struct ovl__lane *lane)
{
    struct ovl__lane new = {.fd = ovl__sys.memfd_create("overlap-lane", MFD_CLOEXEC)};
    if (new.fd < 0)
        return -errno;
    new.room = FIRST_ROOM;
    new.head = back(new.fd, FIRST_ROOM) ? NULL : map(&new, FIRST_ROOM);
    if (!new.head) {
        ovl__sys.close(new.fd);
        return -ENOMEM;
    }
    atomic_init(&new.head->turn, OVL__IDLE);
    *lane = new;
    return 0;
}

void ovl__lane_close(struct ovl__lane *lane)
{
    if (!lane->head)
        return;
    munmap(lane->head, HEAD_BYTES + lane->room);
    ovl__sys.close(lane->fd);
    *lane = (struct ovl__lane){0};
}

int ovl__lane_adopt(struct ovl__lane *lane)
{
    lane->adopted = true;
    lane->room = FIRST_ROOM;
    lane->head = map(lane, FIRST_ROOM);
    return lane->head ? 0 : -ENOMEM;
}

int ovl__lane_reserve(struct ovl__lane *lane, size_t size)
{
    if (size <= lane->room)
        return 0;
    if (size > SIZE_MAX / 4)
        return -ENOMEM;
    size_t room = (size + HEAD_BYTES + GROWTH - 1) / GROWTH * GROWTH - HEAD_BYTES;
    struct ovl__lane_head *head = back(lane->fd, room) ? NULL : map(lane, room);
    if (!head)
        return -ENOMEM;
    munmap(lane->head, HEAD_BYTES + lane->room);
    lane->head = head;
    lane->room = room;
    return 0;
}

void ovl__lane_trim(struct ovl__lane *lane)
{
    if (lane->room <= KEPT_ROOM)
        return;
    munmap((char *)lane->head + HEAD_BYTES + KEPT_ROOM, lane->room - KEPT_ROOM);
    lane->room = KEPT_ROOM;
    if (!lane->adopted)
        ovl__sys.ftruncate(lane->fd, HEAD_BYTES + KEPT_ROOM);
}

void *ovl__lane_payload(const struct ovl__lane *lane)
{
    return (char *)lane->head + HEAD_BYTES;
}

enum ovl__turn ovl__lane_turn(const struct ovl__lane *lane)
{
    return (enum ovl__turn)atomic_load_explicit(&lane->head->turn, memory_order_acquire);
}

void ovl__lane_pass(struct ovl__lane *lane, enum ovl__turn turn)
{
    atomic_store_explicit(&lane->head->turn, turn, memory_order_release);
    if (turn == OVL__ASKED || turn == OVL__ENDING)
        syscall(SYS_futex, &lane->head->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

enum ovl__turn ovl__lane_await(struct ovl__lane *lane)
{
    for (int looks = 0;; looks++) {
        enum ovl__turn turn = ovl__lane_turn(lane);
        if (turn == OVL__ASKED || turn == OVL__ENDING)
            return turn;
        if (looks < OVL__LOOKS)
            sched_yield();
        else
            syscall(SYS_futex, &lane->head->turn, FUTEX_WAIT, (unsigned)turn, NULL, NULL, 0);
    }
}
