#include "run/ranks.h"

#include "command.h"
#include "report/console.h"
#include "run/control.h"
#include "run/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <overlap/cluster.h>
#include <overlap/error.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What a job's rank is told before the row; between the two is what fields are called. */
struct order {
    ovl_time median_ns;
    long long total;
    uint64_t names_size;
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
    struct ovl_bytes names;
    char *item;
    size_t item_room;
};

/* --- what is said before ranks are joined --- */

/* Standard output and standard error, while nothing is said. */
static int kept[2] = {-1, -1};

/* Whether the launcher says that this is not the first rank. */
static bool is_other_rank(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        const char *rank = getenv(names[n]);
        if (rank)
            return strcmp(rank, "0") != 0;
    }
    return false;
}

/* A command that is a job of some scheduler, and no cluster, is not meant. */
static bool asks_for_cluster(char *const *arguments)
{
    for (; *arguments && strcmp(*arguments, "--") != 0; arguments++) {
        if (strcmp(*arguments, "--model=cluster") == 0)
            return true;
        if (strcmp(*arguments, "--model") == 0 && arguments[1] &&
            strcmp(arguments[1], "cluster") == 0)
            return true;
    }
    return false;
}

bool ranks_hush(char *const *arguments)
{
    if (!is_other_rank() || !asks_for_cluster(arguments))
        return false;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (int n = 0; n < 2 && null >= 0; n++) {
        kept[n] = fcntl(STDOUT_FILENO + n, F_DUPFD_CLOEXEC, 3);
        if (kept[n] >= 0)
            dup2(null, STDOUT_FILENO + n);
    }
    if (null >= 0)
        close(null);
    return true;
}

void ranks_speak(int code)
{
    const struct timespec most = {.tv_sec = 5};
    sigset_t end;
    fflush(stdout);
    for (int n = 0; n < 2; n++) {
        if (kept[n] < 0)
            continue;
        dup2(kept[n], STDOUT_FILENO + n);
        close(kept[n]);
        kept[n] = -1;
    }
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    if (code == EXIT_USAGE)
        sigtimedwait(&end, NULL, &most);
}

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

void ranks_name(struct ranks *ranks, struct ovl_bytes names)
{
    ranks->names = names;
}

static int make_item(struct ranks *ranks, struct ovl_bytes row)
{
    const struct order order = {.median_ns = atomic_load(&ranks->shared->median_ns),
                                .total = ranks->shared->total,
                                .names_size = ranks->names.size};
    size_t size = sizeof order + ranks->names.size + row.size;
    if (size > ranks->item_room) {
        char *moved = realloc(ranks->item, size);
        if (!moved)
            return -ENOMEM;
        ranks->item = moved;
        ranks->item_room = size;
    }
    memcpy(ranks->item, &order, sizeof order);
    if (ranks->names.size)
        memcpy(ranks->item + sizeof order, ranks->names.data, ranks->names.size);
    memcpy(ranks->item + size - row.size, row.data, row.size);
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
    *ret_item =
        (struct ovl_bytes){ranks->item, sizeof(struct order) + ranks->names.size + row.size};
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
    struct setup *setup = ovl_task_session(task);
    struct job_shared *shared = &setup->shared;
    struct order order;
    memcpy(&order, item.data, sizeof order);
    const char *names = (const char *)item.data + sizeof order;
    size_t before = sizeof order + order.names_size;
    if (setup_rank_command(setup, order.names_size ? (const void *)names : NULL))
        return -ENOMEM;
    struct job *job = job_new((struct ovl_bytes){names + order.names_size, item.size - before});
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
