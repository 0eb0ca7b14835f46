#include "advise/present.h"

#include <string.h>

/* A process that did less than this part of what the busiest did is none of the workers. */
#define WORKER_SHARE 4

static bool is_of(const struct place *place, const char *file)
{
    size_t length = strlen(place->file);
    size_t size = strlen(file);
    return length >= size && strcmp(place->file + length - size, file) == 0;
}

/* Whether a node is run by asyncio's loop. */
static bool is_in_loop(const struct tree *tree, uint32_t number)
{
    for (; number; number = tree->nodes[number].parent)
        if (is_of(&tree->places[tree->nodes[number].place], "/asyncio/base_events.py"))
            return true;
    return false;
}

/* How many tasks of the loop a node was called in: what asyncio itself calls of the user's,
 * outermost.
 */
static uint64_t tasks_in(const struct tree *tree, uint32_t number)
{
    uint64_t count = 0;
    for (uint32_t n = number; n; n = tree->nodes[n].parent) {
        const struct place *place = &tree->places[tree->nodes[n].place];
        if (is_of(place, "/asyncio/base_events.py"))
            break;
        if (tree->nodes[n].kind == NODE_CALL && place->own)
            count = tree->nodes[n].count;
    }
    return count;
}

/* Takes from `own` what the user's functions did that are called from here, or from a loop here. */
static void take_called(const struct tree *tree, uint32_t number, struct spent *own)
{
    for (uint32_t n = tree->nodes[number].first_child; n; n = tree->nodes[n].next_sibling) {
        const struct node *child = &tree->nodes[n];
        if (child->kind == NODE_LOOP)
            take_called(tree, n, own);
        if (child->kind == NODE_LOOP || !tree->places[child->place].own)
            continue; /* a library's function is called for what its caller does */
        own->cpu_ns -= child->spent.cpu_ns;
        for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
            own->wait_ns[kind] -= child->spent.wait_ns[kind];
    }
}

/* What a call did itself, its loops included, and not those that it called. */
static struct spent own_part(const struct tree *tree, uint32_t number)
{
    struct spent own = tree->nodes[number].spent;
    take_called(tree, number, &own);
    return own;
}

static void note_blocking(struct present *present, const struct tree *tree, uint32_t number,
                          int kind, ovl_time time_ns)
{
    if (time_ns <= present->blocking_ns)
        return;
    present->blocking = tree->nodes[number].place;
    present->blocking_tasks = tasks_in(tree, number);
    present->blocking_kind = kind;
    present->blocking_ns = time_ns;
}

/* The line, of those of this function, that took most of this kind of time. */
static uint32_t line_of(const struct tree *tree, uint32_t function, int kind)
{
    const struct place *wanted = &tree->places[function];
    uint32_t best = function;
    ovl_time most_ns = 0;
    for (size_t n = 0; n < tree->line_count; n++) {
        const struct place *place = &tree->places[tree->lines[n].place];
        const struct spent *spent = &tree->lines[n].spent;
        ovl_time time_ns = kind < 0 ? spent->cpu_ns : spent->wait_ns[kind];
        if (time_ns > most_ns && place->first_line == wanted->first_line &&
            strcmp(place->file, wanted->file) == 0) {
            most_ns = time_ns;
            best = tree->lines[n].place;
        }
    }
    return best;
}

static void find_blocking(const struct tree *tree, struct present *present)
{
    for (uint32_t n = 1; n < tree->node_count; n++) {
        const struct node *node = &tree->nodes[n];
        if (node->kind != NODE_CALL || !tree->places[node->place].own || !is_in_loop(tree, n))
            continue;
        struct spent own = own_part(tree, n);
        for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
            note_blocking(present, tree, n, kind, own.wait_ns[kind]);
        note_blocking(present, tree, n, -1, own.cpu_ns);
    }
    if (present->blocking)
        present->blocking = line_of(tree, present->blocking, present->blocking_kind);
}

static bool has_loop(const struct tree *tree)
{
    for (uint32_t n = 1; n < tree->node_count; n++)
        if (is_of(&tree->places[tree->nodes[n].place], "/asyncio/base_events.py") &&
            strcmp(tree->places[tree->nodes[n].place].function, "_run_once") == 0)
            return true;
    return false;
}

static bool counts(const struct process *process)
{
    return process->was_python && !process->command && !process->launcher;
}

/* Who only hands out is none of the workers. `pool`: those of multiprocessing are known. */
static bool is_worker(const struct process *process, ovl_time most_ns, bool pool)
{
    return counts(process) && (pool ? process->worker : process->work_ns * WORKER_SHARE > most_ns);
}

/* One that is over before the next begins is no worker beside it. */
static unsigned workers_at_once(const struct observation *observed, bool pool)
{
    ovl_time most_ns = 0;
    for (size_t n = 0; n < observed->process_count; n++)
        if (counts(observed->processes[n]) && observed->processes[n]->work_ns > most_ns)
            most_ns = observed->processes[n]->work_ns;
    unsigned most = 0;
    for (size_t n = 0; n < observed->process_count; n++) {
        const struct process *process = observed->processes[n];
        unsigned count = 0;
        for (size_t i = 0; i < observed->process_count && is_worker(process, most_ns, pool); i++) {
            const struct process *other = observed->processes[i];
            count += is_worker(other, most_ns, pool) && other->start_ns <= process->start_ns &&
                     other->end_ns > process->start_ns;
        }
        most = count > most ? count : most;
    }
    return most;
}

static unsigned threads_at_once(const struct observation *observed)
{
    unsigned most = 0;
    for (size_t n = 0; n < observed->process_count; n++) {
        const struct process *process = observed->processes[n];
        if (counts(process) && process->working_threads > most)
            most = process->working_threads;
    }
    return most;
}

void present_find(const struct observation *observed, struct present *ret)
{
    *ret = (struct present){.model = OVL_SYNC, .workers = 1};
    unsigned processes = workers_at_once(observed, observed->plumbing.workers > 1);
    unsigned threads = threads_at_once(observed);
    if (has_loop(&observed->tree)) {
        ret->model = OVL_ASYNC;
        find_blocking(&observed->tree, ret);
    } else if (processes > 1) {
        ret->model = OVL_PROCESSES;
        ret->workers = processes;
    } else if (threads > 1) {
        ret->model = OVL_THREADS;
        ret->workers = threads;
    }
}
