#include "base/system.h"
#include "executor/processes/processes.h"

#include <errno.h>
#include <limits.h>
#include <overlap/error.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

/* Up to so many bytes are copied with the lock held. */
#define MOMENT_BYTES ((size_t)16 << 10)

/* How long after its deadline a task may still notice by itself. */
#define GRACE_NS (50 * OVL_MILLISECOND)

/* Failures in a row after which, without any worker, tasks are refused: about half a second's
 * worth. */
#define FAILURES_LIMIT 9
#define BACK_OFF_NS    OVL_MILLISECOND

/* How often deaths are looked for where the system has no pidfds. */
#define TICK_NS (20 * OVL_MILLISECOND)

static void lock(struct ovl__processes *processes)
{
    pthread_mutex_lock(&processes->executor->lock);
}

static void unlock(struct ovl__processes *processes)
{
    pthread_mutex_unlock(&processes->executor->lock);
}

bool ovl__processes_ring(struct ovl__bell *bell, int bell_fd)
{
    if (!atomic_exchange(&bell->sleeps, false))
        return true;
    uint64_t one = 1;
    ssize_t n;
    do
        n = ovl__sys.write(bell_fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    return n == sizeof one;
}

/* Has the supervisor look at this worker again at `at`. */
static void set_due(struct ovl__processes *processes, struct ovl__process *process, ovl_time at)
{
    process->due = at;
    if (at < processes->due) {
        processes->due = at;
        ovl__processes_ring(processes->bell, processes->bell_fd);
    }
}

static void kill_process(struct ovl__process *process, int verdict)
{
    if (process->doomed || !process->pid)
        return;
    process->doomed = true;
    process->verdict = verdict;
    ovl__list_remove(&process->idle);
    /* Until it is reaped, its number is no other process's. */
    if (process->pidfd < 0 || ovl__sys.pidfd_send_signal(process->pidfd, SIGKILL))
        kill(process->pid, SIGKILL);
}

void ovl__processes_kill(struct ovl__processes *processes, struct ovl_future *future, int verdict)
{
    struct ovl__process *process = &processes->all[future->outcome.worker];
    if (process->future == future)
        kill_process(process, verdict);
}

/* --- asking --- */

static int put_request(struct ovl__process *process)
{
    const struct ovl_future *future = process->future;
    int error = ovl__lane_reserve(&process->lane, future->item.size);
    if (error)
        return error;
    process->lane.head->request = (struct ovl__request){
        .fn = future->fn,
        .deadline = future->deadline,
        .item_size = future->item.size,
    };
    if (future->item.size)
        memcpy(ovl__lane_payload(&process->lane), future->item.data, future->item.size);
    return 0;
}

static void assign(struct ovl__processes *processes, struct ovl__process *process,
                   struct ovl_future *future)
{
    process->future = future;
    process->asked = processes->executor->ledger ? ovl_now() : 0;
    future->outcome.worker = process->number;
    future->more->meter.record.worker = process->number;
    if (future->deadline < OVL_FOREVER - GRACE_NS)
        set_due(processes, process, future->deadline + GRACE_NS);
}

static struct ovl_future *release(struct ovl__process *process)
{
    struct ovl_future *future = process->future;
    process->future = NULL;
    process->due = OVL_FOREVER;
    return future;
}

/* Asks the worker to run a task that was taken; false where that failed, and the task with it. */
static bool ask(struct ovl__processes *processes, struct ovl__process *process,
                struct ovl_future *future)
{
    assign(processes, process, future);
    bool long_copy = future->item.size > MOMENT_BYTES;
    if (long_copy)
        unlock(processes);
    int error = put_request(process);
    if (long_copy)
        lock(processes);
    if (!error) {
        ovl__lane_pass(&process->lane, OVL__ASKED);
        return true;
    }
    release(process)->outcome.error = error;
    ovl__future_finish(future);
    return false;
}

static void make_idle(struct ovl__processes *processes, struct ovl__process *process)
{
    if (!process->doomed)
        ovl__list_append(processes->idle.next, &process->idle);
}

/* In the supervisor: has a worker that has nothing to do run the next task, if there is one. */
static void feed(struct ovl__processes *processes, struct ovl__process *process)
{
    while (!process->doomed) {
        struct ovl_future *future = ovl__executor_take(processes->executor);
        if (!future)
            break;
        if (ask(processes, process, future))
            return;
    }
    make_idle(processes, process);
}

static void feed_idle(struct ovl__processes *processes)
{
    while (ovl__executor_may_take(processes->executor)) {
        struct ovl__link *link = ovl__list_take(&processes->idle);
        if (!link)
            break;
        feed(processes, ovl__of(link, struct ovl__process, idle));
    }
}

void ovl__processes_hand_out(struct ovl__processes *processes)
{
    if (!ovl__executor_may_take(processes->executor))
        return;
    struct ovl_future *oldest = ovl__of(processes->executor->queue.next, struct ovl_future, link);
    struct ovl__link *link = NULL;
    if (oldest->item.size <= MOMENT_BYTES)
        link = ovl__list_take(&processes->idle);
    struct ovl__process *process = link ? ovl__of(link, struct ovl__process, idle) : NULL;
    if (process && ovl__future_take(oldest) && ask(processes, process, oldest))
        return;
    if (process)
        make_idle(processes, process);
    if (!processes->alive || !ovl__list_empty(&processes->idle))
        ovl__processes_ring(processes->bell, processes->bell_fd);
}

/* --- replies --- */

/* The sizes come from the worker, and are held against memory that is really there. */
static int take_result(struct ovl__process *process, struct ovl_future *future)
{
    size_t size = process->lane.head->reply.result_size;
    if (!size)
        return 0;
    int error = ovl__lane_reserve(&process->lane, size);
    if (!error)
        error = ovl__buffer_resize(&future->result, size);
    if (!error)
        memcpy(future->result.data, ovl__lane_payload(&process->lane), size);
    return error;
}

/* The worker knows of the deadline, but not of being cancelled. */
static int final_error(const struct ovl__process *process, const struct ovl_future *future,
                       int error)
{
    int cancelled = atomic_load_explicit(&future->cancel, memory_order_relaxed);
    if (!error)
        return 0;
    if (cancelled)
        return cancelled;
    return process->verdict ? process->verdict : error;
}

/* Ends the task that the worker has replied to; the worker then has nothing to do. */
static void collect(struct ovl__processes *processes, struct ovl__process *process)
{
    struct ovl_future *future = process->future;
    struct ovl__reply reply = process->lane.head->reply;
    bool long_copy = reply.result_size > MOMENT_BYTES;
    if (long_copy)
        unlock(processes);
    int error = take_result(process, future);
    ovl__lane_trim(&process->lane);
    if (long_copy)
        lock(processes);
    ovl__lane_pass(&process->lane, OVL__IDLE);
    release(process);
    future->outcome.error = error ? error : final_error(process, future, reply.error);
    future->outcome.detail = reply.detail;
    ovl__meter_copy(&future->more->meter, &reply.meter);
    process->fresh = false;
    processes->failures = 0;
    ovl__future_finish(future);
}

static bool has_replied(const struct ovl__process *process)
{
    return process->future && ovl__lane_turn(&process->lane) == OVL__REPLIED;
}

static unsigned bell_words(const struct ovl__processes *processes)
{
    return (processes->executor->workers + 63) / 64;
}

static void collect_word(struct ovl__processes *processes, unsigned word)
{
    uint64_t replied = atomic_exchange(&processes->bell->replied[word], 0);
    while (replied) {
        unsigned number = word * 64 + (unsigned)__builtin_ctzll(replied);
        replied &= replied - 1;
        if (number >= processes->executor->workers)
            return;
        struct ovl__process *process = &processes->all[number];
        if (!has_replied(process))
            continue;
        collect(processes, process);
        feed(processes, process);
    }
}

static void collect_replies(struct ovl__processes *processes)
{
    for (unsigned word = 0; word < bell_words(processes); word++)
        if (atomic_load_explicit(&processes->bell->replied[word], memory_order_relaxed))
            collect_word(processes, word);
}

static bool any_reply(struct ovl__processes *processes)
{
    for (unsigned word = 0; word < bell_words(processes); word++)
        if (atomic_load(&processes->bell->replied[word]))
            return true;
    return false;
}

/* --- forking --- */

/* Once the system has no pidfds, it is not asked again. */
static int watch(struct ovl__processes *processes, struct ovl__process *process, pid_t pid)
{
    if (processes->without_pidfd)
        return 0;
    process->pidfd = ovl__sys.pidfd_open(pid, 0);
    if (process->pidfd < 0) {
        processes->without_pidfd = errno == ENOSYS || errno == EPERM;
        return processes->without_pidfd ? 0 : -errno;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = process->number};
    if (!ovl__sys.epoll_ctl(processes->epoll_fd, EPOLL_CTL_ADD, process->pidfd, &event))
        return 0;
    int error = -errno;
    ovl__sys.close(process->pidfd);
    process->pidfd = -1;
    return error;
}

static int fork_process(struct ovl__processes *processes, struct ovl__process *process,
                        pid_t *ret_pid)
{
    pid_t pid = ovl__sys.fork();
    if (pid == 0)
        ovl__process_main(processes, process);
    if (pid < 0)
        return -errno;
    int error = watch(processes, process, pid);
    if (error) {
        kill(pid, SIGKILL);
        ovl__sys.waitpid(pid, NULL, 0);
        return error;
    }
    *ret_pid = pid;
    return 0;
}

/* A fork may take long where the parent is large: the lock is let go meanwhile. */
static int start(struct ovl__processes *processes, struct ovl__process *process)
{
    process->fresh = true;
    process->doomed = false;
    process->ending = false;
    process->verdict = 0;
    ovl__lane_pass(&process->lane, OVL__IDLE);
    unlock(processes);
    pid_t pid = 0;
    int error = fork_process(processes, process, &pid);
    lock(processes);
    if (error)
        return error;
    process->pid = pid;
    processes->alive++;
    feed(processes, process);
    return 0;
}

/* Waits longer with each failure, so that what cannot work is not tried without pause. */
static void retry_later(struct ovl__processes *processes, struct ovl__process *process, int cause)
{
    if (processes->failures < FAILURES_LIMIT)
        processes->failures++;
    processes->cause = cause;
    set_due(processes, process, ovl_after(BACK_OFF_NS << (processes->failures - 1)));
}

static void replace(struct ovl__processes *processes, struct ovl__process *process)
{
    if (processes->closing)
        return;
    int error = start(processes, process);
    if (!error)
        return;
    processes->failures = FAILURES_LIMIT;
    retry_later(processes, process, error);
}

/* --- deaths --- */

/* How a worker ended, as an outcome's error and detail. */
struct end {
    int error;
    int detail;
};

static struct end end_of(int status)
{
    if (WIFSIGNALED(status))
        return (struct end){OVL_ESIGNALED, WTERMSIG(status)};
    return (struct end){OVL_EEXITED, WEXITSTATUS(status)};
}

static void fail_task(struct ovl__processes *processes, struct ovl__process *process,
                      struct ovl_future *future, struct end end)
{
    future->outcome.error = final_error(process, future, end.error);
    future->outcome.detail = future->outcome.error == end.error ? end.detail : 0;
    if (processes->executor->ledger) {
        future->more->meter.record.start = process->asked;
        future->more->meter.record.end = ovl_now();
    }
    ovl__future_finish(future);
}

/* Fails or repeats the task of a worker that died; false where the task had not begun. */
static bool settle_task(struct ovl__processes *processes, struct ovl__process *process,
                        struct end end)
{
    bool begun = ovl__lane_turn(&process->lane) == OVL__BEGUN;
    struct ovl_future *future = release(process);
    if (process->verdict || atomic_load_explicit(&future->cancel, memory_order_relaxed)) {
        fail_task(processes, process, future, end);
    } else if (!begun) {
        future->outcome.attempts--;
        future->outcome.worker = OVL_NO_WORKER;
        ovl__future_requeue(future);
    } else if (future->more->repetitions) {
        future->more->repetitions--;
        ovl__future_requeue(future);
    } else {
        fail_task(processes, process, future, end);
    }
    return begun;
}

static void forget(struct ovl__processes *processes, struct ovl__process *process)
{
    if (process->pidfd >= 0) {
        /* Workers that were just forked may still hold a copy of it: closing alone would not do. */
        ovl__sys.epoll_ctl(processes->epoll_fd, EPOLL_CTL_DEL, process->pidfd, NULL);
        ovl__sys.close(process->pidfd);
    }
    process->pid = 0;
    process->pidfd = -1;
    process->due = OVL_FOREVER;
    ovl__list_remove(&process->idle);
    processes->alive--;
}

/* Reaps a worker if it has died, settles what it leaves, and plans who takes its place. */
static void bury(struct ovl__processes *processes, struct ovl__process *process)
{
    int status = 0;
    if (!process->pid || !ovl__sys.waitpid(process->pid, &status, WNOHANG))
        return;
    forget(processes, process);
    if (has_replied(process))
        collect(processes, process);
    bool used = !process->fresh;
    struct end end = end_of(status);
    if (process->future)
        used |= settle_task(processes, process, end);
    if (used)
        processes->failures = 0;
    if (used || process->doomed)
        set_due(processes, process, 0);
    else
        retry_later(processes, process, end.error);
}

static void bury_all(struct ovl__processes *processes)
{
    for (unsigned i = 0; i < processes->executor->workers; i++)
        bury(processes, &processes->all[i]);
}

/* --- what is due --- */

static void look_at(struct ovl__processes *processes, struct ovl__process *process)
{
    process->due = OVL_FOREVER;
    if (!process->pid)
        replace(processes, process);
    else if (process->future)
        kill_process(process, OVL_ETIMEDOUT);
}

static void look_at_due(struct ovl__processes *processes)
{
    if (processes->due == OVL_FOREVER || processes->due > ovl_now())
        return;
    ovl_time now = ovl_now();
    processes->due = OVL_FOREVER;
    for (unsigned i = 0; i < processes->executor->workers; i++) {
        struct ovl__process *process = &processes->all[i];
        if (process->due <= now)
            look_at(processes, process);
        if (process->due < processes->due)
            processes->due = process->due;
    }
}

/* No worker is left, and none can be had: nothing waits for what may never come. */
static void refuse_if_hopeless(struct ovl__processes *processes)
{
    if (!processes->alive && processes->failures >= FAILURES_LIMIT)
        ovl__executor_refuse_all(processes->executor, processes->cause);
}

static void end_process(struct ovl__process *process)
{
    if (process->ending || process->doomed || process->future)
        return;
    process->ending = true;
    ovl__list_remove(&process->idle);
    ovl__lane_pass(&process->lane, OVL__ENDING);
}

static void end_processes(struct ovl__processes *processes)
{
    bool now = processes->abandon || ovl_now() >= processes->close_by;
    if (now)
        processes->close_by = OVL_FOREVER;
    for (unsigned i = 0; i < processes->executor->workers; i++) {
        struct ovl__process *process = &processes->all[i];
        if (process->pid && now)
            kill_process(process, OVL_ECANCELED);
        else if (process->pid)
            end_process(process);
    }
}

/* --- sleeping --- */

static ovl_time time_to_rest(const struct ovl__processes *processes)
{
    ovl_time until = processes->due;
    if (processes->closing && processes->close_by < until)
        until = processes->close_by;
    if (until == OVL_FOREVER && !processes->without_pidfd)
        return OVL_FOREVER;
    ovl_time length = until == OVL_FOREVER ? OVL_FOREVER : until - ovl_now();
    if (processes->without_pidfd && length > TICK_NS)
        length = TICK_NS;
    return length > 0 ? length : 0;
}

/* Deaths are looked for even when there is always something else to do. */
static void rest(struct ovl__processes *processes)
{
    struct epoll_event events[32];
    atomic_store(&processes->bell->sleeps, true);
    ovl_time length = any_reply(processes) ? 0 : time_to_rest(processes);
    unlock(processes);
    int count = ovl__sys.epoll_wait_ns(processes->epoll_fd, events, 32, length);
    lock(processes);
    atomic_store(&processes->bell->sleeps, false);
    for (int i = 0; i < count; i++)
        if (events[i].data.u32 != OVL__BELL)
            bury(processes, &processes->all[events[i].data.u32]);
    if (processes->without_pidfd)
        bury_all(processes);
}

static int open_process(struct ovl__processes *processes, unsigned number)
{
    struct ovl__process *process = &processes->all[number];
    int error = ovl__lane_open(&process->lane);
    if (error)
        return error;
    error = start(processes, process);
    if (error)
        ovl__lane_close(&process->lane);
    return error;
}

/* Fewer workers than wanted will do. */
static void open_processes(struct ovl__processes *processes)
{
    struct ovl_executor *executor = processes->executor;
    unsigned started = 0;
    int error = 0;
    while (started < executor->workers && !(error = open_process(processes, started)))
        started++;
    executor->workers = started;
    processes->error = started ? 0 : error;
    processes->closing = !started;
    processes->opened = true;
    ovl__wake_all(&processes->changed);
}

/*
 * What changes while the lock is let go, by forks and long copies, is looked at after them: nobody
 * rings for a supervisor that is awake.
 */
static void look_around(struct ovl__processes *processes)
{
    look_at_due(processes);
    collect_replies(processes);
    feed_idle(processes);
    refuse_if_hopeless(processes);
    if (processes->closing)
        end_processes(processes);
}

static bool is_over(const struct ovl__processes *processes)
{
    return processes->closing && !processes->alive;
}

/* Waits a little for the reply of a short task. The lock is let go: all must be looked at again. */
static void linger(struct ovl__processes *processes)
{
    unlock(processes);
    for (int looks = 0; looks < OVL__LOOKS && !any_reply(processes); looks++)
        sched_yield();
    lock(processes);
}

void ovl__supervise(struct ovl__processes *processes)
{
    lock(processes);
    open_processes(processes);
    bool lingered = false;
    while (!is_over(processes)) {
        look_around(processes);
        if (is_over(processes))
            break;
        lingered = !lingered && processes->executor->counts.running;
        if (lingered)
            linger(processes);
        else
            rest(processes);
    }
    unlock(processes);
}
