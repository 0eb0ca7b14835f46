/*
 * Files, their locks, and moving bytes between descriptors, as unsuspecting code does it. Compiled
 * twice, under the name CASES_FILES: plainly, and with -O2 -D_FORTIFY_SOURCE=3.
 */
#include "../support/pattern.h"
#include "../support/scratch.h"
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS    1000000LL
#define LARGE 300000

/* A size that the compiler does not know: calls with it are checked at run time where fortified. */
static volatile size_t unknown_size;

static size_t size_of(size_t size)
{
    unknown_size = size;
    return unknown_size;
}

/* A flag that it does not know either. */
static int flags_of(int flags)
{
    return (int)size_of((size_t)flags);
}

/* --- a folder for the case --- */

struct folder {
    char name[SCRATCH_BYTES];
    char file[SCRATCH_BYTES + 8];
    char other[SCRATCH_BYTES + 8];
};

static void folder_open(struct record *record, struct folder *folder)
{
    NEED(record, scratch_folder(folder->name, ON_DISK));
    snprintf(folder->file, sizeof folder->file, "%s/file", folder->name);
    snprintf(folder->other, sizeof folder->other, "%s/other", folder->name);
}

static void folder_close(struct record *record, const struct folder *folder)
{
    unlink(folder->file);
    unlink(folder->other);
    NEED(record, rmdir(folder->name) == 0);
}

static int make_file(struct record *record, const char *name, size_t size)
{
    char *bytes = malloc(size);
    pattern_fill(bytes, 0, size, 5);
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    NEED(record, fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    free(bytes);
    return fd;
}

/* Has the kernel forget what it has of a file in memory: the next read must wait for the disk. */
static void forget_pages(struct record *record, int fd)
{
    NEED(record, fsync(fd) == 0);
    NEED(record, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
}

/* --- reading and writing --- */

static void reads_are_whole(struct record *record)
{
    struct folder folder;
    folder_open(record, &folder);
    int fd = make_file(record, folder.file, LARGE);
    char *bytes = calloc(1, LARGE);
    for (int way = 0; way < 6; way++) {
        memset(bytes, 0, LARGE);
        if (way & 1) {
            forget_pages(record, fd);
            /* A part in memory and a part not: it is one read all the same. */
            NEED(record, pread(fd, bytes, 5000, way == 3 ? 0 : 100000) == 5000);
        }
        struct iovec parts[3] = {
            {bytes, 10}, {bytes + 10, 200000}, {bytes + 200010, LARGE - 200010}};
        NEED(record, lseek(fd, 0, SEEK_SET) == 0);
        if (way < 2)
            CALL(record, read(fd, bytes, size_of(LARGE)));
        else if (way < 4)
            CALL(record, readv(fd, parts, 3));
        else
            CALL(record, pread(fd, bytes, size_of(LARGE), 0));
        record_bytes(record, "file", bytes, LARGE);
        CALL(record, lseek(fd, 0, SEEK_CUR));
    }
    forget_pages(record, fd);
    CALL(record, pread(fd, bytes, size_of(LARGE), LARGE - 7));
    CALL(record, pread(fd, bytes, size_of(LARGE), LARGE));
    CALL(record, pread64(fd, bytes, size_of(100), 5));
    CALL(record, preadv(fd, &(struct iovec){bytes, 100}, 1, 7));
    CALL(record, preadv2(fd, &(struct iovec){bytes, 100}, 1, 7, 0));
    record_bytes(record, "100", bytes, 100);
    CALL(record, pread(fd, bytes, size_of(0), 0));
    CALL(record, pread(fd, bytes, size_of(10), -1));
    CALL(record, preadv(fd, &(struct iovec){bytes, 100}, (int)size_of(2000), 0));
    CALL(record, preadv2(fd, &(struct iovec){bytes, 100}, 1, 0, 0x40000000));
    close(fd);
    CALL(record, pread(fd, bytes, size_of(10), 0));
    fd = open(folder.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CALL(record, pread(fd, bytes, size_of(10), 0));
    close(fd);
    free(bytes);
    folder_close(record, &folder);
}

/* The flag means nothing to a file: a read that must wait for the disk is none that would block. */
static void nonblocking_files_are_read(struct record *record)
{
    struct folder folder;
    folder_open(record, &folder);
    close(make_file(record, folder.file, LARGE));
    int fd = open(folder.file, flags_of(O_RDWR | O_NONBLOCK | O_CLOEXEC));
    char *bytes = calloc(1, LARGE);
    forget_pages(record, fd);
    CALL(record, read(fd, bytes, size_of(LARGE)));
    CALL(record, write(fd, bytes, size_of(LARGE)));
    FACT(record, fcntl(fd, F_GETFL) & O_NONBLOCK);
    free(bytes);
    close(fd);
    folder_close(record, &folder);
}

static void writes_are_whole(struct record *record)
{
    static const int flags[] = {0, O_APPEND, O_DSYNC, O_SYNC};
    struct folder folder;
    folder_open(record, &folder);
    char *bytes = malloc(LARGE);
    pattern_fill(bytes, 0, LARGE, 6);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        int fd = open(folder.file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | flags[i], 0600);
        NEED(record, fd >= 0);
        struct iovec parts[2] = {{bytes, 1000}, {bytes + 1000, LARGE - 1000}};
        CALL(record, write(fd, bytes, size_of(100)));
        CALL(record, write(fd, bytes, size_of(LARGE)));
        CALL(record, writev(fd, parts, 2));
        CALL(record, lseek(fd, 0, SEEK_CUR));
        CALL(record, pwrite(fd, bytes, size_of(100), 50));
        CALL(record, pwrite64(fd, bytes, size_of(LARGE), 150));
        CALL(record, pwritev(fd, parts, 2, 10));
        CALL(record, pwritev2(fd, parts, 2, 20, 0));
        CALL(record, pwrite(fd, bytes, size_of(10), -1));
        CALL(record, lseek(fd, 0, SEEK_END));
        char *all = calloc(1, 4 * LARGE);
        ssize_t size = CALL(record, pread(fd, all, size_of(4 * LARGE), 0));
        record_bytes(record, "all", all, size > 0 ? (size_t)size : 0);
        free(all);
        close(fd);
    }
    int fd = open(folder.file, O_RDONLY | O_CLOEXEC);
    CALL(record, pwrite(fd, bytes, size_of(10), 0));
    CALL(record, write(fd, bytes, size_of(LARGE)));
    close(fd);
    free(bytes);
    folder_close(record, &folder);
}

/* Nothing is there, as even as direct reads want it. */
static const void *volatile nowhere = (const void *)4096;

/* Past what is in memory; what does not fit the disk's sectors is refused. */
static void direct_files_are_read_and_written(struct record *record)
{
    enum { BLOCK = 4096, BLOCKS = 64, SIZE = BLOCK * BLOCKS };
    struct folder folder;
    folder_open(record, &folder);
    close(make_file(record, folder.file, SIZE - 100));
    int fd = CALL_FD(record, open(folder.file, flags_of(O_RDWR | O_DIRECT | O_CLOEXEC)));
    if (fd < 0) { /* a file system that has none */
        folder_close(record, &folder);
        return;
    }
    char *bytes = aligned_alloc(BLOCK, SIZE);
    NEED(record, bytes);
    for (int i = 0; i < 3; i++) {
        memset(bytes, 0, SIZE);
        CALL(record, pread(fd, bytes, size_of(BLOCK * 4), (BLOCKS - 8) * BLOCK / (i + 1)));
        record_bytes(record, "four blocks", bytes, BLOCK * 4);
    }
    memset(bytes, 0, SIZE);
    struct iovec parts[2] = {{bytes, BLOCK * 3}, {bytes + BLOCK * 3, SIZE - BLOCK * 3}};
    CALL(record, preadv(fd, parts, 2, 0));
    record_bytes(record, "file", bytes, SIZE);
    CALL(record, pread(fd, bytes, size_of(SIZE), BLOCK * (BLOCKS - 1)));
    CALL(record, pread(fd, bytes, size_of(BLOCK), SIZE));
    CALL(record, pread(fd, bytes, size_of(BLOCK), 10));
    CALL(record, read(fd, bytes, size_of(BLOCK * 2)));
    CALL(record, read(fd, bytes, size_of(SIZE)));
    CALL(record, lseek(fd, 0, SEEK_CUR));
    CALL(record, pwrite(fd, bytes, size_of(BLOCK * 5), BLOCK * 2));
    CALL(record, pwritev(fd, parts, 2, BLOCK));
    CALL(record, pwrite(fd, bytes, size_of(10), 0));
    CALL(record, lseek(fd, BLOCK * 70, SEEK_SET));
    CALL(record, write(fd, bytes, size_of(BLOCK)));
    CALL(record, lseek(fd, 0, SEEK_CUR));
    CALL(record, lseek(fd, 0, SEEK_END));
    memset(bytes, 0, SIZE);
    CALL(record, pread(fd, bytes, size_of(SIZE), 0));
    record_bytes(record, "what was written", bytes, SIZE);
    close(fd);
    fd = open(folder.file, flags_of(O_WRONLY | O_DIRECT | O_CLOEXEC));
    CALL(record, pread(fd, bytes, size_of(BLOCK), 0));
    close(fd);
    fd = open(folder.file, flags_of(O_RDONLY | O_DIRECT | O_CLOEXEC));
    CALL(record, pwrite(fd, bytes, size_of(BLOCK), 0));
    CALL(record, preadv(fd, &(struct iovec){(void *)nowhere, BLOCK}, 1, 0));
    close(fd);
    int fds[2];
    NEED(record, pipe2(fds, O_CLOEXEC | O_DIRECT) == 0 && write(fds[1], bytes, 10) == 10);
    CALL(record, pread(fds[0], bytes, size_of(BLOCK), 0));
    CALL(record, read(fds[0], bytes, size_of(BLOCK)));
    close(fds[0]);
    close(fds[1]);
    free(bytes);
    folder_close(record, &folder);
}

static void files_reach_the_disk(struct record *record)
{
    struct folder folder;
    folder_open(record, &folder);
    int fd = make_file(record, folder.file, LARGE);
    CALL(record, fsync(fd));
    CALL(record, fdatasync(fd));
    CALL(record, syncfs(fd));
    CALL(record, sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE));
    CALL(record, sync_file_range(fd, -1, 4096, SYNC_FILE_RANGE_WRITE));
    void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(record, map != MAP_FAILED);
    CALL(record, msync(map, 4096, MS_SYNC));
    CALL(record, msync((char *)map + 1, 4096, MS_SYNC));
    munmap(map, 4096);
    CALL(record, fsync(-1));
    CALL(record, fdatasync(9999));
    close(fd);
    int fds[2];
    NEED(record, pipe2(fds, O_CLOEXEC) == 0);
    CALL(record, fsync(fds[0]));
    close(fds[0]);
    close(fds[1]);
    folder_close(record, &folder);
}

/* --- opening and asking --- */

/* Nothing is there. */
static const char *volatile no_path = (const char *)1;

static void files_are_opened(struct record *record)
{
    struct folder folder;
    struct stat status;
    folder_open(record, &folder);
    mode_t mask = umask(022);
    CALL_FD(record, open(folder.file, O_RDONLY | O_CLOEXEC));
    int fd = CALL_FD(record, open(folder.file, O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    NEED(record, fstat(fd, &status) == 0);
    CALL(record, status.st_mode);
    FACT(record, fcntl(fd, F_GETFD) == FD_CLOEXEC);
    close(fd);
    CALL_FD(record, open(folder.file, O_RDWR | O_CREAT | O_EXCL, 0600));
    int at = open(folder.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = CALL_FD(record, openat(at, "file", flags_of(O_RDONLY | O_CLOEXEC)));
    close(fd);
    fd = CALL_FD(record, openat(at, "other", O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
    NEED(record, fstat(fd, &status) == 0);
    CALL(record, status.st_mode);
    close(fd);
    fd = CALL_FD(record, creat(folder.other, 0600));
    CALL_FD(record, fd < 0 ? -1 : fcntl(fd, F_GETFL) & O_ACCMODE);
    close(fd);
    fd = CALL_FD(record, open64(folder.other, flags_of(O_RDONLY | O_CLOEXEC)));
    close(fd);
    fd = CALL_FD(record, open(folder.name, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    close(fd);
    fd = CALL_FD(record, open("/dev/null", flags_of(O_RDWR | O_CLOEXEC)));
    close(fd);
    fd = CALL_FD(record, open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    close(fd);
    CALL_FD(record, open("", O_RDONLY));
    CALL_FD(record, open(no_path, flags_of(O_RDONLY)));
    CALL_FD(record, open(no_path, flags_of(O_WRONLY | O_TRUNC)));
    CALL_FD(record, open("/nowhere/at/all", flags_of(O_RDONLY)));
    CALL_FD(record, open("/dev/null/file", O_RDONLY));
    CALL_FD(record, open(folder.name, O_WRONLY));
    CALL_FD(record, openat(-1, "file", O_RDONLY));
    CALL_FD(record, openat(9999, "file", O_RDONLY | O_CREAT, 0600));
    NEED(record, symlink(folder.file, "/proc/self/nothing") != 0);
    close(at);
    umask(mask);
    folder_close(record, &folder);
}

static void files_are_asked_about(struct record *record)
{
    struct folder folder;
    struct stat status;
    struct stat64 status64;
    struct statx more;
    folder_open(record, &folder);
    close(make_file(record, folder.file, 1234));
    NEED(record, symlink("file", folder.other) == 0);
    CALL(record, stat(folder.file, &status));
    CALL(record, status.st_size);
    CALL(record, stat(folder.other, &status));
    CALL(record, status.st_mode);
    CALL(record, lstat(folder.other, &status));
    CALL(record, status.st_mode);
    CALL(record, stat64(folder.file, &status64));
    CALL(record, status64.st_size);
    CALL(record, lstat64(folder.other, &status64));
    CALL(record, status64.st_size);
    int at = open(folder.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CALL(record, fstatat(at, "file", &status, 0));
    CALL(record, status.st_size);
    CALL(record, fstatat(at, "other", &status, AT_SYMLINK_NOFOLLOW));
    CALL(record, status.st_size);
    CALL(record, fstatat(at, "", &status, AT_EMPTY_PATH));
    CALL(record, fstatat64(at, "file", &status64, 0));
    CALL(record, statx(at, "file", 0, STATX_SIZE, &more));
    CALL(record, more.stx_size);
    CALL(record, statx(at, "", AT_EMPTY_PATH, STATX_TYPE, &more));
    CALL(record, fstatat(at, "missing", &status, 0));
    CALL(record, fstatat(-1, "missing", &status, 0));
    CALL(record, fstatat(at, "file", &status, 0x400000));
    CALL(record, stat("", &status));
    CALL(record, stat(no_path, &status));
    CALL(record, stat("/nowhere/at/all", &status));
    CALL(record, stat("/dev/null/file", &status));
    CALL(record, lstat("/dev/null", &status));
    close(at);
    folder_close(record, &folder);
}

static void open_to_write(void *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "hello", 5) != 5)
        abort();
    close(fd);
}

/* The open waits for the other end, and others go on. */
static void fifos_are_opened(struct record *record)
{
    struct folder folder;
    char bytes[16];
    folder_open(record, &folder);
    NEED(record, mkfifo(folder.file, 0600) == 0);
    CALL_FD(record, open(folder.file, O_WRONLY | O_NONBLOCK));
    int fd = CALL_FD(record, open(folder.file, O_RDONLY | O_NONBLOCK));
    close(fd);
    struct later later;
    later_begin(&later, record, open_to_write, folder.file);
    fd = CALL_FD(record, open(folder.file, O_RDONLY | O_CLOEXEC));
    CALL(record, read(fd, bytes, size_of(16)));
    later_end(&later);
    CALL(record, read(fd, bytes, size_of(16)));
    close(fd);
    folder_close(record, &folder);
}

/* --- locks --- */

static void unlock(void *fd)
{
    if (flock(*(int *)fd, LOCK_UN))
        abort();
}

static void files_are_locked(struct record *record)
{
    struct folder folder;
    folder_open(record, &folder);
    int fd = make_file(record, folder.file, 10);
    int other = open(folder.file, O_RDWR | O_CLOEXEC);
    CALL(record, flock(other, LOCK_EX));
    CALL(record, flock(fd, LOCK_EX | LOCK_NB));
    struct later later;
    later_begin(&later, record, unlock, &other);
    CALL(record, flock(fd, LOCK_EX));
    later_end(&later);
    CALL(record, flock(fd, LOCK_SH));
    CALL(record, flock(other, LOCK_SH));
    CALL(record, flock(other, LOCK_EX | LOCK_NB));
    CALL(record, flock(fd, LOCK_UN));
    CALL(record, flock(fd, 77));
    CALL(record, flock(-1, LOCK_EX));
    close(other);
    close(fd);
    folder_close(record, &folder);
}

static void unlock_description(void *fd)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    if (fcntl(*(int *)fd, F_OFD_SETLK, &lock))
        abort();
}

/* A process that holds the record's lock until a byte comes. */
static pid_t hold_in_child(struct record *record, const char *file, int go[2])
{
    int held[2];
    char byte;
    NEED(record, pipe2(go, O_CLOEXEC) == 0 && pipe2(held, O_CLOEXEC) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 5};
        int fd = open(file, O_RDWR);
        close(go[1]);
        if (fcntl(fd, F_SETLK, &lock) || write(held[1], "x", 1) != 1 || read(go[0], &byte, 1) != 1)
            _exit(1);
        _exit(0);
    }
    NEED(record, child > 0);
    NEED(record, read(held[0], &byte, 1) == 1);
    close(held[0]);
    close(held[1]);
    return child;
}

static void let_go(void *fd)
{
    if (write(*(int *)fd, "x", 1) != 1)
        abort();
}

static void records_are_locked(struct record *record)
{
    struct folder folder;
    folder_open(record, &folder);
    int fd = make_file(record, folder.file, 10);
    int other = open(folder.file, O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CALL(record, fcntl(other, F_OFD_SETLKW, &lock));
    CALL(record, fcntl(fd, F_OFD_SETLK, &lock));
    struct later later;
    later_begin(&later, record, unlock_description, &other);
    CALL(record, fcntl(fd, F_OFD_SETLKW, &lock));
    later_end(&later);
    close(other);
    unlock_description(&fd);
    for (int way = 0; way < 2; way++) {
        int go[2];
        pid_t child = hold_in_child(record, folder.file, go);
        lock.l_len = 5;
        NEED(record, lseek(fd, 0, SEEK_SET) == 0);
        CALL(record, way ? lockf(fd, F_TLOCK, 5) : fcntl(fd, F_SETLK, &lock));
        CALL(record, way ? lockf(fd, F_TEST, 5) : fcntl(fd, F_GETLK, &lock));
        lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 5};
        later_begin(&later, record, let_go, &go[1]);
        CALL(record, way ? lockf(fd, F_LOCK, 5) : fcntl(fd, F_SETLKW, &lock));
        later_end(&later);
        CALL(record, lockf(fd, F_ULOCK, 5));
        int status;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        CALL(record, status);
        close(go[0]);
        close(go[1]);
    }
    CALL(record, fcntl(-1, F_SETLKW, &lock));
    CALL(record, lockf(fd, 99, 0));
    close(fd);
    folder_close(record, &folder);
}

/* Whatever fcntl is asked for, it gets it. */
static void fcntl_passes_commands_through(struct record *record)
{
    int fds[2];
    NEED(record, pipe2(fds, O_CLOEXEC) == 0);
    int fd = CALL_FD(record, fcntl(fds[0], F_DUPFD_CLOEXEC, 100));
    FACT(record, fd >= 100 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    close(fd);
    fd = CALL_FD(record, fcntl(fds[0], F_DUPFD, 50));
    FACT(record, fd >= 50 && fcntl(fd, F_GETFD) == 0);
    close(fd);
    CALL(record, fcntl(fds[0], F_SETFL, O_NONBLOCK));
    CALL(record, fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    CALL(record, fcntl(fds[0], F_SETPIPE_SZ, 8192));
    CALL(record, fcntl(fds[0], F_GETPIPE_SZ));
    CALL(record, fcntl(fds[0], 9999));
    CALL(record, fcntl(-1, F_GETFL));
    CALL(record, fcntl(-1, F_DUPFD_CLOEXEC, 5));
    CALL(record, fcntl(fds[0], F_SETOWN, getpid()));
    FACT(record, fcntl(fds[0], F_GETOWN) == getpid());
    close(fds[0]);
    close(fds[1]);
}

/* --- moving --- */

static void drain(void *argument)
{
    char bytes[65536];
    while (read(*(int *)argument, bytes, sizeof bytes) > 0)
        ;
}

static void files_are_sent(struct record *record)
{
    struct folder folder;
    folder_open(record, &folder);
    int fd = make_file(record, folder.file, 10 * LARGE);
    for (int way = 0; way < 2; way++) {
        int fds[2];
        if (way)
            NEED(record, pipe2(fds, O_CLOEXEC) == 0);
        else
            NEED(record, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        struct later later;
        later_begin(&later, record, drain, &fds[0]);
        off_t offset = 5;
        /* Into a pipe it may stop as soon as that is full. */
        ssize_t size = sendfile(fds[1], fd, &offset, 10 * LARGE);
        FACT(record, way ? size > 0 : size == 10 * LARGE - 5);
        FACT(record, offset == 5 + size);
        CALL(record, lseek(fd, 7, SEEK_SET));
        CALL(record, sendfile64(fds[1], fd, NULL, 1000));
        CALL(record, lseek(fd, 0, SEEK_CUR));
        CALL(record, sendfile(fds[1], fd, NULL, 0));
        offset = 20 * LARGE;
        CALL(record, sendfile(fds[1], fd, &offset, 100));
        offset = -1;
        CALL(record, sendfile(fds[1], fd, &offset, 100));
        CALL(record, sendfile(fds[1], -1, NULL, 100));
        CALL(record, sendfile(-1, fd, NULL, 100));
        close(fds[1]);
        later_end(&later);
        CALL(record, sendfile(fds[0], fds[0], NULL, 100));
        close(fds[0]);
    }
    int other = make_file(record, folder.other, 10);
    off_t from = 0;
    off_t to = 3;
    CALL(record, copy_file_range(fd, &from, other, &to, 1000, 0));
    CALL(record, copy_file_range(fd, &from, other, &to, 1000, 99));
    CALL(record, lseek(other, 0, SEEK_END));
    close(other);
    close(fd);
    folder_close(record, &folder);
}

static void write_hello(void *argument)
{
    if (write(*(int *)argument, "hello", 5) != 5)
        abort();
}

static void bytes_are_spliced(struct record *record)
{
    int from[2];
    int to[2];
    int pair[2];
    char bytes[16];
    NEED(record, pipe2(from, O_CLOEXEC) == 0 && pipe2(to, O_CLOEXEC) == 0);
    NEED(record, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    CALL(record, splice(from[0], NULL, to[1], NULL, 100, SPLICE_F_NONBLOCK));
    CALL(record, tee(from[0], to[1], 100, SPLICE_F_NONBLOCK));
    struct later later;
    later_begin(&later, record, write_hello, &from[1]);
    CALL(record, tee(from[0], to[1], 100, 0));
    later_end(&later);
    CALL(record, splice(from[0], NULL, to[1], NULL, 100, 0));
    CALL(record, read(to[0], bytes, size_of(16)));
    later_begin(&later, record, write_hello, &from[1]);
    CALL(record, splice(from[0], NULL, pair[0], NULL, 100, 0));
    later_end(&later);
    CALL(record, read(pair[1], bytes, size_of(16)));
    later_begin(&later, record, write_hello, &pair[1]);
    CALL(record, splice(pair[0], NULL, to[1], NULL, 100, 0));
    later_end(&later);
    CALL(record, vmsplice(to[1], &(struct iovec){bytes, 5}, 1, 0));
    CALL(record, read(to[0], bytes, size_of(16)));
    CALL(record, splice(pair[0], NULL, pair[1], NULL, 100, 0));
    CALL(record, splice(-1, NULL, to[1], NULL, 100, 0));
    CALL(record, tee(pair[0], to[1], 100, 0));
    CALL(record, vmsplice(pair[0], &(struct iovec){bytes, 5}, 1, 0));
    close(from[1]);
    CALL(record, splice(from[0], NULL, to[1], NULL, 100, 0));
    CALL(record, tee(from[0], to[1], 100, 0));
    close(from[0]);
    for (int i = 0; i < 2; i++) {
        close(to[i]);
        close(pair[i]);
    }
}

#define CASE(function)                                                                             \
    {                                                                                              \
        .name = #function, .run = (function)                                                       \
    }

const struct hook_case CASES_FILES[] = {
    CASE(reads_are_whole),
    CASE(nonblocking_files_are_read),
    CASE(writes_are_whole),
    CASE(direct_files_are_read_and_written),
    CASE(files_reach_the_disk),
    CASE(files_are_opened),
    CASE(files_are_asked_about),
    CASE(fifos_are_opened),
    CASE(files_are_locked),
    CASE(records_are_locked),
    CASE(fcntl_passes_commands_through),
    CASE(files_are_sent),
    CASE(bytes_are_spliced),
    {0},
};
