#include "advise/launchers.h"

#include <string.h>

/* What has run for longer before it became, or ran, another program did something by itself. */
#define LAUNCH_MOST_NS (5 * OVL_SECOND)

static const char *const names[] = {
    "ash",   "bash",       "busybox", "dash",    "fish",    "ksh",     "mksh",      "sh",
    "zsh",   "chrt",       "doas",    "env",     "flock",   "ionice",  "make",      "nice",
    "nohup", "numactl",    "prlimit", "runuser", "script",  "setpriv", "setsid",    "stdbuf",
    "su",    "sudo",       "taskset", "time",    "timeout", "unshare", "xargs",     "conda",
    "mamba", "micromamba", "pixi",    "uv",      "uvx",     "tini",    "dumb-init", "gosu",
};

bool launchers_only_run_others(const struct process *process)
{
    for (size_t n = 0; !process->was_python && n < sizeof names / sizeof *names; n++)
        if (strcmp(process->program, names[n]) == 0)
            return true;
    return false;
}

/* The newest of that number: a process may have run several programs. NULL: none is known. */
static struct process *newest(const struct observation *observed, pid_t pid)
{
    for (size_t n = observed->process_count; n-- > 0;)
        if (observed->processes[n]->pid == pid)
            return observed->processes[n];
    return NULL;
}

/* An exec is the end of what ran before it, of which that could tell nothing. */
static void end_image(struct process *before, const struct process *process)
{
    if (!before->record || atomic_load(&before->record->end_ns))
        return;
    atomic_store(&before->record->cpu_ns, process->record ? process->record->start_cpu_ns : 0);
    atomic_store(&before->record->end_ns, (uint64_t)process->start_ns);
}

static bool is_short(const struct process *before, const struct process *process)
{
    return process->start_ns - before->start_ns < LAUNCH_MOST_NS;
}

/* Whether this is the first program in Python, and everything above it is there to run others. What
 * runs beside it, as at the other end of a pipe, does not speak against that. */
static bool is_first_python(const struct observation *observed, const struct process *process)
{
    if (!process->was_python || process->start_ns - observed->start_ns > LAUNCH_MOST_NS)
        return false;
    for (size_t n = 0; n < observed->process_count; n++)
        if (observed->processes[n]->was_python)
            return false;
    const struct process *above = process;
    for (size_t n = 0; above && !above->child && n < observed->process_count; n++) {
        above = newest(observed, above->parent);
        if (!above || !launchers_only_run_others(above))
            return false;
    }
    return above != process;
}

bool launchers_find(struct observation *observed, struct process *process)
{
    bool forked = process->record && process->record->generation > 1;
    struct process *before = forked ? NULL : newest(observed, process->pid);
    const struct process *parent = newest(observed, process->parent);
    if (before)
        end_image(before, process);
    bool became = before && process->child && is_short(before, process);
    if (!observed->folder.path[0] || forked || !(became || is_first_python(observed, process))) {
        process->launcher = parent && parent->launcher && !process->was_python;
        return false;
    }
    for (size_t n = 0; n < observed->process_count; n++)
        observed->processes[n]->launcher = true;
    return true;
}

ovl_time launchers_cpu(const struct observation *observed)
{
    ovl_time sum_ns = observed->launchers_ns;
    for (size_t n = 0; n < observed->process_count; n++)
        if (observed->processes[n]->launcher)
            sum_ns += process_own_cpu(observed->processes[n]);
    return sum_ns;
}
