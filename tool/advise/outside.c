#include "advise/outside.h"

#include "advise/account.h"
#include "advise/python/find.h"
#include "advise/sampling.h"
#include "advise/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATES_MAX 512

#define STACK_FIELD 28 /* of /proc/PID/stat: where the stack begins */

/* Between two looks at most: what lies further apart was not seen. */
#define GAP_MOST_NS OVL_SECOND

/* So long a child has time to be found by its record. */
#define GRACE_NS (20 * OVL_MILLISECOND)

/* How often children are looked for. */
#define CHILDREN_NS (50 * OVL_MILLISECOND)

/* --- which processes --- */

/* Another number for each program that a process runs: of its file, and of where its stack begins.
 */
static uint64_t image_of(pid_t pid)
{
    char text[PROCESS_STAT_BYTES];
    struct stat program;
    snprintf(text, sizeof text, "/proc/%d/exe", (int)pid);
    uint64_t image = stat(text, &program) == 0 ? (uint64_t)program.st_ino : 0;
    const char *stack = process_stat_field(pid, STACK_FIELD, text, sizeof text);
    return stack ? image ^ (strtoull(stack, NULL, 10) << 20) : image;
}

/* In a fork all is where it is in its parent. */
static bool find_python(pid_t pid, const struct process *parent, struct python_found *ret)
{
    bool forked = parent && parent->reader && parent->image && parent->image == image_of(pid);
    if (!forked)
        return python_find(pid, ret);
    *ret = (struct python_found){.layout = parent->reader->layout, .runtime = parent->runtime};
    return true;
}

/* `parent`: NULL where that is this command itself, or nobody who is looked at. */
static int add(struct observation *observed, pid_t pid, const struct process *parent)
{
    struct python_found found = {.layout = NULL};
    bool python = find_python(pid, parent, &found);
    struct process *process = process_attach(pid, found.layout, found.runtime);
    if (process)
        process->parent = parent ? parent->pid : observed->folder.path[0] ? getpid() : 0;
    if (process) {
        process->was_python = python;
        process->command = parent && !python && (parent->was_python || parent->command);
        process->start_ns = ovl_now();
        process->image = image_of(pid);
    }
    int error = process ? observation_add(observed, process) : -ENOMEM;
    if (error) {
        process_free(process);
        return error;
    }
    return 0;
}

int outside_open(struct observation *observed, pid_t pid)
{
    if (kill(pid, 0) != 0)
        return -errno;
    if (process_has_ended(pid))
        return -ENODATA;
    int error = observation_open(observed, false);
    if (error)
        return error;
    error = add(observed, pid, NULL);
    if (error)
        observation_close(observed);
    return error;
}

static bool is_this_program(pid_t pid)
{
    char path[64];
    struct stat there;
    struct stat here;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    return stat(path, &there) == 0 && stat("/proc/self/exe", &here) == 0 &&
           there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

/* Whether a process will have no record: it has been loaded, and the agent was not. What is
 * preloaded comes before libc. */
static bool lacks_agent(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = is_this_program(pid) ? NULL : fopen(path, "re");
    if (!maps)
        return false;
    char *line = NULL;
    size_t room = 0;
    bool any = false;
    bool agent = false;
    bool linker = false;
    bool libc = false;
    while (getline(&line, &room, maps) > 0) {
        any = true;
        agent = agent || strstr(line, "/overlap-agent");
        linker = linker || strstr(line, "/ld-");
        libc = libc || strstr(line, "/libc.") || strstr(line, "/ld-musl");
    }
    free(line);
    fclose(maps);
    return any && !agent && (!linker || libc);
}

/* Whether it runs another program than the one that wrote its record. */
static bool runs_another(const struct process *process)
{
    char path[64];
    char program[sizeof process->record->program];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)process->pid);
    ssize_t size = readlink(path, program, sizeof program - 1);
    if (size <= 0)
        return false;
    program[size] = '\0';
    return strncmp(program, process->record->program, sizeof program - 1) != 0;
}

/* One that runs another program now, which has no agent, is known no longer. */
static bool is_known(struct observation *observed, pid_t pid)
{
    for (size_t n = observed->process_count; n-- > 0;) {
        struct process *process = observed->processes[n];
        if (process->pid != pid || process->retired)
            continue;
        if (!process->record || !runs_another(process) || !lacks_agent(pid) ||
            !sampling_is_over(process))
            return true;
        observation_end(observed, process);
        return false;
    }
    return false;
}

/* A child that is seen for the second time, and long enough after the first. */
static void look_at_child(struct observation *observed, pid_t pid, const struct process *parent,
                          ovl_time now_ns)
{
    struct outside_child *oldest = &observed->children[0];
    bool attached = !observed->folder.path[0];
    if (is_known(observed, pid))
        return;
    if (attached) {
        add(observed, pid, parent);
        return;
    }
    for (size_t n = 0; n < OBSERVATION_CHILDREN; n++) {
        struct outside_child *child = &observed->children[n];
        if (child->pid == pid) {
            if (now_ns - child->seen_ns >= GRACE_NS && lacks_agent(pid) &&
                add(observed, pid, parent) == 0)
                *child = (struct outside_child){.pid = 0};
            return;
        }
        if (child->seen_ns < oldest->seen_ns)
            oldest = child;
    }
    *oldest = (struct outside_child){.pid = pid, .seen_ns = now_ns};
}

/* Of one thread's: a child is in the list of the thread that began it. */
static void look_at_children(struct observation *observed, const struct process *parent, int thread,
                             ovl_time now_ns)
{
    pid_t pid = parent ? parent->pid : getpid();
    char path[64];
    int child;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, thread);
    FILE *list = fopen(path, "re");
    while (list && fscanf(list, "%d", &child) == 1)
        look_at_child(observed, child, parent, now_ns);
    if (list)
        fclose(list);
}

/* Its first thread's, and of its others so many at a time. */
#define THREADS_AT_ONCE 16

static void look_at_all_children(struct observation *observed, struct process *parent,
                                 ovl_time now_ns)
{
    int ids[STATES_MAX];
    size_t count = process_tasks(parent, ids, STATES_MAX);
    size_t most = count < THREADS_AT_ONCE ? count : THREADS_AT_ONCE;
    look_at_children(observed, parent, parent->pid, now_ns);
    for (size_t n = 0; count > 1 && n < most; n++)
        look_at_children(observed, parent, ids[parent->thread_turn++ % count], now_ns);
}

static const struct process *find(const struct observation *observed, pid_t pid)
{
    for (size_t n = observed->process_count; n-- > 0;)
        if (observed->processes[n]->pid == pid)
            return observed->processes[n];
    return NULL;
}

/* A process that runs another program by now, as a shell does that ends with one, is another. */
static void follow_exec(struct observation *observed, struct process *process)
{
    if (process->record || process->image == image_of(process->pid) ||
        process_has_ended(process->pid))
        return;
    /* A thread that is being stopped for a look must be let go first: it would stand still. */
    if (!sampling_is_over(process))
        return;
    pid_t pid = process->pid;
    const struct process *parent = process->parent ? find(observed, process->parent) : NULL;
    observation_end(observed, process);
    add(observed, pid, parent);
}

void outside_find(struct observation *observed)
{
    ovl_time now_ns = ovl_now();
    ovl_time pause_ns = observed->process_count ? CHILDREN_NS : GRACE_NS / 2;
    if (now_ns - observed->children_ns < pause_ns)
        return;
    observed->children_ns = now_ns;
    look_at_children(observed, NULL, getpid(), now_ns);
    bool launched = observed->folder.path[0] != '\0';
    for (size_t n = 0, count = observed->process_count; n < count; n++) {
        struct process *process = observed->processes[n];
        if (!process->retired)
            follow_exec(observed, process);
        /* Of a program in Python that was started here, what it runs is in what that waits for. */
        if (!process->retired && !(launched && (process->was_python || process->command)))
            look_at_all_children(observed, process, now_ns);
    }
}

/* --- what a thread did since it was looked at last --- */

struct since {
    ovl_time now_ns;
    ovl_time total_ns; /* its processor time so far */
    ovl_time cpu_ns;   /* of these, since then */
    ovl_time wait_ns;
};

/* Threads without a Python of their own, and those of other programs. */
static size_t list_tasks(struct process *process, struct process_state *states, size_t count)
{
    int ids[STATES_MAX];
    size_t tasks = process_tasks(process, ids, STATES_MAX);
    size_t with_python = count;
    for (size_t n = 0; n < tasks && count < STATES_MAX; n++) {
        bool known = false;
        for (size_t i = 0; i < with_python && !known; i++)
            known = states[i].id == ids[n];
        if (!known)
            states[count++] = (struct process_state){.id = ids[n]};
    }
    return count;
}

/* Returns whether there is something to account for. */
static bool look_since(struct process *process, struct watched_thread *thread, struct since *ret)
{
    ret->now_ns = ovl_now();
    ret->total_ns = process_thread_cpu(process, thread);
    if (ret->total_ns < 0)
        return false;
    ovl_time queued_ns = thread->delay_ns - thread->ready_ns;
    ovl_time held_ns = sampling_held(thread, ret->now_ns);
    thread->ready_ns = thread->delay_ns;
    bool first = !thread->seen_ns;
    ovl_time gap_ns = first ? 0 : ret->now_ns - thread->seen_ns;
    ovl_time cpu_ns = ret->total_ns - thread->outside_ns;
    thread->outside_ns = ret->total_ns;
    if (first) {
        thread->cpu_ns = thread->lined_ns = ret->total_ns;
        thread->delay_before_ns = thread->delay_ns;
        thread->seen_ns = ret->now_ns;
        return false;
    }
    if (gap_ns > GAP_MOST_NS)
        gap_ns = GAP_MOST_NS;
    ret->cpu_ns = cpu_ns < gap_ns ? cpu_ns : gap_ns;
    ret->wait_ns = gap_ns - ret->cpu_ns - queued_ns - held_ns;
    if (ret->wait_ns < 0)
        ret->wait_ns = 0;
    return true;
}

/* --- Python --- */

static void look_at_python(struct observation *observed, struct process *process,
                           struct watched_thread *thread, const struct process_state *state,
                           const struct since *since)
{
    struct tree_level levels[RECORD_LEVELS];
    size_t count = state->address ? process_stack(process, &observed->tree, state, levels) : 0;
    if (count && observed->tree.places[levels[0].place].flags & PYTHON_CODE_SUSPENDS)
        count = 0;
    struct syscalls_wait wait = {.kind = RECORD_OTHER};
    if (since->wait_ns > 0)
        wait = syscalls_wait_of(process->pid, state->id);
    if (wait.lock && process->reader && process_is_gil(process, wait.lock))
        wait.kind = RECORD_GIL;
    observed->samples++;
    thread->python |= state->address != 0;
    thread->cpu_ns = since->total_ns;
    struct account_sample sample = {
        .levels = levels,
        .count = count,
        .now_ns = since->now_ns,
        .cpu_ns = since->cpu_ns,
        .wait_ns = since->wait_ns,
        .kind = wait.kind,
        .free_of_gil = state->address && process_gil_holder(process) != state->address,
        .native = !state->address,
    };
    account_sample(observed, process, thread, &sample);
}

/* --- other programs --- */

/* A wait that began since the thread was looked at last: its stack is that of the next looks, too.
 */
static void begin_wait(struct observation *observed, struct process *process,
                       struct watched_thread *thread, const struct since *since, bool restarts)
{
    uint64_t addresses[RECORD_LEVELS];
    struct tree_level *levels = thread->open_levels;
    thread->open_level_count =
        restarts ? sampling_stack(observed, process, thread, addresses, levels) : 0;
    thread->held_ns = 0; /* it would have waited meanwhile */
    native_identify(&thread->native, &observed->tree, (uint32_t)thread->id, addresses, levels,
                    thread->open_level_count);
    account_computed(observed, process, thread, levels, thread->open_level_count,
                     since->now_ns - since->wait_ns, since->total_ns - thread->cpu_ns,
                     ACCOUNT_WAIT);
    thread->cpu_ns = since->total_ns;
    /* To be stopped costs the thread some time itself. */
    ovl_time total_ns = process_thread_cpu(process, thread);
    if (total_ns > 0)
        thread->outside_ns = thread->lined_ns = thread->cpu_ns = total_ns;
}

static void go_on_waiting(struct observation *observed, struct process *process,
                          struct watched_thread *thread, const struct since *since)
{
    struct record_wait wait = {.kind = (uint8_t)thread->open_kind,
                               .descriptor = -1,
                               .flags = RECORD_NATIVE,
                               .start_ns = (uint64_t)(since->now_ns - since->wait_ns),
                               .end_ns = (uint64_t)since->now_ns};
    account_waited(observed, process, thread, thread->open_levels, thread->open_level_count, &wait,
                   0);
}

static void look_at_native(struct observation *observed, struct process *process,
                           struct watched_thread *thread, const struct since *since)
{
    bool runs = thread->stopping || process_thread_runs(process, thread);
    if (runs) {
        /* It may have waited until a moment ago. */
        if (thread->open_wait_ns && since->wait_ns > 0)
            go_on_waiting(observed, process, thread, since);
        thread->open_wait_ns = 0;
        thread->seen_ns = since->now_ns;
        sampling_line(observed, process, thread, since->total_ns);
        return;
    }
    struct syscalls_wait wait = syscalls_wait_of(process->pid, thread->id);
    /* One that has computed nothing since is still in the same wait, which after a stop has no
     * name. */
    if (since->cpu_ns > 0 || !thread->open_wait_ns)
        begin_wait(observed, process, thread, since, wait.restarts);
    else if (wait.kind == RECORD_OTHER)
        wait.kind = thread->open_kind;
    thread->open_wait_ns = since->now_ns;
    thread->open_kind = wait.kind;
    go_on_waiting(observed, process, thread, since);
}

/* --- all --- */

static void look_at_thread(struct observation *observed, struct process *process,
                           const struct process_state *state)
{
    struct watched_thread *thread = state->id ? process_thread(process, state->id) : NULL;
    struct since since;
    if (!thread)
        return;
    bool known = look_since(process, thread, &since);
    if (!known && thread->stopping)
        sampling_line(observed, process, thread, thread->lined_ns);
    if (!known)
        return;
    if (process->was_python)
        look_at_python(observed, process, thread, state, &since);
    else
        look_at_native(observed, process, thread, &since);
}

void outside_look(struct observation *observed, struct process *process)
{
    struct process_state states[STATES_MAX];
    size_t count = process->reader ? process_states(process, states, STATES_MAX) : 0;
    count = list_tasks(process, states, count);
    for (size_t n = 0; n < count; n++)
        look_at_thread(observed, process, &states[n]);
    if (process->unreadable)
        observed->sampling_refused = true;
}
