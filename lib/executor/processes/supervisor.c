#include "base/system.h"
#include "executor/processes/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <overlap/error.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>

/* Failures in a row after which, without any worker, tasks are refused: about half a second's
 * worth. */
#define FAILURES_LIMIT 9
#define BACK_OFF_NS    OVL_MILLISECOND

/* How often the helper's death is looked for where the system has no pidfds. */
#define HELPER_TICK_NS (200 * OVL_MILLISECOND)

static void lock(struct ovl__processes *processes)
{
    ovl__park_lock(&processes->executor->lock);
}

static void unlock(struct ovl__processes *processes)
{
    ovl__park_unlock(&processes->executor->lock);
}

static struct ovl__place *place_of(const struct ovl__processes *processes,
                                   const struct ovl__process *process)
{
    return &processes->shared->places[process->number];
}

void ovl__processes_set_due(struct ovl__processes *processes, struct ovl__process *process,
                            ovl_time at)
{
    if (at >= process->due)
        return;
    process->due = at;
    if (at >= processes->due)
        return;
    processes->due = at;
    if (processes->supervisor_sleeps && processes->supervisor_wakes > at)
        ovl__processes_wake_supervisor(processes);
}

/* --- starting --- */

/* Asks the helper for a process; whether it comes is seen when the helper has answered. */
static void want(struct ovl__processes *processes, struct ovl__process *process)
{
    struct ovl__lane_head *head = process->lane->head;
    process->fresh = true;
    process->doomed = false;
    process->ending = false;
    process->stuck = false;
    process->verdict = 0;
    process->given = 0;
    process->due = OVL_FOREVER;
    atomic_store(&head->ending, 0);
    atomic_store(&head->sleeps, 0);
    atomic_store(&head->oversize, 0);
    atomic_store(&head->footprint, 0);
    atomic_store(&head->next, process->posted);
    ovl__place_set(place_of(processes, process), OVL__WANTED);
}

/* Waits longer with each failure, so that what cannot work is not tried without pause. */
static void retry_later(struct ovl__processes *processes, struct ovl__process *process, int cause)
{
    if (processes->failures < FAILURES_LIMIT)
        processes->failures++;
    processes->cause = cause;
    process->due = OVL_FOREVER;
    ovl__processes_set_due(processes, process, ovl_after(BACK_OFF_NS << (processes->failures - 1)));
}

/* Once the system has no pidfds, workers are killed by their numbers. */
static void came(struct ovl__processes *processes, struct ovl__process *process)
{
    process->pidfd = ovl__sys.pidfd_open(place_of(processes, process)->pid, 0);
    process->alive = true;
    processes->alive++;
    ovl__list_append(&processes->idle, &process->link);
}

/* --- deaths --- */

static struct ovl__death death_of(int status)
{
    if (WIFSIGNALED(status))
        return (struct ovl__death){OVL_ESIGNALED, WTERMSIG(status)};
    return (struct ovl__death){OVL_EEXITED, WEXITSTATUS(status)};
}

static void forget(struct ovl__processes *processes, struct ovl__process *process)
{
    if (process->pidfd >= 0)
        ovl__sys.close(process->pidfd);
    process->pidfd = -1;
    process->alive = false;
    process->due = OVL_FOREVER;
    ovl__list_remove(&process->link);
    processes->alive--;
}

/* Settles what a worker that is dead leaves, and plans who takes its place. */
static void bury(struct ovl__processes *processes, struct ovl__process *process,
                 struct ovl__death death)
{
    forget(processes, process);
    bool used = !process->fresh;
    used |= ovl__settle_death(processes, process, death);
    used |= !process->fresh || process->ending || process->doomed;
    if (processes->closing)
        return;
    if (used)
        processes->failures = 0;
    if (used)
        ovl__processes_set_due(processes, process, 0);
    else
        retry_later(processes, process, death.error);
}

/* --- the places --- */

static void look_at_place(struct ovl__processes *processes, struct ovl__process *process)
{
    struct ovl__place *place = place_of(processes, process);
    switch (ovl__place_look(place)) {
    case OVL__RUNS:
        if (!process->alive)
            came(processes, process);
        break;
    case OVL__FAILED:
        ovl__place_set(place, OVL__EMPTY);
        retry_later(processes, process, place->error);
        break;
    case OVL__DEAD:
        if (process->held)
            break; /* who holds it asks to look again */
        if (!process->alive)
            came(processes, process);
        ovl__place_set(place, OVL__LEFT);
        ovl__helper_ring(processes);
        bury(processes, process, death_of(place->status));
        break;
    default:
        break;
    }
}

static void look_at_places(struct ovl__processes *processes)
{
    for (unsigned i = 0; i < processes->place_count; i++)
        look_at_place(processes, &processes->all[i]);
}

/* --- the helper's death --- */

static bool has_gone(const struct ovl__process *process, pid_t pid)
{
    struct pollfd fd = {.fd = process->pidfd, .events = POLLIN};
    if (process->pidfd >= 0)
        return ovl__sys.poll(&fd, 1, 0) == 1;
    return kill(pid, 0) && errno == ESRCH;
}

/* The workers end with their helper, but for one whose task has changed its user; it has told of
 * those that died before it. */
static void bury_with_helper(struct ovl__processes *processes, struct ovl__process *process)
{
    struct ovl__place *place = place_of(processes, process);
    look_at_place(processes, process);
    if (process->alive && process->pidfd >= 0)
        ovl__sys.pidfd_send_signal(process->pidfd, SIGKILL);
    while (process->alive && (process->held || !has_gone(process, place->pid))) {
        unlock(processes);
        ovl__sys.poll(NULL, 0, 1);
        lock(processes);
    }
    if (process->alive)
        bury(processes, process, (struct ovl__death){OVL_ESIGNALED, SIGKILL});
    else if (ovl__place_look(place) == OVL__WANTED)
        retry_later(processes, process, OVL_ESIGNALED);
    place->pid = 0;
    ovl__place_set(place, OVL__EMPTY);
}

static void watch_helper(struct ovl__processes *processes)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = OVL__HELPER};
    processes->helper_pidfd = ovl__sys.pidfd_open(processes->helper, 0);
    if (processes->helper_pidfd >= 0)
        ovl__sys.epoll_ctl(processes->epoll_fd, EPOLL_CTL_ADD, processes->helper_pidfd, &event);
}

static void look_at_helper(struct ovl__processes *processes)
{
    if (!processes->helper || !ovl__sys.waitpid(processes->helper, NULL, WNOHANG))
        return;
    processes->helper = 0;
    if (processes->helper_pidfd >= 0) {
        ovl__sys.epoll_ctl(processes->epoll_fd, EPOLL_CTL_DEL, processes->helper_pidfd, NULL);
        ovl__sys.close(processes->helper_pidfd);
    }
    processes->helper_pidfd = -1;
    for (unsigned i = 0; i < processes->place_count; i++)
        bury_with_helper(processes, &processes->all[i]);
}

/* A new one, where there is none; the lock is let go, since a fork may take long. */
static int need_helper(struct ovl__processes *processes)
{
    if (processes->helper)
        return 0;
    unlock(processes);
    int error = ovl__helper_start(processes);
    lock(processes);
    if (!error)
        watch_helper(processes);
    return error;
}

/* --- what is due --- */

static bool is_oversize(const struct ovl__process *process, pid_t pid, size_t limit)
{
    size_t size = ovl__process_size(pid);
    size_t footprint = atomic_load(&process->lane->head->footprint);
    return footprint && size > footprint && size - footprint > limit;
}

/* When the process is to be looked at again for the tasks it has. */
static ovl_time next_due(const struct ovl__processes *processes, const struct ovl__process *process)
{
    ovl_time due = OVL_FOREVER;
    for (uint32_t r = process->collected; r != process->posted; r++)
        if (process->errands[r % OVL__SLOTS].deadline) {
            ovl_time deadline = ovl__lane_slot(process->lane, r)->request.deadline + OVL__GRACE_NS;
            due = deadline < due ? deadline : due;
        }
    if (processes->executor->options.worker_memory && process->posted != process->collected) {
        ovl_time look = ovl_after(OVL__MEMORY_TICK_NS);
        due = look < due ? look : due;
    }
    return due;
}

static bool is_late(const struct ovl__process *process)
{
    const struct ovl__slot *slot = ovl__lane_slot(process->lane, process->collected);
    return process->posted != process->collected &&
           process->errands[process->collected % OVL__SLOTS].deadline &&
           ovl_now() >= slot->request.deadline + OVL__GRACE_NS && ovl__is_running(process);
}

static void look_at_tasks(struct ovl__processes *processes, struct ovl__process *process)
{
    ovl__collect(processes, process);
    size_t limit = processes->executor->options.worker_memory;
    if (is_late(process))
        ovl__processes_kill(processes, process, OVL_ETIMEDOUT);
    else if (limit && ovl__is_running(process) &&
             is_oversize(process, place_of(processes, process)->pid, limit))
        ovl__processes_kill(processes, process, OVL_EMEMORY);
    if (!process->doomed)
        ovl__processes_set_due(processes, process, next_due(processes, process));
}

static bool look_at_due(struct ovl__processes *processes)
{
    if (processes->due == OVL_FOREVER || processes->due > ovl_now())
        return false;
    ovl_time now = ovl_now();
    bool wanted = false;
    processes->due = OVL_FOREVER;
    for (unsigned i = 0; i < processes->place_count; i++) {
        struct ovl__process *process = &processes->all[i];
        if (process->due <= now) {
            process->due = OVL_FOREVER;
            if (process->alive)
                look_at_tasks(processes, process);
            else if (!processes->closing) {
                want(processes, process);
                wanted = true;
            }
        }
        if (process->due < processes->due)
            processes->due = process->due;
    }
    return wanted;
}

static void fill_gaps(struct ovl__processes *processes)
{
    if (!look_at_due(processes))
        return;
    int error = need_helper(processes);
    if (!error) {
        ovl__helper_ring(processes);
        return;
    }
    for (unsigned i = 0; i < processes->place_count; i++) {
        struct ovl__process *process = &processes->all[i];
        if (ovl__place_look(place_of(processes, process)) != OVL__WANTED)
            continue;
        ovl__place_set(place_of(processes, process), OVL__EMPTY);
        processes->failures = FAILURES_LIMIT;
        retry_later(processes, process, error);
    }
}

/* No worker is left, and none can be had: nothing waits for what may never come. */
static void refuse_if_hopeless(struct ovl__processes *processes)
{
    if (processes->alive || processes->failures < FAILURES_LIMIT)
        return;
    ovl__executor_refuse_all(processes->executor, processes->cause);
    struct ovl__link *next;
    for (struct ovl__link *link = processes->spreads.next; link != &processes->spreads;
         link = next) {
        next = link->next;
        ovl__spread_refuse(processes->executor, ovl__of(link, struct ovl__spread, link),
                           processes->cause);
    }
}

/* --- ending --- */

static void end_process(struct ovl__process *process)
{
    if (!process->ending && !process->doomed && process->posted == process->collected)
        ovl__end_worker(process);
}

static void end_processes(struct ovl__processes *processes)
{
    bool now = processes->abandon || ovl_now() >= processes->close_by;
    if (now)
        processes->close_by = OVL_FOREVER;
    for (unsigned i = 0; i < processes->place_count; i++) {
        struct ovl__process *process = &processes->all[i];
        if (process->alive && now)
            ovl__processes_kill(processes, process, 0);
        else if (process->alive)
            end_process(process);
    }
}

/* Whether a worker lives, or is about to. */
static bool is_any_left(const struct ovl__processes *processes)
{
    if (!processes->helper)
        return false;
    for (unsigned i = 0; i < processes->place_count; i++) {
        enum ovl__place_state state = ovl__place_look(place_of(processes, &processes->all[i]));
        if (state == OVL__WANTED || state == OVL__RUNS || state == OVL__DEAD)
            return true;
    }
    return false;
}

static void end_helper(struct ovl__processes *processes)
{
    if (!processes->helper)
        return;
    pid_t helper = processes->helper;
    atomic_store(&processes->shared->over, 1);
    ovl__helper_ring(processes);
    unlock(processes);
    ovl__sys.waitpid(helper, NULL, 0);
    lock(processes);
    processes->helper = 0;
    if (processes->helper_pidfd >= 0)
        ovl__sys.close(processes->helper_pidfd);
    processes->helper_pidfd = -1;
}

/* --- sleeping --- */

static ovl_time time_to_rest(struct ovl__processes *processes)
{
    ovl_time until = processes->due;
    if (!processes->leader && processes->tick < until)
        until = processes->tick;
    if (processes->closing && processes->close_by < until)
        until = processes->close_by;
    if (processes->helper && processes->helper_pidfd < 0) {
        ovl_time look = ovl_after(HELPER_TICK_NS);
        until = look < until ? look : until;
    }
    processes->supervisor_wakes = until;
    if (until == OVL_FOREVER)
        return OVL_FOREVER;
    ovl_time length = until - ovl_now();
    return length > 0 ? length : 0;
}

static void rest(struct ovl__processes *processes)
{
    struct epoll_event events[2];
    processes->supervisor_sleeps = true;
    ovl__listen(processes);
    bool listens = !processes->leader && !processes->spinners;
    ovl_time length = listens && ovl__any_reply(processes) ? 0 : time_to_rest(processes);
    unlock(processes);
    int count = ovl__sys.epoll_wait_ns(processes->epoll_fd, events, 2, length);
    lock(processes);
    processes->supervisor_sleeps = false;
    processes->attended = false;
    ovl__listen(processes);
    bool helper_died = processes->helper_pidfd < 0;
    for (int i = 0; i < count; i++)
        helper_died |= events[i].data.u32 == OVL__HELPER;
    if (helper_died)
        look_at_helper(processes);
}

/*
 * What changes while the lock is let go, by forks and long copies, is looked at after them: who
 * changes something then rings, or holds a worker and rings later.
 */
static void look_around(struct ovl__processes *processes)
{
    look_at_places(processes);
    fill_gaps(processes);
    if (!processes->leader)
        ovl__tick(processes);
    ovl__collect_all(processes);
    refuse_if_hopeless(processes);
    if (processes->closing)
        end_processes(processes);
}

/* --- opening --- */

static int open_lanes(struct ovl__processes *processes)
{
    unsigned count = 0;
    int error = 0;
    while (count < processes->place_count &&
           !(error = ovl__lane_open(processes->executor->metered, &processes->all[count].lane)))
        count++;
    processes->place_count = count;
    if (count && ovl__lane_open(false, &processes->store))
        processes->store = NULL; /* items are copied to the lanes */
    return count ? 0 : error;
}

static bool all_answered(const struct ovl__processes *processes)
{
    for (unsigned i = 0; i < processes->place_count; i++)
        if (ovl__place_look(&processes->shared->places[i]) == OVL__WANTED)
            return false;
    return true;
}

static int await_answers(struct ovl__processes *processes)
{
    struct epoll_event event;
    ovl_time length = processes->helper_pidfd < 0 ? HELPER_TICK_NS : OVL_FOREVER;
    while (!all_answered(processes)) {
        unlock(processes);
        ovl__sys.epoll_wait_ns(processes->epoll_fd, &event, 1, length);
        lock(processes);
        look_at_helper(processes);
        if (!processes->helper)
            return -EAGAIN;
    }
    return 0;
}

/* Fewer workers than wanted will do. After the first that it could not fork the helper tried no
 * more. */
static int count_workers(struct ovl__processes *processes)
{
    unsigned count = 0;
    while (count < processes->place_count &&
           ovl__place_look(&processes->shared->places[count]) != OVL__FAILED)
        count++;
    int error = count < processes->place_count ? processes->shared->places[count].error : 0;
    for (unsigned i = count; i < processes->place_count; i++) {
        ovl__lane_drop(processes->all[i].lane);
        ovl__place_set(&processes->shared->places[i], OVL__EMPTY);
    }
    processes->place_count = count;
    return count ? 0 : error;
}

static int open_workers(struct ovl__processes *processes)
{
    int error = open_lanes(processes);
    if (error)
        return error;
    for (unsigned i = 0; i < processes->place_count; i++)
        want(processes, &processes->all[i]);
    error = need_helper(processes);
    if (!error)
        error = await_answers(processes);
    if (!error)
        error = count_workers(processes);
    look_at_places(processes);
    return error;
}

static void open_processes(struct ovl__processes *processes)
{
    processes->error = open_workers(processes);
    processes->closing = processes->error != 0;
    processes->executor->workers = processes->place_count;
    processes->opened = true;
    ovl__wake_all(&processes->changed);
}

void ovl__supervise(struct ovl__processes *processes)
{
    lock(processes);
    open_processes(processes);
    while (!processes->closing || is_any_left(processes)) {
        look_around(processes);
        if (!processes->closing || is_any_left(processes))
            rest(processes);
    }
    look_at_places(processes);
    end_helper(processes);
    unlock(processes);
}
