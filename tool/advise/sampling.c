#include "advise/sampling.h"

#include "advise/account.h"

#define STATES_MAX 512

/* A wait that has lasted so long is looked at, in case that the thread never returns from it. */
#define OPEN_WAIT_NS (50 * OVL_MILLISECOND)

/* A wait that goes on is seen once: should the program be killed in it, its stack is known. */
static void look_at_wait(struct observation *observed, struct process *process,
                         struct watched_thread *thread, uint64_t state, ovl_time since_ns,
                         ovl_time now_ns)
{
    if (now_ns - since_ns < OPEN_WAIT_NS || thread->open_wait_ns == since_ns)
        return;
    thread->open_wait_ns = since_ns;
    thread->open_level_count = process_stack(process, &observed->tree, state, thread->open_levels);
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
        look_at_wait(observed, process, thread, state->address, since_ns, now_ns);
        return;
    }
    ovl_time total_ns = process_thread_cpu(process, thread);
    ovl_time cpu_ns = total_ns - thread->cpu_ns;
    if (total_ns < 0 || cpu_ns <= 0)
        return;
    struct tree_level levels[RECORD_LEVELS];
    size_t count = process_stack(process, &observed->tree, state->address, levels);
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
                     account_is_start(process, thread) ? 0 : count, now_ns, cpu_ns, free_of_gil);
}

void sampling_look(struct observation *observed, struct process *process)
{
    struct process_state states[STATES_MAX];
    size_t count = process_states(process, states, STATES_MAX);
    for (size_t n = 0; n < count; n++)
        sample_thread(observed, process, &states[n], ovl_now());
    if (process->unreadable)
        observed->sampling_refused = true;
}
