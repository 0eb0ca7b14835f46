/*
 * Many machines: the ranks of an MPI job run the tasks that rank 0 hands out. One thread of rank 0,
 * the courier, sends tasks and receives results. A rank is given as many tasks at a time as it runs
 * in a moment: one, where they are long.
 */
#include "executor/cluster/cluster.h"
#include "base/system.h"

#include <errno.h>
#include <overlap/cluster.h>
#include <overlap/error.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A rank has at most so many tasks at a time, and work for about so long. */
#define AHEAD_TASKS 256
#define AHEAD_NS    (200 * OVL_MICROSECOND)

/* A rank that runs tasks of this length is given the next ones only when it has none. */
#define LONG_NS OVL_MILLISECOND

/* Messages of small items are no larger than about this. */
#define MESSAGE_BYTES ((size_t)256 << 10)

/* How long a close waits for sessions to close. */
#define CLOSE_NS (5 * OVL_SECOND)

#define SLEEP_MOST OVL_MILLISECOND
#define AWAKE_NS   (200 * OVL_MICROSECOND)

/* A rank, as rank 0 sees it. Under the executor's lock. */
struct rank {
    struct ovl_future *tasks[AHEAD_TASKS]; /* what it was sent, a ring, the oldest first */
    uint32_t sent, replied;
    bool closed;
};

/* Something on its way. The courier's. */
struct sending {
    struct ovl__link link;
    void *transport; /* the transport's own */
    struct ovl__letter letter;
    struct ovl_future *future; /* or: its item is what is sent */
};

struct cluster {
    struct ovl_executor *executor;
    const struct ovl__transport *transport;
    uint64_t number; /* counts the executors of this process */
    struct rank *ranks;
    unsigned count;
    pthread_t courier;
    struct ovl__wait_list changed; /* the courier, asleep */
    bool closing;
    bool abandon;
    ovl_time task_ns; /* how long tasks take lately; 0: not known */
    /* The courier's own. */
    struct ovl__link sendings;
    struct ovl__buffer received;
    ovl_task_fn *fn; /* the last task's, and its place */
    struct ovl__code_place fn_place;
};

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER; /* guards these two */
static bool is_open;
static uint64_t opened;
static pid_t rank_0;

/* --- sending --- */

static struct sending *new_sending(struct cluster *cluster, enum ovl__letter_kind kind)
{
    struct sending *sending = ovl__zalloc(sizeof *sending);
    if (sending)
        ovl__letter_begin(&sending->letter, kind, cluster->number);
    return sending;
}

static void free_sending(struct sending *sending)
{
    ovl__buffer_release(&sending->letter.bytes);
    if (sending->future)
        ovl__future_drop(sending->future);
    free(sending);
}

/* A message that cannot be sent leaves ranks waiting for ever: the job ends, and says why. */
_Noreturn static void give_up(const struct cluster *cluster, const char *why)
{
    fprintf(stderr, "overlap: the cluster cannot go on: %s\n", why);
    cluster->transport->abort(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

static void post(struct cluster *cluster, unsigned rank, struct sending *sending)
{
    enum ovl__tag tag = sending->future ? OVL__BODY : OVL__HEAD;
    const void *data = sending->future ? sending->future->item.data : sending->letter.bytes.data;
    size_t size = sending->future ? sending->future->item.size : sending->letter.bytes.size;
    sending->transport = cluster->transport->begin_send((int)rank + 1, tag, data, size);
    if (!sending->transport)
        give_up(cluster, "a message cannot be sent");
    ovl__list_append(&cluster->sendings, &sending->link);
}

static void post_kind(struct cluster *cluster, unsigned rank, enum ovl__letter_kind kind)
{
    struct sending *sending = new_sending(cluster, kind);
    if (!sending || sending->letter.error)
        give_up(cluster, "no memory for a message");
    post(cluster, rank, sending);
}

static bool collect_sendings(struct cluster *cluster)
{
    bool any = false;
    struct ovl__link *next;
    for (struct ovl__link *link = cluster->sendings.next; link != &cluster->sendings; link = next) {
        next = link->next;
        struct sending *sending = ovl__of(link, struct sending, link);
        if (!cluster->transport->sent(sending->transport))
            continue;
        ovl__list_remove(link);
        free_sending(sending);
        any = true;
    }
    return any;
}

/* --- handing out --- */

static uint32_t in_flight(const struct rank *rank)
{
    return rank->sent - rank->replied;
}

static int find_place(struct cluster *cluster, ovl_task_fn *fn)
{
    const void *address;
    if (cluster->fn == fn)
        return 0;
    memcpy(&address, &fn, sizeof address);
    int error = ovl__code_place(address, &cluster->fn_place);
    cluster->fn = error ? NULL : fn;
    return error;
}

/* How many tasks the rank is given now. The lock is held. */
static size_t share(const struct cluster *cluster, const struct rank *rank)
{
    uint32_t has = in_flight(rank);
    if (!cluster->task_ns)
        return has ? 0 : 1;
    if (has && cluster->task_ns > LONG_NS)
        return 0;
    size_t by_time = (size_t)(AHEAD_NS / cluster->task_ns);
    size_t fair = cluster->executor->counts.queued / (2 * (size_t)cluster->count) + 1;
    size_t most = by_time < fair ? by_time : fair;
    most = most < 1 ? 1 : most;
    if (has > most / 2 && has > 1)
        return 0;
    return most < AHEAD_TASKS - has ? most : AHEAD_TASKS - has;
}

/* Fails a task that cannot be sent. */
static void refuse(struct ovl_future *future, int error)
{
    future->outcome.error = error;
    ovl__future_finish(future);
}

static void add_task(struct cluster *cluster, struct rank *rank, struct sending *sending,
                     struct ovl_future *future)
{
    struct ovl__task_part part = {
        .left_ns = OVL_FOREVER,
        .item_size = future->item.size,
    };
    if (future->deadline != OVL_FOREVER)
        part.left_ns = future->deadline - ovl_now();
    int error = find_place(cluster, future->fn);
    if (!error && future->item.size > OVL__MESSAGE_MAX)
        error = -EMSGSIZE;
    if (!error) {
        size_t before = sending->letter.bytes.size;
        part.fn = cluster->fn_place;
        ovl__letter_add(&sending->letter, &part, sizeof part);
        if (part.item_size < OVL__APART)
            ovl__letter_add(&sending->letter, future->item.data, part.item_size);
        error = sending->letter.error;
        if (error) {
            sending->letter.bytes.size = before;
            sending->letter.error = 0;
        }
    }
    if (error) {
        refuse(future, error);
        return;
    }
    rank->tasks[rank->sent % AHEAD_TASKS] = future;
    rank->sent++;
    ovl__letter_head(&sending->letter)->count++;
}

static void post_bodies(struct cluster *cluster, unsigned number, uint32_t from)
{
    struct rank *rank = &cluster->ranks[number];
    for (uint32_t i = from; i != rank->sent; i++) {
        struct ovl_future *future = rank->tasks[i % AHEAD_TASKS];
        if (future->item.size < OVL__APART)
            continue;
        struct sending *body = ovl__zalloc(sizeof *body);
        if (!body)
            give_up(cluster, "no memory for a message");
        ovl__state_hold(&future->state);
        body->future = future;
        post(cluster, number, body);
    }
}

static bool feed(struct cluster *cluster, unsigned number)
{
    struct rank *rank = &cluster->ranks[number];
    size_t most = ovl__executor_may_take(cluster->executor) ? share(cluster, rank) : 0;
    if (!most)
        return false;
    struct sending *sending = new_sending(cluster, OVL__TASKS);
    if (!sending || sending->letter.error)
        give_up(cluster, "no memory for a message");
    uint32_t from = rank->sent;
    while (most-- && sending->letter.bytes.size < MESSAGE_BYTES) {
        struct ovl_future *future = ovl__executor_take(cluster->executor);
        if (!future)
            break;
        future->outcome.worker = number;
        future->more->meter.record.worker = number;
        add_task(cluster, rank, sending, future);
    }
    if (rank->sent == from) {
        free_sending(sending);
        return false;
    }
    post(cluster, number, sending);
    post_bodies(cluster, number, from);
    return true;
}

/* Ranks with nothing to do come first. */
static bool hand_out(struct cluster *cluster)
{
    bool any = false;
    for (unsigned i = 0; i < cluster->count; i++)
        if (!in_flight(&cluster->ranks[i]))
            any |= feed(cluster, i);
    for (unsigned i = 0; i < cluster->count; i++)
        any |= feed(cluster, i);
    return any;
}

/* --- results --- */

/* Times are the other rank's: they are moved to where they were on our clock, as far as one can
 * tell. */
static void move_times(struct ovl_record *record, ovl_time shift)
{
    record->start += record->start ? shift : 0;
    record->end += record->end ? shift : 0;
}

static int receive_result(struct cluster *cluster, unsigned number, struct ovl_future *future,
                          size_t size)
{
    int from;
    size_t arriving;
    ovl_time since = ovl_now();
    while (!cluster->transport->arrived((int)number + 1, OVL__BODY, &from, &arriving))
        ovl__rank_rest(since);
    struct ovl__buffer dropped = {0};
    struct ovl__buffer *buffer = future ? &future->result : &dropped;
    int error = ovl__buffer_resize(buffer, arriving);
    if (error || arriving != size)
        give_up(cluster, "no memory for a result");
    error = cluster->transport->receive(buffer->data, arriving);
    ovl__buffer_release(&dropped);
    return error;
}

static int copy_result(struct ovl_future *future, const void *data, size_t size)
{
    int error = size ? ovl__buffer_resize(&future->result, size) : 0;
    if (!error && size)
        memcpy(future->result.data, data, size);
    return error;
}

static void end_task(struct ovl_future *future, const struct ovl__result_part *part, int error)
{
    if (!part->begun) {
        future->outcome.attempts--;
        future->outcome.worker = OVL_NO_WORKER;
        ovl__future_requeue(future);
        ovl__future_refuse(future, OVL_ETIMEDOUT);
        return;
    }
    int cancelled = atomic_load_explicit(&future->cancel, memory_order_relaxed);
    future->outcome.error = error ? error : part->error;
    if (part->error && cancelled)
        future->outcome.error = cancelled;
    future->outcome.detail = part->detail;
    ovl__future_record(future);
    ovl__future_finish(future);
}

static void take_result(struct cluster *cluster, unsigned number, struct ovl__reader *reader,
                        const struct ovl__letter_head *head)
{
    struct rank *rank = &cluster->ranks[number];
    bool stale = head->executor != cluster->number;
    struct ovl_future *future = stale ? NULL : rank->tasks[rank->replied % AHEAD_TASKS];
    const struct ovl__result_part *part = ovl__reader_take(reader, sizeof *part);
    if (!part || (!stale && !in_flight(rank)))
        give_up(cluster, "a message makes no sense");
    bool apart = part->size >= OVL__APART;
    const void *data = apart ? NULL : ovl__reader_take(reader, part->size);
    int error = 0;
    const struct ovl__meter *meter =
        head->recorded ? ovl__reader_take(reader, sizeof *meter) : NULL;
    if (head->recorded && !meter)
        give_up(cluster, "a message makes no sense");
    if (!stale && meter) {
        ovl__meter_copy(&future->more->meter, meter);
        move_times(&future->more->meter.record, ovl_now() - head->now);
    }
    if (apart)
        error = receive_result(cluster, number, future, part->size);
    else if (!stale)
        error = copy_result(future, data, part->size);
    if (stale)
        return;
    pthread_mutex_lock(&cluster->executor->lock);
    rank->replied++;
    end_task(future, part, error);
    pthread_mutex_unlock(&cluster->executor->lock);
}

static void note_time(struct cluster *cluster, ovl_time took_ns, uint32_t count)
{
    ovl_time each = count ? took_ns / count : 0;
    each = each > 0 ? each : 1;
    cluster->task_ns = cluster->task_ns ? (cluster->task_ns * 3 + each) / 4 : each;
}

/* Without the lock. */
static bool receive(struct cluster *cluster)
{
    int from;
    size_t size;
    if (!cluster->transport->arrived(-1, OVL__HEAD, &from, &size))
        return false;
    if (ovl__buffer_resize(&cluster->received, size) ||
        cluster->transport->receive(cluster->received.data, size))
        give_up(cluster, "a message was lost");
    struct ovl__reader reader = {cluster->received.data, size};
    const struct ovl__letter_head *head = ovl__reader_take(&reader, sizeof *head);
    unsigned number = (unsigned)from - 1;
    if (!head || number >= cluster->count)
        return true; /* a rank beyond those wanted has nothing to say */
    if (head->kind == OVL__CLOSED) {
        cluster->ranks[number].closed |= head->executor == cluster->number;
        return true;
    }
    for (uint32_t i = 0; i < head->count; i++)
        take_result(cluster, number, &reader, head);
    if (head->executor == cluster->number)
        note_time(cluster, head->took_ns, head->count);
    return true;
}

/* --- the courier --- */

static bool is_idle(const struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++)
        if (in_flight(&cluster->ranks[i]))
            return false;
    return ovl__list_empty(&cluster->sendings);
}

/* The lock is held, and let go meanwhile. */
static void rest(struct cluster *cluster, ovl_time since)
{
    struct ovl_executor *executor = cluster->executor;
    ovl_time idle = ovl_now() - since;
    if (is_idle(cluster)) {
        if (ovl__executor_may_take(executor)) /* it was queued while the lock was let go */
            return;
        ovl__wait(&cluster->changed, &executor->lock, OVL_FOREVER);
    } else if (idle < AWAKE_NS) {
        pthread_mutex_unlock(&executor->lock);
        sched_yield();
        pthread_mutex_lock(&executor->lock);
    } else {
        ovl_time length = idle / 8 < SLEEP_MOST ? idle / 8 : SLEEP_MOST;
        ovl__wait(&cluster->changed, &executor->lock, ovl_after(length));
    }
}

static bool step(struct cluster *cluster)
{
    bool any = hand_out(cluster);
    pthread_mutex_unlock(&cluster->executor->lock);
    any |= collect_sendings(cluster);
    while (receive(cluster))
        any = true;
    pthread_mutex_lock(&cluster->executor->lock);
    return any;
}

static void open_ranks(struct cluster *cluster)
{
    const struct ovl_options *options = &cluster->executor->options;
    struct ovl__opening part = {.recorded = cluster->executor->metered};
    const void *open;
    const void *close;
    memcpy(&open, &options->session_open, sizeof open);
    memcpy(&close, &options->session_close, sizeof close);
    if (ovl__code_place(open, &part.session_open) || ovl__code_place(close, &part.session_close))
        give_up(cluster, "the session's functions are in no module");
    for (unsigned i = 0; i < cluster->count; i++) {
        struct sending *sending = new_sending(cluster, OVL__OPENING);
        if (sending)
            ovl__letter_add(&sending->letter, &part, sizeof part);
        if (!sending || sending->letter.error)
            give_up(cluster, "no memory for a message");
        post(cluster, i, sending);
    }
}

static bool all_closed(const struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++)
        if (!cluster->ranks[i].closed)
            return false;
    return true;
}

/* Ranks that still run tasks close their sessions when these end; nobody waits for that. */
static void close_ranks(struct cluster *cluster)
{
    ovl_time until = ovl_after(cluster->abandon ? 0 : CLOSE_NS);
    ovl_time since = ovl_now();
    for (unsigned i = 0; i < cluster->count; i++)
        post_kind(cluster, i, OVL__CLOSING);
    for (;;) {
        bool any = collect_sendings(cluster);
        any |= receive(cluster);
        bool sent = ovl__list_empty(&cluster->sendings);
        if (sent && (all_closed(cluster) || ovl_now() >= until))
            return;
        if (any)
            since = ovl_now();
        else
            ovl__rank_rest(since);
    }
}

static void *courier_main(void *argument)
{
    struct cluster *cluster = argument;
    struct ovl_executor *executor = cluster->executor;
    pthread_setname_np(pthread_self(), "ovl-courier");
    open_ranks(cluster);
    pthread_mutex_lock(&executor->lock);
    ovl_time since = ovl_now();
    while (!cluster->closing) {
        if (step(cluster))
            since = ovl_now();
        else if (!cluster->closing)
            rest(cluster, since);
    }
    for (unsigned i = 0; cluster->abandon && i < cluster->count; i++) {
        struct rank *rank = &cluster->ranks[i];
        while (in_flight(rank))
            refuse(rank->tasks[rank->replied++ % AHEAD_TASKS], OVL_ECANCELED);
    }
    pthread_mutex_unlock(&executor->lock);
    close_ranks(cluster);
    return NULL;
}

/* --- opening and closing --- */

static void forget(struct cluster *cluster)
{
    ovl__buffer_release(&cluster->received);
    free(cluster->ranks);
    free(cluster);
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
    struct ovl__letter message = {0};
    ovl__letter_begin(&message, OVL__LEAVING, 0);
    for (int i = 1; i < size && !message.error; i++) {
        void *sending = transport->begin_send(i, OVL__HEAD, message.bytes.data, message.bytes.size);
        ovl_time since = ovl_now();
        while (sending && !transport->sent(sending))
            ovl__rank_rest(since);
    }
    ovl__buffer_release(&message.bytes);
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

static void release(void)
{
    pthread_mutex_lock(&opening);
    is_open = false;
    pthread_mutex_unlock(&opening);
}

static int open_as_rank_0(struct ovl_executor *executor, const struct ovl__transport *transport)
{
    uint64_t number;
    int error = claim(&number);
    if (error)
        return error;
    struct cluster *cluster = ovl__zalloc(sizeof *cluster);
    struct rank *ranks = ovl__zalloc(executor->workers * sizeof *ranks);
    error = cluster && ranks ? 0 : -ENOMEM;
    if (!error) {
        *cluster = (struct cluster){
            .executor = executor,
            .transport = transport,
            .number = number,
            .ranks = ranks,
            .count = executor->workers,
        };
        ovl__list_init(&cluster->sendings);
        ovl__wait_list_init(&cluster->changed);
        executor->own = cluster;
        error = -ovl__sys.pthread_create(&cluster->courier, NULL, courier_main, cluster);
    }
    if (error) {
        free(ranks);
        free(cluster);
        release();
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
    struct cluster *cluster = executor->own;
    ovl__wake_all(&cluster->changed);
}

static void cluster_queued(struct ovl_executor *executor, struct ovl_future *future)
{
    (void)future;
    cluster_queued_many(executor);
}

/* A rank runs one of the tasks it was sent; the others are as good as queued. */
static void cluster_count(struct ovl_executor *executor, struct ovl_counts *counts)
{
    const struct cluster *cluster = executor->own;
    size_t busy = 0;
    for (unsigned i = 0; i < cluster->count; i++)
        busy += in_flight(&cluster->ranks[i]) > 0;
    size_t ahead = counts->running > busy ? counts->running - busy : 0;
    counts->running -= ahead;
    counts->queued += ahead;
}

static bool cluster_is_copy(const struct ovl_executor *executor)
{
    (void)executor;
    return getpid() != rank_0;
}

static void cluster_close(struct ovl_executor *executor, bool abandon)
{
    struct cluster *cluster = executor->own;
    pthread_mutex_lock(&executor->lock);
    cluster->closing = true;
    cluster->abandon = abandon;
    ovl__wake_all(&cluster->changed);
    pthread_mutex_unlock(&executor->lock);
    pthread_join(cluster->courier, NULL);
    forget(cluster);
    release();
}

const struct ovl__model_ops ovl__model_cluster = {
    .model = OVL_CLUSTER,
    .workers_max = OVL_WORKERS_MAX,
    .core = &ovl__core_queue,
    .open = cluster_open,
    .queued = cluster_queued,
    .queued_many = cluster_queued_many,
    .is_copy = cluster_is_copy,
    .count = cluster_count,
    .close = cluster_close,
};

/* --- what a program may ask --- */

unsigned ovl__cluster_workers(void)
{
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    long ranks = size ? strtol(size, NULL, 10) : 0;
    return ranks > 2 && ranks <= OVL_WORKERS_MAX ? (unsigned)ranks - 1 : 1;
}

int ovl_cluster_join(void)
{
    if (!ovl__transport_expected())
        return 0;
    struct ovl_executor *executor;
    int rank;
    int size;
    const struct ovl__transport *transport;
    int error = ovl__transport_get(&transport, &rank, &size);
    if (error || rank == 0) {
        if (!error && !rank_0) {
            rank_0 = getpid();
            error = atexit(leave) ? -ENOMEM : 0;
        }
        return error;
    }
    /* On the other ranks the open serves, and does not return. */
    return ovl_executor_open(OVL_CLUSTER, NULL, &executor);
}

const char *ovl_cluster_problem(void)
{
    return ovl__transport_problem();
}
