#include "advise/ending.h"

#include "advise/account.h"
#include "advise/ring.h"

#include <stdio.h>
#include <string.h>

/* A thread that did less than this part of what the busiest did is not counted as one that works.
 */
#define WORKING_SHARE 4

/* Fewer threads are kept until the process ends: that is simple, and their memory is small. */
#define THREADS_KEPT_MOST 128

/* --- one thread --- */

/* The wait that a thread was in when the program was killed. */
static void close_wait(struct observation *observed, struct process *process,
                       struct record_thread *own)
{
    ovl_time since_ns = (ovl_time)atomic_load(&own->wait_ns);
    ovl_time end_ns = observed->end_ns ? observed->end_ns : ovl_now();
    struct watched_thread *thread = process_thread(process, (int)own->id);
    if (!thread || !since_ns || atomic_load(&process->record->end_ns) ||
        end_ns - since_ns < RECORD_SHORT_NS)
        return;
    if (thread->seen_ns > since_ns)
        return; /* it was killed when that had just been written down */
    struct record_wait wait = {.kind = (uint8_t)atomic_load(&own->wait_kind),
                               .descriptor = -1,
                               .start_ns = (uint64_t)since_ns,
                               .end_ns = (uint64_t)end_ns};
    bool known = thread->open_wait_ns == since_ns;
    account_waited(observed, process, thread, thread->open_levels,
                   known ? thread->open_level_count : 0, &wait, 0);
}

/* What the agent knows of a thread is more than what was seen of it. */
static void note_thread(struct observation *observed, const struct process *process,
                        const struct watched_thread *thread, const struct record_thread *own)
{
    struct thread_time time = {.process = (int)process->pid,
                               .thread = thread->id,
                               .wall_ns = thread->last_ns - thread->first_ns,
                               .cpu_ns = thread->cpu_ns,
                               .idle_ns = thread->idle_ns};
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        time.wait_ns[kind] = thread->wait_ns[kind];
    if (process->record && thread->id == process->pid)
        time.cpu_ns -= (ovl_time)process->record->start_cpu_ns;
    if (own) {
        ovl_time end_ns = (ovl_time)atomic_load(&own->end_ns);
        ovl_time cpu_ns = (ovl_time)atomic_load(&own->cpu_ns);
        if (!end_ns)
            end_ns = process->end_ns;
        if (thread->id == process->pid)
            cpu_ns -= (ovl_time)process->record->start_cpu_ns;
        time.wall_ns = end_ns - (ovl_time)atomic_load(&own->start_ns);
        time.cpu_ns = cpu_ns > time.cpu_ns ? cpu_ns : time.cpu_ns;
        for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
            time.wait_ns[kind] += (ovl_time)atomic_load(&own->short_ns[kind]);
    }
    snprintf(time.program, sizeof time.program, "%s", process->program);
    thread_times_add(&observed->threads, &time);
}

/* What a thread whose code is not seen computed since its last wait was in none of its calls. */
static void count_rest(struct observation *observed, struct process *process,
                       struct watched_thread *thread)
{
    const struct record_thread *own = process_record_of(process, thread->id);
    ovl_time total_ns = own ? (ovl_time)atomic_load(&own->cpu_ns) : 0;
    if (thread->lined_ns > total_ns)
        total_ns = thread->lined_ns;
    if (thread->outside_ns > total_ns)
        total_ns = thread->outside_ns;
    if (total_ns <= thread->cpu_ns)
        return;
    account_computed(observed, process, thread, NULL, 0, ovl_now(), total_ns - thread->cpu_ns,
                     ACCOUNT_WAIT);
    thread->cpu_ns = total_ns;
}

/* Of the threads that are gone, the busiest are remembered. */
static void remember_work(struct process *process, ovl_time work_ns)
{
    size_t n = process->gone_count;
    if (n == PROCESS_GONE)
        n--;
    else
        process->gone_count++;
    if (n + 1 == PROCESS_GONE && process->gone_work_ns[n] >= work_ns)
        return;
    for (; n > 0 && process->gone_work_ns[n - 1] < work_ns; n--)
        process->gone_work_ns[n] = process->gone_work_ns[n - 1];
    process->gone_work_ns[n] = work_ns;
}

static void finish_thread(struct observation *observed, struct process *process,
                          struct watched_thread *thread)
{
    if (!process->was_python || process_hides_python(process))
        count_rest(observed, process, thread);
    process->work_ns += thread->work_ns;
    if (thread->id != process->pid)
        process->others_ns += thread->work_ns;
    tree_end(&observed->tree, &thread->path, ovl_now());
    note_thread(observed, process, thread, process_record_of(process, thread->id));
    if (observed->timeline)
        timeline_track_over(observed->timeline, thread->track);
    /* The kernel's sum goes on over an exec: the same one is told of twice. */
    if (thread->delay_ns - thread->delay_before_ns > observed->delay_ns)
        observed->delay_ns = thread->delay_ns - thread->delay_before_ns;
}

static void add_short_waits(struct observation *observed, const struct record_thread *own)
{
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        observed->short_ns[kind] += (ovl_time)atomic_load(&own->short_ns[kind]);
}

/*
 * One that had ended at the look before: all that it wrote down has been taken since. Its place in
 * the record may be another thread's then.
 */
static bool take_down(struct observation *observed, struct process *process,
                      struct record_thread *own)
{
    struct watched_thread *thread = process_thread(process, (int)own->id);
    if (!thread || thread->stopping || thread->id == process->pid)
        return false;
    if (!thread->ended) {
        thread->ended = true;
        return false;
    }
    finish_thread(observed, process, thread);
    if (thread->python)
        remember_work(process, thread->work_ns);
    add_short_waits(observed, own);
    process_forget_thread(process, thread);
    atomic_store(&own->state, RECORD_THREAD_TAKEN);
    return true;
}

void ending_threads(struct observation *observed, struct process *process)
{
    struct record *record = process->record;
    if (!record || process->launcher || process->thread_count < THREADS_KEPT_MOST)
        return;
    uint32_t count = atomic_load(&record->thread_count);
    for (uint32_t n = 0; n < count && n < RECORD_THREADS; n++)
        if (atomic_load(&record->threads[n].state) == RECORD_THREAD_ENDED)
            take_down(observed, process, &record->threads[n]);
}

/* --- all of a process's --- */

/* The main thread that mostly waits for its workers is none, however long its start took: on a
 * machine that is busy, longer than all that they do. */
static bool is_worker(const struct process *process, const struct watched_thread *thread,
                      ovl_time most_ns)
{
    bool coordinates =
        thread->id == process->pid && thread->idle_ns > thread->work_ns - thread->alone_ns;
    bool python = thread->python || process_hides_python(process);
    return python && !coordinates && thread->work_ns * WORKING_SHARE > most_ns;
}

/* What the busiest did: of the others, where these do most of the work. Of many that are gone it is
 * the middle one: on a machine that is busy, a single thread may wait for a hundred times as long.
 */
static ovl_time busiest(const struct process *process)
{
    bool others = 2 * process->others_ns > process->work_ns;
    ovl_time most_ns = 0;
    if (process->gone_count)
        return process->gone_work_ns[process->gone_count / 2];
    for (size_t n = 0; n < process->thread_count; n++) {
        const struct watched_thread *thread = process->threads[n];
        if ((thread->id != process->pid || !others) && thread->work_ns > most_ns)
            most_ns = thread->work_ns;
    }
    return most_ns;
}

/* How many work at once: where each task has a thread of its own, fewer than there were. */
static unsigned count_working(const struct process *process)
{
    ovl_time most_ns = busiest(process);
    unsigned count = 0;
    bool main_works = false;
    for (size_t n = 0; n < process->thread_count; n++) {
        bool works = is_worker(process, process->threads[n], most_ns);
        count += works;
        main_works |= works && process->threads[n]->id == process->pid;
    }
    for (size_t n = 0; n < process->gone_count; n++)
        count += process->gone_work_ns[n] * WORKING_SHARE > most_ns;
    unsigned at_once = process->record ? atomic_load(&process->record->threads_most) : 0;
    if (at_once > 1 && !main_works)
        at_once--;
    return at_once && at_once < count ? at_once : count;
}

static ovl_time end_of(const struct observation *observed, const struct process *process)
{
    ovl_time end_ns = process->record ? (ovl_time)atomic_load(&process->record->end_ns) : 0;
    if (!end_ns)
        end_ns = observed->end_ns ? observed->end_ns : ovl_now();
    return end_ns;
}

static void count_worker(struct observation *observed, struct process *process)
{
    process->worker = true;
    uint32_t threads = process->record ? atomic_load(&process->record->thread_count) : 0;
    for (uint32_t n = 0; n < threads && n < RECORD_THREADS; n++) {
        observed->plumbing.reads += atomic_load(&process->record->threads[n].reads);
        observed->plumbing.read_bytes += atomic_load(&process->record->threads[n].read_bytes);
    }
    observed->plumbing.workers++;
    observed->plumbing.lives_ns += process->end_ns - process->start_ns;
}

void ending_process(struct observation *observed, struct process *process)
{
    if (process->retired || process->launcher)
        return;
    process->end_ns = end_of(observed, process);
    observed->python_unknown |= !process->command && process_hides_python(process);
    struct record *record = process->record;
    if (record) {
        ring_empty(observed, process);
        uint32_t count = atomic_load(&record->thread_count);
        for (uint32_t n = 0; n < count && n < RECORD_THREADS; n++) {
            if (atomic_load(&record->threads[n].state) == RECORD_THREAD_TAKEN)
                continue;
            add_short_waits(observed, &record->threads[n]);
            close_wait(observed, process, &record->threads[n]);
            process_thread(process, (int)record->threads[n].id); /* it may never have waited long */
        }
        observed->waits_lost += atomic_load(&record->waits_lost);
        observed->threads_lost += atomic_load(&record->threads_lost);
    }
    /* One that was forked and is over so soon that nothing of it was seen is one too. */
    bool forked = !process->worker && process->was_python && record && record->generation > 1;
    if (process->worker || forked)
        count_worker(observed, process);
    for (size_t n = 0; n < process->thread_count; n++)
        finish_thread(observed, process, process->threads[n]);
    process->working_threads = count_working(process);
    if (forked)
        observed->plumbing.task_ns += process->work_ns; /* without multiprocessing: all of it */
}
