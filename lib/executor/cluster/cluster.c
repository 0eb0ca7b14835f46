/*
 * Many machines: the ranks of an MPI job run the tasks that rank 0 hands out, by its courier.
 */
#include "base/system.h"
#include "executor/cluster/courier.h"

#include <errno.h>
#include <overlap/cluster.h>
#include <overlap/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a program that exits waits for tasks that it has left running on other ranks. */
#define LEAVE_NS (5 * OVL_SECOND)

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER; /* guards these three */
static bool is_open;
static bool left_busy; /* a rank may still run a task of a former executor */
static uint64_t opened;
static pid_t rank_0;

/* --- opening and closing --- */

static void forget(struct ovl__cluster *cluster)
{
    ovl__buffer_release(&cluster->received);
    for (unsigned i = 0; i < cluster->count; i++)
        ovl__lane_drop(cluster->ranks[i].lane);
    free(cluster->ranks);
    free(cluster);
}

/* Takes whatever the ranks send, so that they get on; true: it was a rank that is ready to leave.
 */
static bool take_leave(const struct ovl__transport *transport, struct ovl__buffer *buffer)
{
    static const enum ovl__tag tags[] = {OVL__HEAD, OVL__BODY};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        int from;
        size_t size;
        if (!transport->arrived(-1, (int)tags[i], &from, &size))
            continue;
        if (ovl__buffer_resize(buffer, size) || transport->receive(buffer->data, size))
            transport->abort(EXIT_FAILURE);
        struct ovl__reader reader = {buffer->data, size};
        const struct ovl__letter_head *head =
            tags[i] == OVL__HEAD ? ovl__reader_take(&reader, sizeof *head) : NULL;
        return head && head->kind == OVL__CLOSED && !head->executor;
    }
    return false;
}

/* Has the other ranks leave; false where one does not in time, since its task does not end. */
static bool all_leave(const struct ovl__transport *transport, int others)
{
    struct ovl__letter message = {0};
    struct ovl__buffer buffer = {0};
    ovl_time since = ovl_now();
    int left = 0;
    ovl__letter_begin(&message, OVL__LEAVING, 0);
    for (int i = 1; i <= others && !message.error; i++) {
        void *sending = transport->begin_send(i, OVL__HEAD, message.bytes.data, message.bytes.size);
        while (sending && !transport->sent(sending))
            ovl__rank_rest(since);
    }
    while (left < others && !message.error && (!left_busy || ovl_now() - since < LEAVE_NS)) {
        left += take_leave(transport, &buffer);
        ovl__rank_rest(since);
    }
    ovl__buffer_release(&message.bytes);
    ovl__buffer_release(&buffer);
    return left == others;
}

/* When the program exits: the other ranks exit with it. */
static void leave(void)
{
    const struct ovl__transport *transport;
    int rank;
    int size;
    if (getpid() != rank_0 || ovl__transport_get(&transport, &rank, &size))
        return;
    if (is_open) { /* its courier is in the middle of something */
        fprintf(stderr, "overlap: the program exits while its cluster is open: all ranks end\n");
        transport->abort(EXIT_FAILURE);
    }
    if (!all_leave(transport, size - 1)) {
        fprintf(stderr, "overlap: a task that was left running on another rank does not end: all "
                        "ranks are ended\n");
        transport->abort(EXIT_FAILURE);
    }
    transport->finish();
}

static int claim(uint64_t *ret_number)
{
    pthread_mutex_lock(&opening);
    int error = is_open ? -EBUSY : 0;
    if (!error && !rank_0) {
        rank_0 = getpid();
        error = atexit(leave) ? -ENOMEM : 0;
    }
    if (!error) {
        is_open = true;
        *ret_number = ++opened;
    }
    pthread_mutex_unlock(&opening);
    return error;
}

static void release(bool busy)
{
    pthread_mutex_lock(&opening);
    is_open = false;
    left_busy |= busy;
    pthread_mutex_unlock(&opening);
}

static int open_as_rank_0(struct ovl_executor *executor, const struct ovl__transport *transport)
{
    uint64_t number;
    int error = claim(&number);
    if (error)
        return error;
    struct ovl__cluster *cluster = ovl__zalloc(sizeof *cluster);
    struct ovl__rank *ranks = ovl__zalloc(executor->workers * sizeof *ranks);
    error = cluster && ranks ? 0 : -ENOMEM;
    if (!error) {
        *cluster = (struct ovl__cluster){
            .executor = executor,
            .transport = transport,
            .number = number,
            .ranks = ranks,
            .count = executor->workers,
        };
        ovl__list_init(&cluster->sendings);
        ovl__wait_list_init(&cluster->changed);
        executor->own = cluster;
        error = -ovl__sys.pthread_create(&cluster->courier, NULL, ovl__courier_main, cluster);
    }
    if (error) {
        free(ranks);
        free(cluster);
        release(false);
    }
    return error;
}

static int cluster_open(struct ovl_executor *executor)
{
    const struct ovl__transport *transport;
    int rank;
    int size;
    int error = ovl__transport_get(&transport, &rank, &size);
    if (error)
        return error;
    if (rank > 0)
        ovl__rank_serve(transport, (unsigned)rank, executor);
    if (executor->workers > (unsigned)size - 1)
        executor->workers = (unsigned)size - 1;
    return open_as_rank_0(executor, transport);
}

static void cluster_queued_many(struct ovl_executor *executor)
{
    struct ovl__cluster *cluster = executor->own;
    ovl__wake_all(&cluster->changed);
}

static void cluster_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    (void)future;
    cluster_queued_many(executor);
}

static void cluster_cancel_running(struct ovl_executor *executor, struct ovl_future *future)
{
    struct ovl__cluster *cluster = executor->own;
    struct ovl__rank *rank = &cluster->ranks[future->outcome.worker];
    for (uint32_t i = rank->replied; i != rank->sent; i++) {
        uint32_t place = i % OVL__AHEAD;
        if (rank->tasks[place] != future || rank->to_cancel[place])
            continue;
        rank->to_cancel[place] = true;
        rank->cancels++;
        ovl__wake_all(&cluster->changed);
    }
}

/* A rank runs one of the tasks it was sent; the others are as good as queued. */
static void cluster_count(struct ovl_executor *executor, struct ovl_counts *counts)
{
    const struct ovl__cluster *cluster = executor->own;
    size_t busy = 0;
    for (unsigned i = 0; i < cluster->count; i++)
        busy += ovl__rank_has(&cluster->ranks[i]) > 0;
    size_t ahead = counts->running > busy ? counts->running - busy : 0;
    counts->running -= ahead;
    counts->queued += ahead;
}

static void cluster_close(struct ovl_executor *executor, bool abandon)
{
    struct ovl__cluster *cluster = executor->own;
    ovl__park_lock(&executor->lock);
    cluster->closing = true;
    cluster->abandon = abandon;
    ovl__wake_all(&cluster->changed);
    ovl__park_unlock(&executor->lock);
    pthread_join(cluster->courier, NULL);
    bool busy = cluster->left_busy;
    forget(cluster);
    release(busy);
}

const struct ovl__model_ops ovl__model_cluster = {
    .model = OVL_CLUSTER,
    .workers_max = OVL_WORKERS_MAX,
    .core = &ovl__core_queue,
    .open = cluster_open,
    .queued = cluster_queued,
    .queued_many = cluster_queued_many,
    .cancel_running = cluster_cancel_running,
    .count = cluster_count,
    .close = cluster_close,
};

/* --- what a program may ask --- */

unsigned ovl__cluster_workers(void)
{
    long ranks = ovl__transport_size();
    return ranks > 2 && ranks <= OVL_WORKERS_MAX ? (unsigned)ranks - 1 : 1;
}

/* Whichever rank this is. On rank 0 the others are told when it exits, also where it opens nothing.
 */
static int begin(int *ret_rank, int *ret_size)
{
    const struct ovl__transport *transport;
    int error = ovl__transport_get(&transport, ret_rank, ret_size);
    if (!error && *ret_rank == 0 && !rank_0) {
        rank_0 = getpid();
        error = atexit(leave) ? -ENOMEM : 0;
    }
    return error;
}

int ovl_cluster_rank(unsigned *ret_rank, unsigned *ret_count)
{
    int rank;
    int size;
    int error = begin(&rank, &size);
    if (error)
        return error;
    *ret_rank = (unsigned)rank;
    *ret_count = (unsigned)size;
    return 0;
}

int ovl_cluster_join(void)
{
    struct ovl_executor *executor;
    int rank;
    int size;
    if (!ovl__transport_expected())
        return 0;
    int error = begin(&rank, &size);
    if (error || rank == 0)
        return error;
    /* On the other ranks the open serves, and does not return. */
    return ovl_executor_open(OVL_CLUSTER, NULL, &executor);
}

int ovl_cluster_listen(struct ovl_executor *executor, ovl_cluster_heard_fn *heard, void *context)
{
    if (!executor || executor->ops != &ovl__model_cluster || !executor->own)
        return -EINVAL;
    struct ovl__cluster *cluster = executor->own;
    ovl__park_lock(&executor->lock);
    cluster->heard = heard;
    cluster->heard_context = context;
    ovl__park_unlock(&executor->lock);
    return 0;
}

const char *ovl_cluster_problem(void)
{
    return ovl__transport_problem();
}
