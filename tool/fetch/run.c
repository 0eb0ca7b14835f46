#include "fetch/run.h"

#include "command.h"
#include "fetch/finish.h"
#include "fetch/interrupt.h"
#include "fetch/order.h"
#include "fetch/retry.h"
#include "journal/journal.h"
#include "report/console.h"
#include "system/limits.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often signals and the display are looked after. */
#define TICK_NS (50 * OVL_MILLISECOND)

/* So many items are planned ahead, for hosts to take turns. */
#define AHEAD 2000

/* What a transfer holds open: curl's own two, a connection, and its file. */
#define TRANSFER_DESCRIPTORS 4
#define OTHER_DESCRIPTORS    24

/* Results lie so long at most, for several to be looked at together. */
#define PATIENCE_NS (5 * OVL_MILLISECOND)

/* More transfers at once than this are nobody's gain, unless they are asked for. */
#define ASYNC_MOST     4096
#define THREADS_MOST   128
#define PROCESSES_MOST 64

#define SMALL_BUFFER 16384
#define TINY_BUFFER  8192

/* With more transfers than this at once, memory counts. */
#define MANY         1000
#define LARGE_BUFFER (256 * 1024)

/* With fewer URLs than this, a large file is more likely than a lack of memory. */
#define FEW_URLS 64

/* --- opening --- */

static int find_model(const struct settings *settings, enum ovl_model *ret_model)
{
    *ret_model = OVL_ASYNC;
    if (!settings->model_name || strcmp(settings->model_name, "auto") == 0)
        return 0;
    if (ovl_model_parse(settings->model_name, ret_model) == 0)
        return 0;
    console_error("--model %s: no such model; there are auto, sync, threads, async and processes",
                  settings->model_name);
    return EXIT_USAGE;
}

/* How many transfers at once there may ever be. */
static unsigned find_most(const struct settings *settings, enum ovl_model model)
{
    static const unsigned usual[] = {[OVL_SYNC] = 1,
                                     [OVL_THREADS] = THREADS_MOST,
                                     [OVL_ASYNC] = ASYNC_MOST,
                                     [OVL_PROCESSES] = PROCESSES_MOST};
    size_t descriptors = limits_raise_descriptors();
    size_t room = descriptors > OTHER_DESCRIPTORS + TRANSFER_DESCRIPTORS
                      ? (descriptors - OTHER_DESCRIPTORS) / TRANSFER_DESCRIPTORS
                      : 1;
    size_t most = settings->workers ? settings->workers : usual[model];
    if (model == OVL_SYNC)
        return 1;
    if (model != OVL_PROCESSES && most > room) {
        if (settings->workers)
            console_error("%zu transfers at once: the limit of descriptors (ulimit -n, %zu) has "
                          "room for no more",
                          room, descriptors);
        most = room;
    }
    bool bodies = model == OVL_THREADS || model == OVL_PROCESSES;
    return (unsigned)(bodies && most > OVL_WORKERS_MAX ? OVL_WORKERS_MAX : most);
}

static int open_executor(struct run *run)
{
    const struct ovl_options options = {
        .workers = run->most,
        .limit = run->limit,
        .queue_limit = run->most + AHEAD,
        .session_open = transfer_session_open,
        .session_close = transfer_session_close,
        .session_context = &run->context,
    };
    sigset_t before;
    interrupt_hold(&before);
    int error = ovl_executor_open(run->context.model, &options, &run->executor);
    interrupt_release(&before);
    if (!error) {
        run->most = ovl_executor_workers(run->executor);
        return 0;
    }
    console_error("cannot begin: %s; try fewer --workers", ovl_error_message(error));
    return EXIT_REFUSED;
}

/* How many are given to the executor: some wait there, so that no worker waits for the next. */
static unsigned window_of(unsigned limit)
{
    return limit + limit / 2 + 1;
}

static int open_memory(struct run *run)
{
    size_t slots = window_of(run->most);
    run->board = board_new(slots, run->settings->rate_total);
    run->slots = malloc(slots * sizeof *run->slots);
    run->schedule = schedule_new(&(struct schedule_options){
        .host_workers = (unsigned)run->settings->host_workers,
        .host_failures = run->settings->host_failures,
    });
    if (!run->board || !run->slots || !run->schedule) {
        console_error("there is no memory for so many transfers; give fewer --workers");
        return EXIT_REFUSED;
    }
    for (size_t n = 0; n < slots; n++)
        run->slots[run->free_slots++] = (uint32_t)(slots - 1 - n);
    return 0;
}

static int open_tuner(struct run *run)
{
    run->limit = run->most;
    if (run->settings->workers || run->context.model == OVL_SYNC)
        return 0;
    const struct ovl_tuner_options options = {
        .most = run->most,
        .start = run->most < 16 ? run->most : 16,
        .cores = run->context.model == OVL_ASYNC ? 1 : 0,
    };
    if (tuning_open(&run->tuning, &options) < 0) {
        console_error("there is no memory to begin with");
        return EXIT_REFUSED;
    }
    run->limit = options.start;
    return 0;
}

static int open_journal(struct run *run)
{
    if (!run->settings->journal)
        return 0;
    const struct journal_options options = {
        .path = run->settings->journal, .verb = "fetch", .durable = run->settings->sync};
    return journal_open(&options, &run->journal);
}

static size_t buffer_of(const struct settings *settings)
{
    bool few = settings->inputs.count == 0 && settings->urls.count < FEW_URLS && !settings->globs;
    if (settings->workers > MANY)
        return TINY_BUFFER;
    return few ? LARGE_BUFFER : SMALL_BUFFER;
}

int run_open(const struct settings *settings, struct run *run)
{
    *run = (struct run){.settings = settings, .random = (unsigned)ovl_now()};
    int code = find_model(settings, &run->context.model);
    if (code)
        return code;
    run->most = find_most(settings, run->context.model);
    curl_global_init(CURL_GLOBAL_ALL);
    code = open_memory(run);
    if (!code)
        code = open_tuner(run);
    if (!code)
        code = list_open(settings, &run->list);
    if (!code)
        code = open_journal(run);
    if (!code)
        code = plan_open(settings, run->journal, &run->plan);
    run->start = ovl_now();
    if (!code)
        code = timing_open(settings, run->start, &run->timing);
    if (code)
        return code;
    run->context.settings = settings;
    run->context.board = run->board;
    run->context.journal = run->journal;
    run->context.buffer_bytes = buffer_of(settings);
    if (transfer_context_init(&run->context) < 0) {
        console_error("there is no memory to begin with");
        return EXIT_REFUSED;
    }
    display_init(&run->display, settings->progress, settings->silent, run->board);
    interrupt_watch(&run->board->interrupted);
    return open_executor(run);
}

void run_close(struct run *run)
{
    if (run->executor)
        ovl_executor_close(run->executor, OVL_FOREVER);
    transfer_context_release(&run->context);
    for (size_t n = 0; n < run->counts.items; n++)
        item_free(run->items[n]);
    timing_free(run->timing);
    tuning_close(&run->tuning);
    list_close(run->list);
    schedule_free(run->schedule);
    plan_close(run->plan);
    journal_close(run->journal);
    board_free(run->board);
    block_release(&run->order);
    free(run->slots);
    free(run->items);
    free(run->given);
    curl_global_cleanup();
}

/* --- stopping --- */

void run_stop(struct run *run, int code)
{
    if (!run->code)
        run->code = code;
    run->stopping = true;
}

static double next_random(struct run *run)
{
    return (double)rand_r(&run->random) / (double)RAND_MAX;
}

static const char *url_of(void *context, uint64_t index)
{
    const struct run *run = context;
    const struct item *item = index < run->counts.items ? run->items[index] : NULL;
    return item ? item->given : NULL;
}

static void tick(struct run *run, ovl_time now)
{
    if (now < run->tick_due)
        return;
    run->tick_due = now + TICK_NS;
    if (atomic_load(&run->board->interrupted) && !run->stopping)
        run_stop(run, EXIT_INTERRUPTED);
    if (run->stopping) {
        atomic_store(&run->board->interrupted, true);
        ovl_executor_cancel(run->executor);
    }
    const struct display_state state = {
        .ended = run->counts.done + run->counts.failed,
        .failed = run->counts.failed,
        .known = run->counts.items,
        .all_known = run->list_ended,
        .running = run->running,
        .bytes = run->counts.bytes,
        .now = now,
    };
    display_update(&run->display, &state, url_of, run);
}

/* --- reading and planning --- */

static bool keep_item(struct run *run, struct item *item)
{
    if (item->index == run->item_room) {
        size_t room = run->item_room ? 2 * run->item_room : 256;
        struct item **items = realloc(run->items, room * sizeof *items);
        if (!items)
            return false;
        run->items = items;
        run->item_room = room;
    }
    run->items[item->index] = item;
    run->counts.items++;
    return true;
}

static void fail(struct run *run, struct item *item, enum fault fault)
{
    item->state = ITEM_FAILED;
    item->fault = fault;
    finish_item(run, item);
}

static void put_into_schedule(struct run *run, struct item *item)
{
    if (schedule_add(run->schedule, item, item_url(item)) == 0)
        return;
    item_set_error(item, "there is no memory");
    fail(run, item, FAULT_MEMORY);
}

static void take_item(struct run *run, struct item *item)
{
    if (!keep_item(run, item)) {
        item_free(item);
        console_error("there is no memory for so many URLs");
        run_stop(run, EXIT_REFUSED);
        return;
    }
    switch (plan_item(run->plan, item)) {
    case PLAN_GO:
        put_into_schedule(run, item);
        return;
    case PLAN_REFUSED:
        run_stop(run, EXIT_REFUSED);
        finish_item(run, item);
        return;
    default:
        finish_item(run, item);
    }
}

/* Reads as far ahead as is of use. True: more may come later. */
static bool read_ahead(struct run *run)
{
    while (!run->list_ended && !run->stopping && schedule_count(run->schedule) < AHEAD) {
        struct item *item;
        switch (list_next(run->list, &item)) {
        case LIST_ITEM:
            take_item(run, item);
            break;
        case LIST_LATER:
            return true;
        case LIST_FAILED:
            run->list_ended = true;
            run_stop(run, EXIT_REFUSED);
            break;
        case LIST_END:
            run->list_ended = true;
            break;
        }
    }
    return false;
}

/* --- giving --- */

static bool note_given(struct run *run, struct item *item)
{
    if (run->given_count == run->given_room) {
        size_t room = run->given_room ? 2 * run->given_room : 256;
        struct item **given = realloc(run->given, room * sizeof *given);
        if (!given)
            return false;
        run->given = given;
        run->given_room = room;
    }
    run->given[run->given_count++] = item;
    return true;
}

static bool make_order(struct run *run, struct item *item)
{
    const struct order_extras extras = {
        .slot = run->slots[run->free_slots - 1],
        .publish = !finish_publishes(run),
        .note = !run->settings->to_stdout,
    };
    item->attempts++;
    if (order_make(run->settings, item, &extras, &run->order) && note_given(run, item)) {
        item->slot = extras.slot;
        run->free_slots--;
        return true;
    }
    item->attempts--;
    return false;
}

static bool give(struct run *run, struct item *item, ovl_time now)
{
    if (!make_order(run, item)) {
        schedule_end(run->schedule, item, HOST_NEUTRAL, now);
        item_set_error(item, "there is no memory");
        fail(run, item, FAULT_MEMORY);
        return false;
    }
    if (item->attempts == 1)
        item->first = now;
    item->state = ITEM_RUNNING;
    run->running++;
    return true;
}

static void give_up(struct run *run, struct item *item, ovl_time now)
{
    schedule_end(run->schedule, item, HOST_NEUTRAL, now);
    if (!item->error)
        item_set_error(item,
                       "its host %s could not be reached many times in a row; it was given up "
                       "(see --host-failures)",
                       schedule_host(item));
    fail(run, item, FAULT_HOST);
}

static int wait_until(struct run *run, ovl_time wake)
{
    run->wake = wake < run->tick_due ? wake : run->tick_due;
    return OVL_STREAM_LATER;
}

static int next_order(void *context, struct ovl_bytes *ret_item)
{
    struct run *run = context;
    for (;;) {
        ovl_time now = ovl_now();
        tick(run, now);
        bool more = read_ahead(run);
        if (run->stopping)
            return run->running > 0 ? wait_until(run, OVL_FOREVER) : 0;
        if (run->running >= window_of(run->limit))
            return wait_until(run, OVL_FOREVER);
        ovl_time wake;
        struct item *item = schedule_next(run->schedule, now, &wake);
        if (!item) {
            bool ended =
                !more && run->list_ended && run->running == 0 && schedule_count(run->schedule) == 0;
            return ended ? 0 : wait_until(run, wake);
        }
        if (schedule_gave_up(item)) {
            give_up(run, item, now);
        } else if (give(run, item, now)) {
            *ret_item = (struct ovl_bytes){.data = run->order.data, .size = run->order.size};
            return 1;
        }
    }
}

static ovl_time wake_time(void *context)
{
    const struct run *run = context;
    return run->wake;
}

/* --- taking --- */

/* Of a task without an answer, what there would be to answer. */
static struct reply reply_of_outcome(const struct ovl_outcome *outcome, char *text, size_t size)
{
    struct reply reply = {.fault = FAULT_WORKER, .retry_after = -1, .ended = ovl_now()};
    reply.begun = reply.ended;
    ovl_outcome_text(outcome, text, size);
    if (outcome->error == OVL_ECANCELED || outcome->error == OVL_ETIMEDOUT)
        reply.fault = FAULT_INTERRUPTED;
    else if (outcome->error == -ENOMEM || outcome->error == OVL_ESESSION)
        reply.fault = FAULT_MEMORY;
    return reply;
}

static void tune(struct run *run, const struct reply *reply)
{
    unsigned limit = tuning_add(&run->tuning, reply, run->running, run->limit);
    if (limit > run->most)
        limit = run->most;
    if (limit == run->limit)
        return;
    run->limit = limit;
    ovl_executor_set_workers(run->executor, limit);
}

/* The machine has no more to give: with what it gave, the rest is done. */
static void have_fewer(struct run *run)
{
    unsigned fewer = run->limit - run->limit / 4;
    if (fewer == run->limit && fewer > 1)
        fewer--;
    run->most = fewer;
    run->limit = fewer;
    ovl_executor_set_workers(run->executor, fewer);
}

static void keep_marks(struct item *item, const struct reply *reply)
{
    part_note_release(&item->note);
    item->resumable = reply->keep;
    if (!reply->keep)
        return;
    item->note.url = strdup(item_url(item));
    item_set(&item->note.etag, block_text(reply, reply->etag));
    item_set(&item->note.modified, block_text(reply, reply->modified));
}

static void try_again(struct run *run, struct item *item, const struct decision *decision,
                      const struct reply *reply)
{
    if (decision->drop_part) {
        part_note_release(&item->note);
        item->resumable = false;
    } else {
        keep_marks(item, reply);
    }
    item->at = decision->at;
    item->state = ITEM_WAITING;
    item->due = decision->delay_ns ? ovl_after(decision->delay_ns) : 0;
    put_into_schedule(run, item);
}

static void describe(struct item *item, const struct reply *reply, const char *text)
{
    char words[1024];
    reply_describe(reply, words, sizeof words);
    item_set_error(item, "%s", text ? text : words);
}

static void end_failed(struct run *run, struct item *item, const struct reply *reply,
                       const char *text)
{
    bool begun = item->attempts > 0 || item->error;
    if (reply->fault == FAULT_INTERRUPTED && item->error && item->failures > 0) {
        /* What went wrong before tells more. */
    } else {
        describe(item, reply, text);
    }
    item->state = begun ? ITEM_FAILED : ITEM_NOT_STARTED;
    item->fault = reply->fault;
    item->number = reply->number;
    if (item->part && !reply->keep && begun)
        part_remove(item->part);
    finish_item(run, item);
}

static void end_done(struct run *run, struct item *item, const struct reply *reply)
{
    item->state = ITEM_DONE;
    item->fault = reply->fault;
    if (reply->fault == FAULT_NONE)
        item->bytes = reply->size;
    item->published = reply->published;
    item->to_publish = !reply->published && reply->stored && !run->settings->to_stdout;
    if (reply->fault == FAULT_NONE && !reply->stored) {
        free(item->final);
        item->final = NULL;
    }
    if (item->part && (item->resumable || item->attempts > 1))
        part_note_remove(item->part);
    item_set(&item->proposed, block_text(reply, reply->name));
    if (reply->etag || reply->modified) {
        item_set(&item->etag, block_text(reply, reply->etag));
        item_set(&item->modified, block_text(reply, reply->modified));
    }
    finish_item(run, item);
}

static void take_reply(struct run *run, struct item *item, const struct reply *reply,
                       const char *text)
{
    ovl_time now = ovl_now();
    item->seconds_ns += reply->ended - reply->begun;
    item->received += reply->received;
    run->counts.bytes += reply->received;
    if (reply->status)
        item->status = reply->status;
    struct decision decision =
        retry_decide(run->settings, item, reply, schedule_has_answered(item), next_random(run));
    schedule_end(run->schedule, item, decision.news, now);
    if (decision.pause_ns)
        schedule_pause(run->schedule, item, now + decision.pause_ns);
    switch (decision.verdict) {
    case VERDICT_DONE:
        end_done(run, item, reply);
        return;
    case VERDICT_FEWER:
        have_fewer(run);
        item->attempts--;
        break;
    case VERDICT_STOP:
        run_stop(run, EXIT_REFUSED);
        end_failed(run, item, reply, text);
        return;
    case VERDICT_FAILED:
        end_failed(run, item, reply, text);
        return;
    default:
        break;
    }
    if (run->stopping) {
        end_failed(run, item, reply, text);
        return;
    }
    describe(item, reply, text);
    try_again(run, item, &decision, reply);
}

static int take_result(void *context, size_t index, const struct ovl_outcome *outcome,
                       struct ovl_bytes result)
{
    struct run *run = context;
    struct item *item = run->given[index];
    char text[256] = "";
    struct reply made;
    const struct reply *reply = result.data;
    run->given[index] = NULL;
    run->running--;
    run->slots[run->free_slots++] = item->slot;
    if (outcome->error || result.size < sizeof *reply) {
        made = reply_of_outcome(outcome, text, sizeof text);
        reply = &made;
        if (outcome->attempts == 0)
            item->attempts--;
        atomic_store(&run->board->slots[item->slot].item, 0);
    }
    timing_add(run->timing, item, reply, item->slot);
    tune(run, reply);
    take_reply(run, item, reply, reply->fault == FAULT_WORKER ? text : NULL);
    tick(run, ovl_now());
    return 0;
}

/* --- all of it --- */

/* What was not begun: counted, and told. */
static void leave_rest(struct run *run)
{
    struct item *item;
    while ((item = schedule_take_any(run->schedule))) {
        bool begun = item->attempts > 0;
        item->state = begun ? ITEM_FAILED : ITEM_NOT_STARTED;
        item->fault = FAULT_INTERRUPTED;
        if (begun && !item->error)
            item_set_error(item, "interrupted");
        finish_item(run, item);
    }
    /* Of a list, what was not even read is counted too. */
    while (!run->list_ended) {
        enum list_state state = list_next(run->list, &item);
        if (state != LIST_ITEM || !keep_item(run, item))
            return;
        item->state = ITEM_NOT_STARTED;
        finish_item(run, item);
    }
}

static int exit_code(const struct run *run)
{
    if (run->code)
        return run->code;
    return run->counts.failed > 0 ? EXIT_TASKS_FAILED : EXIT_DONE;
}

int run_all(struct run *run)
{
    const struct ovl_stream stream = {
        .next = next_order,
        .each = take_result,
        .context = run,
        .prompt = true,
        .as_completed = true,
        .window = window_of(run->most),
        .later = wake_time,
        .patience_ns = PATIENCE_NS,
    };
    int error = ovl_map_stream(run->executor, transfer, &stream);
    if (error && error != OVL_ETASKS && !run->code) {
        console_error("cannot go on: %s", ovl_error_message(error));
        run_stop(run, EXIT_REFUSED);
    }
    leave_rest(run);
    finish_rest(run);
    run->end = ovl_now();
    display_end(&run->display);
    return timing_finish(run->timing, run, exit_code(run));
}
