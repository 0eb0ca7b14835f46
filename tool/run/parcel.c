#include "run/parcel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is before the reason of a refusal and the output of both streams. */
struct head {
    int32_t state, exit, signal, refusal;
    uint32_t attempts, slot, timed_out, unkept;
    double began;
    int64_t took_ns, cpu_ns, queued_ns;
    uint64_t resident_bytes;
    uint64_t reason_size;
    uint64_t sizes[JOB_STREAMS];
    char host[(JOB_HOST + 7) / 8 * 8]; /* so that no byte is left that nobody has written */
};

static size_t reason_size(const struct job *job)
{
    return job->refused ? strlen(job->refused) : 0;
}

size_t parcel_size(const struct job *job)
{
    size_t size = sizeof(struct head) + reason_size(job);
    for (int n = 0; n < JOB_STREAMS; n++)
        size += job->streams[n].size;
    return size;
}

static int add(void *context, struct ovl_bytes bytes)
{
    char **end = context;
    if (bytes.size)
        memcpy(*end, bytes.data, bytes.size);
    *end += bytes.size;
    return 0;
}

int parcel_pack(const struct job *job, struct spool *spool, void *bytes)
{
    struct head head = {
        .state = (int32_t)job->state,
        .exit = job->exit,
        .signal = job->signal,
        .refusal = job->refusal,
        .attempts = job->attempts,
        .slot = job->slot,
        .timed_out = job->timed_out,
        .unkept = job->unkept,
        .began = job->began,
        .took_ns = job->end - job->start,
        .cpu_ns = job->cpu_ns,
        .queued_ns = job->queued_ns,
        .resident_bytes = job->resident_bytes,
        .reason_size = reason_size(job),
    };
    char *end = bytes;
    int error = 0;
    memcpy(head.host, job->host, sizeof job->host);
    for (int n = 0; n < JOB_STREAMS; n++)
        head.sizes[n] = job->streams[n].size;
    add(&end, (struct ovl_bytes){&head, sizeof head});
    add(&end, (struct ovl_bytes){job->refused, head.reason_size});
    for (int n = 0; n < JOB_STREAMS && !error; n++)
        error = capture_each(&job->streams[n], spool, add, &end);
    return error;
}

/*
 * The clocks that count from the start of a machine are of no use on another one: the time of day
 * is, and what little it is off by makes no job end later than now.
 */
static void set_times(struct job *job, ovl_time took)
{
    struct timespec day;
    clock_gettime(CLOCK_REALTIME, &day);
    double ago = (double)day.tv_sec + (double)day.tv_nsec / 1e9 - job->began;
    ovl_time now = ovl_now();
    job->start = now - (ovl_time)(ago * (double)OVL_SECOND);
    if (job->start + took > now)
        job->start = now - took;
    job->end = job->start + took;
}

static int take_reason(struct job *job, const char *text, size_t size)
{
    free(job->reason); /* of an attempt before */
    job->reason = size ? strndup(text, size) : NULL;
    job->refused = job->reason;
    return size && !job->reason ? -ENOMEM : 0;
}

static void take_head(struct job *job, const struct head *head)
{
    job->state = (enum job_state)head->state;
    job->exit = head->exit;
    job->signal = head->signal;
    job->refusal = head->refusal;
    job->attempts = head->attempts;
    job->slot = head->slot;
    job->timed_out = head->timed_out;
    job->unkept = head->unkept;
    job->began = head->began;
    job->cpu_ns = head->cpu_ns;
    job->queued_ns = head->queued_ns;
    job->resident_bytes = head->resident_bytes;
    memcpy(job->host, head->host, sizeof job->host);
    job->host[sizeof job->host - 1] = '\0';
    set_times(job, head->took_ns);
}

uint32_t parcel_attempts(struct ovl_bytes bytes)
{
    struct head head = {0};
    if (bytes.size >= sizeof head)
        memcpy(&head, bytes.data, sizeof head);
    return head.attempts;
}

int parcel_unpack(struct job *job, struct spool *spool, struct ovl_bytes bytes)
{
    struct head head;
    if (bytes.size < sizeof head)
        return -EBADMSG;
    memcpy(&head, bytes.data, sizeof head);
    const char *rest = (const char *)bytes.data + sizeof head;
    if (bytes.size - sizeof head != head.reason_size + head.sizes[JOB_OUT] + head.sizes[JOB_ERR])
        return -EBADMSG;
    if (head.state == JOB_NOT_STARTED && job->attempts) { /* cut off between two attempts */
        job->state = JOB_CUT_OFF;
        return 0;
    }
    take_head(job, &head);
    int error = take_reason(job, rest, head.reason_size);
    rest += head.reason_size;
    for (int n = 0; n < JOB_STREAMS && !error; n++) {
        error = capture_append(&job->streams[n], spool, rest, head.sizes[n]);
        if (!error)
            error = capture_settle(&job->streams[n], spool);
        rest += head.sizes[n];
    }
    return error;
}
