/*
 * Many processors, separate memory: a pool of worker processes, and in the parent one thread that
 * supervises them. A task that crashes costs itself alone.
 */
#include "executor/processes/processes.h"
#include "base/processor.h"

#include "base/system.h"

#include <errno.h>
#include <overlap/error.h>
#include <sys/eventfd.h>

/* How long workers may take to close their sessions, before they are killed. */
#define CLOSE_NS (5 * OVL_SECOND)

/* How long a close waits for killed workers to be gone; one that the system holds back is left to
 * it. */
#define PATIENCE_NS (2 * OVL_SECOND)

static void close_fd(int fd)
{
    if (fd >= 0)
        ovl__sys.close(fd);
}

static size_t shared_bytes(unsigned workers)
{
    return sizeof(struct ovl__shared) + workers * sizeof(struct ovl__place);
}

static void processes_free(struct ovl__processes *processes)
{
    for (unsigned i = 0; i < processes->place_count; i++)
        ovl__lane_drop(processes->all[i].lane);
    ovl__lane_drop(processes->store);
    close_fd(processes->epoll_fd);
    close_fd(processes->bell_fd);
    close_fd(processes->helper_fd);
    if (processes->shared)
        munmap(processes->shared, shared_bytes(processes->wanted));
    free(processes->all);
    free(processes);
}

static struct ovl__process *new_all(unsigned count)
{
    struct ovl__process *all = ovl__zalloc(count * sizeof *all);
    for (unsigned i = 0; all && i < count; i++) {
        all[i].number = i;
        all[i].pidfd = -1;
        all[i].due = OVL_FOREVER;
        ovl__list_init(&all[i].link);
    }
    return all;
}

static struct ovl__shared *new_shared(unsigned workers)
{
    void *shared = ovl__sys.mmap(NULL, shared_bytes(workers), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? NULL : shared;
}

/* Each ring is an event of its own (EPOLLET): nobody needs to read the bell's eventfd. */
static int open_bells(struct ovl__processes *processes)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = OVL__BELL};
    processes->epoll_fd = ovl__sys.epoll_create1(EPOLL_CLOEXEC);
    if (processes->epoll_fd < 0)
        return -errno;
    processes->bell_fd = ovl__sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (processes->bell_fd < 0)
        return -errno;
    processes->helper_fd = ovl__sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (processes->helper_fd < 0)
        return -errno;
    if (ovl__sys.epoll_ctl(processes->epoll_fd, EPOLL_CTL_ADD, processes->bell_fd, &event))
        return -errno;
    return 0;
}

static int processes_new(struct ovl_executor *executor, struct ovl__processes **ret_processes)
{
    struct ovl__processes *processes = ovl__zalloc(sizeof *processes);
    if (!processes)
        return -ENOMEM;
    *processes = (struct ovl__processes){
        .executor = executor,
        .all = new_all(executor->workers),
        .wanted = executor->workers,
        .due = OVL_FOREVER,
        .tick = OVL_FOREVER,
        .parent = getpid(),
        .epoll_fd = -1,
        .bell_fd = -1,
        .helper_fd = -1,
        .helper_pidfd = -1,
        .shared = new_shared(executor->workers),
    };
    ovl__list_init(&processes->idle);
    ovl__list_init(&processes->busy);
    ovl__list_init(&processes->spreads);
    ovl__wait_list_init(&processes->changed);
    int error = processes->shared && processes->all ? open_bells(processes) : -ENOMEM;
    processes->place_count = error ? 0 : executor->workers;
    if (error)
        processes_free(processes);
    else
        *ret_processes = processes;
    return error;
}

static void *supervisor_main(void *argument)
{
    struct ovl__processes *processes = argument;
    struct ovl_executor *executor = processes->executor;
    /* By itself: naming another thread takes a descriptor, which may be the last one. */
    pthread_setname_np(pthread_self(), "ovl-super");
    ovl__processor_be_brief();
    ovl__supervise(processes);
    ovl__park_lock(&executor->lock);
    processes->ended = true;
    ovl__wake_all(&processes->changed);
    bool detached = processes->detached;
    ovl__park_unlock(&executor->lock);
    if (detached)
        processes_free(processes);
    ovl__executor_drop(executor);
    return NULL;
}

/* Signals are for the program's own threads to take. */
static int start_supervisor(struct ovl__processes *processes)
{
    sigset_t all;
    sigfillset(&all);
    ovl__executor_hold(processes->executor);
    pthread_sigmask(SIG_SETMASK, &all, &processes->mask);
    int error = -ovl__sys.pthread_create(&processes->thread, NULL, supervisor_main, processes);
    pthread_sigmask(SIG_SETMASK, &processes->mask, NULL);
    if (error)
        ovl__executor_drop(processes->executor);
    return error;
}

static int wait_until_opened(struct ovl__processes *processes)
{
    pthread_mutex_t *lock = &processes->executor->lock;
    ovl__park_lock(lock);
    while (!processes->opened)
        ovl__wait(&processes->changed, lock, OVL_FOREVER);
    int error = processes->error;
    ovl__park_unlock(lock);
    if (error)
        pthread_join(processes->thread, NULL);
    return error;
}

static int processes_open(struct ovl_executor *executor)
{
    struct ovl__processes *processes;
    int error = processes_new(executor, &processes);
    if (error)
        return error;
    executor->own = processes;
    error = start_supervisor(processes);
    if (!error)
        error = wait_until_opened(processes);
    if (error)
        processes_free(processes);
    return error;
}

static void processes_queued_many(struct ovl_executor *executor)
{
    struct ovl__processes *processes = executor->own;
    if (processes->returning)
        return;
    ovl__collect_all(processes);
    if (!processes->alive) /* the supervisor says what becomes of it */
        ovl__processes_wake_supervisor(processes);
}

static void processes_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    (void)future;
    processes_queued_many(executor);
}

/* A worker runs one of the tasks it was given; the others are as good as queued. */
static void processes_count(struct ovl_executor *executor, struct ovl_counts *counts)
{
    struct ovl__processes *processes = executor->own;
    size_t busy = 0;
    for (unsigned i = 0; i < processes->place_count; i++)
        busy += processes->all[i].posted != processes->all[i].collected;
    size_t ahead = counts->running > busy ? counts->running - busy : 0;
    counts->running -= ahead;
    counts->queued += ahead;
}

static void processes_help(struct ovl_executor *executor, struct ovl_future *future)
{
    ovl__processes_help(executor, future);
}

/* One that was posted and has not begun comes back into the queue, and is refused there. */
static void processes_cancel_running(struct ovl_executor *executor, struct ovl_future *future)
{
    struct ovl__processes *processes = executor->own;
    struct ovl__process *process = &processes->all[future->outcome.worker];
    processes->returning = true;
    ovl__withdraw(processes, process);
    if (ovl__state_now(&future->state) == OVL__QUEUED)
        ovl__future_refuse(future, OVL_ECANCELED);
    else if (ovl__is_at_work(process, future))
        ovl__processes_kill(processes, process, OVL_ECANCELED);
    processes->returning = false;
    ovl__dispatch(processes);
}

static void processes_cancel_all(struct ovl_executor *executor)
{
    struct ovl__processes *processes = executor->own;
    processes->returning = true;
    struct ovl__link *next;
    for (struct ovl__link *link = processes->spreads.next; link != &processes->spreads;
         link = next) {
        next = link->next;
        ovl__spread_refuse(executor, ovl__of(link, struct ovl__spread, link), OVL_ECANCELED);
    }
    for (unsigned i = 0; i < processes->place_count; i++) {
        struct ovl__process *process = &processes->all[i];
        if (process->posted != process->collected)
            ovl__processes_kill(processes, process, OVL_ECANCELED);
    }
    processes->returning = false;
}

/* Tells the supervisor to end all; false where that takes too long, and it then frees what is left.
 */
static bool end_supervisor(struct ovl__processes *processes, bool abandon)
{
    pthread_mutex_t *lock = &processes->executor->lock;
    ovl__park_lock(lock);
    processes->closing = true;
    processes->abandon = abandon;
    processes->close_by = ovl_after(CLOSE_NS);
    ovl__processes_wake_supervisor(processes);
    ovl_time patience = ovl_after(abandon ? PATIENCE_NS : CLOSE_NS + PATIENCE_NS);
    while (!processes->ended && !ovl__wait(&processes->changed, lock, patience))
        ;
    bool ended = processes->ended;
    processes->detached = !ended;
    if (!ended)
        pthread_detach(processes->thread);
    ovl__park_unlock(lock);
    return ended;
}

static void processes_close(struct ovl_executor *executor, bool abandon)
{
    struct ovl__processes *processes = executor->own;
    if (!end_supervisor(processes, abandon))
        return;
    pthread_join(processes->thread, NULL);
    processes_free(processes);
}

static void *processes_room_for_item(struct ovl_executor *executor, size_t size,
                                     struct ovl__loan **ret_loan)
{
    struct ovl__processes *processes = executor->own;
    struct ovl__block block;
    void *memory = NULL;
    if (!processes->store || ovl__executor_is_copy(executor))
        return NULL;
    ovl__park_lock(&executor->lock);
    bool taken = !ovl__lane_take_result(processes->store, size, &block, &memory);
    if (taken &&
        !ovl__lane_lend_result(processes->store, block.index, OVL__RESULT_BLOCKS, ret_loan)) {
        ovl__lane_give_result(processes->store, block.index);
        taken = false;
    }
    ovl__park_unlock(&executor->lock);
    return taken ? memory : NULL;
}

const struct ovl__model_ops ovl__model_processes = {
    .model = OVL_PROCESSES,
    .workers_max = OVL_WORKERS_MAX,
    .core = &ovl__core_queue,
    .room_for_item = processes_room_for_item,
    .open = processes_open,
    .queued = processes_queued,
    .queued_many = processes_queued_many,
    .limited = processes_queued_many,
    .cancel_running = processes_cancel_running,
    .close = processes_close,
    .cancel_all = processes_cancel_all,
    .map = ovl__processes_map,
    .count = processes_count,
    .help = processes_help,
};
