#include "run/ranks.h"

#include "command.h"
#include "report/console.h"
#include "run/control.h"
#include "run/parcel.h"

#include <errno.h>
#include <overlap/cluster.h>
#include <overlap/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a job's rank is told before the row. */
struct order {
    ovl_time median_ns;
    long long total;
};

/* A job under way, with its row and no more. */
struct given {
    uint64_t index;
    struct job *job; /* NULL: none */
};

struct ranks {
    struct job_shared *shared;
    struct given *given; /* each at its index, modulo, or at the next free place behind */
    size_t most;
    uint64_t next; /* the next one's index */
    char *item;
    size_t item_room;
};

int ranks_join(unsigned *ret_rank, unsigned *ret_workers)
{
    unsigned count;
    int error = ovl_cluster_rank(ret_rank, &count);
    const char *problem = ovl_cluster_problem();
    if (error)
        console_error("no cluster: %s", *problem ? problem : ovl_error_message(error));
    else
        *ret_workers = count - 1;
    return error ? -1 : 0;
}

/* --- the first rank --- */

struct ranks *ranks_new(struct job_shared *shared, size_t most)
{
    struct ranks *ranks = calloc(1, sizeof *ranks);
    struct given *given = calloc(most, sizeof *given);
    if (!ranks || !given) {
        free(ranks);
        free(given);
        return NULL;
    }
    *ranks = (struct ranks){.shared = shared, .given = given, .most = most};
    return ranks;
}

void ranks_free(struct ranks *ranks)
{
    if (!ranks)
        return;
    for (size_t n = 0; n < ranks->most; n++)
        job_free(ranks->given[n].job, ranks->shared->spool);
    free(ranks->given);
    free(ranks->item);
    free(ranks);
}

/* Jobs end in any order: one that takes its time may have the place of a much later one. NULL:
 * there is no such job; for one that is to be given, no place. */
static struct given *find(struct ranks *ranks, uint64_t index, bool free_place)
{
    for (size_t n = 0; n < ranks->most; n++) {
        struct given *given = &ranks->given[(index + n) % ranks->most];
        if (free_place ? !given->job : given->job && given->index == index)
            return given;
    }
    return NULL;
}

static int make_item(struct ranks *ranks, struct ovl_bytes row)
{
    const struct order order = {.median_ns = atomic_load(&ranks->shared->median_ns),
                                .total = ranks->shared->total};
    size_t size = sizeof order + row.size;
    if (size > ranks->item_room) {
        char *moved = realloc(ranks->item, size);
        if (!moved)
            return -ENOMEM;
        ranks->item = moved;
        ranks->item_room = size;
    }
    memcpy(ranks->item, &order, sizeof order);
    memcpy(ranks->item + sizeof order, row.data, row.size);
    return 0;
}

int ranks_give(struct ranks *ranks, struct ovl_bytes row, struct ovl_bytes *ret_item)
{
    struct job *job = job_new(row);
    struct given *given = find(ranks, ranks->next, true);
    if (!job || !given || make_item(ranks, row)) {
        job_free(job, ranks->shared->spool);
        return -ENOMEM;
    }
    *given = (struct given){ranks->next++, job};
    atomic_fetch_add(&ranks->shared->running, 1);
    *ret_item = (struct ovl_bytes){ranks->item, sizeof(struct order) + row.size};
    return 0;
}

/* No rank has run it to its end: where the whole was stopped, that is why. */
static void lose(struct job *job, int error)
{
    job->state = JOB_NOT_STARTED;
    if (error != OVL_ECANCELED)
        job_refuse(job, EINVAL, ovl_error_message(error));
}

struct job *ranks_take(struct ranks *ranks, size_t index, const struct ovl_outcome *outcome,
                       struct ovl_bytes result)
{
    struct given *given = find(ranks, index, false);
    struct job *job = given ? given->job : NULL;
    unsigned running = atomic_fetch_sub(&ranks->shared->running, 1);
    if (!job)
        return NULL;
    given->job = NULL;
    int error = outcome->error ? outcome->error : parcel_unpack(job, ranks->shared->spool, result);
    if (error && outcome->error)
        lose(job, error);
    else if (error)
        job_lose_output(job, error, "cannot keep its output");
    job->running = running;
    return job;
}

/* --- the others --- */

/* What is too much to be sent, or cannot be read again, is not the job's output any more. */
static void leave_output(struct job *job, struct spool *spool, int error, const char *why)
{
    for (int n = 0; n < JOB_STREAMS; n++)
        capture_release(&job->streams[n], spool);
    job_refuse(job, -error, why);
}

static int send_job(struct ovl_task *task, struct job *job, struct spool *spool)
{
    if (parcel_size(job) > PARCEL_MOST)
        leave_output(job, spool, -EINVAL,
                     "its output is more than the cluster carries, 1 GiB: have it write to a file");
    void *bytes = ovl_task_result(task, parcel_size(job));
    if (!bytes) {
        leave_output(job, spool, -ENOMEM, "cannot send its output");
        bytes = ovl_task_result(task, parcel_size(job));
    }
    int error = bytes ? parcel_pack(job, spool, bytes) : -ENOMEM;
    if (!error || !bytes)
        return error;
    leave_output(job, spool, error, "cannot read its output again");
    bytes = ovl_task_result(task, parcel_size(job));
    return bytes ? parcel_pack(job, spool, bytes) : -ENOMEM;
}

int ranks_task(struct ovl_task *task, struct ovl_bytes item)
{
    struct job_shared *shared = ovl_task_session(task);
    struct order order;
    memcpy(&order, item.data, sizeof order);
    struct job *job = job_new(
        (struct ovl_bytes){(const char *)item.data + sizeof order, item.size - sizeof order});
    if (!job)
        return -ENOMEM;
    shared->total = order.total;
    shared->slot = ovl_task_worker(task) + 1;
    shared->task = task;
    atomic_store(&shared->median_ns, order.median_ns);
    gethostname(job->host, sizeof job->host - 1);
    job_run(shared, job);
    int error = send_job(task, job, shared->spool);
    job_free(job, shared->spool);
    return error;
}

int ranks_serve(struct setup *setup, const struct choices *choices)
{
    const struct pace_plan one = {.most = 1};
    const struct control_options control_options = {.shared = &setup->shared};
    const struct ovl_options options = {.session_open = setup_session,
                                        .session_context = &setup->shared};
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
