/*
 * A worker process. It has a copy of everything that the parent had when the executor was opened,
 * and only one thread: no lock of the parent's may be taken here but those that are made anew.
 */
#include "base/atomic.h"
#include "base/processor.h"
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "executor/nested.h"
#include "executor/processes/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <overlap/error.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Exit codes of a worker that could not go on; only tests of the parent's see them. */
enum { ENDED_WELL = 0, NO_MEMORY = 121, NO_BELL = 122 };

/* How long a worker with nothing to do looks for more before it sleeps. */
#define SPIN_NS (50 * OVL_MICROSECOND)
#define LOOKS   32

/* A worker, and what it serves at the moment. */
struct server {
    struct ovl__worker worker;
    struct ovl__processes *processes;
    struct ovl__lane *lane;
    pid_t helper;
    uint32_t next;       /* the request that is served */
    bool untold;         /* nobody may have been told of the last reply yet */
    size_t memory_limit; /* bytes that the process may have; 0: as many as it gets */
};

/* A task that runs, and where its result is. */
struct running {
    struct ovl_future future;
    struct ovl__future_more more;
    struct server *server;
    char *own;               /* the slot's or the chunk's room for the result */
    size_t own_size;         /* bytes of it */
    struct ovl__block block; /* the result has outgrown its own room: where it is, */
    void *memory;            /* and where that is mapped; of a chunk's task, on the heap */
    size_t room;             /* bytes of it */
    bool chunk;
};

/* --- becoming a worker --- */

static void close_others(struct ovl__processes *processes, const struct ovl__process *self)
{
    ovl__sys.close(processes->helper_fd);
    ovl__sys.close(processes->helper_child_fd);
    for (unsigned i = 0; i < processes->place_count; i++)
        if (&processes->all[i] != self)
            ovl__sys.close(processes->all[i].lane->fd);
}

/* Ctrl-C reaches every process of the terminal: what becomes of the tasks is the parent's to
 * decide. */
static void settle_signals(const struct ovl__processes *processes)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &processes->mask, NULL);
}

/*
 * A task that calls exit() ends its worker. What the parent has registered to be done at its own
 * exit, and what its streams hold, is not this process's to do; what was registered here was done
 * before.
 */
_Noreturn static void leave(int status, void *argument)
{
    (void)argument;
    fflush(stdout);
    _exit(status);
}

/* Where it begins; it stays there only where it is pinned. */
static void settle_place(struct ovl_executor *executor, unsigned number)
{
    char name[OVL__NAME];
    ovl__worker_name(&(struct ovl__worker){.executor = executor, .number = number}, name);
    prctl(PR_SET_NAME, name);
    struct ovl__processor_place place = ovl__processor_place(number);
    ovl__processor_bind(&place);
    if (!executor->options.pinned)
        ovl__processor_let_go(&place);
}

static void become_worker(struct ovl__processes *processes, struct ovl__process *self, pid_t helper)
{
    ovl__end_with(helper);
    settle_place(processes->executor, self->number);
    close_others(processes, self);
    if (ovl__lane_adopt(self->lane) || (processes->store && ovl__lane_adopt(processes->store)) ||
        on_exit(leave, NULL))
        _exit(NO_MEMORY);
    ovl__current = NULL;
    __fpurge(stdout); /* what the parent has not written yet is the parent's to write */
    settle_signals(processes);
    ovl__processor_note(&self->lane->head->processor);
}

size_t ovl__process_size(pid_t pid)
{
    char path[32];
    char text[128];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    int fd = ovl__sys.open(path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    ssize_t length = ovl__sys.read(fd, text, sizeof text - 1);
    ovl__sys.close(fd);
    unsigned long whole;
    unsigned long resident;
    unsigned long shared;
    text[length > 0 ? length : 0] = '\0';
    if (sscanf(text, "%lu %lu %lu", &whole, &resident, &shared) != 3 || resident < shared)
        return 0;
    return (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

/* --- results --- */

static bool grow_on_heap(struct running *running, size_t size, void **ret_memory, size_t *ret_room)
{
    (void)running;
    *ret_room = size;
    *ret_memory = ovl__sys.malloc(size);
    return *ret_memory != NULL;
}

static bool grow_in_lane(struct running *running, size_t size, struct ovl__block *block,
                         void **ret_memory, size_t *ret_room)
{
    if (ovl__lane_take_result(running->server->lane, size, block, ret_memory))
        return false;
    *ret_room = block->size;
    return true;
}

static void free_outgrown(struct running *running)
{
    if (running->memory && running->chunk)
        free(running->memory);
    else if (running->memory)
        ovl__lane_give_result(running->server->lane, running->block.index);
    running->memory = NULL;
    running->block.index = OVL__NO_BLOCK;
}

/* Where the result is written: in memory that the parent has as well, wherever that is possible. */
static void *room_for_result(struct ovl_future *future, size_t size)
{
    struct running *running = ovl__of(future, struct running, future);
    if (!future->result.data)
        running->room = running->own_size;
    if (size > running->room || !future->result.data) {
        void *memory = running->own;
        size_t room = running->own_size;
        struct ovl__block block = {.index = OVL__NO_BLOCK};
        size_t wanted =
            future->result.data && size < running->room * 3 / 2 ? running->room * 3 / 2 : size;
        if (size > room &&
            !(running->chunk ? grow_on_heap(running, wanted, &memory, &room)
                             : grow_in_lane(running, wanted, &block, &memory, &room)))
            return NULL;
        if (future->result.data)
            memcpy(memory, future->result.data, future->result.size);
        free_outgrown(running);
        running->memory = memory == running->own ? NULL : memory;
        running->block = block;
        running->room = room;
        future->result.data = memory;
    }
    future->result.size = size;
    return future->result.data;
}

/* --- serving --- */

static void begin_running(struct running *running, struct server *server,
                          const struct ovl__request *request)
{
    *running = (struct running){
        .future = {.executor = server->worker.executor,
                   .fn = request->fn,
                   .deadline = request->deadline,
                   .outcome = {.worker = server->worker.number, .attempts = 1},
                   .more = &running->more},
        .more = {.future = &running->future, .room = room_for_result},
        .server = server,
        .block.index = OVL__NO_BLOCK,
    };
    ovl__list_init(&running->future.link);
    ovl__wait_list_init(&running->future.waiters);
    ovl__state_init(&running->future.state, OVL__RUNNING, 1);
}

/* What a task has written is written once its future is done. */
static void flush_output(void)
{
    if (__fpending(stdout))
        fflush(stdout);
}

/* A block of the store is this worker's to touch while it runs the block's task: later it may have
 * another one's item. */
static void *open_store(struct ovl__lane *store, const struct ovl__block *block)
{
    if (block->index >= OVL__RESULT_BLOCKS)
        return NULL;
    void *item = ovl__lane_map(store, &store->results[block->index], block);
    return item && !mprotect(item, block->size, PROT_READ | PROT_WRITE) ? item : NULL;
}

static void close_store(struct ovl__lane *store, const struct ovl__block *block)
{
    const struct ovl__mapping *mapping = &store->results[block->index];
    if (mapping->memory)
        mprotect(mapping->memory, mapping->block.size, PROT_NONE);
}

/* Maps what the parent has put into a block; NULL where there is no memory for that. */
static char *items_of(struct server *server, struct ovl__slot *slot)
{
    const struct ovl__block *block = &slot->request.items;
    if (slot->request.stored)
        return open_store(server->processes->store, block);
    if (block->index == OVL__NO_BLOCK)
        return slot->item;
    return ovl__lane_map(server->lane, &server->lane->items[block->index], block);
}

/* Before the end of what has taken the memory is seen: nothing more is handed to the worker then.
 */
static void check_size(struct server *server)
{
    if (server->memory_limit && ovl__process_size(getpid()) > server->memory_limit)
        atomic_store(&server->lane->head->oversize, 1);
}

static void serve_one(struct server *server, struct ovl__slot *slot)
{
    struct running running;
    begin_running(&running, server, &slot->request);
    struct ovl_future *future = &running.future;
    running.own = slot->result;
    running.own_size = sizeof slot->result;
    char *item = items_of(server, slot);
    ovl_time start = ovl_now();
    slot->expired = future->deadline != OVL_FOREVER && start >= future->deadline;
    future->item =
        (struct ovl_bytes){slot->request.item_size ? item : NULL, slot->request.item_size};
    if (!item)
        future->outcome.error = -ENOMEM;
    else if (!slot->expired)
        ovl__worker_run(&server->worker, future);
    flush_output();
    if (item && slot->request.stored)
        close_store(server->processes->store, &slot->request.items);
    if (future->outcome.error)
        free_outgrown(&running);
    slot->reply.error = future->outcome.error;
    slot->reply.detail = future->outcome.detail;
    slot->reply.result_size = future->outcome.error ? 0 : future->result.size;
    slot->reply.result = running.block;
    slot->reply.took_ns = (uint64_t)(ovl_now() - start);
    if (server->worker.executor->metered)
        server->lane->head->meters[server->next % OVL__SLOTS] = running.more.meter;
    check_size(server);
    atomic_store_explicit(&slot->ended, 1, memory_order_release);
}

/* The end of a chunk's task: a result of another size than the others' is an error. */
static struct ovl__end end_of(struct running *running, size_t result_size)
{
    struct ovl_future *future = &running->future;
    struct ovl__end end = {future->outcome.error, future->outcome.detail};
    if (!end.error && result_size && future->result.size != result_size)
        end.error = OVL_ERESULTSIZE;
    if (!end.error && result_size && running->memory)
        memcpy(running->own, running->memory, result_size);
    free_outgrown(running);
    return end;
}

static void serve_part(struct running *running, struct ovl__slot *slot, char *memory,
                       const struct ovl__layout *layout, uint32_t i)
{
    const struct ovl__request *request = &slot->request;
    struct ovl_future *future = &running->future;
    bool recorded = running->server->worker.executor->metered;
    future->item = (struct ovl_bytes){request->item_size ? memory + i * layout->item_stride : NULL,
                                      request->item_size};
    running->own = memory + layout->results + i * layout->result_stride;
    future->outcome.error = 0;
    future->outcome.detail = 0;
    future->result = (struct ovl__buffer){0};
    if (recorded)
        running->more.meter = (struct ovl__meter){0};
    ovl__worker_run(&running->server->worker, future);
    flush_output();
    struct ovl__end *ends = (void *)(memory + layout->ends);
    ends[i] = end_of(running, request->result_size);
    if (recorded)
        ((struct ovl__meter *)(void *)(memory + layout->meters))[i] = running->more.meter;
}

static void serve_chunk(struct server *server, struct ovl__slot *slot)
{
    const struct ovl__request *request = &slot->request;
    bool recorded = server->worker.executor->metered;
    struct ovl__layout layout =
        ovl__chunk_layout(request->item_size, request->result_size, request->chunk, recorded);
    char *memory = items_of(server, slot);
    struct running running;
    begin_running(&running, server, request);
    running.chunk = true;
    running.own_size = request->result_size;
    ovl_time start = ovl_now();
    slot->reply.error = memory ? 0 : -ENOMEM;
    uint32_t i = 0;
    do {
        if (memory)
            serve_part(&running, slot, memory, &layout, i);
        i++;
        if (ovl__limit(atomic_load_explicit(&slot->progress, memory_order_relaxed)) <= i) {
            slot->reply.took_ns = (uint64_t)(ovl_now() - start);
            check_size(server);
        }
        atomic_store_explicit(&slot->ended, i, memory_order_release);
    } while (ovl__slot_begin(slot));
}

/* The parent sees an end for want of a bell, and then the reply. */
static void tell_reply(struct server *server, bool may_wait)
{
    server->untold = may_wait;
    if (!ovl__tell_reply(server->processes->shared, server->processes->bell_fd, may_wait))
        _exit(NO_BELL);
}

static void serve(struct server *server)
{
    struct ovl__lane_head *head = server->lane->head;
    struct ovl__slot *slot = ovl__lane_slot(server->lane, server->next);
    bool ring = slot->request.ring;
    slot->reply.took_ns = 0;
    ovl__processor_note(&head->processor);
    if (ovl__slot_begin(slot)) {
        if (slot->request.chunk)
            serve_chunk(server, slot);
        else
            serve_one(server, slot);
    }
    server->next++;
    atomic_store_explicit(&head->next, server->next, memory_order_relaxed);
    if (ring || atomic_load_explicit(&head->posted, memory_order_relaxed) == server->next)
        tell_reply(server, slot->reply.took_ns <= SPIN_NS / 4);
}

/* --- waiting --- */

static bool has_work(const struct server *server)
{
    return atomic_load_explicit(&server->lane->head->posted, memory_order_acquire) != server->next;
}

static bool is_ending(const struct server *server)
{
    return atomic_load_explicit(&server->lane->head->ending, memory_order_acquire);
}

/* Whether there is something to do. */
static bool is_wanted(const struct server *server)
{
    return has_work(server) || is_ending(server);
}

/* Falling asleep and being woken takes longer than a short task does. */
static void spin(const struct server *server, ovl_time until)
{
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (is_wanted(server))
                return;
            ovl__spin_hint();
        }
    } while (ovl_now() < until);
}

/* Who posts looks for a sleeper afterwards, who sleeps looks for requests afterwards. */
static void sleep_until(const struct server *server, ovl_time until)
{
    atomic_uint *sleeps = &server->lane->head->sleeps;
    struct timespec end = {until / OVL_SECOND, until % OVL_SECOND};
    atomic_store_explicit(sleeps, 1, memory_order_relaxed);
    ovl__fence();
    if (!is_wanted(server))
        syscall(SYS_futex, sleeps, FUTEX_WAIT_BITSET, 1, until == OVL_FOREVER ? NULL : &end, NULL,
                FUTEX_BITSET_MATCH_ANY);
    atomic_store_explicit(sleeps, 0, memory_order_relaxed);
}

/* Where who hands out has this processor, looking for more would keep it from doing so. */
static void await(struct server *server)
{
    ovl_time until = ovl_after(SPIN_NS);
    if (ovl__processor_is_here(&server->processes->shared->processor))
        sleep_until(server, until);
    else
        spin(server, until);
    if (is_wanted(server))
        return;
    if (server->untold)
        tell_reply(server, false);
    /* Once more: a task, or a session, may have changed the user. */
    ovl__end_with(server->helper);
    sleep_until(server, OVL_FOREVER);
}

_Noreturn void ovl__process_main(struct ovl__processes *processes, struct ovl__process *self,
                                 pid_t helper)
{
    struct server server = {
        .worker = {.executor = processes->executor, .number = self->number},
        .processes = processes,
        .lane = self->lane,
        .helper = helper,
    };
    become_worker(processes, self, helper);
    ovl__nest(processes->executor, &server.worker);
    server.next = atomic_load(&self->lane->head->next);
    size_t limit = processes->executor->options.worker_memory;
    size_t footprint = limit ? ovl__process_size(getpid()) : 0;
    server.memory_limit = limit ? footprint + limit : 0;
    atomic_store(&self->lane->head->footprint, footprint);
    for (;;) {
        if (has_work(&server))
            serve(&server);
        else if (is_ending(&server))
            break;
        else
            await(&server);
    }
    ovl__worker_release(&server.worker);
    leave(ENDED_WELL, NULL);
}
