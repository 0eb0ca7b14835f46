#include "run/rank.h"

#include "command.h"
#include "report/console.h"
#include "run/control.h"
#include "run/parcel.h"

#include <errno.h>
#include <overlap/cluster.h>
#include <overlap/coroutine.h>
#include <overlap/error.h>
#include <string.h>
#include <unistd.h>

/* Output of more bytes goes ahead of what became of the job, in pieces no larger than this. */
#define PIECE_BYTES ((size_t)64 << 10)

/* How long a job waits here for its machine to have enough left, and how often that is looked at:
 * another rank may have enough before. */
#define HELD_NS OVL_SECOND
#define LOOK_NS (50 * OVL_MILLISECOND)

/* --- what is said while the job is here --- */

/* What words are about: whose job is here is the rank's alone. */
struct speech {
    uint64_t index;
    char bytes[sizeof(struct rank_word) + PIECE_BYTES];
};

static struct speech speech;

static int say(uint32_t stream, uint32_t attempts, const char *bytes, size_t size)
{
    const struct rank_word word = {speech.index, stream, attempts};
    memcpy(speech.bytes, &word, sizeof word);
    if (size)
        memcpy(speech.bytes + sizeof word, bytes, size);
    return ovl_cluster_say(speech.bytes, sizeof word + size);
}

static int say_bytes(uint32_t stream, uint32_t attempts, const char *bytes, size_t size)
{
    int error = 0;
    for (size_t part; size && !error; bytes += part, size -= part) {
        part = size < PIECE_BYTES ? size : PIECE_BYTES;
        error = say(stream, attempts, bytes, part);
    }
    return error;
}

/* Of a job whose output is wanted as it comes: a job_output_fn. */
static int say_output(void *context, struct job *job, int stream, const char *bytes, size_t size)
{
    (void)context;
    return size ? say_bytes((uint32_t)stream, job->attempts, bytes, size)
                : say((uint32_t)stream, job->attempts, NULL, 0);
}

struct flow {
    const struct job *job;
    uint32_t stream;
};

static int say_captured(void *context, struct ovl_bytes bytes)
{
    const struct flow *flow = context;
    return say_bytes(flow->stream, flow->job->attempts, bytes.data, bytes.size);
}

/* What is large goes in pieces, so that no rank has all of it in memory. */
static int say_large(struct job *job, struct spool *spool)
{
    int error = 0;
    if (job->streams[JOB_OUT].size + job->streams[JOB_ERR].size <= PIECE_BYTES)
        return 0;
    for (int n = 0; n < JOB_STREAMS && !error; n++) {
        struct flow flow = {job, (uint32_t)n};
        error = capture_each(&job->streams[n], spool, say_captured, &flow);
        capture_release(&job->streams[n], spool);
    }
    return error;
}

/* --- what became of it --- */

static void leave_output(struct job *job, struct spool *spool, int error, const char *why)
{
    for (int n = 0; n < JOB_STREAMS; n++)
        capture_release(&job->streams[n], spool);
    job_refuse(job, -error, why);
}

static int send_job(struct ovl_task *task, struct job *job, struct spool *spool)
{
    int error = say_large(job, spool);
    if (error)
        leave_output(job, spool, error, "cannot send its output");
    void *bytes = ovl_task_result(task, parcel_size(job));
    if (!bytes)
        return -ENOMEM;
    error = parcel_pack(job, spool, bytes);
    if (!error)
        return 0;
    leave_output(job, spool, error, "cannot read its output again");
    bytes = ovl_task_result(task, parcel_size(job));
    return bytes ? parcel_pack(job, spool, bytes) : -ENOMEM;
}

/* --- whether it begins --- */

/* Waits for its machine. False: it does not begin here. */
static bool may_begin(struct ovl_task *task, struct setup *setup, bool alone)
{
    const struct machine_limits *limits = &setup->choices->limits;
    ovl_time until = ovl_after(HELD_NS);
    if (!machine_is_limited(limits))
        return true;
    while (!alone && machine_is_short(limits)) {
        if (ovl_now() >= until || ovl_task_cancelled(task) || atomic_load(&setup->shared.stop))
            return false;
        ovl_sleep(ovl_after(LOOK_NS));
    }
    return say(RANK_BEGUN, 0, NULL, 0) == 0;
}

static int run(struct ovl_task *task, struct setup *setup, struct ovl_bytes row, unsigned attempts)
{
    struct job *job = job_new(row);
    if (!job)
        return -ENOMEM;
    job->attempts = attempts;
    /* Where its machine is limited, the next attempt waits as this one did. */
    if (machine_is_limited(&setup->choices->limits))
        setup->shared.tries = attempts + 1;
    gethostname(job->host, sizeof job->host - 1);
    job_run(&setup->shared, job);
    int error = send_job(task, job, setup->spool);
    job_free(job, setup->spool);
    return error;
}

int rank_task(struct ovl_task *task, struct ovl_bytes item)
{
    struct setup *setup = ovl_task_session(task);
    struct job_shared *shared = &setup->shared;
    struct rank_order order;
    memcpy(&order, item.data, sizeof order);
    const char *names = (const char *)item.data + sizeof order;
    size_t before = sizeof order + order.names_size;
    if (setup_rank_command(setup, order.names_size ? (const void *)names : NULL))
        return -ENOMEM;
    speech.index = order.index;
    if (!may_begin(task, setup, order.alone))
        return RANK_HELD;
    shared->total = order.total;
    shared->slot = ovl_task_worker(task) + 1;
    shared->task = task;
    shared->take = say_output;
    shared->keep_output = false; /* the first rank keeps what it hears */
    atomic_store(&shared->median_ns, order.median_ns);
    return run(task, setup, (struct ovl_bytes){names + order.names_size, item.size - before},
               (unsigned)order.attempts);
}

int rank_serve(struct setup *setup, const struct choices *choices)
{
    const struct pace_plan one = {.most = 1};
    const struct control_options control_options = {.shared = &setup->shared};
    const struct ovl_options options = {.session_open = setup_session, .session_context = setup};
    int code = setup_open_rank(setup, choices, &one);
    struct control *control = code ? NULL : control_start(&control_options);
    if (!control)
        return code ? code : EXIT_REFUSED;
    struct ovl_executor *executor;
    int error = ovl_executor_open(OVL_CLUSTER, &options, &executor);
    console_error("cannot begin: %s", ovl_error_message(error));
    control_stop(control);
    return EXIT_REFUSED;
}
