#include "fetch/run.h"

#include "command.h"
#include "fetch/feed.h"
#include "fetch/finish.h"
#include "fetch/frugal.h"
#include "fetch/interrupt.h"
#include "fetch/results.h"
#include "journal/journal.h"
#include "report/console.h"
#include "system/limits.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

/* How often signals and the display are looked after. */
#define TICK_NS (50 * OVL_MILLISECOND)

#define OTHER_DESCRIPTORS 24

/* With fewer than this not one URL is fetched. */
#define LEAST_DESCRIPTORS   13
#define JOURNAL_DESCRIPTORS 7

/* Results lie so long at most, for several to be looked at together. */
#define PATIENCE_NS (5 * OVL_MILLISECOND)

/* More transfers at once than this are nobody's gain, unless they are asked for. */
#define ASYNC_MOST     4096
#define THREADS_MOST   128
#define PROCESSES_MOST 64

#define SMALL_BUFFER 16384
#define TINY_BUFFER  6144

/* With more transfers than this at once, memory counts. */
#define MANY 1000

/* With fewer URLs than this, a large file is more likely than a lack of memory. */
#define FEW_URLS 64

/* --- opening --- */

static int find_model(const struct settings *settings, enum ovl_model *ret_model)
{
    *ret_model = OVL_ASYNC;
    if (!settings->model_name || strcmp(settings->model_name, "auto") == 0)
        return 0;
    if (ovl_model_parse(settings->model_name, ret_model) == 0 && *ret_model != OVL_CLUSTER)
        return 0;
    console_error("--model %s: no such model; there are auto, sync, threads, async and processes",
                  settings->model_name);
    return EXIT_USAGE;
}

/* What a transfer holds open: a connection, its file, and what libcurl wants. */
static size_t transfer_descriptors(const struct settings *settings)
{
    return 1 + !settings->discard + frugal_multi_descriptors();
}

/* How many transfers at once there may ever be. */
static unsigned find_most(const struct settings *settings, enum ovl_model model)
{
    static const unsigned usual[] = {[OVL_SYNC] = 1,
                                     [OVL_THREADS] = THREADS_MOST,
                                     [OVL_ASYNC] = ASYNC_MOST,
                                     [OVL_PROCESSES] = PROCESSES_MOST};
    size_t descriptors = limits_raise_descriptors();
    size_t each = transfer_descriptors(settings);
    size_t room =
        descriptors > OTHER_DESCRIPTORS + each ? (descriptors - OTHER_DESCRIPTORS) / each : 1;
    size_t most = settings->workers ? settings->workers : usual[model];
    if (model == OVL_SYNC)
        return 1;
    if (most > room) {
        if (settings->workers)
            console_error("%zu transfers at once: the limit of descriptors (ulimit -n, %zu) has "
                          "room for no more",
                          room, descriptors);
        most = room;
    }
    bool bodies = model == OVL_THREADS || model == OVL_PROCESSES;
    return (unsigned)(bodies && most > OVL_WORKERS_MAX ? OVL_WORKERS_MAX : most);
}

static int check_descriptors(const struct settings *settings)
{
    size_t descriptors = limits_raise_descriptors();
    if (descriptors >= LEAST_DESCRIPTORS + (settings->journal ? JOURNAL_DESCRIPTORS : 0))
        return 0;
    console_error("the limit of descriptors (ulimit -n, %zu) is too low to fetch anything; raise "
                  "it to %d or more",
                  descriptors, OTHER_DESCRIPTORS);
    return EXIT_REFUSED;
}

static int open_executor(struct run *run)
{
    const struct ovl_options options = {
        .workers = run->most,
        .limit = run->limit,
        .queue_limit = run->most + FEED_AHEAD,
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

unsigned run_window(unsigned limit)
{
    return limit + limit / 2 + 1;
}

static int open_memory(struct run *run)
{
    size_t slots = run_window(run->most);
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
        .short_ns = 20 * OVL_MILLISECOND,
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
    return few ? TRANSFER_LARGE_BUFFER : SMALL_BUFFER;
}

/* What is printed while transfers run would be written over the display. */
static bool prints_on_terminal(const struct settings *settings)
{
    return (settings->to_stdout || settings->json_lines) && isatty(STDOUT_FILENO);
}

int run_open(const struct settings *settings, struct run *run)
{
    *run = (struct run){.settings = settings, .random = (unsigned)ovl_now()};
    int code = find_model(settings, &run->context.model);
    if (!code)
        code = check_descriptors(settings);
    if (code)
        return code;
    curl_global_init(CURL_GLOBAL_ALL);
    run->most = find_most(settings, run->context.model);
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
    display_init(&run->display, settings->progress,
                 settings->silent || prints_on_terminal(settings), run->board);
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

static const char *url_of(void *context, uint64_t index)
{
    const struct run *run = context;
    const struct item *item = index < run->counts.items ? run->items[index] : NULL;
    return item ? item->given : NULL;
}

void run_tick(struct run *run, ovl_time now)
{
    bool interrupted = atomic_load(&run->board->interrupted) && !run->stopping;
    if (now < run->tick_due && !interrupted)
        return;
    run->tick_due = now + TICK_NS;
    if (interrupted)
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

/* --- all of it --- */

static int exit_code(const struct run *run)
{
    if (run->code)
        return run->code;
    return run->counts.failed > 0 ? EXIT_TASKS_FAILED : EXIT_DONE;
}

int run_all(struct run *run)
{
    const struct ovl_stream stream = {
        .next = feed_next,
        .each = results_take,
        .context = run,
        .prompt = true,
        .as_completed = true,
        /* One more than there are given: so there is always room to ask for the next, which looks
         * after signals and the display. */
        .window = run_window(run->most) + 1,
        .later = feed_wake,
        .patience_ns = PATIENCE_NS,
    };
    int error = ovl_map_stream(run->executor, transfer, &stream);
    if (error && error != OVL_ETASKS && !run->code) {
        console_error("cannot go on: %s", ovl_error_message(error));
        run_stop(run, EXIT_REFUSED);
    }
    feed_rest(run);
    finish_rest(run);
    run->end = ovl_now();
    display_end(&run->display);
    return timing_finish(run->timing, run, exit_code(run));
}
