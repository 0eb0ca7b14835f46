#include "advise/observation.h"

#include "advise/idle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX   4096
#define STATES_MAX      512
#define FOUND_MOST      256 /* at one look */
#define PERIOD_LEAST_NS (2 * OVL_MILLISECOND)
#define PERIOD_MOST_NS  (100 * OVL_MILLISECOND)
#define FOLDER_NS       (10 * OVL_MILLISECOND)

/* Of the time, this part at most goes into looking. */
#define COST_LIMIT 100

/* A thread that did less than this part of what the busiest did is not counted as one that works.
 */
#define WORKING_SHARE 4

/* A wait that has lasted so long is looked at, in case that the thread never returns from it. */
#define OPEN_WAIT_NS (50 * OVL_MILLISECOND)

/* --- the folder --- */

/* For the files of a few processes. */
static bool has_room(const char *folder)
{
    struct statvfs room;
    return statvfs(folder, &room) == 0 &&
           (uint64_t)room.f_bavail * room.f_frsize >= 4 * sizeof(struct record);
}

int observation_open(struct observation *observed, bool with_folder)
{
    *observed = (struct observation){.period_ns = PERIOD_LEAST_NS};
    int error = tree_init(&observed->tree);
    if (error)
        return error;
    observed->timeline = timeline_new("as it ran");
    if (!observed->timeline) {
        tree_release(&observed->tree);
        return -ENOMEM;
    }
    observed->start_ns = ovl_now();
    if (!with_folder)
        return 0;
    const char *temporary = getenv("TMPDIR");
    const char *places[] = {"/dev/shm", temporary && temporary[0] == '/' ? temporary : "/tmp",
                            "/tmp"};
    for (size_t n = 0; n < sizeof places / sizeof *places; n++) {
        if (n + 1 < sizeof places / sizeof *places && !has_room(places[n]))
            continue;
        if (snprintf(observed->folder, sizeof observed->folder, "%s/overlap-advise-XXXXXX",
                     places[n]) >= (int)sizeof observed->folder)
            continue;
        if (mkdtemp(observed->folder))
            return 0;
        error = -errno;
    }
    observed->folder[0] = '\0';
    timeline_free(observed->timeline);
    tree_release(&observed->tree);
    return error;
}

static void remove_folder(const char *folder)
{
    char path[512];
    DIR *entries = opendir(folder);
    if (entries) {
        for (struct dirent *entry; (entry = readdir(entries));) {
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            unlink(path); /* refuses "." and ".." */
        }
        closedir(entries);
    }
    rmdir(folder);
}

void observation_close(struct observation *observed)
{
    for (size_t n = 0; n < observed->process_count; n++)
        process_free(observed->processes[n]);
    free(observed->processes);
    if (observed->folder[0])
        remove_folder(observed->folder);
    timeline_free(observed->timeline);
    tree_release(&observed->tree);
    *observed = (struct observation){.period_ns = 0};
}

/* Whether it was started, by exec, by a program in Python. */
static bool is_command(const struct observation *observed, const struct process *process)
{
    if (!process->record || process->record->generation != 1)
        return false;
    for (size_t n = observed->process_count; n-- > 0;) {
        const struct process *parent = observed->processes[n];
        if (parent->pid == process->parent)
            return parent->was_python || parent->command;
    }
    return false;
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
    process->command = is_command(observed, process);
    observed->processes[observed->process_count++] = process;
    if (process->record && process->record->python_runtime && !process->reader)
        observed->python_unknown = true;
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
    DIR *entries = observed->folder[0] ? opendir(observed->folder) : NULL;
    if (!entries)
        return;
    char path[512];
    for (struct dirent *entry; count < FOUND_MOST && (entry = readdir(entries));) {
        if (entry->d_name[0] == '.' || observed->process_count + count >= PROCESSES_MAX)
            continue;
        snprintf(path, sizeof path, "%s/%s", observed->folder, entry->d_name);
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

/* --- what a thread did --- */

static enum timeline_kind timeline_kind_of(enum record_kind kind)
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

/* It computed for cpu_ns since it was seen last, and is at `levels`. */
static void computed(struct observation *observed, struct process *process,
                     struct watched_thread *thread, const struct tree_level *levels, size_t count,
                     ovl_time now_ns, ovl_time cpu_ns, bool free_of_gil)
{
    begin_thread(thread, now_ns);
    struct spent spent = {.cpu_ns = cpu_ns, .free_ns = free_of_gil ? cpu_ns : 0};
    if (process->command) {
        thread->seen_ns = now_ns;
        return;
    }
    ovl_time before_ns = thread->seen_ns ? thread->seen_ns : now_ns - cpu_ns;
    tree_see(&observed->tree, &thread->path, levels, count, now_ns, &spent);
    thread->work_ns += cpu_ns;
    if (cpu_ns > 0) {
        spent_add(&observed->spent, &spent);
        /* What is not Python's is seen where it waits, and computed somewhere else. */
        struct line_cost *line =
            process->was_python ? tree_line(&observed->tree, levels, count) : NULL;
        if (line)
            spent_add(&line->spent, &spent);
        ovl_time begin_ns = now_ns - cpu_ns > before_ns ? now_ns - cpu_ns : before_ns;
        draw(observed, process, thread, TIMELINE_RUNNING, begin_ns, now_ns, line ? line->place : 0);
    }
    thread->seen_ns = now_ns;
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

/* It waited, at `levels`. */
static void waited(struct observation *observed, struct process *process,
                   struct watched_thread *thread, const struct tree_level *levels, size_t count,
                   const struct record_wait *wait)
{
    ovl_time start_ns = (ovl_time)wait->start_ns;
    ovl_time end_ns = (ovl_time)wait->end_ns;
    ovl_time length_ns = end_ns - start_ns;
    enum record_kind kind = wait->kind < RECORD_KIND_COUNT ? wait->kind : RECORD_OTHER;
    enum idle_kind idle =
        idle_of(&observed->tree, levels, count, kind, wait->flags, process->was_python);
    struct spent spent = {.cpu_ns = 0};
    begin_thread(thread, end_ns);
    process->waited_ns += length_ns;
    if (process->command) {
        draw(observed, process, thread, timeline_kind_of(kind), start_ns, end_ns, 0);
        thread->seen_ns = end_ns;
        return;
    }
    if (idle == IDLE_WAITS) {
        observed->idle_ns += length_ns;
        thread->idle_ns += length_ns;
        tree_see(&observed->tree, &thread->path, levels, count, end_ns, &spent);
        thread->seen_ns = end_ns;
        return;
    }
    if (kind == RECORD_CHILD && idle != IDLE_CHILD_IS_PYTHON) {
        ovl_time child_ns = children_cpu(observed, process, length_ns);
        spent.cpu_ns = child_ns;
        spent.free_ns = child_ns;
        spent.child_ns = child_ns;
        length_ns -= child_ns;
    }
    thread->work_ns += end_ns - start_ns;
    thread->wait_ns[kind] += end_ns - start_ns;
    spent.wait_ns[kind] = length_ns;
    spent.waits = 1;
    tree_see(&observed->tree, &thread->path, levels, count, end_ns, &spent);
    if (kind == RECORD_NETWORK)
        tree_uses(&observed->tree, &thread->path, wait->object);
    spent_add(&observed->spent, &spent);
    struct line_cost *line = tree_line(&observed->tree, levels, count);
    if (line) {
        spent_add(&line->spent, &spent);
        note_through(process, line, wait->caller);
    }
    draw(observed, process, thread, timeline_kind_of(kind), start_ns, end_ns,
         line ? line->place : 0);
    thread->seen_ns = end_ns;
}

/* A wait for a lock, while another thread has the GIL and nothing of the library's own waits for
 * others. */
static enum record_kind kind_from_outside(const struct observed_sample *sample, bool others_hold)
{
    if (sample->kind == RECORD_LOCK && others_hold && !sample->native && sample->cpu_ns > 0)
        return RECORD_GIL;
    return sample->kind;
}

void observation_sample(struct observation *observed, struct process *process,
                        struct watched_thread *thread, const struct observed_sample *sample)
{
    struct record_wait wait = {.kind = (uint8_t)kind_from_outside(sample, sample->free_of_gil),
                               .descriptor = -1,
                               .flags = sample->native ? RECORD_NATIVE : 0,
                               .start_ns = (uint64_t)(sample->now_ns - sample->wait_ns),
                               .end_ns = (uint64_t)sample->now_ns};
    computed(observed, process, thread, sample->levels, sample->count,
             sample->now_ns - sample->wait_ns, sample->cpu_ns, sample->free_of_gil);
    if (sample->wait_ns > 0)
        waited(observed, process, thread, sample->levels, sample->count, &wait);
}

/* --- emptying the rings --- */

static size_t native_levels(struct observation *observed, struct process *process,
                            struct watched_thread *thread, const struct record_wait *wait,
                            struct tree_level *levels)
{
    const struct record_level *found = (const struct record_level *)(wait + 1);
    uint64_t addresses[RECORD_LEVELS];
    size_t count = 0;
    for (size_t n = 0; n < wait->level_count && n < RECORD_LEVELS; n++) {
        const struct native_frames *frames =
            process_native(process, &observed->tree, found[n].place);
        for (size_t i = 0; frames && i < frames->count && count < RECORD_LEVELS; i++) {
            addresses[count] = frames->addresses[i];
            levels[count++] = (struct tree_level){.place = frames->places[i]};
        }
    }
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

/*
 * What the main thread computed before it was seen for the first time is the program's start: the
 * stack that it is in then had no part in that. On a machine that is busy with other things the
 * first look comes late, and the start would be the first task's.
 */
static bool is_start(const struct process *process, const struct watched_thread *thread)
{
    return thread->id == process->pid && !thread->path.seen_ns;
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
    if (!thread->first_ns)
        thread->seen_ns = (ovl_time)atomic_load(&process->record->threads[wait->thread].start_ns);
    if (!(wait->flags & RECORD_NATIVE))
        thread->python = true;
    if (cpu_ns > 0)
        thread->cpu_ns = (ovl_time)wait->cpu_ns;
    computed(observed, process, thread, levels, is_start(process, thread) ? 0 : count,
             (ovl_time)wait->start_ns, cpu_ns > 0 ? cpu_ns : 0, false);
    waited(observed, process, thread, levels, count, wait);
    thread->open_wait_ns = 0;
}

static void empty_ring(struct observation *observed, struct process *process)
{
    struct record *record = process->record;
    uint64_t head = atomic_load_explicit(&record->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&record->tail, memory_order_relaxed);
    if (head - tail > RECORD_RING)
        tail = head; /* not what the agent writes */
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

/* --- sampling --- */

static struct record_thread *record_of(struct process *process, int id)
{
    if (!process->record)
        return NULL;
    uint32_t count = atomic_load(&process->record->thread_count);
    for (uint32_t n = 0; n < count && n < RECORD_THREADS; n++)
        if ((int)process->record->threads[n].id == id)
            return &process->record->threads[n];
    return NULL;
}

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
    struct record_thread *own = record_of(process, state->id);
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
    computed(observed, process, thread, levels, is_start(process, thread) ? 0 : count, now_ns,
             cpu_ns, free_of_gil);
}

static void sample(struct observation *observed, struct process *process)
{
    struct process_state states[STATES_MAX];
    size_t count = process_states(process, states, STATES_MAX);
    for (size_t n = 0; n < count; n++)
        sample_thread(observed, process, &states[n], ovl_now());
    if (process->unreadable)
        observed->sampling_refused = true;
}

/* --- the end of a process --- */

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
    struct record_wait wait = {.kind = (uint8_t)atomic_load(&own->wait_kind),
                               .descriptor = -1,
                               .start_ns = (uint64_t)since_ns,
                               .end_ns = (uint64_t)end_ns};
    bool known = thread->open_wait_ns == since_ns;
    waited(observed, process, thread, thread->open_levels, known ? thread->open_level_count : 0,
           &wait);
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
    if (own) {
        ovl_time end_ns = (ovl_time)atomic_load(&own->end_ns);
        ovl_time cpu_ns = (ovl_time)atomic_load(&own->cpu_ns);
        if (!end_ns)
            end_ns = (ovl_time)atomic_load(&process->record->end_ns);
        if (!end_ns)
            end_ns = observed->end_ns ? observed->end_ns : ovl_now();
        time.wall_ns = end_ns - (ovl_time)atomic_load(&own->start_ns);
        time.cpu_ns = cpu_ns > time.cpu_ns ? cpu_ns : time.cpu_ns;
        for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
            time.wait_ns[kind] += (ovl_time)atomic_load(&own->short_ns[kind]);
    }
    thread_times_add(&observed->threads, &time);
}

/* The main thread that mostly waits for its workers is none, however long its start took. */
static bool is_worker(const struct process *process, const struct watched_thread *thread,
                      ovl_time most_ns)
{
    bool coordinates = thread->id == process->pid && thread->idle_ns > thread->work_ns;
    return thread->python && !coordinates && thread->work_ns * WORKING_SHARE > most_ns;
}

static void finish_process(struct observation *observed, struct process *process)
{
    if (process->retired)
        return;
    struct record *record = process->record;
    if (record) {
        empty_ring(observed, process);
        uint32_t count = atomic_load(&record->thread_count);
        for (uint32_t n = 0; n < count && n < RECORD_THREADS; n++) {
            for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
                observed->short_ns[kind] +=
                    (ovl_time)atomic_load(&record->threads[n].short_ns[kind]);
            close_wait(observed, process, &record->threads[n]);
            process_thread(process, (int)record->threads[n].id); /* it may never have waited long */
        }
        observed->waits_lost += atomic_load(&record->waits_lost);
    }
    ovl_time most_ns = 0;
    for (size_t n = 0; n < process->thread_count; n++)
        if (process->threads[n]->work_ns > most_ns)
            most_ns = process->threads[n]->work_ns;
    for (size_t n = 0; n < process->thread_count; n++) {
        const struct watched_thread *thread = process->threads[n];
        process->work_ns += thread->work_ns;
        process->working_threads += is_worker(process, thread, most_ns);
        tree_end(&observed->tree, &process->threads[n]->path, ovl_now());
        note_thread(observed, process, thread, record_of(process, thread->id));
    }
}

/* --- looking --- */

static ovl_time own_cpu(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (ovl_time)time.tv_sec * OVL_SECOND + time.tv_nsec;
}

void observation_pace(struct observation *observed, ovl_time cost_ns)
{
    ovl_time wanted_ns = cost_ns * COST_LIMIT;
    ovl_time period_ns = (7 * observed->period_ns + wanted_ns) / 8;
    observed->period_ns = period_ns < PERIOD_LEAST_NS  ? PERIOD_LEAST_NS
                          : period_ns > PERIOD_MOST_NS ? PERIOD_MOST_NS
                                                       : period_ns;
}

void observation_look(struct observation *observed)
{
    ovl_time before_ns = own_cpu();
    ovl_time now_ns = ovl_now();
    find_processes(observed);
    for (size_t n = 0; n < observed->process_count; n++) {
        struct process *process = observed->processes[n];
        if (process->retired)
            continue;
        /* What is left in the ring of one that ends meanwhile is taken the next time. */
        bool ended = process->record && atomic_load(&process->record->end_ns);
        if (process->record)
            empty_ring(observed, process);
        if (process->reader && !ended && !process->command)
            sample(observed, process);
        if (ended) {
            finish_process(observed, process);
            process_retire(process);
        }
    }
    ovl_time cost_ns = own_cpu() - before_ns;
    observation_pace(observed, cost_ns);
    observed->last_sample_ns = now_ns;
}

void observation_finish(struct observation *observed)
{
    observed->end_ns = ovl_now();
    find_processes(observed);
    for (size_t n = 0; n < observed->process_count; n++)
        finish_process(observed, observed->processes[n]);
    timeline_extend(observed->timeline, observed->end_ns - observed->start_ns);
}
