/*
 * Reads, writes and syncs of files that wait for the disk, made by the kernel while the loop goes
 * on (io_uring, Linux 6.1): no thread, and several in the disk's queue at once.
 */
#ifndef OVL_LOOP_RING_H
#define OVL_LOOP_RING_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

struct ovl__loop;
struct ovl__ring;

enum ovl__ring_call { OVL__RING_READ, OVL__RING_WRITE, OVL__RING_SYNC, OVL__RING_DATASYNC };

/*
 * Reads or writes a regular file or a disk at `offset`, as preadv and pwritev do, or has what was
 * written on the disk, as fsync and fdatasync do, without parts; and gives way until that is done,
 * whatever is cancelled: the parts are the kernel's until then.
 *
 * true: *ret_result is the size (0 of a sync), or -errno. false: nothing was done, since there is
 * no ring (an older kernel, forbidden, OVL_IO_URING=0 in the environment, no memory), it is full,
 * or it is a sync and no other coroutine of the loop waits for anything outside of it.
 */
bool ovl__ring_do(enum ovl__ring_call call, int fd, const struct iovec *parts, int count,
                  off_t offset, ssize_t *ret_result);

/* Something woke the loop: wakes whose request is done. */
void ovl__ring_look(struct ovl__loop *loop);

/* NULL is none. */
void ovl__ring_free(struct ovl__ring *ring);

#endif
