#include "run/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES (64u << 10)

/* What all captures may hold in memory before those that are larger go to the file. */
#define MEMORY_BYTES (6u << 20)

/* A head that is smaller is not worth a block. */
#define LEAST_BYTES (2u << 10)

/* One in the file. */
struct capture_block {
    uint32_t number;
    uint32_t size;
};

struct spool {
    char *folder;
    atomic_size_t memory; /* bytes of heads */

    pthread_mutex_t lock; /* all below */
    int fd;               /* -1: there is none yet */
    uint32_t count;       /* blocks that the file has */
    uint32_t *unused;     /* those of them that hold nothing */
    size_t unused_count;
    size_t unused_room;
};

struct spool *spool_new(const char *folder)
{
    struct spool *spool = calloc(1, sizeof *spool);
    if (!spool)
        return NULL;
    pthread_mutex_init(&spool->lock, NULL);
    spool->fd = -1;
    spool->folder = strdup(folder);
    if (!spool->folder) {
        spool_free(spool);
        return NULL;
    }
    return spool;
}

void spool_free(struct spool *spool)
{
    if (!spool)
        return;
    if (spool->fd >= 0)
        close(spool->fd);
    pthread_mutex_destroy(&spool->lock);
    free(spool->unused);
    free(spool->folder);
    free(spool);
}

/* --- blocks --- */

static int open_nameless(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    char *name;
    if (asprintf(&name, "%s/overlap-XXXXXX", folder) < 0)
        return -1;
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    free(name);
    return fd;
}

/* Gives a block that holds nothing. */
static int take_block(struct spool *spool, uint32_t *ret_number)
{
    int error = 0;
    pthread_mutex_lock(&spool->lock);
    if (spool->fd < 0)
        spool->fd = open_nameless(spool->folder);
    if (spool->fd < 0)
        error = -errno;
    else if (spool->unused_count)
        *ret_number = spool->unused[--spool->unused_count];
    else if (spool->count == UINT32_MAX)
        error = -EFBIG;
    else
        *ret_number = spool->count++;
    pthread_mutex_unlock(&spool->lock);
    return error;
}

/* Where there is no memory to remember it, it stays unused. */
static void give_block(struct spool *spool, uint32_t number)
{
    pthread_mutex_lock(&spool->lock);
    if (spool->unused_count == spool->unused_room) {
        size_t room = spool->unused_room ? 2 * spool->unused_room : 64;
        uint32_t *moved = realloc(spool->unused, room * sizeof *moved);
        if (moved) {
            spool->unused = moved;
            spool->unused_room = room;
        }
    }
    if (spool->unused_count < spool->unused_room)
        spool->unused[spool->unused_count++] = number;
    if (spool->unused_count == spool->count) { /* all: the disk has its room back */
        spool->unused_count = 0;
        spool->count = 0;
        if (ftruncate(spool->fd, 0) < 0)
            spool->count = 0; /* then the blocks are written over */
    }
    pthread_mutex_unlock(&spool->lock);
}

static off_t place_of(uint32_t number)
{
    return (off_t)number * BLOCK_BYTES;
}

static int write_block(struct spool *spool, uint32_t number, const char *bytes, size_t size)
{
    off_t at = place_of(number);
    while (size) {
        ssize_t written = pwrite(spool->fd, bytes, size, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -ENOSPC;
        bytes += written;
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

static int read_block(struct spool *spool, const struct capture_block *block, char *buffer)
{
    off_t at = place_of(block->number);
    for (size_t done = 0; done < block->size;) {
        ssize_t size = pread(spool->fd, buffer + done, block->size - done, at + (off_t)done);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return size < 0 ? -errno : -EIO;
        done += (size_t)size;
    }
    return 0;
}

/* --- captures --- */

static void count_memory(struct spool *spool, size_t before, size_t after)
{
    if (after > before)
        atomic_fetch_add_explicit(&spool->memory, after - before, memory_order_relaxed);
    else
        atomic_fetch_sub_explicit(&spool->memory, before - after, memory_order_relaxed);
}

static bool is_short(struct spool *spool)
{
    return atomic_load_explicit(&spool->memory, memory_order_relaxed) > MEMORY_BYTES;
}

/* The head becomes a block of the file. */
static int store_head(struct capture *capture, struct spool *spool)
{
    if (!(capture->count & (capture->count + 1))) { /* grows by doubling, at 2^n - 1 */
        size_t room = 2 * capture->count + 1;
        struct capture_block *moved = realloc(capture->blocks, (room + 1) * sizeof *moved);
        if (!moved)
            return -ENOMEM;
        capture->blocks = moved;
    }
    struct capture_block block = {.size = (uint32_t)capture->head_size};
    int error = take_block(spool, &block.number);
    if (error)
        return error;
    error = write_block(spool, block.number, capture->head, capture->head_size);
    if (error) {
        give_block(spool, block.number);
        return error;
    }
    capture->blocks[capture->count++] = block;
    capture->head_size = 0;
    return 0;
}

static void drop_head(struct capture *capture, struct spool *spool)
{
    if (!capture->head)
        return;
    count_memory(spool, capture->head_room, 0);
    free(capture->head);
    capture->head = NULL;
    capture->head_room = 0;
    capture->head_size = 0;
}

/* Room for `size` bytes in all, no more than a block. */
static int grow_head(struct capture *capture, struct spool *spool, size_t size)
{
    if (size <= capture->head_room)
        return 0;
    size_t room = size < 256 ? 256 : 2 * size;
    room = room > BLOCK_BYTES ? BLOCK_BYTES : room;
    char *moved = realloc(capture->head, room);
    if (!moved)
        return -ENOMEM;
    count_memory(spool, capture->head_room, room);
    capture->head = moved;
    capture->head_room = room;
    return 0;
}

int capture_append(struct capture *capture, struct spool *spool, const char *bytes, size_t size)
{
    while (size) {
        size_t room = BLOCK_BYTES - capture->head_size;
        size_t part = size < room ? size : room;
        int error = grow_head(capture, spool, capture->head_size + part);
        if (error)
            return error;
        memcpy(capture->head + capture->head_size, bytes, part);
        capture->head_size += part;
        capture->size += part;
        bytes += part;
        size -= part;
        bool large = capture->head_size >= LEAST_BYTES && is_short(spool);
        if (capture->head_size == BLOCK_BYTES || large) {
            error = store_head(capture, spool);
            if (error)
                return error;
        }
    }
    return 0;
}

int capture_settle(struct capture *capture, struct spool *spool)
{
    if (!is_short(spool) || capture->head_room < LEAST_BYTES)
        return 0;
    int error = capture->head_size ? store_head(capture, spool) : 0;
    if (!error)
        drop_head(capture, spool);
    return error;
}

int capture_each(const struct capture *capture, struct spool *spool, capture_take_fn *take,
                 void *context)
{
    char *buffer = capture->count ? malloc(BLOCK_BYTES) : NULL;
    int result = capture->count && !buffer ? -ENOMEM : 0;
    for (size_t n = 0; n < capture->count && !result; n++) {
        result = read_block(spool, &capture->blocks[n], buffer);
        if (!result)
            result = take(context, (struct ovl_bytes){buffer, capture->blocks[n].size});
    }
    free(buffer);
    if (!result && capture->head_size)
        result = take(context, (struct ovl_bytes){capture->head, capture->head_size});
    return result;
}

void capture_release(struct capture *capture, struct spool *spool)
{
    for (size_t n = 0; n < capture->count; n++)
        give_block(spool, capture->blocks[n].number);
    free(capture->blocks);
    drop_head(capture, spool);
    *capture = (struct capture){0};
}
