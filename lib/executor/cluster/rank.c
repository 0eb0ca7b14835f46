/*
 * A rank that works. Its main thread waits for messages and runs what they ask for; it looks for
 * them awake for a moment, and then less and less often, so that a rank with nothing to do takes no
 * processor to speak of.
 *
 * While one task runs for long, a second thread, the sitter, sees to what cannot wait for its end:
 * the results of tasks before it are sent, and word that it was cancelled is taken. Both hold the
 * lock but where they run a task, rest, or call a session's functions.
 */
#include "base/system.h"
#include "executor/cluster/room.h"
#include "executor/nested.h"

#include <errno.h>
#include <overlap/cluster.h>
#include <overlap/error.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long messages are looked for awake; and the longest sleep between two looks. */
#define AWAKE_NS   (200 * OVL_MICROSECOND)
#define SLEEP_MOST OVL_MILLISECOND

/* Results of short tasks are gathered for so long, and then sent together. */
#define GATHER_NS (500 * OVL_MICROSECOND)

/* How often the sitter looks, at first and at last; and how long it looks with no task at hand. */
#define SIT_NS      OVL_MILLISECOND
#define SIT_MOST    (10 * OVL_MILLISECOND)
#define SIT_IDLE_NS (50 * OVL_MILLISECOND)

/* Memory for items that stays. */
#define KEPT_BYTES ((size_t)16 << 20)

struct serving {
    pthread_mutex_t lock; /* guards the transport and all that follows */
    const struct ovl__transport *transport;
    struct ovl_executor *executor;
    struct ovl__worker worker;
    uint64_t number; /* of rank 0's executor */
    struct ovl__buffer received;
    struct ovl__buffer item; /* a large one */
    struct ovl__rooms rooms;
    struct ovl__letter reply, spare;
    uint32_t replied; /* tasks in it */
    ovl_time reply_began;
    struct ovl__code_place fn_place; /* the last task's */
    const void *fn;
    uint32_t task;              /* the place of the one that runs among all of this executor's */
    struct ovl_future *running; /* it; NULL: none */
    struct ovl__buffer word;    /* of cancelled tasks */
    uint64_t cancelled_number;  /* of which executor the following are */
    uint32_t cancelled[OVL__AHEAD]; /* by a task's place, modulo: the place, and 1; 0: none */
    struct ovl__returned returned;  /* tasks of this executor that were given back */
    pthread_t sitter;
    pthread_cond_t begun;
    bool sitter_sleeps;
    bool leaving;
};

ovl_time ovl__rank_pause(ovl_time since)
{
    ovl_time idle = ovl_now() - since;
    if (idle < AWAKE_NS)
        return 0;
    return idle / 8 < SLEEP_MOST ? idle / 8 : SLEEP_MOST;
}

void ovl__rank_rest(ovl_time since)
{
    struct timespec pause = {.tv_nsec = ovl__rank_pause(since)};
    if (pause.tv_nsec)
        ovl__sys.nanosleep(&pause, NULL);
    else
        sched_yield();
}

/* Without its messages a rank is of no use: the job ends, and says why. */
_Noreturn static void give_up(const struct serving *serving, const char *why)
{
    fprintf(stderr, "overlap: a rank of the cluster cannot go on: %s\n", why);
    serving->transport->abort(EXIT_FAILURE);
    _exit(EXIT_FAILURE);
}

static void rest(struct serving *serving, ovl_time since)
{
    pthread_mutex_unlock(&serving->lock);
    ovl__rank_rest(since);
    pthread_mutex_lock(&serving->lock);
}

static void take(struct serving *serving, struct ovl__buffer *buffer, size_t size)
{
    if (ovl__buffer_resize(buffer, size))
        give_up(serving, "no memory for what rank 0 sends");
    if (serving->transport->receive(buffer->data, size))
        give_up(serving, "a message was lost");
}

static void receive(struct serving *serving, enum ovl__tag tag, struct ovl__buffer *buffer)
{
    int from;
    size_t size;
    ovl_time since = ovl_now();
    while (!serving->transport->arrived(0, tag, &from, &size))
        rest(serving, since);
    take(serving, buffer, size);
}

/* From here on the message is in its place among all that go to rank 0. */
static void *begin_send(struct serving *serving, enum ovl__tag tag, const void *data, size_t size)
{
    void *sending = serving->transport->begin_send(0, tag, data, size);
    if (!sending)
        give_up(serving, "a message cannot be sent");
    return sending;
}

/* Rank 0 receives whatever it does: a send ends. The lock is let go meanwhile. */
static void end_send(struct serving *serving, void *sending)
{
    ovl_time since = ovl_now();
    while (!serving->transport->sent(sending))
        rest(serving, since);
}

static void send_all(struct serving *serving, enum ovl__tag tag, const void *data, size_t size)
{
    end_send(serving, begin_send(serving, tag, data, size));
}

/* --- what tasks say --- */

/* This process, where it is a rank that runs tasks; a process that it forks is none. */
static struct serving *speaker;
static pid_t speaker_process;

int ovl_cluster_say(const void *data, size_t size)
{
    struct serving *serving = speaker;
    struct ovl__letter letter = {0};
    const uint64_t part = size;
    if (!serving || speaker_process != getpid())
        return -EINVAL;
    if (size > OVL__SAY_MAX)
        return -EMSGSIZE;
    pthread_mutex_lock(&serving->lock);
    ovl__letter_begin(&letter, OVL__SAYING, serving->number);
    ovl__letter_add(&letter, &part, sizeof part);
    ovl__letter_add(&letter, data, size);
    int error = letter.error;
    if (!error)
        send_all(serving, OVL__HEAD, letter.bytes.data, letter.bytes.size);
    pthread_mutex_unlock(&serving->lock);
    ovl__buffer_release(&letter.bytes);
    return error;
}

/* --- being told to end a task --- */

static void note_cancelled(struct serving *serving)
{
    struct ovl__reader reader = {serving->word.data, serving->word.size};
    const struct ovl__letter_head *head = ovl__reader_take(&reader, sizeof *head);
    if (!head)
        give_up(serving, "a message makes no sense");
    if (head->executor < serving->cancelled_number)
        return;
    if (head->executor > serving->cancelled_number) {
        memset(serving->cancelled, 0, sizeof serving->cancelled);
        serving->cancelled_number = head->executor;
    }
    for (uint32_t i = 0; i < head->count; i++) {
        const uint32_t *task = ovl__reader_take(&reader, sizeof *task);
        if (!task)
            give_up(serving, "a message makes no sense");
        serving->cancelled[*task % OVL__AHEAD] = *task + 1;
    }
}

/* Whether the task at hand was cancelled, as far as has been heard. */
static bool is_cancelled(const struct serving *serving)
{
    return serving->cancelled_number == serving->number &&
           serving->cancelled[serving->task % OVL__AHEAD] == serving->task + 1;
}

/* --- opening and closing --- */

static void close_sessions(struct serving *serving)
{
    pthread_mutex_unlock(&serving->lock);
    ovl__worker_release(&serving->worker);
    pthread_mutex_lock(&serving->lock);
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
    ovl__rooms_open(&serving->rooms, &opening->lane);
    serving->number = number;
    serving->task = 0;
    serving->returned = (struct ovl__returned){0};
}

/* --- tasks --- */

/* Adds what one task has to tell; returns whether its result follows in a message of its own. */
static bool add_result(struct serving *serving, const struct ovl__room *room, bool begun)
{
    const struct ovl_future *future = &room->future;
    struct ovl__result_part part = {
        .error = future->outcome.error,
        .detail = future->outcome.detail,
        .begun = begun,
        .in_lane = room->block.index != OVL__NO_BLOCK,
        .size = future->outcome.error ? 0 : future->result.size,
    };
    if (part.size > OVL__MESSAGE_MAX && !part.in_lane)
        part = (struct ovl__result_part){.error = -EMSGSIZE, .begun = 1};
    ovl__letter_add(&serving->reply, &part, sizeof part);
    bool apart = part.size >= OVL__APART && !part.in_lane;
    if (part.in_lane)
        ovl__letter_add(&serving->reply, &room->block, sizeof room->block);
    else if (!apart)
        ovl__letter_add(&serving->reply, future->result.data, part.size);
    if (serving->executor->metered)
        ovl__letter_add(&serving->reply, &future->more->meter, sizeof future->more->meter);
    if (serving->reply.error)
        give_up(serving, "no memory for a reply");
    serving->replied++;
    return apart;
}

static void begin_reply(struct serving *serving)
{
    ovl__letter_begin(&serving->reply, OVL__RESULTS, serving->number);
    serving->replied = 0;
    serving->reply_began = ovl_now();
}

/* A message on its way; nothing where `sending` is NULL. */
struct outgoing {
    struct ovl__letter letter;
    void *sending;
};

/* Sends what has been gathered; the next results are gathered anew, by whoever adds them. */
static struct outgoing begin_to_reply(struct serving *serving)
{
    struct outgoing outgoing = {.letter = serving->reply};
    struct ovl__letter_head *head = ovl__letter_head(&outgoing.letter);
    if (!serving->replied)
        return (struct outgoing){0};
    head->count = serving->replied;
    head->recorded = serving->executor->metered;
    head->now = ovl_now();
    head->took_ns = head->now - serving->reply_began;
    serving->reply = serving->spare;
    serving->spare = (struct ovl__letter){0};
    begin_reply(serving);
    outgoing.sending =
        begin_send(serving, OVL__HEAD, outgoing.letter.bytes.data, outgoing.letter.bytes.size);
    return outgoing;
}

static void end_outgoing(struct serving *serving, struct outgoing *outgoing)
{
    if (!outgoing->sending)
        return;
    end_send(serving, outgoing->sending);
    ovl__buffer_release(&serving->spare.bytes);
    serving->spare = outgoing->letter;
}

static void send_reply(struct serving *serving)
{
    struct outgoing outgoing = begin_to_reply(serving);
    end_outgoing(serving, &outgoing);
}

/* --- giving back --- */

/* Whether the task of this place was given back. */
static bool is_returned(const struct serving *serving, uint32_t task)
{
    const struct ovl__returned *returned = &serving->returned;
    return task - returned->first < returned->end - returned->first;
}

/* Of the tasks before `sent` those that have neither begun nor been given back: none where the two
 * ends are the same. They are given back from now on. */
static struct ovl__returned take_unbegun(struct serving *serving, uint32_t sent)
{
    uint32_t next = serving->task + (serving->running != NULL);
    bool more = is_returned(serving, next);
    uint32_t first = more ? serving->returned.end : next;
    if ((int32_t)(sent - first) <= 0)
        return (struct ovl__returned){sent, sent};
    serving->returned = (struct ovl__returned){more ? serving->returned.first : first, sent};
    return (struct ovl__returned){first, sent};
}

/*
 * Gives back what has not begun: of what it was sent before this, what is still to arrive too.
 *
 * Rank 0 takes results for the oldest tasks that it has not got back. So what has ended is told of
 * before, and nothing that ends later: both messages are on their way before the lock is let go.
 */
static void give_back(struct serving *serving)
{
    struct ovl__reader reader = {serving->word.data, serving->word.size};
    const struct ovl__letter_head *head = ovl__reader_take(&reader, sizeof *head);
    const uint32_t *sent = head ? ovl__reader_take(&reader, sizeof *sent) : NULL;
    struct outgoing answer = {0};
    if (!sent)
        give_up(serving, "a message makes no sense");
    if (head->executor != serving->number)
        return;
    struct ovl__returned returned = take_unbegun(serving, *sent);
    struct outgoing results = begin_to_reply(serving);
    if (returned.first != returned.end) {
        ovl__letter_begin(&answer.letter, OVL__RETURNING, serving->number);
        ovl__letter_add(&answer.letter, &returned, sizeof returned);
        if (answer.letter.error)
            give_up(serving, "no memory for a reply");
        answer.sending =
            begin_send(serving, OVL__HEAD, answer.letter.bytes.data, answer.letter.bytes.size);
    }
    end_outgoing(serving, &results);
    end_outgoing(serving, &answer);
}

static void hear_words(struct serving *serving)
{
    int from;
    size_t size;
    while (serving->transport->arrived(0, OVL__CANCEL, &from, &size)) {
        take(serving, &serving->word, size);
        const struct ovl__letter_head *head = serving->word.data;
        if (size >= sizeof *head && head->kind == OVL__RECALLING)
            give_back(serving);
        else
            note_cancelled(serving);
    }
}

/* --- the sitter --- */

static void sit_by(struct serving *serving)
{
    hear_words(serving);
    if (serving->running && is_cancelled(serving)) /* it may have ended meanwhile */
        atomic_store(&serving->running->cancel, OVL_ECANCELED);
    send_reply(serving);
}

static ovl_time sit_length(ovl_time since)
{
    ovl_time length = (ovl_now() - since) / 8;
    length = length < SIT_NS ? SIT_NS : length;
    return length < SIT_MOST ? length : SIT_MOST;
}

static void *sitter_main(void *argument)
{
    struct serving *serving = argument;
    uint32_t seen = 0;
    ovl_time since = ovl_now(); /* the task at hand began, or the last one ended, no later */
    pthread_setname_np(pthread_self(), "ovl-sitter");
    pthread_mutex_lock(&serving->lock);
    while (!serving->leaving) {
        if (serving->task != seen)
            since = ovl_now();
        else if (serving->running)
            sit_by(serving);
        seen = serving->task;
        serving->sitter_sleeps = !serving->running && ovl_now() - since > SIT_IDLE_NS;
        if (serving->sitter_sleeps) {
            pthread_cond_wait(&serving->begun, &serving->lock);
            since = ovl_now();
        }
        struct timespec length = {.tv_nsec = sit_length(since)};
        pthread_mutex_unlock(&serving->lock);
        ovl__sys.nanosleep(&length, NULL);
        pthread_mutex_lock(&serving->lock);
    }
    pthread_mutex_unlock(&serving->lock);
    return NULL;
}

/* With the program's signals left to the main thread. */
static void begin_to_sit(struct serving *serving)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (ovl__sys.pthread_create(&serving->sitter, NULL, sitter_main, serving))
        give_up(serving, "no thread to be had");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void wake_sitter(struct serving *serving)
{
    if (!serving->sitter_sleeps)
        return;
    serving->sitter_sleeps = false;
    pthread_cond_signal(&serving->begun);
}

/* --- running --- */

static int find_function(struct serving *serving, const struct ovl__code_place *place)
{
    if (serving->fn && !memcmp(&serving->fn_place, place, sizeof *place))
        return 0;
    serving->fn = NULL;
    int error = ovl__code_address(place, &serving->fn);
    serving->fn_place = *place;
    return error;
}

static void run_now(struct serving *serving, struct ovl_future *future)
{
    serving->running = future;
    wake_sitter(serving);
    pthread_mutex_unlock(&serving->lock);
    ovl__worker_run(&serving->worker, future);
    if (__fpending(stdout))
        fflush(stdout); /* what a task has written is written once its future is done */
    pthread_mutex_lock(&serving->lock);
    serving->running = NULL;
}

/* On this machine's clock; one too far for it is none. */
static ovl_time deadline_of(const struct ovl__task_part *part, ovl_time received)
{
    ovl_time deadline;
    if (__builtin_add_overflow(received, part->left_ns, &deadline))
        return OVL_FOREVER;
    return part->left_ns == OVL_FOREVER ? OVL_FOREVER : deadline;
}

static void run_task(struct serving *serving, const struct ovl__task_part *part,
                     struct ovl_bytes item, ovl_time received)
{
    struct ovl__room room = {
        .future = {.executor = serving->executor,
                   .item = item,
                   .deadline = deadline_of(part, received),
                   .outcome = {.worker = serving->worker.number, .attempts = 1}},
    };
    struct ovl_future *future = &room.future;
    ovl__room_begin(&room, &serving->rooms);
    ovl__list_init(&future->link);
    ovl__wait_list_init(&future->waiters);
    ovl__state_init(&future->state, OVL__RUNNING, 1);
    future->outcome.error = find_function(serving, &part->fn);
    memcpy(&future->fn, &serving->fn, sizeof future->fn);
    bool late = future->deadline != OVL_FOREVER && ovl_now() >= future->deadline;
    int refused = is_cancelled(serving) ? OVL_ECANCELED : late ? OVL_ETIMEDOUT : 0;
    if (refused)
        future->outcome.error = refused;
    else if (!future->outcome.error)
        run_now(serving, future);
    if (future->outcome.error)
        ovl__room_drop(&room);
    serving->task++;
    bool apart = add_result(serving, &room, !refused);
    if (apart || ovl_now() - serving->reply_began > GATHER_NS) {
        send_reply(serving);
        if (apart)
            send_all(serving, OVL__BODY, future->result.data, future->result.size);
        serving->reply_began = ovl_now();
    }
    ovl__room_end(&room);
}

static void run_tasks(struct serving *serving, struct ovl__reader *reader, uint32_t count)
{
    ovl_time received = ovl_now();
    hear_words(serving);
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
        if (is_returned(serving, serving->task))
            serving->task++;
        else
            run_task(serving, part, item, received);
        if (serving->item.capacity > KEPT_BYTES)
            ovl__buffer_release(&serving->item);
    }
    send_reply(serving);
}

/* --- the rank's life --- */

static void say_closed(struct serving *serving, uint64_t number)
{
    ovl__letter_begin(&serving->reply, OVL__CLOSED, number);
    if (serving->reply.error)
        give_up(serving, "no memory for a reply");
    send_all(serving, OVL__HEAD, serving->reply.bytes.data, serving->reply.bytes.size);
}

static void close_executor(struct serving *serving)
{
    close_sessions(serving);
    ovl__rooms_open(&serving->rooms, &(struct ovl__lane_place){0});
    say_closed(serving, serving->number);
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
        close_sessions(serving);
        say_closed(serving, 0);
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
    pthread_mutex_init(&serving.lock, NULL);
    pthread_cond_init(&serving.begun, NULL);
    begin_to_sit(&serving);
    speaker = &serving;
    speaker_process = getpid();
    pthread_mutex_lock(&serving.lock);
    while (serve(&serving))
        ;
    serving.leaving = true;
    wake_sitter(&serving);
    pthread_mutex_unlock(&serving.lock);
    pthread_join(serving.sitter, NULL);
    speaker = NULL; /* what the program does at its exit is no task of a rank's */
    transport->finish();
    exit(EXIT_SUCCESS);
}
