#include "advise/sampling.h"

#include "advise/account.h"

#define STATES_MAX 512

/* What has computed for less since it was seen last is not stopped for it. */
#define WORTH_A_LOOK_NS (200 * OVL_MICROSECOND)

/* A debugger may have a process for a while. */
#define REFUSED_MOST 20

/* A wait that has lasted so long is looked at, in case that the thread never returns from it. */
#define OPEN_WAIT_NS (50 * OVL_MILLISECOND)

/* A wait that goes on is seen once: should the program be killed in it, its stack is known. */
static void look_at_wait(struct observation *observed, struct process *process,
                         struct watched_thread *thread, const struct process_state *state,
                         ovl_time since_ns, ovl_time now_ns)
{
    if (now_ns - since_ns < OPEN_WAIT_NS || thread->open_wait_ns == since_ns)
        return;
    thread->open_level_count = process_stack(process, &observed->tree, state, thread->open_levels);
    if (thread->open_level_count)
        thread->open_wait_ns = since_ns;
}

static void sample_thread(struct observation *observed, struct process *process,
                          const struct process_state *state, ovl_time now_ns)
{
    if (!state->id)
        return;
    struct watched_thread *thread = process_thread(process, state->id);
    struct record_thread *own = process_record_of(process, state->id);
    if (!thread)
        return;
    ovl_time since_ns =
        own ? (ovl_time)atomic_load_explicit(&own->wait_ns, memory_order_relaxed) : 0;
    if (since_ns && now_ns - since_ns > RECORD_SHORT_NS) {
        look_at_wait(observed, process, thread, state, since_ns, now_ns);
        return;
    }
    ovl_time total_ns = process_thread_cpu(process, thread);
    ovl_time cpu_ns = total_ns - thread->cpu_ns;
    if (total_ns < 0 || cpu_ns <= 0)
        return;
    /* A wait that has begun just now; or a call that computes in the kernel, and waits for nothing.
     */
    if (since_ns && !process_thread_runs(process, thread))
        return;
    struct tree_level levels[RECORD_LEVELS];
    size_t count = process_stack(process, &observed->tree, state, levels);
    /* Waits that have ended since the ring was emptied come first: then this is no news. */
    if (process->record &&
        atomic_load(&process->record->head) != atomic_load(&process->record->tail))
        return;
    /* A generator that has just given way is in nobody's stack. */
    if (count == 0 || observed->tree.places[levels[0].place].flags & PYTHON_CODE_SUSPENDS)
        return;
    bool free_of_gil = process_gil_holder(process) != state->address;
    thread->python = true;
    thread->cpu_ns = total_ns;
    observed->samples++;
    account_computed(observed, process, thread, levels,
                     account_is_start(process, thread) ? 0 : count, now_ns, cpu_ns,
                     free_of_gil ? ACCOUNT_SAMPLE_FREE : ACCOUNT_SAMPLE);
}

/* --- programs that are not Python's --- */

ovl_time sampling_held(struct watched_thread *thread, ovl_time now_ns)
{
    ovl_time held_ns = thread->held_ns;
    if (thread->stopping) {
        held_ns += now_ns - thread->stop_ns;
        thread->stop_ns = now_ns;
    }
    thread->held_ns = 0;
    return held_ns;
}

static enum stopped_result stop(struct process *process, struct watched_thread *thread,
                                struct stopped *ret)
{
    if (!thread->stopping)
        thread->stop_ns = ovl_now();
    enum stopped_result result =
        stopped_take(process->pid, thread->id, process->child, &thread->stopping, ret);
    if (!thread->stopping)
        thread->held_ns += ovl_now() - thread->stop_ns;
    return result;
}

size_t sampling_stack(struct observation *observed, struct process *process,
                      struct watched_thread *thread, uint64_t *ret_addresses,
                      struct tree_level *ret_levels)
{
    static struct stopped stack; /* one thread at a time */
    struct code *code = process_code(process);
    if (!code || (process->unreadable && !thread->stopping))
        return 0;
    switch (stop(process, thread, &stack)) {
    case STOPPED_TAKEN:
        observed->samples++;
        return code_levels_of(code, &observed->tree, &stack, ret_addresses, ret_levels);
    case STOPPED_REFUSED:
        process->unreadable = process->refused++ > REFUSED_MOST;
        return 0;
    default:
        return 0;
    }
}

void sampling_line(struct observation *observed, struct process *process,
                   struct watched_thread *thread, ovl_time total_ns)
{
    ovl_time cpu_ns = total_ns - thread->lined_ns;
    if (!thread->stopping && (cpu_ns < WORTH_A_LOOK_NS || !process_thread_runs(process, thread)))
        return;
    uint64_t addresses[RECORD_LEVELS];
    struct tree_level levels[RECORD_LEVELS];
    size_t count = sampling_stack(observed, process, thread, addresses, levels);
    if (!count || cpu_ns <= 0)
        return;
    thread->lined_ns = total_ns;
    account_line(observed, process, thread, levels, count, ovl_now(), cpu_ns);
}

bool sampling_is_over(struct process *process)
{
    bool over = true;
    for (size_t n = 0; n < process->thread_count; n++) {
        struct watched_thread *thread = process->threads[n];
        struct stopped stack;
        if (thread->stopping)
            stop(process, thread, &stack);
        over = over && !thread->stopping;
    }
    return over;
}

static void sample_native_thread(struct observation *observed, struct process *process, int id)
{
    struct watched_thread *thread = process_thread(process, id);
    struct record_thread *own = process_record_of(process, id);
    bool waits = own && atomic_load_explicit(&own->wait_ns, memory_order_relaxed);
    ovl_time total_ns = thread && !waits ? process_thread_cpu(process, thread) : -1;
    if (total_ns > 0 || (thread && thread->stopping))
        sampling_line(observed, process, thread, total_ns);
}

static void sample_native(struct observation *observed, struct process *process)
{
    int ids[STATES_MAX];
    size_t count = process_tasks(process, ids, STATES_MAX);
    for (size_t n = 0; n < count; n++)
        sample_native_thread(observed, process, ids[n]);
}

/* --- all --- */

static void sample_python(struct observation *observed, struct process *process)
{
    struct process_state states[STATES_MAX];
    size_t count = process_states(process, states, STATES_MAX);
    for (size_t n = 0; n < count; n++)
        sample_thread(observed, process, &states[n], ovl_now());
}

void sampling_look(struct observation *observed, struct process *process)
{
    if (process->reader)
        sample_python(observed, process);
    else if (!process->was_python)
        sample_native(observed, process);
    if (process->unreadable)
        observed->sampling_refused = true;
}
