#include "advise/account.h"

#include "advise/idle.h"
#include "advise/launchers.h"
#include "advise/unseen.h"

#include <stdio.h>
#include <string.h>

enum timeline_kind account_timeline_kind(enum record_kind kind)
{
    static const enum timeline_kind kinds[RECORD_KIND_COUNT] = {
        [RECORD_NETWORK] = TIMELINE_NETWORK, [RECORD_DISK] = TIMELINE_DISK,
        [RECORD_SLEEP] = TIMELINE_SLEEP,     [RECORD_LOCK] = TIMELINE_LOCK,
        [RECORD_CHILD] = TIMELINE_CHILD,     [RECORD_OTHER] = TIMELINE_OTHER,
        [RECORD_GIL] = TIMELINE_GIL,         [RECORD_TERMINAL] = TIMELINE_TERMINAL,
    };
    return kinds[kind];
}

static void draw(struct observation *observed, struct process *process,
                 struct watched_thread *thread, enum timeline_kind kind, ovl_time start_ns,
                 ovl_time end_ns, uint32_t place)
{
    char text[160];
    if (!observed->timeline)
        return;
    if (thread->track == SIZE_MAX) {
        snprintf(text, sizeof text,
                 thread->id == process->pid ? "process %d" : "process %d, thread %d",
                 (int)process->pid, thread->id);
        thread->track = timeline_track(observed->timeline, text);
    }
    if (start_ns < observed->start_ns)
        start_ns = observed->start_ns;
    if (end_ns <= start_ns)
        return;
    const struct place *at = &observed->tree.places[place];
    const char *slash = strrchr(at->file, '/');
    snprintf(text, sizeof text, "%s, line %d of %s", at->function, at->line,
             slash ? slash + 1 : at->file);
    timeline_add(observed->timeline, thread->track, kind, start_ns - observed->start_ns,
                 end_ns - observed->start_ns, place ? text : NULL);
}

static void begin_thread(struct watched_thread *thread, ovl_time now_ns)
{
    if (!thread->first_ns)
        thread->first_ns = now_ns;
    thread->last_ns = now_ns;
}

static void add_plumbing(struct observation *observed, struct process *process,
                         enum plumbing_kind kind, ovl_time time_ns)
{
    plumbing_add(&observed->plumbing, kind, time_ns);
    process->worker |= kind != PLUMBING_NONE && !process->child;
}

/* What a thread computed since it was seen last, and the stack that it is seen at now. */
struct stretch {
    const struct tree_level *levels;
    size_t count;
    struct spent spent;
    ovl_time now_ns;
};

/* It was looked at, and computes there. */
static struct line_cost *note_look(struct observation *observed, struct process *process,
                                   struct watched_thread *thread, const struct stretch *stretch)
{
    struct tree *tree = &observed->tree;
    enum plumbing_kind plumbing = plumbing_of(tree, stretch->levels, stretch->count);
    tree_see(tree, &thread->path, stretch->levels, stretch->count, stretch->now_ns,
             &stretch->spent);
    struct line_cost *line = tree_line(tree, stretch->levels, stretch->count);
    if (line)
        spent_add(&line->spent, &stretch->spent);
    thread->look = (struct thread_look){.found = stretch->count > 0,
                                        .node = tree_innermost(&thread->path),
                                        .line = line ? line->place : 0,
                                        .plumbing = plumbing};
    add_plumbing(observed, process, plumbing, stretch->spent.cpu_ns);
    observed->plumbing.task_looks += plumbing == PLUMBING_TASK;
    observed->plumbing.handover_looks += plumbing == PLUMBING_HANDOVER;
    return line;
}

/* It begins a wait, and computed before where it was looked at last. */
static struct line_cost *finish_look(struct observation *observed, struct process *process,
                                     struct watched_thread *thread, const struct stretch *stretch)
{
    static const struct spent nothing = {.cpu_ns = 0};
    struct thread_look *look = &thread->look;
    struct tree *tree = &observed->tree;
    tree_spend(tree, &thread->path, &stretch->spent);
    tree_see(tree, &thread->path, stretch->levels, stretch->count, stretch->now_ns, &nothing);
    enum plumbing_kind waits_in = plumbing_of(tree, stretch->levels, stretch->count);
    add_plumbing(observed, process, look->plumbing, stretch->spent.cpu_ns);
    unseen_found(&observed->plumbing.unseen[waits_in], look->plumbing);
    struct node *node = &tree->nodes[tree_innermost(&thread->path)];
    struct line_cost *waits_at = tree_line(tree, stretch->levels, stretch->count);
    /* What came before the first wait of a place is the way there, and says nothing of the others.
     */
    if (node->spent.waits > 0)
        unseen_found(&node->unseen, look->node);
    if (waits_at && look->line && waits_at->spent.waits > 0)
        unseen_found(&waits_at->unseen, look->line);
    look->found = false;
    struct line_cost *line = look->line ? tree_line_at(tree, look->line) : NULL;
    if (line)
        spent_add(&line->spent, &stretch->spent);
    return line;
}

/* It begins a wait, and nobody looked where it computed before. */
static struct line_cost *note_unseen(struct observation *observed, struct process *process,
                                     struct watched_thread *thread, struct stretch *stretch)
{
    struct tree *tree = &observed->tree;
    ovl_time cpu_ns = stretch->spent.cpu_ns;
    stretch->spent.unseen_ns = cpu_ns;
    tree_see(tree, &thread->path, stretch->levels, stretch->count, stretch->now_ns,
             &stretch->spent);
    enum plumbing_kind waits_in = plumbing_of(tree, stretch->levels, stretch->count);
    add_plumbing(observed, process, waits_in, 0);
    observed->plumbing.unseen[waits_in].cpu_ns += cpu_ns;
    tree->nodes[tree_innermost(&thread->path)].unseen.cpu_ns += cpu_ns;
    struct line_cost *line = tree_line(tree, stretch->levels, stretch->count);
    if (line) {
        spent_add(&line->spent, &stretch->spent);
        line->unseen.cpu_ns += cpu_ns;
    }
    return line;
}

void account_computed(struct observation *observed, struct process *process,
                      struct watched_thread *thread, const struct tree_level *levels, size_t count,
                      ovl_time now_ns, ovl_time cpu_ns, enum account_look look)
{
    struct stretch stretch = {.levels = levels, .count = count, .now_ns = now_ns};
    stretch.spent.cpu_ns = cpu_ns;
    stretch.spent.free_ns = look == ACCOUNT_SAMPLE_FREE ? cpu_ns : 0;
    begin_thread(thread, now_ns);
    if (process->command) {
        thread->seen_ns = now_ns;
        return;
    }
    ovl_time before_ns = thread->seen_ns ? thread->seen_ns : now_ns - cpu_ns;
    struct line_cost *line = NULL;
    /* What is not Python's is seen where it waits, and its lines are account_line's. */
    if (!process->was_python)
        tree_see(&observed->tree, &thread->path, levels, count, now_ns, &stretch.spent);
    else if (look != ACCOUNT_WAIT)
        line = note_look(observed, process, thread, &stretch);
    else if (thread->look.found)
        line = finish_look(observed, process, thread, &stretch);
    else
        line = note_unseen(observed, process, thread, &stretch);
    thread->work_ns += cpu_ns;
    if (cpu_ns > 0) {
        spent_add(&observed->spent, &stretch.spent);
        ovl_time begin_ns = now_ns - cpu_ns > before_ns ? now_ns - cpu_ns : before_ns;
        if (begin_ns < thread->drawn_ns)
            begin_ns = thread->drawn_ns;
        draw(observed, process, thread, TIMELINE_RUNNING, begin_ns, now_ns, line ? line->place : 0);
    }
    thread->seen_ns = now_ns;
}

void account_line(struct observation *observed, struct process *process,
                  struct watched_thread *thread, const struct tree_level *levels, size_t count,
                  ovl_time now_ns, ovl_time cpu_ns)
{
    struct spent spent = {.cpu_ns = cpu_ns};
    begin_thread(thread, now_ns);
    struct line_cost *line = tree_line(&observed->tree, levels, count);
    if (!line)
        return;
    spent_add(&line->spent, &spent);
    uint32_t place = line->place;
    hot_add(&observed->hot, &observed->tree, levels, count, cpu_ns);
    ovl_time begin_ns = now_ns - cpu_ns > thread->drawn_ns ? now_ns - cpu_ns : thread->drawn_ns;
    draw(observed, process, thread, TIMELINE_RUNNING, begin_ns, now_ns, place);
    thread->drawn_ns = now_ns;
}

/*
 * Of a wait for children, the part in which they computed: a child that computes counts as
 * computing, also while it waits for a processor.
 */
static ovl_time children_cpu(struct observation *observed, const struct process *process,
                             ovl_time length_ns)
{
    ovl_time cpu_ns = 0;
    ovl_time waited_ns = 0;
    for (size_t n = 0; n < observed->process_count; n++) {
        struct process *child = observed->processes[n];
        if (child->parent != process->pid || child == process)
            continue;
        ovl_time total_ns = process_cpu(child);
        cpu_ns += total_ns - child->cpu_counted_ns;
        waited_ns += child->waited_ns - child->waited_counted_ns;
        child->cpu_counted_ns = total_ns;
        child->waited_counted_ns = child->waited_ns;
    }
    if (cpu_ns <= 0)
        return 0;
    double share = (double)cpu_ns / (double)(cpu_ns + waited_ns);
    return (ovl_time)(share * (double)length_ns);
}

static enum record_kind kind_of_wait(const struct record_wait *wait)
{
    return wait->kind < RECORD_KIND_COUNT ? wait->kind : RECORD_OTHER;
}

/* Whether what is waited for is seen itself: what a shell runs, or a fork of a program in Python.
 */
static bool is_seen_in_children(const struct observation *observed, const struct process *process,
                                const struct record_wait *wait)
{
    bool shell = launchers_only_run_others(process);
    for (size_t n = observed->process_count; n-- > 0;) {
        const struct process *child = observed->processes[n];
        if (child->parent == process->pid && !child->command &&
            (shell ||
             (process->was_python && child->was_python && wait->object == (uint64_t)child->pid)))
            return true;
    }
    return false;
}

/* Which library in C made the call that waited. */
static void note_through(struct process *process, struct line_cost *line, uint64_t caller)
{
    struct record *record = process->record;
    if (!record || line->through[0] || !caller)
        return;
    uint32_t count = atomic_load(&record->module_count);
    for (uint32_t n = 0; n < count && n < RECORD_MODULES; n++) {
        const struct record_module *module = &record->modules[n];
        if (caller < module->start || caller >= module->end || module->file >= RECORD_STRINGS)
            continue;
        const char *slash = strrchr(record->strings + module->file, '/');
        snprintf(line->through, sizeof line->through, "%s",
                 slash ? slash + 1 : record->strings + module->file);
    }
}

ovl_time account_busy(const struct process *process, const struct record_wait *wait,
                      ovl_time cpu_ns)
{
    ovl_time busy_ns = (ovl_time)wait->busy_ns;
    if (!process->was_python || process->command || wait->kind != RECORD_DISK || cpu_ns <= 0)
        return 0;
    return busy_ns < cpu_ns ? busy_ns : cpu_ns;
}

static bool is_idle(const struct observation *observed, const struct process *process,
                    const struct tree_level *levels, size_t count, const struct record_wait *wait)
{
    enum record_kind kind = kind_of_wait(wait);
    return (kind == RECORD_CHILD && is_seen_in_children(observed, process, wait)) ||
           idle_is(&observed->tree, levels, count, kind, wait->flags, process->was_python);
}

/* What a wait cost. What a child computed meanwhile is no wait; what the call itself computed comes
 * before it. */
static struct spent spent_in(struct observation *observed, const struct process *process,
                             const struct record_wait *wait, ovl_time busy_ns)
{
    enum record_kind kind = kind_of_wait(wait);
    ovl_time length_ns = (ovl_time)(wait->end_ns - wait->start_ns);
    ovl_time child_ns = kind == RECORD_CHILD ? children_cpu(observed, process, length_ns) : 0;
    /* Of syncs at once, the file system does one after the other, with the GIL or without. */
    bool held = wait->flags & (RECORD_GIL_HELD | RECORD_SYNC);
    struct spent spent = {.cpu_ns = child_ns + busy_ns,
                          .free_ns = child_ns + (held ? 0 : busy_ns),
                          .child_ns = child_ns,
                          .waits = 1};
    spent.wait_ns[kind] = length_ns - child_ns;
    if (kind == RECORD_DISK && wait->flags & RECORD_SYNC) {
        spent.sync_ns = length_ns;
        spent.sync_cpu_ns = busy_ns;
        observed->sync_device = wait->object;
    }
    return spent;
}

static void note_uses(struct observation *observed, const struct watched_thread *thread,
                      const struct record_wait *wait)
{
    if (kind_of_wait(wait) == RECORD_NETWORK)
        tree_uses(&observed->tree, &thread->path, wait->object);
    if (wait->synced)
        tree_syncs(&observed->tree, &thread->path, wait->synced);
}

static void waited_idle(struct observation *observed, struct watched_thread *thread,
                        const struct tree_level *levels, size_t count,
                        const struct record_wait *wait)
{
    static const struct spent nothing = {.cpu_ns = 0};
    ovl_time length_ns = (ovl_time)(wait->end_ns - wait->start_ns);
    observed->idle_ns += length_ns;
    thread->idle_ns += length_ns;
    tree_see(&observed->tree, &thread->path, levels, count, (ovl_time)wait->end_ns, &nothing);
}

/* Returns the place that it is drawn at; 0: none. */
static uint32_t waited(struct observation *observed, struct process *process,
                       struct watched_thread *thread, const struct tree_level *levels, size_t count,
                       const struct record_wait *wait, ovl_time busy_ns)
{
    struct tree *tree = &observed->tree;
    enum plumbing_kind plumbing =
        process->was_python ? plumbing_of(tree, levels, count) : PLUMBING_NONE;
    ovl_time length_ns = (ovl_time)(wait->end_ns - wait->start_ns);
    struct spent spent = spent_in(observed, process, wait, busy_ns);
    add_plumbing(observed, process, plumbing, plumbing == PLUMBING_TASK ? length_ns : 0);
    thread->work_ns += length_ns + busy_ns;
    thread->wait_ns[kind_of_wait(wait)] += length_ns;
    tree_see(tree, &thread->path, levels, count, (ovl_time)wait->end_ns, &spent);
    note_uses(observed, thread, wait);
    spent_add(&observed->spent, &spent);
    struct line_cost *line = tree_line(tree, levels, count);
    if (!line)
        return 0;
    spent_add(&line->spent, &spent);
    note_through(process, line, wait->caller);
    return line->place;
}

void account_waited(struct observation *observed, struct process *process,
                    struct watched_thread *thread, const struct tree_level *levels, size_t count,
                    const struct record_wait *wait, ovl_time busy_ns)
{
    ovl_time start_ns = (ovl_time)wait->start_ns;
    ovl_time end_ns = (ovl_time)wait->end_ns;
    uint32_t place = 0;
    begin_thread(thread, end_ns);
    process->waited_ns += end_ns - start_ns;
    thread->seen_ns = end_ns;
    if (!process->command && is_idle(observed, process, levels, count, wait)) {
        waited_idle(observed, thread, levels, count, wait);
        return;
    }
    if (!process->command)
        place = waited(observed, process, thread, levels, count, wait, busy_ns);
    draw(observed, process, thread, account_timeline_kind(kind_of_wait(wait)), start_ns, end_ns,
         place);
}

bool account_is_start(const struct process *process, const struct watched_thread *thread)
{
    return thread->id == process->pid && !thread->path.seen_ns;
}

void account_sample(struct observation *observed, struct process *process,
                    struct watched_thread *thread, const struct account_sample *sample)
{
    struct record_wait wait = {.kind = (uint8_t)sample->kind,
                               .descriptor = -1,
                               .flags = sample->native ? RECORD_NATIVE : 0,
                               .start_ns = (uint64_t)(sample->now_ns - sample->wait_ns),
                               .end_ns = (uint64_t)sample->now_ns};
    account_computed(observed, process, thread, sample->levels, sample->count,
                     sample->now_ns - sample->wait_ns, sample->cpu_ns,
                     sample->free_of_gil ? ACCOUNT_SAMPLE_FREE : ACCOUNT_SAMPLE);
    if (sample->wait_ns > 0)
        account_waited(observed, process, thread, sample->levels, sample->count, &wait, 0);
}
