#include "run/ranks.h"

#include "command.h"
#include "report/console.h"
#include "run/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <overlap/cluster.h>
#include <overlap/error.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A job under way, with its row, and what has come of its output. */
struct given {
    uint64_t index;
    struct job *job;   /* NULL: none */
    bool begun;        /* it waits for its machine no more */
    int error;         /* its output cannot be kept */
    uint32_t attempts; /* in how many its output was written */
};

struct ranks {
    struct ranks_options options;
    struct job_shared *shared;
    struct given *given; /* each at its index, modulo, or at the next free place behind */
    struct job **held;   /* jobs that are to be given again, a ring, the oldest first */
    size_t held_first;
    size_t held_count;
    uint64_t next;        /* the next one's index */
    ovl_time next_start;  /* before which none is given */
    pthread_mutex_t lock; /* guards which jobs are given: words come on a thread of their own */
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

struct ranks *ranks_new(const struct ranks_options *options)
{
    struct ranks *ranks = calloc(1, sizeof *ranks);
    struct given *given = calloc(options->most, sizeof *given);
    struct job **held = calloc(options->most, sizeof(struct job *));
    if (!ranks || !given || !held) {
        free(ranks);
        free(given);
        free(held);
        return NULL;
    }
    *ranks = (struct ranks){
        .options = *options, .shared = options->shared, .given = given, .held = held};
    pthread_mutex_init(&ranks->lock, NULL);
    return ranks;
}

void ranks_free(struct ranks *ranks)
{
    if (!ranks)
        return;
    for (size_t n = 0; n < ranks->options.most; n++) {
        job_free(ranks->given[n].job, ranks->shared->spool);
        job_free(ranks->held[n], ranks->shared->spool);
    }
    pthread_mutex_destroy(&ranks->lock);
    free(ranks->given);
    free(ranks->held);
    free(ranks->item);
    free(ranks);
}

/* Jobs end in any order: one that takes its time may have the place of a much later one. NULL:
 * there is no such job; for one that is to be given, no place. */
static struct given *find(struct ranks *ranks, uint64_t index, bool free_place)
{
    size_t most = ranks->options.most;
    for (size_t n = 0; n < most; n++) {
        struct given *given = &ranks->given[(index + n) % most];
        if (free_place ? !given->job : given->job && given->index == index)
            return given;
    }
    return NULL;
}

/* --- giving --- */

/* Whether no job runs, as far as is known: those that wait for their machines do not. */
static bool none_begun(const struct ranks *ranks)
{
    for (size_t n = 0; n < ranks->options.most; n++)
        if (ranks->given[n].job && ranks->given[n].begun)
            return false;
    return true;
}

static int make_item(struct ranks *ranks, const struct given *given, struct ovl_bytes *ret_item)
{
    struct ovl_bytes names = ranks->options.names;
    const struct job *job = given->job;
    const struct rank_order order = {.index = given->index,
                                     .median_ns = atomic_load(&ranks->shared->median_ns),
                                     .total = ranks->shared->total,
                                     .names_size = names.size,
                                     .attempts = job->attempts,
                                     .alone = given->begun};
    size_t size = sizeof order + names.size + job->row_size;
    if (size > ranks->item_room) {
        char *moved = realloc(ranks->item, size);
        if (!moved)
            return -ENOMEM;
        ranks->item = moved;
        ranks->item_room = size;
    }
    memcpy(ranks->item, &order, sizeof order);
    if (names.size)
        memcpy(ranks->item + sizeof order, names.data, names.size);
    memcpy(ranks->item + size - job->row_size, job->row, job->row_size);
    *ret_item = (struct ovl_bytes){ranks->item, size};
    return 0;
}

/* The job is the ranks', whatever becomes of it. */
static int give(struct ranks *ranks, struct job *job, struct ovl_bytes *ret_item)
{
    pthread_mutex_lock(&ranks->lock);
    struct given *given = find(ranks, ranks->next, true);
    if (given)
        *given = (struct given){.index = ranks->next,
                                .job = job,
                                .begun = none_begun(ranks),
                                .attempts = job->attempts};
    pthread_mutex_unlock(&ranks->lock);
    if (!given) {
        job_free(job, ranks->shared->spool);
        return -ENOMEM;
    }
    int error = make_item(ranks, given, ret_item);
    if (error)
        return error;
    ranks->next++;
    ranks->next_start = ovl_after(ranks->shared->delay_ns);
    atomic_fetch_add(&ranks->shared->running, 1);
    return 0;
}

int ranks_give(struct ranks *ranks, struct ovl_bytes row, struct ovl_bytes *ret_item)
{
    struct job *job = job_new(row);
    if (!job)
        return -ENOMEM;
    job->state = JOB_NOT_STARTED;
    return give(ranks, job, ret_item);
}

struct job *ranks_held(struct ranks *ranks)
{
    if (!ranks->held_count)
        return NULL;
    struct job *job = ranks->held[ranks->held_first];
    ranks->held[ranks->held_first] = NULL;
    ranks->held_first = (ranks->held_first + 1) % ranks->options.most;
    ranks->held_count--;
    return job;
}

int ranks_give_again(struct ranks *ranks, struct ovl_bytes *ret_item)
{
    struct job *job = ranks_held(ranks);
    int error = job ? give(ranks, job, ret_item) : 0;
    return error ? error : job != NULL;
}

ovl_time ranks_wait(const struct ranks *ranks)
{
    ovl_time left = ranks->shared->delay_ns ? ranks->next_start - ovl_now() : 0;
    return left > 0 ? left : 0;
}

/* --- taking --- */

/* The output of an attempt that failed is not the job's. */
static void forget_former(struct ranks *ranks, struct given *given, uint32_t attempts)
{
    if (given->attempts != attempts)
        for (int n = 0; n < JOB_STREAMS; n++)
            capture_release(&given->job->streams[n], ranks->shared->spool);
    given->attempts = attempts;
}

/* As the job would be, were it here (follow.c). */
static void take_output(struct ranks *ranks, struct given *given, int stream,
                        struct ovl_bytes output)
{
    const struct job_shared *shared = ranks->shared;
    struct job *job = given->job;
    if (!given->error && output.size && (shared->output == JOB_GROUPED || shared->keep_output))
        given->error =
            capture_append(&job->streams[stream], shared->spool, output.data, output.size);
    if (shared->output == JOB_AS_IT_COMES &&
        shared->take(shared->take_context, job, stream, output.data, output.size))
        ranks->options.stuck(ranks->options.context);
}

void ranks_hear(void *context, struct ovl_bytes words)
{
    struct ranks *ranks = context;
    struct rank_word word;
    if (words.size < sizeof word)
        return;
    memcpy(&word, words.data, sizeof word);
    pthread_mutex_lock(&ranks->lock);
    struct given *given = find(ranks, word.index, false);
    if (given && word.stream == RANK_BEGUN)
        given->begun = true;
    pthread_mutex_unlock(&ranks->lock);
    if (!given || word.stream >= JOB_STREAMS)
        return;
    /* It is not taken before all that its rank has said was heard. */
    forget_former(ranks, given, word.attempts);
    take_output(
        ranks, given, (int)word.stream,
        (struct ovl_bytes){(const char *)words.data + sizeof word, words.size - sizeof word});
}

static struct given take(struct ranks *ranks, uint64_t index)
{
    struct given taken = {0};
    pthread_mutex_lock(&ranks->lock);
    struct given *given = find(ranks, index, false);
    if (given) {
        taken = *given;
        given->job = NULL;
    }
    pthread_mutex_unlock(&ranks->lock);
    return taken;
}

static void hold(struct ranks *ranks, struct job *job)
{
    size_t most = ranks->options.most;
    ranks->held[(ranks->held_first + ranks->held_count++) % most] = job;
}

/* What became of it, of the task's error or of what its rank has sent. */
static void end_job(struct ranks *ranks, struct given *given, int error, struct ovl_bytes result)
{
    struct job_shared *shared = ranks->shared;
    struct job *job = given->job;
    for (int n = 0; n < JOB_STREAMS && shared->output == JOB_AS_IT_COMES; n++)
        shared->take(shared->take_context, job, n, NULL, 0); /* where its rank did not say so */
    if (error == OVL_ECANCELED) /* the whole was stopped: what it was before is what it is */
        return;
    if (error) {
        job_refuse(job, EINVAL, ovl_error_message(error));
        return;
    }
    forget_former(ranks, given, parcel_attempts(result));
    error = parcel_unpack(job, shared->spool, result);
    if (error || given->error)
        job_lose_output(job, error ? error : given->error, "cannot keep its output");
}

/* Whether another attempt is to be given, to whatever machine has enough left for it then. */
static bool is_to_be_tried(const struct ranks *ranks, const struct job *job, unsigned attempts)
{
    const struct job_shared *shared = ranks->shared;
    return ranks->options.limited && job->state == JOB_FAILED && job->attempts > attempts &&
           job->attempts < shared->tries && !atomic_load(&shared->stop);
}

int ranks_take(struct ranks *ranks, size_t index, const struct ovl_outcome *outcome,
               struct ovl_bytes result, struct job **ret_job)
{
    struct given given = take(ranks, index);
    unsigned running = atomic_fetch_sub(&ranks->shared->running, 1);
    if (given.job && outcome->error == RANK_HELD) {
        hold(ranks, given.job);
        return 0;
    }
    if (given.job) {
        unsigned attempts = given.job->attempts;
        end_job(ranks, &given, outcome->error, result);
        given.job->running = running;
        if (is_to_be_tried(ranks, given.job, attempts)) {
            hold(ranks, given.job);
            return 0;
        }
    }
    *ret_job = given.job;
    return 1;
}
