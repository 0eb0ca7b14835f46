#include "advise/ring.h"

#include "advise/account.h"

static size_t native_levels(struct observation *observed, struct process *process,
                            struct watched_thread *thread, const struct record_wait *wait,
                            struct tree_level *levels)
{
    const struct record_level *found = (const struct record_level *)(wait + 1);
    struct code *code = process_code(process);
    uint64_t returned_to[RECORD_LEVELS];
    uint64_t addresses[RECORD_LEVELS];
    size_t count = 0;
    for (size_t n = 0; n < wait->level_count && n < RECORD_LEVELS; n++)
        if (found[n].place && found[n].place < RECORD_PLACES)
            returned_to[count++] = process->record->places[found[n].place].code;
    count = code ? code_levels(code, &observed->tree, returned_to, count, addresses, levels) : 0;
    native_identify(&thread->native, &observed->tree, (uint32_t)thread->id, addresses, levels,
                    count);
    return count;
}

static size_t levels_of(struct observation *observed, struct process *process,
                        const struct record_wait *wait, struct tree_level *levels)
{
    const struct record_level *found = (const struct record_level *)(wait + 1);
    size_t count = 0;
    for (size_t n = 0; n < wait->level_count && n < RECORD_LEVELS; n++) {
        uint32_t place = process_place(process, &observed->tree, found[n].place);
        if (!place)
            continue;
        levels[count] = (struct tree_level){.place = place, .call = found[n].call};
        for (int loop = 0; loop < RECORD_LOOPS; loop++) {
            levels[count].loops[loop] = found[n].loops[loop];
            levels[count].loops[loop].place =
                process_place(process, &observed->tree, found[n].loops[loop].place);
        }
        count++;
    }
    return count;
}

static void take_wait(struct observation *observed, struct process *process,
                      const struct record_wait *wait)
{
    struct tree_level levels[RECORD_LEVELS];
    if (wait->thread >= RECORD_THREADS || wait->end_ns < wait->start_ns)
        return;
    struct watched_thread *thread =
        process_thread(process, (int)process->record->threads[wait->thread].id);
    if (!thread)
        return;
    size_t count = wait->flags & RECORD_NATIVE && !process->was_python
                       ? native_levels(observed, process, thread, wait, levels)
                       : levels_of(observed, process, wait, levels);
    ovl_time cpu_ns = (ovl_time)wait->cpu_ns - thread->cpu_ns;
    ovl_time busy_ns = account_busy(process, wait, cpu_ns);
    if (!thread->first_ns)
        thread->seen_ns = (ovl_time)atomic_load(&process->record->threads[wait->thread].start_ns);
    if (!(wait->flags & RECORD_NATIVE))
        thread->python = true;
    if (cpu_ns > 0)
        thread->cpu_ns = (ovl_time)wait->cpu_ns;
    /* Of a deep stack the middle is left out. */
    thread->path.told = !(wait->flags & RECORD_NATIVE) && count && count == wait->level_count &&
                        count < RECORD_LEVELS;
    account_computed(observed, process, thread, levels,
                     account_is_start(process, thread) ? 0 : count, (ovl_time)wait->start_ns,
                     cpu_ns > busy_ns ? cpu_ns - busy_ns : 0, ACCOUNT_WAIT);
    account_waited(observed, process, thread, levels, count, wait, busy_ns);
    thread->path.told = false;
    thread->open_wait_ns = 0;
}

static void take_until(struct observation *observed, struct process *process, uint64_t head)
{
    struct record *record = process->record;
    uint64_t tail = atomic_load_explicit(&record->tail, memory_order_relaxed);
    if (head - tail > RECORD_RING || process->launcher)
        tail = head; /* not what the agent writes; or nobody's to add up */
    while (tail != head) {
        size_t at = (size_t)(tail % RECORD_RING);
        const struct record_wait *wait = (const struct record_wait *)(record->ring + at);
        uint32_t size = wait->size;
        if (size == 0) {
            tail += RECORD_RING - at;
            continue;
        }
        if (size < sizeof *wait || size > RECORD_RING - at || size > head - tail)
            break;
        if (sizeof *wait + wait->level_count * sizeof(struct record_level) <= size)
            take_wait(observed, process, wait);
        tail += size;
    }
    atomic_store_explicit(&record->tail, tail, memory_order_release);
}

static uint64_t head_of(const struct process *process)
{
    return atomic_load_explicit(&process->record->head, memory_order_acquire);
}

void ring_empty(struct observation *observed, struct process *process)
{
    take_until(observed, process, head_of(process));
}

void ring_mark(struct observation *observed)
{
    for (size_t n = 0; n < observed->process_count; n++)
        if (observed->processes[n]->record)
            observed->processes[n]->ring_mark = head_of(observed->processes[n]);
}

void ring_empty_marked(struct observation *observed, struct process *process)
{
    take_until(observed, process, process->ring_mark);
}
