#include "fetch/body.h"

#include "fetch/part.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Of an answer that is no success, so much is read to keep its connection. */
#define DISCARD_MAX 65536

/* Smaller parts are sooner fetched again than resumed. */
#define NOTED_BYTES (UINT64_C(1) << 20)

#define HASH_CHUNK 65536

#define SMALL_BYTES 65536

#define HELD_BYTES ((size_t)128 << 10)

void body_init(struct body *body, const struct settings *settings, const struct order *order,
               struct board *board)
{
    *body =
        (struct body){.settings = settings,
                      .order = order,
                      .board = board,
                      .slot = &board->slots[order->slot],
                      .fd = -1,
                      .rate = {.bytes = settings->rate_each},
                      .deadline = settings->total_ns ? ovl_after(settings->total_ns) : OVL_FOREVER,
                      .least_noted = NOTED_BYTES};
}

static bool fail(struct body *body, enum fault fault, int number)
{
    if (body->fault == FAULT_NONE) {
        body->fault = fault;
        body->number = number;
    }
    return false;
}

bool body_is_noted(const struct body_headers *headers)
{
    return headers->length < 0 || (uint64_t)headers->length >= NOTED_BYTES;
}

bool body_has_marks(const char *etag, const char *modified)
{
    return (etag && *etag == '"') || (modified && *modified);
}

static bool same(const char *left, const char *right)
{
    return left && right && strcmp(left, right) == 0;
}

/* Whether the answer is the rest of what the part is the beginning of. */
static bool is_rest(const struct body *body, const struct body_headers *headers)
{
    const struct order *order = body->order;
    uint64_t first;
    if (!headers->content_range ||
        sscanf(headers->content_range, "bytes %" SCNu64 "-", &first) != 1 || first != order->resume)
        return false;
    const char *etag = block_text(order, order->etag);
    const char *modified = block_text(order, order->modified);
    if (etag && headers->etag)
        return same(etag, headers->etag);
    return same(modified, headers->modified);
}

/* Feeds the hasher with what the part has already. */
static bool hash_part(struct body *body, int fd)
{
    char *chunk = malloc(HASH_CHUNK);
    uint64_t left = chunk ? body->offset : 0;
    while (left > 0) {
        ssize_t size = read(fd, chunk, left < HASH_CHUNK ? (size_t)left : HASH_CHUNK);
        if (size <= 0)
            break;
        hasher_add(body->hasher, chunk, (size_t)size);
        left -= (uint64_t)size;
    }
    bool all = chunk && left == 0;
    free(chunk);
    return all;
}

static bool start_hasher(struct body *body)
{
    if (!body->order->checksum.kind)
        return true;
    body->hasher = hasher_new(body->order->checksum.kind);
    return body->hasher || fail(body, FAULT_MEMORY, 0);
}

static bool open_part(struct body *body, uint64_t offset)
{
    const struct order *order = body->order;
    body->offset = offset;
    if (!order->part)
        return start_hasher(body);
    int flags = offset ? O_RDWR : O_WRONLY | O_CREAT | O_TRUNC;
    /* As write_some: straight to the system. */
    body->fd = (int)syscall(SYS_openat, AT_FDCWD, block_text(order, order->part),
                            flags | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (body->fd < 0)
        return offset ? fail(body, FAULT_RANGE, 0) : fail(body, FAULT_FILE, errno);
    if (!start_hasher(body))
        return false;
    if (!offset)
        return true;
    if (ftruncate(body->fd, (off_t)offset) < 0)
        return fail(body, FAULT_FILE, errno);
    if (body->hasher && !hash_part(body, body->fd))
        return fail(body, FAULT_RANGE, 0);
    return lseek(body->fd, (off_t)offset, SEEK_SET) >= 0 || fail(body, FAULT_FILE, errno);
}

bool body_begin(struct body *body, const struct body_headers *headers)
{
    body->begun = true;
    if (headers->status >= 300) {
        body->discard = true;
        return true;
    }
    uint64_t offset = 0;
    if (headers->status == 206) {
        if (!body->order->resume || !is_rest(body, headers))
            return fail(body, FAULT_RANGE, 0);
        offset = body->order->resume;
    }
    if (headers->length >= 0) {
        uint64_t whole = offset + (uint64_t)headers->length;
        if (whole > body->settings->size_most)
            return fail(body, FAULT_TOO_LARGE, 0);
        atomic_store_explicit(&body->slot->total, whole, memory_order_relaxed);
    }
    if (!open_part(body, offset))
        return false;
    if (!body_is_noted(headers) || !body->order->part ||
        !body_has_marks(headers->etag, headers->modified))
        body->least_noted = UINT64_MAX;
    return true;
}

static bool is_in_memory(int fd)
{
    struct statfs system;
    return fstatfs(fd, &system) == 0 &&
           (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

/* A small body goes to memory that the system writes out later: a task that gave way for that would
 * take longer. */
static ssize_t write_some(const struct body *body, const char *data, size_t size)
{
    if (body->at_once || body->received < SMALL_BYTES)
        return syscall(SYS_write, body->fd, data, size);
    return write(body->fd, data, size);
}

static bool write_all(struct body *body, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write_some(body, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail(body, FAULT_FILE, written < 0 ? errno : ENOSPC);
        data += written;
        size -= (size_t)written;
        body->received += (uint64_t)written;
    }
    return true;
}

static bool flush(struct body *body)
{
    size_t size = body->held_size;
    body->held_size = 0;
    return write_all(body, body->held, size);
}

/* From here on the body is large. libcurl gives 16 KiB at most at once: where each write may be a
 * helper thread's, several are written together. */
static void begin_large(struct body *body)
{
    body->large = true;
    body->at_once = body->held_up || is_in_memory(body->fd);
    if (!body->at_once)
        body->held = malloc(HELD_BYTES);
}

static bool write_body(struct body *body, const char *data, size_t size)
{
    if (body->fd < 0) {
        body->received += size;
        return true;
    }
    if (body->received >= SMALL_BYTES && !body->large)
        begin_large(body);
    if (!body->held || size > HELD_BYTES)
        return write_all(body, data, size);
    if (size > HELD_BYTES - body->held_size && !flush(body))
        return false;
    memcpy(body->held + body->held_size, data, size);
    body->held_size += size;
    return true;
}

static bool wait_for_rates(struct body *body, size_t size)
{
    const atomic_bool *stop = &body->board->interrupted;
    return rate_take(&body->rate, size, body->deadline, stop) &&
           rate_take(&body->board->rate, size, body->deadline, stop);
}

bool body_take(struct body *body, const char *data, size_t size)
{
    if (body->discard) {
        body->discarded += size;
        return body->discarded <= DISCARD_MAX || fail(body, FAULT_STATUS, 0);
    }
    uint64_t before = body->offset + body->received + body->held_size;
    if (size > body->settings->size_most - before)
        return fail(body, FAULT_TOO_LARGE, 0);
    if (!wait_for_rates(body, size))
        return fail(body, FAULT_CURL, CURLE_OPERATION_TIMEDOUT);
    if (!write_body(body, data, size))
        return false;
    if (body->hasher)
        hasher_add(body->hasher, data, size);
    atomic_store_explicit(&body->slot->bytes, before + size, memory_order_relaxed);
    return true;
}

static void set_time(const struct body *body, const char *modified)
{
    time_t when = modified ? curl_getdate(modified, NULL) : -1;
    if (when < 0)
        return;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = when}};
    futimens(body->fd, times);
}

static void check_sum(struct body *body, bool complete, struct checksum *ret_checksum)
{
    const struct checksum *wanted = &body->order->checksum;
    if (complete && body->fault == FAULT_NONE) {
        if (!hasher_finish(body->hasher, ret_checksum))
            fail(body, FAULT_MEMORY, 0);
        else if (memcmp(ret_checksum->bytes, wanted->bytes, checksum_size(wanted->kind)) != 0)
            fail(body, FAULT_CHECKSUM, 0);
    }
    hasher_free(body->hasher);
    body->hasher = NULL;
}

void body_end(struct body *body, bool complete, const struct body_headers *headers,
              struct checksum *ret_checksum)
{
    if (body->held_size)
        flush(body);
    free(body->held);
    body->held = NULL;
    if (body->hasher)
        check_sum(body, complete, ret_checksum);
    if (body->fd < 0)
        return;
    if (complete && body->fault == FAULT_NONE) {
        if (body->settings->remote_time)
            set_time(body, headers->modified);
        if (body->settings->sync && fsync(body->fd) < 0)
            fail(body, FAULT_FILE, errno);
    }
    /* Some file systems tell only now that there was no room. As write_some: nobody waits for a
     * file, which has nothing to send either. */
    if (syscall(SYS_close, body->fd) < 0 && errno != EINTR)
        fail(body, FAULT_FILE, errno);
    body->fd = -1;
}
