/*
 * The spool: where the output of jobs waits until it is printed. A little of each job's is kept in
 * memory; what is more goes to blocks of one file without a name, which are used again.
 *
 * Threads: any; a capture is one thread's at a time.
 */
#ifndef TOOL_RUN_SPOOL_H
#define TOOL_RUN_SPOOL_H

#include <overlap/bytes.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

/* The file is made in `folder` when it is first needed. NULL: no memory. */
struct spool *spool_new(const char *folder);
void spool_free(struct spool *spool);

/* One stream of one job's output. All zero is an empty one. */
struct capture {
    char *head; /* the last bytes, not in the file */
    size_t head_size;
    size_t head_room;
    struct capture_block *blocks; /* the first bytes, in the file */
    size_t count;
    uint64_t size;
};

/* Errors: -ENOMEM; -errno of the file (-ENOSPC). */
int capture_append(struct capture *capture, struct spool *spool, const char *bytes, size_t size);

/* The job has ended and its output waits: where memory is short it goes to the file. */
int capture_settle(struct capture *capture, struct spool *spool);

/*
 * Calls `take` with the bytes, one run after the other, until it returns anything but 0. Returns
 * that, or 0, or -errno of the file.
 */
typedef int capture_take_fn(void *context, struct ovl_bytes bytes);
int capture_each(const struct capture *capture, struct spool *spool, capture_take_fn *take,
                 void *context);

/* Empties it. */
void capture_release(struct capture *capture, struct spool *spool);

#endif
