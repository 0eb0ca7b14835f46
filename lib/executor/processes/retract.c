/* Taking back what a worker was given and has not begun, and killing one for what it has. */
#include "base/system.h"
#include "executor/processes/processes.h"

void ovl__return_future(struct ovl_future *future)
{
    future->outcome.attempts--;
    future->outcome.worker = OVL_NO_WORKER;
    ovl__future_requeue(future);
}

void ovl__give_back(struct ovl__processes *processes, struct ovl__errand *errand, size_t count)
{
    bool before = processes->returning;
    processes->returning = true;
    if (errand->future) {
        ovl__return_future(errand->future);
        errand->future = NULL;
    } else {
        ovl__spread_return(processes->executor, errand->spread, errand->first, count);
    }
    processes->returning = before;
}

/* The newest first: each comes to the head of the queue. */
void ovl__withdraw(struct ovl__processes *processes, struct ovl__process *process)
{
    for (uint32_t r = process->posted; r-- != process->collected;) {
        struct ovl__slot *slot = ovl__slot_of(process, r);
        uint32_t count = ovl__slot_withdraw(slot);
        if (!count)
            continue;
        struct ovl__errand part = *ovl__errand_of(process, r);
        part.first += ovl__limit(atomic_load_explicit(&slot->progress, memory_order_relaxed));
        if (part.future)
            ovl__errand_of(process, r)->future = NULL;
        process->given -= count;
        ovl__give_back(processes, &part, count);
    }
}

bool ovl__is_running(const struct ovl__process *process)
{
    for (uint32_t r = process->collected; r != process->posted; r++) {
        const struct ovl__slot *slot = ovl__slot_of(process, r);
        uint64_t progress = atomic_load_explicit(&slot->progress, memory_order_acquire);
        if (!ovl__slot_complete(slot))
            return ovl__begun(progress) > 0;
    }
    return false;
}

uint32_t ovl__oldest_incomplete(const struct ovl__process *process)
{
    uint32_t r = process->collected;
    while (r != process->posted && ovl__slot_complete(ovl__slot_of(process, r)))
        r++;
    return r;
}

bool ovl__is_at_work(const struct ovl__process *process, const struct ovl_future *future)
{
    uint32_t r = ovl__oldest_incomplete(process);
    return r != process->posted && process->errands[r % OVL__SLOTS].future == future &&
           ovl__is_running(process);
}

void ovl__processes_kill(struct ovl__processes *processes, struct ovl__process *process,
                         int verdict)
{
    if (process->doomed || !process->alive)
        return;
    ovl__withdraw(processes, process); /* so that nothing but this one task can be hit */
    if (ovl__oldest_incomplete(process) == process->posted && !process->ending && verdict)
        return;
    process->doomed = true;
    process->verdict = verdict;
    ovl__list_remove(&process->link);
    /* Until it is reaped, its number is no other process's. */
    if (process->pidfd < 0 || ovl__sys.pidfd_send_signal(process->pidfd, SIGKILL))
        kill(processes->shared->places[process->number].pid, SIGKILL);
}
