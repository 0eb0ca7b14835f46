#include "advise/observation.h"

#include "advise/ending.h"
#include "advise/launchers.h"
#include "advise/outside.h"
#include "advise/ring.h"
#include "advise/sampling.h"
#include "advise/unseen.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX   4096
#define PROCESSES_KEPT  1024 /* from there on, of those that are over half are forgotten */
#define FOUND_MOST      256  /* at one look */
#define PERIOD_LEAST_NS (2 * OVL_MILLISECOND)
#define PERIOD_MOST_NS  (100 * OVL_MILLISECOND)

/* Of the time, this part at most goes into looking: a 100th; and a 50th, where all that is known
 * comes from that. */
#define COST_LIMIT     100
#define COST_LIMIT_ALL 50

#define DEAR_ONCE 3 /* periods that one look lengthens the next at most by */

/* --- opening and closing --- */

int observation_open(struct observation *observed, bool with_folder)
{
    *observed = (struct observation){.period_ns = PERIOD_LEAST_NS, .folder = FOLDER_NONE};
    int error = tree_init(&observed->tree);
    if (error)
        return error;
    error = with_folder ? folder_make(&observed->folder) : 0;
    if (error)
        tree_release(&observed->tree);
    observed->start_ns = ovl_now();
    return error;
}

int observation_draw(struct observation *observed)
{
    observed->timeline = timeline_new("as it ran");
    return observed->timeline ? 0 : -ENOMEM;
}

void observation_close(struct observation *observed)
{
    for (size_t n = 0; n < observed->process_count; n++)
        process_free(observed->processes[n]);
    free(observed->processes);
    folder_remove(&observed->folder);
    timeline_free(observed->timeline);
    tree_release(&observed->tree);
    *observed = (struct observation){.folder = FOLDER_NONE};
}

/* What was added up so far was the launchers' and is forgotten; where there is no memory for that,
 * it is kept. */
static void start_anew(struct observation *observed, ovl_time now_ns)
{
    struct tree tree;
    struct timeline *timeline = observed->timeline ? timeline_new("as it ran") : NULL;
    if ((observed->timeline && !timeline) || tree_init(&tree) != 0) {
        timeline_free(timeline);
        return;
    }
    timeline_free(observed->timeline);
    tree_release(&observed->tree);
    observed->timeline = timeline;
    observed->tree = tree;
    observed->plumbing = (struct plumbing){.workers = 0};
    observed->hot = (struct hot){.count = 0};
    observed->spent = (struct spent){.cpu_ns = 0};
    memset(observed->short_ns, 0, sizeof observed->short_ns);
    observed->threads = (struct thread_times){.count = 0};
    observed->idle_ns = 0;
    observed->waits_lost = 0;
    observed->sync_device = 0;
    observed->python_unknown = false;
    observed->interpreter[0] = '\0';
    observed->program_ns = now_ns;
}

/* What multiprocessing starts anew, where it does not fork: it is a worker like those that it
 * forks. */
static bool is_spawned_worker(const struct process *process)
{
    const char *command = process->was_python ? process->record->command : "";
    return strstr(command, "multiprocessing.spawn") ||
           strstr(command, "multiprocessing.forkserver");
}

/* Whether it was started, by exec, by a program in Python. */
static bool is_command(const struct observation *observed, const struct process *process)
{
    if (!process->record || process->record->generation != 1 || is_spawned_worker(process))
        return false;
    for (size_t n = observed->process_count; n-- > 0;) {
        const struct process *parent = observed->processes[n];
        if (parent->pid == process->parent)
            return parent->was_python || parent->command;
    }
    return false;
}

/* A fork has the stack and the loops of its parent. */
static uint32_t family_of(struct observation *observed, const struct process *process)
{
    bool forked = process->record && process->record->generation > 1;
    for (size_t n = observed->process_count; forked && n-- > 0;)
        if (observed->processes[n]->pid == process->parent)
            return observed->processes[n]->family;
    return ++observed->family_count;
}

int observation_add(struct observation *observed, struct process *process)
{
    if (observed->process_count % 64 == 0) {
        size_t size = (observed->process_count + 64) * sizeof(struct process *);
        struct process **moved = realloc(observed->processes, size);
        if (!moved)
            return -ENOMEM;
        observed->processes = moved;
    }
    process->family = family_of(observed, process);
    process->command |= is_command(observed, process);
    process->child = process->parent == getpid();
    if (launchers_find(observed, process))
        start_anew(observed, process->start_ns);
    observed->processes[observed->process_count++] = process;
    if (process->record && process->was_python && !observed->interpreter[0])
        snprintf(observed->interpreter, sizeof observed->interpreter, "%.*s",
                 (int)sizeof process->record->program, process->record->program);
    return 0;
}

static int by_start(const void *left, const void *right)
{
    const struct process *a = *(struct process *const *)left;
    const struct process *b = *(struct process *const *)right;
    return a->start_ns < b->start_ns ? -1 : a->start_ns > b->start_ns;
}

/*
 * A file that is known has been unlinked: the folder holds the new ones alone. They are added in
 * the order of their starts, parents before children.
 */
static void find_processes(struct observation *observed)
{
    struct process *found[FOUND_MOST];
    size_t count = 0;
    DIR *entries = observed->folder.path[0] ? opendir(observed->folder.path) : NULL;
    if (!entries)
        return;
    char path[512];
    for (struct dirent *entry; count < FOUND_MOST && (entry = readdir(entries));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", observed->folder.path, entry->d_name);
        if (observed->process_count + count >= PROCESSES_MAX) {
            unlink(path); /* nobody looks at it, and many would fill the memory */
            continue;
        }
        found[count] = process_open(path);
        if (found[count]) {
            count++;
            unlink(path);
        }
    }
    closedir(entries);
    qsort(found, count, sizeof found[0], by_start);
    for (size_t n = 0; n < count; n++)
        if (observation_add(observed, found[n]) != 0)
            process_free(found[n]);
}

/* --- looking --- */

void observation_end(struct observation *observed, struct process *process)
{
    if (process->record)
        ring_empty(observed, process);
    ending_process(observed, process);
    process_retire(process);
}

static ovl_time own_cpu(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (ovl_time)time.tv_sec * OVL_SECOND + time.tv_nsec;
}

/* Sets the time until the next look by what the last one cost. */
static void set_pace(struct observation *observed, ovl_time cost_ns)
{
    /* A look that was dear once, as the first at a program's symbols, is no measure of the others.
     */
    ovl_time wanted_ns = cost_ns * (observed->folder.path[0] ? COST_LIMIT : COST_LIMIT_ALL);
    if (wanted_ns > DEAR_ONCE * observed->period_ns)
        wanted_ns = DEAR_ONCE * observed->period_ns;
    ovl_time period_ns = (7 * observed->period_ns + wanted_ns) / 8;
    observed->period_ns = period_ns < PERIOD_LEAST_NS  ? PERIOD_LEAST_NS
                          : period_ns > PERIOD_MOST_NS ? PERIOD_MOST_NS
                                                       : period_ns;
}

/*
 * A program may run commands for hours. Of those that are over, the older half is in the sums, and
 * nobody asks for it by name any more: its parent has waited for it, or never will.
 * Not while anybody goes through them.
 */
static void forget_oldest(struct observation *observed)
{
    size_t kept = 0;
    if (observed->process_count < PROCESSES_KEPT + observed->process_lasting)
        return;
    for (size_t n = 0; n < observed->process_count; n++) {
        struct process *process = observed->processes[n];
        if (process->retired && n < observed->process_count / 2) {
            observed->launchers_ns += process->launcher ? process_own_cpu(process) : 0;
            process_free(process);
        } else {
            observed->processes[kept++] = process;
        }
    }
    observed->process_count = kept;
    observed->process_lasting = kept > PROCESSES_KEPT / 2 ? kept - PROCESSES_KEPT / 2 : 0;
}

void observation_look(struct observation *observed)
{
    ovl_time before_ns = own_cpu();
    ovl_time now_ns = ovl_now();
    forget_oldest(observed);
    find_processes(observed);
    outside_find(observed);
    ring_mark(observed);
    for (size_t n = observed->process_count; n-- > 0;) {
        struct process *process = observed->processes[n];
        if (process->retired)
            continue;
        /* What is left in the ring of one that ends meanwhile is taken as it is finished. */
        bool ended = process->record ? atomic_load(&process->record->end_ns) != 0
                                     : process_has_ended(process->pid);
        if (process->record)
            ring_empty_marked(observed, process);
        if (!process->record && !process->launcher)
            outside_look(observed, process);
        else if (!ended && !process->command && !process->launcher)
            sampling_look(observed, process);
        ending_threads(observed, process);
        if (ended && sampling_is_over(process)) {
            ending_process(observed, process);
            process_retire(process);
        }
    }
    ovl_time cost_ns = own_cpu() - before_ns;
    set_pace(observed, cost_ns);
    observed->last_sample_ns = now_ns;
}

/* Those that go on by themselves: a daemon, or what a shell put into the background. One that is
 * over leaves its number for as long as nobody has waited for it: a zombie has no program. */
static void find_left_running(struct observation *observed)
{
    char path[64];
    char program[8];
    for (size_t n = 0; n < observed->process_count; n++) {
        const struct process *process = observed->processes[n];
        if (process->retired ||
            (process->record && (atomic_load(&process->record->end_ns) ||
                                 strstr(process->record->command, "multiprocessing."))))
            continue; /* multiprocessing's own end when they find that their program has */
        snprintf(path, sizeof path, "/proc/%d/exe", (int)process->pid);
        if (readlink(path, program, sizeof program) <= 0)
            continue;
        observed->left_running++;
        observed->left_pid = process->pid;
    }
}

void observation_finish(struct observation *observed)
{
    observed->end_ns = ovl_now();
    find_processes(observed);
    find_left_running(observed);
    ring_mark(observed);
    for (size_t n = observed->process_count; n-- > 0;)
        if (observed->processes[n]->record)
            ring_empty_marked(observed, observed->processes[n]);
    for (size_t n = 0; n < observed->process_count; n++)
        ending_process(observed, observed->processes[n]);
    unseen_settle(&observed->tree);
    unseen_settle_spent(&observed->spent);
    plumbing_settle(&observed->plumbing);
    if (observed->timeline)
        timeline_extend(observed->timeline, observed->end_ns - observed->start_ns);
}
