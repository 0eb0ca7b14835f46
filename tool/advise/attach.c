#include "advise/attach.h"

#include "advise/account.h"
#include "advise/python/find.h"
#include "advise/syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define STATES_MAX 512

/* Between two looks at most: what lies further apart was not seen. */
#define GAP_MOST_NS OVL_SECOND

int attach_open(struct observation *observed, int pid)
{
    if (kill(pid, 0) != 0)
        return -errno;
    int error = observation_open(observed, false);
    if (error)
        return error;
    struct python_found found = {.layout = NULL};
    bool python = python_find(pid, &found);
    struct process *process = process_attach(pid, found.layout, found.runtime);
    error = process ? observation_add(observed, process) : -ENOMEM;
    if (error) {
        process_free(process);
        observation_close(observed);
        return error;
    }
    process->was_python = python;
    observed->python_unknown = python && !found.layout;
    return 0;
}

/* Threads without a Python of their own, and those of other programs. */
static size_t list_tasks(struct process *process, struct process_state *states, size_t count)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process->pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return count;
    for (struct dirent *entry; count < STATES_MAX && (entry = readdir(tasks));) {
        int id = atoi(entry->d_name);
        bool known = id <= 0;
        for (size_t n = 0; n < count && !known; n++)
            known = states[n].id == id;
        if (!known)
            states[count++] = (struct process_state){.id = id};
    }
    closedir(tasks);
    return count;
}

static void look_at_thread(struct observation *observed, struct process *process,
                           const struct process_state *state, ovl_time now_ns)
{
    struct watched_thread *thread = state->id ? process_thread(process, state->id) : NULL;
    if (!thread)
        return;
    ovl_time total_ns = process_thread_cpu(process, thread);
    bool first = !thread->seen_ns;
    ovl_time gap_ns = first ? 0 : now_ns - thread->seen_ns;
    ovl_time cpu_ns = total_ns - thread->cpu_ns;
    if (total_ns < 0)
        return;
    thread->cpu_ns = total_ns;
    if (first) {
        thread->seen_ns = now_ns;
        return;
    }
    struct tree_level levels[RECORD_LEVELS];
    size_t count =
        state->address ? process_stack(process, &observed->tree, state->address, levels) : 0;
    bool free_of_gil = state->address && process_gil_holder(process) != state->address;
    if (count && observed->tree.places[levels[0].place].flags & PYTHON_CODE_SUSPENDS)
        count = 0;
    if (gap_ns > GAP_MOST_NS)
        gap_ns = GAP_MOST_NS;
    if (cpu_ns > gap_ns)
        cpu_ns = gap_ns;
    observed->samples++;
    struct account_sample sample = {.levels = levels,
                                    .count = count,
                                    .now_ns = now_ns,
                                    .cpu_ns = cpu_ns,
                                    .wait_ns = gap_ns - cpu_ns,
                                    .free_of_gil = free_of_gil,
                                    .native = !state->address};
    if (sample.wait_ns > 0)
        sample.kind = syscalls_wait_kind(process->pid, state->id);
    account_sample(observed, process, thread, &sample);
}

static ovl_time own_cpu(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (ovl_time)time.tv_sec * OVL_SECOND + time.tv_nsec;
}

bool attach_look(struct observation *observed)
{
    ovl_time before_ns = own_cpu();
    struct process *process = observed->processes[0];
    struct process_state states[STATES_MAX];
    size_t count = process->reader ? process_states(process, states, STATES_MAX) : 0;
    if (process->unreadable)
        observed->sampling_refused = true;
    count = list_tasks(process, states, count);
    for (size_t n = 0; n < count; n++)
        look_at_thread(observed, process, &states[n], ovl_now());
    observation_pace(observed, own_cpu() - before_ns);
    return kill(process->pid, 0) == 0;
}
