#include "fetch/finish.h"

#include "command.h"
#include "fetch/telling.h"
#include "journal/journal.h"
#include "report/console.h"
#include "report/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COPY_CHUNK (256 * 1024)

static bool order_counts(const struct run *run)
{
    return run->settings->to_stdout || run->settings->server_names;
}

bool finish_publishes(const struct run *run)
{
    bool elsewhere = run->journal && run->context.model == OVL_PROCESSES;
    return order_counts(run) || elsewhere || run->settings->existing == EXISTING_RENAME;
}

static struct journal_entry entry_of(const struct item *item)
{
    bool done = item->state == ITEM_DONE;
    double seconds = (double)item->seconds_ns / (double)OVL_SECOND;
    return (struct journal_entry){
        .item = {.data = item->given, .size = strlen(item->given)},
        .replaces = item->journal_id,
        .done = done,
        .exit = -1,
        .status = item->status,
        .start = (double)time(NULL) - seconds,
        .seconds = seconds,
        .cpu_seconds = -1,
        .attempts = item->attempts,
        .bytes = done ? (int64_t)item->bytes : -1,
        .error = item->error,
        .file = done ? item->final : NULL,
        .etag = item->etag,
        .last_modified = item->modified,
    };
}

static void record(struct run *run, const struct item *item)
{
    const struct journal_entry entry = entry_of(item);
    if (journal_record(run->journal, &entry) < 0)
        run_stop(run, EXIT_REFUSED);
}

/* Whether the journal is still to learn of it. */
static bool is_news(const struct item *item)
{
    if (item->state == ITEM_NOT_STARTED || item->fault == FAULT_INTERRUPTED ||
        item->fault == FAULT_JOURNAL)
        return false;
    bool known = item->state == ITEM_DONE && item->recorded && item->attempts == 0;
    return !item->published && !known;
}

static bool copy_to_stdout(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *chunk = malloc(COPY_CHUNK);
    ssize_t size = -1;
    while (fd >= 0 && chunk && (size = read(fd, chunk, COPY_CHUNK)) > 0)
        if (fwrite(chunk, 1, (size_t)size, stdout) != (size_t)size)
            break;
    free(chunk);
    if (fd >= 0)
        close(fd);
    return size == 0;
}

static void emit(struct run *run, struct item *item)
{
    if (item->state == ITEM_DONE && item->part && !copy_to_stdout(item->part)) {
        item->state = ITEM_FAILED;
        item->fault = FAULT_FILE;
        item_set_error(item, "what came could not be written to standard output");
        run_stop(run, EXIT_REFUSED);
    }
    if (item->part)
        unlink(item->part);
    if (output_finish(EXIT_DONE) != EXIT_DONE)
        run_stop(run, EXIT_REFUSED);
}

static void count(struct run *run, const struct item *item)
{
    bool done = item->state == ITEM_DONE;
    run->counts.done += done;
    run->counts.before += done && item->recorded && item->attempts == 0;
    run->counts.skipped += done && item->fault == FAULT_SKIPPED;
    run->counts.unchanged += done && item->fault == FAULT_UNCHANGED;
    run->counts.failed += item->state == ITEM_FAILED;
    run->counts.not_started += item->state == ITEM_NOT_STARTED;
}

static void tell(struct run *run, struct item *item)
{
    count(run, item);
    if (run->journal && is_news(item))
        record(run, item);
    if (item->state == ITEM_FAILED && !run->settings->silent && item->fault != FAULT_INTERRUPTED)
        console_error("%s: %s", item->given, item->error ? item->error : "it failed");
    if (run->settings->json_lines && !telling_line(item))
        run_stop(run, EXIT_REFUSED);
    if (item->state == ITEM_FAILED && run->settings->fail_early && !run->stopping)
        run_stop(run, EXIT_TASKS_FAILED);
    display_ended(&run->display, item);
    if (!run->settings->json) {
        run->items[item->index] = NULL;
        item_free(item);
    }
}

static enum fault fault_of(const struct run *run, int error)
{
    if (error == -EEXIST)
        return FAULT_EXISTS;
    return error == -EIO && run->journal ? FAULT_JOURNAL : FAULT_FILE;
}

/* Where the names come from the server, or a number is to be put into them. */
static void publish_here(struct run *run, struct item *item)
{
    if (item->state != ITEM_DONE || item->fault != FAULT_NONE || !item->to_publish)
        return;
    const struct journal_entry entry = entry_of(item);
    int error = plan_publish(run->plan, item, item->proposed, &entry);
    item->published = !error;
    if (!error)
        return;
    struct reply reply = {.fault = fault_of(run, error), .number = -error};
    char text[512];
    reply_describe(&reply, text, sizeof text);
    item->state = ITEM_FAILED;
    item->fault = reply.fault;
    item_set_error(item, "%s: %s", item->final ? item->final : item->given, text);
    if (reply.fault != FAULT_EXISTS)
        run_stop(run, EXIT_REFUSED);
}

static void settle(struct run *run, struct item *item)
{
    if (run->settings->to_stdout)
        emit(run, item);
    else
        publish_here(run, item);
    tell(run, item);
}

void finish_item(struct run *run, struct item *item)
{
    if (!order_counts(run)) {
        settle(run, item);
        return;
    }
    item->ended = true;
    while (run->told < run->counts.items) {
        struct item *first = run->items[run->told];
        if (!first || !first->ended)
            return;
        run->told++;
        settle(run, first);
    }
}

void finish_rest(struct run *run)
{
    for (; order_counts(run) && run->told < run->counts.items; run->told++)
        if (run->items[run->told])
            settle(run, run->items[run->told]);
}
