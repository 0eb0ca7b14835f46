#include "run/under_way.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Children of children that are looked at, at most: a process may begin others meanwhile. */
#define DEPTH_MOST 8

/* Jobs that are looked at, at most. */
#define JOBS_MOST 1024

/* Adds what /proc/PID/stat tells. Returns whether the process could use more of the machine. */
static bool add_process(pid_t process, struct under_way *sum)
{
    char path[48];
    char line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    /* The name, the second field, may have anything in it, parentheses too. */
    const char *rest = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    char state;
    unsigned long long ticks[4];
    if (!rest || sscanf(rest, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu",
                        &state, &ticks[0], &ticks[1], &ticks[2], &ticks[3]) != 5)
        return false;
    sum->cpu_ns +=
        (ovl_time)(ticks[0] + ticks[1] + ticks[2] + ticks[3]) * (OVL_SECOND / sysconf(_SC_CLK_TCK));
    return state == 'R' || state == 'D';
}

static bool add_tree(pid_t process, unsigned depth, struct under_way *sum);

/* The children that one thread of a process has begun. */
static bool add_children(const char *path, unsigned depth, struct under_way *sum)
{
    bool wanting = false;
    int child;
    FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%d", &child) == 1)
        wanting |= add_tree((pid_t)child, depth + 1, sum);
    if (file)
        fclose(file);
    return wanting;
}

static bool add_tree(pid_t process, unsigned depth, struct under_way *sum)
{
    bool wanting = add_process(process, sum);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *threads = depth < DEPTH_MOST ? opendir(path) : NULL;
    const struct dirent *entry;
    while (threads && (entry = readdir(threads))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", (int)process, entry->d_name);
        wanting |= add_children(path, depth, sum);
    }
    if (threads)
        closedir(threads);
    return wanting;
}

struct under_way under_way_look(struct guard *guard)
{
    struct under_way sum = {0};
    pid_t groups[JOBS_MOST];
    sum.jobs = guard_groups(guard, groups, JOBS_MOST);
    for (size_t n = 0; n < sum.jobs; n++)
        sum.wanting += add_tree(groups[n], 0, &sum);
    return sum;
}
