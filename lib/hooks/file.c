/*
 * Reading and writing of files. What is in memory is read by the first try (RWF_NOWAIT); what is
 * not, by the loop's ring, or by a helper thread.
 */
#include "hooks/file.h"

#include "base/memory.h"
#include "loop/apart.h"
#include "loop/ring.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <termios.h>

OVL__HOOK_FILE(file);

/* From this size on the way to a helper and back is short beside the copying. */
#define LARGE_BYTES (64 * 1024)

/* What direct reads and writes are multiples of, in memory and in the file. */
#define SECTOR 512

/* Not in linux/magic.h. */
#define CIFS_MAGIC 0xff534d42
#define SMB2_MAGIC 0xfe534d42

bool ovl__is_file(int fd)
{
    struct stat status;
    int before = errno;
    bool is_file = !fstat(fd, &status) && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
    errno = before;
    return is_file;
}

static bool is_of(int fd, const unsigned *magics, size_t count)
{
    struct statfs system;
    if (fstatfs(fd, &system))
        return false;
    for (size_t i = 0; i < count; i++)
        if ((unsigned)system.f_type == magics[i])
            return true;
    return false;
}

bool ovl__is_remote(int fd)
{
    static const unsigned remote[] = {NFS_SUPER_MAGIC, FUSE_SUPER_MAGIC, CIFS_MAGIC,
                                      SMB2_MAGIC,      SMB_SUPER_MAGIC,  CEPH_SUPER_MAGIC,
                                      V9FS_MAGIC,      AFS_SUPER_MAGIC,  CODA_SUPER_MAGIC};
    return is_of(fd, remote, sizeof remote / sizeof *remote);
}

/* All that these have is in memory. */
static bool is_in_memory(int fd)
{
    static const unsigned memory[] = {TMPFS_MAGIC,   PROC_SUPER_MAGIC,   SYSFS_MAGIC,
                                      RAMFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                      DEBUGFS_MAGIC, TRACEFS_MAGIC};
    return is_of(fd, memory, sizeof memory / sizeof *memory);
}

/* RWF_NOWAIT keeps nobody from waiting there. By what such calls are made of, few others are asked
 * about: it is a system call. */
bool ovl__is_direct(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (count <= 0 || (offset != OVL__HERE && offset % SECTOR))
        return false;
    for (int i = 0; i < count; i++)
        if (((uintptr_t)parts[i].iov_base | parts[i].iov_len) % SECTOR)
            return false;
    int before = errno;
    int flags = ovl__sys.fcntl(fd, F_GETFL, NULL);
    errno = before;
    return flags >= 0 && flags & O_DIRECT && ovl__is_file(fd);
}

static size_t size_of(const struct iovec *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

/* --- calls in a helper --- */

struct file_call {
    int fd;
    const struct iovec *parts;
    int count;
    off_t offset;
    ssize_t result;
    int error;
};

static void call_read(void *argument)
{
    struct file_call *call = argument;
    call->result = call->offset == OVL__HERE
                       ? ovl__sys.readv(call->fd, call->parts, call->count)
                       : ovl__sys.preadv(call->fd, call->parts, call->count, call->offset);
    call->error = errno;
}

static void call_write(void *argument)
{
    struct file_call *call = argument;
    call->result = call->offset == OVL__HERE
                       ? ovl__sys.writev(call->fd, call->parts, call->count)
                       : ovl__sys.pwritev(call->fd, call->parts, call->count, call->offset);
    call->error = errno;
}

static ssize_t in_thread(void (*fn)(void *argument), struct file_call *call)
{
    int before = errno;
    ovl__hook_call_in_thread(fn, call, OVL_WAIT_DISK);
    errno = call->result < 0 ? call->error : before;
    return call->result;
}

/*
 * By the kernel, where that gains: false where nothing was done. At the descriptor's own place
 * it is for a helper: io_uring does not keep two readers there apart.
 */
static bool in_ring(enum ovl__ring_call way, struct file_call *call)
{
    if (call->offset == OVL__HERE || !ovl__is_file(call->fd))
        return false;
    int before = errno;
    struct ovl__meter *meter = ovl__current->meter;
    ovl_time began = meter ? ovl_now() : 0;
    if (!ovl__ring_do(way, call->fd, call->parts, call->count, call->offset, &call->result))
        return false;
    if (meter)
        ovl__meter_wait(meter, OVL_WAIT_DISK, began);
    errno = call->result < 0 ? (int)-call->result : before;
    call->result = call->result < 0 ? -1 : call->result;
    return true;
}

/* --- reading --- */

/* What the ring read only a part of is read on. */
static ssize_t read_from_disk(struct file_call *call)
{
    if (!in_ring(OVL__RING_READ, call))
        return in_thread(call_read, call);
    if (call->result <= 0 || (size_t)call->result == size_of(call->parts, call->count))
        return call->result;
    return ovl__file_read(call->fd, call->parts, call->count, call->offset, (size_t)call->result);
}

/* Whether what was read reaches to the end of the file: then it was all. */
static bool is_at_end(int fd, off_t offset, size_t done)
{
    struct stat status;
    off_t end = offset == OVL__HERE ? lseek(fd, 0, SEEK_CUR) : offset + (off_t)done;
    return fstat(fd, &status) || !S_ISREG(status.st_mode) || end < 0 || end >= status.st_size;
}

static ssize_t read_rest(int fd, const struct iovec *parts, int count, off_t offset, size_t done)
{
    struct iovec few[16];
    struct iovec *rest = few;
    if ((size_t)count > sizeof few / sizeof *few)
        rest = ovl__sys.malloc((size_t)count * sizeof *rest);
    if (!rest)
        return (ssize_t)done;
    memcpy(rest, parts, (size_t)count * sizeof *rest);
    int first = 0;
    size_t left = done;
    for (; first < count && left >= rest[first].iov_len; first++)
        left -= rest[first].iov_len;
    rest[first].iov_base = (char *)rest[first].iov_base + left;
    rest[first].iov_len -= left;
    struct file_call call = {
        .fd = fd,
        .parts = rest + first,
        .count = count - first,
        .offset = offset == OVL__HERE ? OVL__HERE : offset + (off_t)done,
    };
    int before = errno;
    ssize_t more = read_from_disk(&call);
    if (more < 0)
        errno = before;
    if (rest != few)
        free(rest);
    return (ssize_t)done + (more > 0 ? more : 0);
}

ssize_t ovl__file_read(int fd, const struct iovec *parts, int count, off_t offset, size_t done)
{
    if (done && is_at_end(fd, offset, done))
        return (ssize_t)done;
    if (done)
        return read_rest(fd, parts, count, offset, done);
    struct file_call call = {.fd = fd, .parts = parts, .count = count, .offset = offset};
    if (!is_in_memory(fd))
        return read_from_disk(&call);
    call_read(&call);
    return call.result;
}

/* --- writing --- */

/* Whether every write is to wait for the disk. */
static bool waits_for_disk(int fd)
{
    int flags = ovl__sys.fcntl(fd, F_GETFL, NULL);
    return flags >= 0 && flags & (O_DIRECT | O_SYNC | O_DSYNC);
}

ssize_t ovl__file_write(int fd, const struct iovec *parts, int count, off_t offset)
{
    struct file_call call = {.fd = fd, .parts = parts, .count = count, .offset = offset};
    bool slow = size_of(parts, count) >= LARGE_BYTES || waits_for_disk(fd) || ovl__is_remote(fd);
    if (!slow || is_in_memory(fd)) {
        call_write(&call);
        return call.result;
    }
    if (ovl__is_direct(fd, parts, count, offset) && in_ring(OVL__RING_WRITE, &call))
        return call.result;
    return in_thread(call_write, &call);
}

/* --- the calls --- */

static bool is_unready(ssize_t size)
{
    return size < 0 && (errno == EAGAIN || errno == EOPNOTSUPP);
}

static ssize_t yielding_preadv(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (offset < 0)
        return ovl__sys.preadv(fd, parts, count, offset);
    if (ovl__is_direct(fd, parts, count, offset))
        return ovl__file_read(fd, parts, count, offset, 0);
    int before = errno;
    ssize_t size = ovl__sys.preadv2(fd, parts, count, offset, RWF_NOWAIT);
    bool all = size == 0 || (size > 0 && (size_t)size == size_of(parts, count));
    if (all || (size < 0 && !is_unready(size)))
        return size;
    errno = before;
    return ovl__file_read(fd, parts, count, offset, size > 0 ? (size_t)size : 0);
}

static ssize_t yielding_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (offset < 0)
        return ovl__sys.pwritev(fd, parts, count, offset);
    return ovl__file_write(fd, parts, count, offset);
}

OVL__HOOK ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    if (!ovl__in_task())
        return ovl__sys.pread(fd, data, size, offset);
    if (!ovl__current->coroutine)
        return ovl__took(OVL__METERED(ssize_t, fd, 0, ovl__sys.pread(fd, data, size, offset)));
    return ovl__took(
        yielding_preadv(fd, &(struct iovec){.iov_base = data, .iov_len = size}, 1, offset));
}
OVL__HOOK_ALIAS(pread, pread64)

OVL__HOOK ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    if (!ovl__in_task())
        return ovl__sys.pwrite(fd, data, size, offset);
    if (!ovl__current->coroutine)
        return ovl__gave(OVL__METERED(ssize_t, fd, 0, ovl__sys.pwrite(fd, data, size, offset)));
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    return ovl__gave(yielding_pwritev(fd, &part, 1, offset));
}
OVL__HOOK_ALIAS(pwrite, pwrite64)

OVL__HOOK ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (!ovl__in_task())
        return ovl__sys.preadv(fd, parts, count, offset);
    if (!ovl__current->coroutine || count <= 0)
        return ovl__took(OVL__METERED(ssize_t, fd, 0, ovl__sys.preadv(fd, parts, count, offset)));
    return ovl__took(yielding_preadv(fd, parts, count, offset));
}
OVL__HOOK_ALIAS(preadv, preadv64)

OVL__HOOK ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (!ovl__in_task())
        return ovl__sys.pwritev(fd, parts, count, offset);
    if (!ovl__current->coroutine || count <= 0)
        return ovl__gave(OVL__METERED(ssize_t, fd, 0, ovl__sys.pwritev(fd, parts, count, offset)));
    return ovl__gave(yielding_pwritev(fd, parts, count, offset));
}
OVL__HOOK_ALIAS(pwritev, pwritev64)

/* With flags it is for those who know what they ask for; without, it is one of the others. */
OVL__HOOK ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.preadv2(fd, parts, count, offset, flags);
    if (!ovl__current->coroutine || flags)
        return OVL__METERED(ssize_t, fd, 0, ovl__sys.preadv2(fd, parts, count, offset, flags));
    return offset == OVL__HERE ? readv(fd, parts, count) : preadv(fd, parts, count, offset);
}
OVL__HOOK_ALIAS(preadv2, preadv64v2)

OVL__HOOK ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    if (!ovl__in_task())
        return ovl__sys.pwritev2(fd, parts, count, offset, flags);
    if (!ovl__current->coroutine || flags)
        return OVL__METERED(ssize_t, fd, 0, ovl__sys.pwritev2(fd, parts, count, offset, flags));
    return offset == OVL__HERE ? writev(fd, parts, count) : pwritev(fd, parts, count, offset);
}
OVL__HOOK_ALIAS(pwritev2, pwritev64v2)

/* --- to the disk, or the line --- */

struct sync_call {
    int fd;
    off_t offset;
    off_t size;
    void *address;
    size_t length;
    unsigned flags;
    int result;
    int error;
};

#define SYNC_CALL(name, expression)                                                                \
    static void call_##name(void *argument)                                                        \
    {                                                                                              \
        struct sync_call *call = argument;                                                         \
        call->result = (expression);                                                               \
        call->error = errno;                                                                       \
    }

SYNC_CALL(fsync, ovl__sys.fsync(call->fd))
SYNC_CALL(fdatasync, ovl__sys.fdatasync(call->fd))
SYNC_CALL(syncfs, ovl__sys.syncfs(call->fd))
SYNC_CALL(sync_file_range,
          ovl__sys.sync_file_range(call->fd, call->offset, call->size, call->flags))
SYNC_CALL(msync, ovl__sys.msync(call->address, call->length, (int)call->flags))

static int sync_in_thread(void (*fn)(void *argument), struct sync_call call)
{
    int before = errno;
    ovl__hook_call_in_thread(fn, &call, OVL_WAIT_DISK);
    errno = call.result < 0 ? call.error : before;
    return call.result;
}

/* Of several at once, as of reads, the ring takes less. */
static int sync_file(enum ovl__ring_call way, void (*fn)(void *argument), int fd)
{
    struct file_call call = {.fd = fd};
    return in_ring(way, &call) ? (int)call.result
                               : sync_in_thread(fn, (struct sync_call){.fd = fd});
}

#define OUTSIDE_OF_COROUTINES(call)                                                                \
    if (!ovl__in_task())                                                                           \
        return call;                                                                               \
    if (!ovl__current->coroutine)                                                                  \
        return OVL__METERED(int, -1, OVL_WAIT_DISK, call);

#define SYNC(name, call, ...)                                                                      \
    do {                                                                                           \
        OUTSIDE_OF_COROUTINES(call)                                                                \
        return sync_in_thread(call_##name, (struct sync_call){__VA_ARGS__});                       \
    } while (0)

OVL__HOOK int fsync(int fd)
{
    OUTSIDE_OF_COROUTINES(ovl__sys.fsync(fd))
    return sync_file(OVL__RING_SYNC, call_fsync, fd);
}

OVL__HOOK int fdatasync(int fd)
{
    OUTSIDE_OF_COROUTINES(ovl__sys.fdatasync(fd))
    return sync_file(OVL__RING_DATASYNC, call_fdatasync, fd);
}

OVL__HOOK int syncfs(int fd)
{
    SYNC(syncfs, ovl__sys.syncfs(fd), .fd = fd);
}

OVL__HOOK int sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
    SYNC(sync_file_range, ovl__sys.sync_file_range(fd, offset, size, flags), .fd = fd,
         .offset = offset, .size = size, .flags = flags);
}

OVL__HOOK int msync(void *address, size_t size, int flags)
{
    SYNC(msync, ovl__sys.msync(address, size, flags), .address = address, .length = size,
         .flags = (unsigned)flags);
}

OVL__BREAKABLE static void call_tcdrain(void *argument)
{
    struct sync_call *call = argument;
    call->result = ovl__sys.tcdrain(call->fd);
    call->error = errno;
}

OVL__HOOK int tcdrain(int fd)
{
    if (!ovl__in_task())
        return ovl__sys.tcdrain(fd);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, fd, 0, ovl__sys.tcdrain(fd));
    struct sync_call call = {.fd = fd};
    int before = errno;
    if (!ovl__hook_call_breakable(call_tcdrain, &call, ovl__wait_kind(fd),
                                  OVL__BY_CANCEL_OR_SIGNAL))
        return -1;
    errno = call.result < 0 ? call.error : before;
    return call.result;
}
