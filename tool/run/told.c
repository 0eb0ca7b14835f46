#include "run/told.h"

#include "report/console.h"
#include "report/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How much of an item a message shows. */
#define SHOWN_BYTES 200

double told_seconds(const struct job *job)
{
    return job->remembered ? job->seconds : (double)(job->end - job->start) / (double)OVL_SECOND;
}

double told_cpu_seconds(const struct job *job)
{
    return job->remembered ? job->cpu_seconds : (double)job->cpu_ns / (double)OVL_SECOND;
}

static void refusal(struct text *text, const struct job *job)
{
    text_add_string(text, job->refused);
    if (job->refusal == E2BIG)
        text_format(text, ": argument list too long: the item has %zu bytes", job->row->item_size);
    else if (job->refusal != EINVAL &&
             !(job->refusal == ENOENT && strstr(job->refused, "not found")))
        text_format(text, ": %s", strerror(job->refusal));
}

void told_reason(struct text *text, const struct job *job)
{
    if (job->state == JOB_DONE)
        return;
    if (job->state == JOB_NOT_STARTED)
        text_add_string(text, "not started");
    else if (job->refusal)
        refusal(text, job);
    else if (job->timed_out)
        text_format(text, "timed out after %.2f s", told_seconds(job));
    else if (job->signal)
        text_format(text, "ended by signal %d (SIG%s)", job->signal,
                    sigabbrev_np(job->signal) ? sigabbrev_np(job->signal) : "?");
    else
        text_format(text, "exit code %d", job->exit);
    if (job->state == JOB_CUT_OFF && !job->refusal && !job->signal && !job->exit)
        text_add_string(text, " as the whole was stopped, so that its output may be cut off");
    else if (job->state == JOB_CUT_OFF)
        text_add_string(text, ", since the whole was stopped");
    else if (job->attempts > 1)
        text_format(text, ", at attempt %u", job->attempts);
    if (*job->host)
        text_format(text, ", on %s", job->host);
}

/* An item on one line: control characters are escaped, and it is cut where it is long. */
static void shown_item(struct text *text, struct ovl_bytes item)
{
    const char *bytes = item.data;
    size_t size = item.size < SHOWN_BYTES ? item.size : SHOWN_BYTES;
    for (size_t at = 0; at < size;) {
        size_t length = utf8_character(bytes + at, item.size - at);
        unsigned char byte = (unsigned char)bytes[at];
        if (byte == '\n')
            text_add_string(text, "\\n");
        else if (byte < 0x20 || byte == 0x7f || !length)
            text_format(text, "\\x%02x", byte);
        else
            text_add(text, bytes + at, length);
        at += length ? length : 1;
    }
    if (size < item.size)
        text_add_string(text, "…");
}

void told_failure(const struct job *job)
{
    struct text item = {0};
    struct text reason = {0};
    shown_item(&item, row_item(job->row));
    told_reason(&reason, job);
    char *item_text = text_take(&item);
    char *reason_text = text_take(&reason);
    console_error("'%s': %s", item_text ? item_text : "?", reason_text ? reason_text : "failed");
    free(item_text);
    free(reason_text);
}

void told_json(struct text *text, const struct job *job)
{
    struct ovl_bytes item = row_item(job->row);
    text_add_string(text, "{\"item\":");
    text_add_json(text, item);
    if (!utf8_is_valid(item.data, item.size)) {
        text_add_string(text, ",\"item_base64\":\"");
        text_add_base64(text, item);
        text_add_string(text, "\"");
    }
    text_format(text, ",\"job\":%" PRIu64, job->row->number);
    if (job->state == JOB_NOT_STARTED)
        text_add_string(text, ",\"exit\":null,\"signal\":null");
    else if (job->signal)
        text_format(text, ",\"exit\":null,\"signal\":%d", job->signal);
    else
        text_format(text, ",\"exit\":%d,\"signal\":null", job->exit);
    text_format(text, ",\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"attempts\":%u", told_seconds(job),
                told_cpu_seconds(job), job->attempts);
    if (job->remembered)
        text_add_string(text, ",\"journal\":true");
    if (*job->host) {
        text_add_string(text, ",\"host\":");
        text_add_json(text, (struct ovl_bytes){job->host, strlen(job->host)});
    }
    struct text reason = {0};
    told_reason(&reason, job);
    text_add_string(text, ",\"error\":");
    if (reason.size)
        text_add_json(text, (struct ovl_bytes){reason.bytes, reason.size});
    else
        text_add_string(text, "null");
    text_release(&reason);
    text_add_string(text, "}");
}

void told_json_counts(struct text *text, const struct told_end *end)
{
    const struct tally *tally = end->tally;
    text_format(text,
                "\"done\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"not_started\":%" PRIu64
                ",\"from_journal\":%" PRIu64 ",\"wall_seconds\":%.6f,\"cpu_seconds\":%.6f,"
                "\"model\":\"%s\",\"workers\":%u,\"workers_reason\":",
                tally->done, tally->failed, tally->not_started, tally->remembered,
                end->wall_seconds, (double)tally->cpu_ns / (double)OVL_SECOND, end->model,
                end->workers);
    text_add_json(text, (struct ovl_bytes){end->workers_reason, strlen(end->workers_reason)});
    text_format(text, ",\"uncounted\":%s,\"interrupted\":%s", tally->uncounted ? "true" : "false",
                end->interrupted ? "true" : "false");
}
