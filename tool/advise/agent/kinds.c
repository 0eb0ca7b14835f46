/* What a wait is for, by what its descriptor leads to. */
#include "advise/agent/agent.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A pipe that is the program's own input or output, or is full, is who is at its other end: that
 * one sets the pace, as a person at a terminal does. */
static bool is_paced(const struct agent_wait *wait)
{
    return wait->descriptor <= STDERR_FILENO || wait->flags & RECORD_WRITE;
}

static enum record_kind kind_of_file(const struct agent_wait *wait, const struct stat *file)
{
    if (S_ISSOCK(file->st_mode))
        return RECORD_NETWORK;
    if (S_ISREG(file->st_mode) || S_ISDIR(file->st_mode) || S_ISBLK(file->st_mode))
        return RECORD_DISK;
    if (S_ISFIFO(file->st_mode))
        return is_paced(wait) ? RECORD_TERMINAL : RECORD_CHILD;
    /* Terminals: the console, ttyS and tty (4, 5), pseudo terminals (136 to 143). */
    unsigned driver = major(file->st_rdev);
    if (S_ISCHR(file->st_mode) && (driver == 4 || driver == 5 || (driver >= 136 && driver <= 143)))
        return RECORD_TERMINAL;
    return RECORD_OTHER;
}

/* The numbers of files are used again, so the time at which it was made belongs to it. */
static uint64_t number_of_file(int descriptor)
{
    struct statx file;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO | STATX_BTIME, &file) != 0 ||
        !(file.stx_mask & STATX_BTIME) || S_ISDIR(file.stx_mode))
        return 0;
    uint64_t made_ns =
        (uint64_t)file.stx_btime.tv_sec * 1000000000u + (uint64_t)file.stx_btime.tv_nsec;
    return file.stx_ino ^ made_ns * 0x9e3779b97f4a7c15u;
}

void agent_find_kind(struct agent_wait *wait)
{
    struct stat file;
    if (wait->descriptor < 0 || fstat(wait->descriptor, &file) != 0)
        return;
    if (wait->kind == RECORD_OTHER)
        wait->kind = kind_of_file(wait, &file);
    if (wait->flags & RECORD_SYNC)
        wait->synced = number_of_file(wait->descriptor);
    if (!wait->object)
        wait->object = wait->kind == RECORD_DISK ? file.st_dev : file.st_ino;
}
