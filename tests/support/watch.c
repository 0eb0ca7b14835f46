#include "watch.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS   500
#define ROUND_NS 10000000

/* Counts a folder's entries, less ".", ".." and the descriptor that reads it where it counts those.
 */
static size_t count_entries(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return 0;
    size_t count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static size_t count_words(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t count = 0;
    char word[32];
    while (fscanf(file, "%31s", word) == 1)
        count++;
    fclose(file);
    return count;
}

/* Children are listed by the thread that forked them. */
static size_t count_children(void)
{
    DIR *folder = opendir("/proc/self/task");
    if (!folder)
        return 0;
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char path[300];
        snprintf(path, sizeof path, "/proc/self/task/%s/children", entry->d_name);
        if (entry->d_name[0] != '.')
            count += count_words(path);
    }
    closedir(folder);
    return count;
}

struct watch watch_now(void)
{
    return (struct watch){
        .descriptors = count_entries("/proc/self/fd"),
        .threads = count_entries("/proc/self/task"),
        .children = count_children(),
    };
}

bool watch_settles(const struct watch *before, char *text, size_t size)
{
    struct watch now = watch_now();
    for (int i = 0; i < ROUNDS && memcmp(&now, before, sizeof now) != 0; i++) {
        nanosleep(&(struct timespec){.tv_nsec = ROUND_NS}, NULL);
        now = watch_now();
    }
    snprintf(text, size, "descriptors %+ld, threads %+ld, children %+ld",
             (long)(now.descriptors - before->descriptors), (long)(now.threads - before->threads),
             (long)(now.children - before->children));
    return memcmp(&now, before, sizeof now) == 0;
}

size_t watch_descriptor_limit(unsigned room)
{
    int fds[64 + 1];
    for (unsigned i = 0; i <= room; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0; i <= room; i++)
        close(fds[i]);
    return (size_t)fds[room];
}
