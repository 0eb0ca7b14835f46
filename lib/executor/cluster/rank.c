/*
 * A rank that works. It has one thread, which waits for messages and runs what they ask for; it
 * looks for them awake for a moment, and then less and less often, so that a rank with nothing to
 * do takes no processor to speak of.
 */
#include "base/system.h"
#include "executor/cluster/cluster.h"
#include "executor/nested.h"

#include <errno.h>
#include <overlap/error.h>
#include <sched.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

/* How long a rank looks for messages awake; and the longest sleep between two looks. */
#define AWAKE_NS   (200 * OVL_MICROSECOND)
#define SLEEP_MOST OVL_MILLISECOND

/* Results of short tasks are gathered for so long, and then sent together. */
#define GATHER_NS (500 * OVL_MICROSECOND)

/* Memory for items that stays. */
#define KEPT_BYTES ((size_t)16 << 20)

struct serving {
    const struct ovl__transport *transport;
    struct ovl_executor *executor;
    struct ovl__worker worker;
    uint64_t number; /* of rank 0's executor */
    struct ovl__buffer received;
    struct ovl__buffer item; /* a large one */
    struct ovl__letter reply;
    uint32_t replied; /* tasks in it */
    ovl_time reply_began;
    struct ovl__code_place fn_place; /* the last task's */
    const void *fn;
};

void ovl__rank_rest(ovl_time since)
{
    ovl_time idle = ovl_now() - since;
    if (idle < AWAKE_NS) {
        sched_yield();
        return;
    }
    ovl_time length = idle / 8 < SLEEP_MOST ? idle / 8 : SLEEP_MOST;
    struct timespec rest = {.tv_nsec = length};
    ovl__sys.nanosleep(&rest, NULL);
}

/* Without its messages a rank is of no use: the job ends, and says why. */
_Noreturn static void give_up(const struct serving *serving, const char *why)
{
    fprintf(stderr, "overlap: a rank of the cluster cannot go on: %s\n", why);
    serving->transport->abort(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

static void receive(struct serving *serving, enum ovl__tag tag, struct ovl__buffer *buffer)
{
    int from;
    size_t size;
    ovl_time since = ovl_now();
    while (!serving->transport->arrived(0, tag, &from, &size))
        ovl__rank_rest(since);
    if (ovl__buffer_resize(buffer, size))
        give_up(serving, "no memory for what rank 0 sends");
    if (serving->transport->receive(buffer->data, size))
        give_up(serving, "a message was lost");
}

/* Rank 0 receives whatever it does: a send ends. */
static void send_all(struct serving *serving, enum ovl__tag tag, const void *data, size_t size)
{
    void *sending = serving->transport->begin_send(0, tag, data, size);
    ovl_time since = ovl_now();
    if (!sending)
        give_up(serving, "a message cannot be sent");
    while (!serving->transport->sent(sending))
        ovl__rank_rest(since);
}

static void close_sessions(struct serving *serving)
{
    ovl__worker_release(&serving->worker);
    serving->worker.session_count = 0;
}

static void open_executor(struct serving *serving, struct ovl__reader *reader, uint64_t number)
{
    const struct ovl__opening *opening = ovl__reader_take(reader, sizeof *opening);
    const void *open = NULL;
    const void *close = NULL;
    close_sessions(serving);
    if (!opening || ovl__code_address(&opening->session_open, &open) ||
        ovl__code_address(&opening->session_close, &close))
        give_up(serving, "this rank runs another program than rank 0");
    struct ovl_options *options = &serving->executor->options;
    memcpy(&options->session_open, &open, sizeof open);
    memcpy(&options->session_close, &close, sizeof close);
    serving->executor->metered = opening->recorded;
    serving->number = number;
}

/* --- tasks --- */

/* Adds what one task has to tell; returns whether its result follows in a message of its own. */
static bool add_result(struct serving *serving, struct ovl_future *future, bool begun)
{
    struct ovl__result_part part = {
        .error = future->outcome.error,
        .detail = future->outcome.detail,
        .begun = begun,
        .size = future->outcome.error ? 0 : future->result.size,
    };
    if (part.size > OVL__MESSAGE_MAX)
        part = (struct ovl__result_part){.error = -EMSGSIZE, .begun = 1};
    ovl__letter_add(&serving->reply, &part, sizeof part);
    if (part.size < OVL__APART)
        ovl__letter_add(&serving->reply, future->result.data, part.size);
    if (serving->executor->metered)
        ovl__letter_add(&serving->reply, &future->more->meter, sizeof future->more->meter);
    if (serving->reply.error)
        give_up(serving, "no memory for a reply");
    serving->replied++;
    return part.size >= OVL__APART;
}

static void begin_reply(struct serving *serving)
{
    ovl__letter_begin(&serving->reply, OVL__RESULTS, serving->number);
    serving->replied = 0;
    serving->reply_began = ovl_now();
}

static void send_reply(struct serving *serving)
{
    struct ovl__letter_head *head = ovl__letter_head(&serving->reply);
    if (!serving->replied)
        return;
    head->count = serving->replied;
    head->recorded = serving->executor->metered;
    head->now = ovl_now();
    head->took_ns = head->now - serving->reply_began;
    send_all(serving, OVL__HEAD, serving->reply.bytes.data, serving->reply.bytes.size);
}

static int find_function(struct serving *serving, const struct ovl__code_place *place)
{
    if (serving->fn && !memcmp(&serving->fn_place, place, sizeof *place))
        return 0;
    serving->fn = NULL;
    int error = ovl__code_address(place, &serving->fn);
    serving->fn_place = *place;
    return error;
}

static void run_task(struct serving *serving, const struct ovl__task_part *part,
                     struct ovl_bytes item, ovl_time received)
{
    struct ovl__future_more more = {0};
    struct ovl_future future = {
        .executor = serving->executor,
        .more = &more,
        .item = item,
        .deadline = part->left_ns == OVL_FOREVER ? OVL_FOREVER : received + part->left_ns,
        .outcome = {.worker = serving->worker.number, .attempts = 1},
    };
    ovl__list_init(&future.link);
    ovl__wait_list_init(&future.waiters);
    ovl__state_init(&future.state, OVL__RUNNING, 1);
    future.outcome.error = find_function(serving, &part->fn);
    memcpy(&future.fn, &serving->fn, sizeof future.fn);
    bool begun = future.deadline == OVL_FOREVER || ovl_now() < future.deadline;
    if (!future.outcome.error && begun)
        ovl__worker_run(&serving->worker, &future);
    if (__fpending(stdout))
        fflush(stdout); /* what a task has written is written once its future is done */
    bool apart = add_result(serving, &future, begun);
    if (apart || ovl_now() - serving->reply_began > GATHER_NS) {
        send_reply(serving);
        if (apart)
            send_all(serving, OVL__BODY, future.result.data, future.result.size);
        begin_reply(serving);
    }
    ovl__buffer_release(&future.result);
}

static void run_tasks(struct serving *serving, struct ovl__reader *reader, uint32_t count)
{
    ovl_time received = ovl_now();
    begin_reply(serving);
    for (uint32_t i = 0; i < count; i++) {
        const struct ovl__task_part *part = ovl__reader_take(reader, sizeof *part);
        struct ovl_bytes item = {0};
        if (part && part->item_size >= OVL__APART) {
            receive(serving, OVL__BODY, &serving->item);
            item = (struct ovl_bytes){serving->item.data, serving->item.size};
        } else if (part && part->item_size) {
            item = (struct ovl_bytes){ovl__reader_take(reader, part->item_size), part->item_size};
        }
        if (!part || (item.size && !item.data))
            give_up(serving, "a message makes no sense");
        run_task(serving, part, item, received);
        if (serving->item.capacity > KEPT_BYTES)
            ovl__buffer_release(&serving->item);
    }
    send_reply(serving);
}

/* --- the rank's life --- */

static void close_executor(struct serving *serving)
{
    close_sessions(serving);
    ovl__letter_begin(&serving->reply, OVL__CLOSED, serving->number);
    if (serving->reply.error)
        give_up(serving, "no memory for a reply");
    send_all(serving, OVL__HEAD, serving->reply.bytes.data, serving->reply.bytes.size);
}

/* Returns whether there is more to come. */
static bool serve(struct serving *serving)
{
    receive(serving, OVL__HEAD, &serving->received);
    struct ovl__reader reader = {serving->received.data, serving->received.size};
    const struct ovl__letter_head *head = ovl__reader_take(&reader, sizeof *head);
    if (!head)
        give_up(serving, "a message makes no sense");
    switch ((enum ovl__letter_kind)head->kind) {
    case OVL__OPENING:
        open_executor(serving, &reader, head->executor);
        return true;
    case OVL__TASKS:
        run_tasks(serving, &reader, head->count);
        return true;
    case OVL__CLOSING:
        close_executor(serving);
        return true;
    default:
        return false;
    }
}

_Noreturn void ovl__rank_serve(const struct ovl__transport *transport, unsigned rank,
                               struct ovl_executor *executor)
{
    struct serving serving = {
        .transport = transport,
        .executor = executor,
        .worker = {.executor = executor, .number = rank - 1},
    };
    ovl__nest(executor, &serving.worker);
    while (serve(&serving))
        ;
    close_sessions(&serving);
    transport->finish();
    exit(EXIT_SUCCESS);
}
