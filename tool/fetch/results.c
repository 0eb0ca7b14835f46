#include "fetch/results.h"

#include "command.h"
#include "fetch/feed.h"
#include "fetch/finish.h"
#include "fetch/retry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
    feed_put(run, item);
}

/* Whether a URL that was not found may be several, as curl would read it. */
static bool looks_like_glob(const struct run *run, const struct item *item,
                            const struct reply *reply)
{
    return reply->fault == FAULT_STATUS && reply->status == 404 && !run->settings->globs &&
           strpbrk(item->given, "[{");
}

static void describe(const struct run *run, struct item *item, const struct reply *reply,
                     const char *text)
{
    char words[1024];
    reply_describe(reply, words, sizeof words);
    item_set_error(item, "%s%s", text ? text : words,
                   looks_like_glob(run, item, reply)
                       ? " (with --globs, {a,b} and [1-9] in it are read as curl does)"
                       : "");
}

static void end_failed(struct run *run, struct item *item, const struct reply *reply,
                       const char *text)
{
    bool begun = item->attempts > 0 || item->error;
    if (reply->fault == FAULT_INTERRUPTED && item->error && item->failures > 0) {
        /* What went wrong before tells more. */
    } else {
        describe(run, item, reply, text);
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
    item_set(&item->proposed, block_text(reply, reply->name));
    if (reply->etag || reply->modified) {
        item_set(&item->etag, block_text(reply, reply->etag));
        item_set(&item->modified, block_text(reply, reply->modified));
    }
    finish_item(run, item);
}

static double next_random(struct run *run)
{
    return (double)rand_r(&run->random) / (double)RAND_MAX;
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
    describe(run, item, reply, text);
    try_again(run, item, &decision, reply);
}

int results_take(void *context, size_t index, const struct ovl_outcome *outcome,
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
    run_tick(run, ovl_now());
    return 0;
}
