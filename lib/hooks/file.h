/* What the hooks of files share. */
#ifndef OVL_HOOKS_FILE_H
#define OVL_HOOKS_FILE_H

#include "hooks/hooks.h"

#include <sys/types.h>
#include <sys/uio.h>

/* The place where the descriptor's next read or write is. */
#define OVL__HERE ((off_t)-1)

/* Whether it is a regular file or a disk: always ready, and yet it may keep a reader waiting. */
bool ovl__is_file(int fd);

/* Whether such a read or write goes to the disk and back, past what is in memory (O_DIRECT). */
bool ovl__is_direct(int fd, const struct iovec *parts, int count, off_t offset);

/* Whether a file system asks others for what it has: a server, or a process. */
bool ovl__is_remote(int fd);

/*
 * Goes on with a read of a file of which `done` bytes were taken from memory, so few since there is
 * no more there: to the end of the file, in a helper thread. Keeps what was read where that fails.
 */
ssize_t ovl__file_read(int fd, const struct iovec *parts, int count, off_t offset, size_t done);

/*
 * Writes to a file. What is small goes to memory at once; a helper thread takes what is large, and
 * what waits for the disk because the file was opened so.
 */
ssize_t ovl__file_write(int fd, const struct iovec *parts, int count, off_t offset);

#endif
