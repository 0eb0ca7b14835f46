#include "advise/folder.h"

#include "advise/agent/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define FOLDER_NAME   "overlap-advise-"
#define STALE_SECONDS 10

/* For the files of a few processes. */
static bool has_room(const char *folder)
{
    struct statvfs room;
    return statvfs(folder, &room) == 0 &&
           (uint64_t)room.f_bavail * room.f_frsize >= 4 * sizeof(struct record);
}

static void remove_all(const char *folder)
{
    char path[512];
    DIR *entries = opendir(folder);
    if (entries) {
        for (struct dirent *entry; (entry = readdir(entries));) {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            unlink(path); /* refuses "." and ".." */
        }
        closedir(entries);
    }
    rmdir(folder);
}

/* Whoever uses a folder has it locked: until it ends, however it does. Returns the lock, or -1. */
static int lock_folder(const char *folder)
{
    int lock = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
        return lock;
    if (lock >= 0)
        close(lock);
    return -1;
}

/* A folder of this user's that is not in use, nor about to be. */
static void remove_stale_folder(const char *folder)
{
    struct stat found;
    int lock = lock_folder(folder);
    if (lock < 0)
        return;
    if (fstat(lock, &found) == 0 && found.st_uid == geteuid() &&
        time(NULL) - found.st_mtime >= STALE_SECONDS)
        remove_all(folder);
    close(lock);
}

/* What a command left that was killed: it would be there until the machine starts anew. */
static void remove_stale_folders(const char *place)
{
    char path[512];
    DIR *entries = opendir(place);
    if (!entries)
        return;
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (strncmp(entry->d_name, FOLDER_NAME, sizeof FOLDER_NAME - 1) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", place, entry->d_name);
        remove_stale_folder(path);
    }
    closedir(entries);
}

int folder_make(struct folder *folder)
{
    const char *temporary = getenv("TMPDIR");
    const char *places[] = {"/dev/shm", temporary && temporary[0] == '/' ? temporary : "/tmp",
                            "/tmp"};
    int error = -ENOSPC;
    *folder = FOLDER_NONE;
    for (size_t n = 0; n < sizeof places / sizeof *places; n++) {
        remove_stale_folders(places[n]);
        if (n + 1 < sizeof places / sizeof *places && !has_room(places[n]))
            continue;
        if (snprintf(folder->path, sizeof folder->path, "%s/" FOLDER_NAME "XXXXXX", places[n]) >=
            (int)sizeof folder->path)
            continue;
        if (mkdtemp(folder->path)) {
            folder->lock = lock_folder(folder->path);
            return 0;
        }
        error = -errno;
    }
    folder->path[0] = '\0';
    return error;
}

void folder_remove(struct folder *folder)
{
    if (folder->path[0])
        remove_all(folder->path);
    if (folder->lock >= 0)
        close(folder->lock);
    *folder = FOLDER_NONE;
}
