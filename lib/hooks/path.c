/*
 * Opening files, and asking about them. Where all that a path leads through is in memory, which the
 * kernel tells (RESOLVE_CACHED), the call is made at once; else by a helper thread. The open of a
 * FIFO waits for its other end, and is made by a helper too.
 */
#include "base/memory.h"
#include "hooks/file.h"
#include "hooks/sanitizer.h"

#include "loop/offload.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

OVL__HOOK_FILE(path);

/* The real call refuses a path that is no good without waiting. */
enum finding { REFUSED, AT_ONCE, MAY_WAIT };

/* Devices of this number are memory: null, zero, random and the like. */
#define MEMORY_DEVICES 1

/*
 * Whether a path can be read, of which the kernel has said nothing since it has no openat2: asked
 * by a call that fails whatever the path is.
 */
static bool is_readable(const char *path)
{
    return symlinkat(path, -1, "") && errno != EFAULT;
}

static enum finding finding_of(int error, const char *path, int flags)
{
    if ((error == ENOSYS || error == EPERM) && !is_readable(path))
        return REFUSED;
    bool unknown = error == EAGAIN || error == EINVAL || error == ENOSYS || error == EPERM;
    return unknown || (error == ENOENT && flags & O_CREAT) ? MAY_WAIT : REFUSED;
}

/* Looks at what a path leads to without waiting for any of it. */
static enum finding look_at(int folder, const char *path, int flags, bool opens)
{
    struct open_how how = {
        .flags = (uint64_t)(O_PATH | O_CLOEXEC | (flags & O_NOFOLLOW)),
        .resolve = RESOLVE_CACHED,
    };
    int fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    if (fd < 0)
        return finding_of(errno, path, flags);
    struct stat status;
    bool known = !fstat(fd, &status);
    bool quick = known && (!opens || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ||
                           (S_ISCHR(status.st_mode) && major(status.st_rdev) == MEMORY_DEVICES));
    enum finding finding = quick && !ovl__is_remote(fd) ? AT_ONCE : MAY_WAIT;
    ovl__sys.close(fd);
    return finding;
}

/* --- opening --- */

/* One that is abandoned may still open: then it closes again. */
struct open_call {
    struct ovl__offload offload;
    int folder;
    int flags;
    mode_t mode;
    int fd;
    int error;
    char path[];
};

static void call_open(struct ovl__offload *offload)
{
    struct open_call *call = ovl__of(offload, struct open_call, offload);
    call->fd = ovl__sys.openat(call->folder, call->path, call->flags, call->mode);
    call->error = errno;
}

static void free_open(struct ovl__offload *offload)
{
    struct open_call *call = ovl__of(offload, struct open_call, offload);
    if (call->fd >= 0)
        ovl__sys.close(call->fd);
    free(call);
}

static int open_in_thread(int folder, const char *path, int flags, mode_t mode)
{
    size_t size = strlen(path) + 1;
    struct open_call *call = ovl__sys.malloc(sizeof *call + size);
    if (!call) {
        errno = ENOMEM;
        return -1;
    }
    *call = (struct open_call){
        .offload = {.run = call_open, .free = free_open},
        .folder = folder,
        .flags = flags,
        .mode = mode,
        .fd = -1,
    };
    memcpy(call->path, path, size);
    int before = errno;
    int error = ovl__hook_offload(&call->offload, OVL_WAIT_DISK);
    if (error)
        return ovl__fail(error);
    int fd = call->fd;
    errno = fd < 0 ? call->error : before;
    free(call);
    return fd;
}

/* What there was of the file is thrown away, or a new one begun: that is work on the disk. */
static bool changes_disk(int flags)
{
    return flags & O_TRUNC || (flags & O_TMPFILE) == O_TMPFILE;
}

static int yielding_open(int folder, const char *path, int flags, mode_t mode)
{
    int before = errno;
    enum finding finding = REFUSED;
    if (!(flags & O_PATH))
        finding = look_at(folder, path, flags, !(flags & O_NONBLOCK));
    errno = before;
    bool waits = finding == MAY_WAIT || (finding == AT_ONCE && changes_disk(flags));
    if (waits && !ovl__sanitizer_calls())
        return open_in_thread(folder, path, flags, mode);
    return ovl__sys.openat(folder, path, flags, mode);
}

/* Whether the caller has given a mode. */
static bool has_mode(int flags)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

#define TAKE_MODE(flags, mode)                                                                     \
    mode_t mode = 0;                                                                               \
    if (has_mode(flags)) {                                                                         \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode = va_arg(arguments, mode_t);                                                          \
        va_end(arguments);                                                                         \
    }

static int open_as(int folder, const char *path, int flags, mode_t mode)
{
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_DISK, ovl__sys.openat(folder, path, flags, mode));
    return yielding_open(folder, path, flags, mode);
}

OVL__HOOK int open(const char *path, int flags, ...)
{
    TAKE_MODE(flags, mode)
    if (!ovl__in_task())
        return ovl__sys.open(path, flags, mode);
    return open_as(AT_FDCWD, path, flags, mode);
}
OVL__HOOK_ALIAS(open, open64)

OVL__HOOK int openat(int folder, const char *path, int flags, ...)
{
    TAKE_MODE(flags, mode)
    if (!ovl__in_task())
        return ovl__sys.openat(folder, path, flags, mode);
    return open_as(folder, path, flags, mode);
}
OVL__HOOK_ALIAS(openat, openat64)

OVL__HOOK int creat(const char *path, mode_t mode)
{
    return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
OVL__HOOK_ALIAS(creat, creat64)

/* --- asking --- */

struct stat_call {
    int folder;
    const char *path;
    int flags;
    unsigned mask;
    struct stat *ret_status;
    struct statx *ret_more;
    int result;
    int error;
};

static void call_stat(void *argument)
{
    struct stat_call *call = argument;
    if (call->ret_more)
        call->result =
            ovl__sys.statx(call->folder, call->path, call->flags, call->mask, call->ret_more);
    else
        call->result = ovl__sys.fstatat(call->folder, call->path, call->ret_status, call->flags);
    call->error = errno;
}

static int yielding_stat(struct stat_call call)
{
    int before = errno;
    int follow = call.flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0;
    bool waits = look_at(call.folder, call.path, follow, false) == MAY_WAIT;
    errno = before;
    if (waits && !ovl__sanitizer_calls())
        ovl__hook_call_in_thread(call_stat, &call, OVL_WAIT_DISK);
    else
        call_stat(&call);
    errno = call.result < 0 ? call.error : before;
    return call.result;
}

OVL__HOOK int fstatat(int folder, const char *restrict path, struct stat *restrict ret_status,
                      int flags)
{
    if (!ovl__in_task())
        return ovl__sys.fstatat(folder, path, ret_status, flags);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_DISK,
                            ovl__sys.fstatat(folder, path, ret_status, flags));
    return yielding_stat((struct stat_call){
        .folder = folder, .path = path, .flags = flags, .ret_status = ret_status});
}

OVL__HOOK int stat(const char *restrict path, struct stat *restrict ret_status)
{
    if (!ovl__in_task())
        return ovl__sys.stat(path, ret_status);
    return fstatat(AT_FDCWD, path, ret_status, 0);
}

OVL__HOOK int lstat(const char *restrict path, struct stat *restrict ret_status)
{
    if (!ovl__in_task())
        return ovl__sys.lstat(path, ret_status);
    return fstatat(AT_FDCWD, path, ret_status, AT_SYMLINK_NOFOLLOW);
}

OVL__HOOK int statx(int folder, const char *restrict path, int flags, unsigned mask,
                    struct statx *restrict ret_status)
{
    if (!ovl__in_task())
        return ovl__sys.statx(folder, path, flags, mask, ret_status);
    if (!ovl__current->coroutine)
        return OVL__METERED(int, -1, OVL_WAIT_DISK,
                            ovl__sys.statx(folder, path, flags, mask, ret_status));
    return yielding_stat((struct stat_call){
        .folder = folder, .path = path, .flags = flags, .mask = mask, .ret_more = ret_status});
}

/* On 64 bits the two structures are one. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "files of two sizes");

OVL__HOOK int fstatat64(int folder, const char *restrict path, struct stat64 *restrict ret_status,
                        int flags)
{
    return fstatat(folder, path, (struct stat *)(void *)ret_status, flags);
}

OVL__HOOK int stat64(const char *restrict path, struct stat64 *restrict ret_status)
{
    return stat(path, (struct stat *)(void *)ret_status);
}

OVL__HOOK int lstat64(const char *restrict path, struct stat64 *restrict ret_status)
{
    return lstat(path, (struct stat *)(void *)ret_status);
}
