#include "run/job.h"

#include "run/follow.h"
#include "run/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <overlap/coroutine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* How long to wait where the machine has no process or descriptor, and how often while no other job
 * runs that will give up its own. */
#define SHORTAGE_NS    (20 * OVL_MILLISECOND)
#define SHORTAGE_TRIES 250

/* How often a job that is held back looks whether it may begin. */
#define HOLD_NS (50 * OVL_MILLISECOND)

struct job *job_new(struct ovl_bytes row)
{
    struct job *job = calloc(1, sizeof *job);
    void *copy = malloc(row.size);
    if (!job || !copy) {
        free(job);
        free(copy);
        return NULL;
    }
    job->row = memcpy(copy, row.data, row.size);
    job->row_size = row.size;
    return job;
}

void job_free(struct job *job, struct spool *spool)
{
    if (!job)
        return;
    for (int n = 0; n < JOB_STREAMS; n++)
        capture_release(&job->streams[n], spool);
    free(job->row);
    free(job->reason);
    free(job);
}

struct job *job_of_result(struct ovl_bytes result)
{
    struct job *job = NULL;
    if (result.size == sizeof job)
        memcpy(&job, result.data, sizeof job);
    return job;
}

void job_refuse(struct job *job, int error, const char *what)
{
    job->state = JOB_FAILED;
    job->exit = error == ENOENT ? 127 : 126;
    job->refusal = error;
    job->refused = what;
}

void job_lose_output(struct job *job, int error, const char *what)
{
    job_refuse(job, -error, what);
    job->unkept = error != -ENOMEM && error != -ECHILD;
}

/* --- environment --- */

/* What says that a process is a rank: a command that uses MPI as well is none. */
static bool is_of_ranks(const char *variable)
{
    static const char *const beginnings[] = {"OMPI_", "PMIX_", "PMI_"};
    for (size_t n = 0; n < sizeof beginnings / sizeof *beginnings; n++)
        if (strncmp(variable, beginnings[n], strlen(beginnings[n])) == 0)
            return true;
    return false;
}

/* The variables of a job, made anew: its own come before those that are inherited. */
struct environment {
    char **list;
    char own[4][48];
};

static int make_environment(const struct job_shared *shared, const struct job *job,
                            const struct arguments *arguments, struct environment *ret)
{
    static const char *const names[] = {"OVERLAP_JOB", "OVERLAP_SLOT", "PARALLEL_SEQ",
                                        "PARALLEL_JOBSLOT"};
    size_t inherited = 0;
    size_t settings = 0;
    while (environ[inherited])
        inherited++;
    while (shared->settings && shared->settings[settings])
        settings++;
    ret->list = malloc((inherited + settings + arguments->variable_count + 5) * sizeof(char *));
    if (!ret->list)
        return -ENOMEM;
    char **next = ret->list;
    for (size_t n = 0; n < 4; n++) {
        unsigned long long value = n % 2 ? job->slot : job->row->number;
        snprintf(ret->own[n], sizeof ret->own[n], "%s=%llu", names[n], value);
        *next++ = ret->own[n];
    }
    for (size_t n = 0; n < arguments->variable_count; n++)
        *next++ = arguments->variables[n];
    for (size_t n = 0; n < settings; n++)
        *next++ = (char *)shared->settings[n];
    for (size_t n = 0; n < inherited; n++)
        if (!shared->slot || !is_of_ranks(environ[n]))
            *next++ = environ[n];
    *next = NULL;
    return 0;
}

/* --- one attempt --- */

/* What an attempt has open. */
struct attempt {
    struct job_shared *shared;
    struct job *job;
    struct guard_slot *slot;
    struct arguments arguments;
    struct environment environment;
    char *path; /* that was looked for; NULL: the run's */
    int reads[JOB_STREAMS];
    int writes[JOB_STREAMS];
    int input;
};

static void close_all(int fds[], int count)
{
    for (int n = 0; n < count; n++)
        if (fds[n] >= 0)
            close(fds[n]);
}

static int open_pipes(struct attempt *attempt)
{
    for (int n = 0; n < JOB_STREAMS; n++)
        attempt->reads[n] = attempt->writes[n] = -1;
    if (attempt->shared->output == JOB_INHERITED)
        return 0;
    for (int n = 0; n < JOB_STREAMS; n++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0) {
            int error = -errno;
            close_all(attempt->reads, JOB_STREAMS);
            close_all(attempt->writes, JOB_STREAMS);
            return error;
        }
        attempt->reads[n] = ends[0];
        attempt->writes[n] = ends[1];
    }
    return 0;
}

/* Starts the process. Returns its number or -errno. */
static pid_t start(struct attempt *attempt)
{
    const struct job_shared *shared = attempt->shared;
    int error = open_pipes(attempt);
    if (error)
        return error;
    struct spawn command = {
        .path = attempt->path ? attempt->path : shared->path,
        .arguments = attempt->arguments.words,
        .environment = attempt->environment.list,
        .folder = shared->folder,
        .input = attempt->input,
        .output = attempt->writes[JOB_OUT],
        .error = attempt->writes[JOB_ERR],
        .mask = shared->mask,
        .niceness = shared->niceness,
        .slot = attempt->slot,
    };
    attempt->job->start = ovl_now();
    pid_t process = spawn(&command);
    if (process < 0) {
        close_all(attempt->reads, JOB_STREAMS);
        close_all(attempt->writes, JOB_STREAMS);
    }
    return process;
}

static bool is_shortage(int error)
{
    return error == -EAGAIN || error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/*
 * As start, and where the machine is short of something, again when other jobs have ended. It is
 * counted as running before anybody can see that it has begun.
 */
static pid_t start_patiently(struct attempt *attempt)
{
    struct job_shared *shared = attempt->shared;
    unsigned tries = 0;
    for (;;) {
        atomic_fetch_add(&shared->running, 1);
        pid_t process = start(attempt);
        if (process >= 0)
            return process;
        atomic_fetch_sub(&shared->running, 1);
        if (!is_shortage(process) || tries == SHORTAGE_TRIES)
            return process;
        atomic_fetch_add(&shared->shortages, 1);
        ovl_sleep(ovl_after(SHORTAGE_NS));
        if (atomic_load(&shared->stop))
            return process;
        tries = atomic_load(&shared->running) ? 0 : tries + 1;
    }
}

/* When its time is up. */
static ovl_time deadline_of(const struct job_shared *shared, ovl_time start)
{
    ovl_time limit = shared->timeout_ns;
    ovl_time median = atomic_load(&shared->median_ns);
    if (shared->timeout_medians > 0 && median > 0)
        limit = (ovl_time)(shared->timeout_medians * (double)median);
    return limit ? start + limit : OVL_FOREVER;
}

static void note_end(struct attempt *attempt, const struct follow *follow)
{
    struct job *job = attempt->job;
    int error = atomic_load(&attempt->slot->exec_error);
    job->timed_out = follow->timed_out;
    job->cpu_ns = follow->cpu_ns;
    job->queued_ns = follow->queued_ns;
    job->resident_bytes = follow->resident_bytes;
    job->signal = WIFSIGNALED(follow->status) ? WTERMSIG(follow->status) : 0;
    job->exit = job->signal ? 128 + job->signal : WEXITSTATUS(follow->status);
    job->state = job->exit || job->timed_out ? JOB_FAILED : JOB_DONE;
    if (error)
        job_refuse(job, error, "cannot run it");
    if (follow->error)
        job_lose_output(job, follow->error, "cannot take its output");
    if (atomic_load(&attempt->shared->cut))
        job->state = JOB_CUT_OFF;
}

static void run_process(struct attempt *attempt)
{
    struct job_shared *shared = attempt->shared;
    struct job *job = attempt->job;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    job->began = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    pid_t process = start_patiently(attempt);
    if (process < 0 && atomic_load(&shared->stop) && is_shortage(process)) {
        job->attempts--; /* it need not begin any more */
        return;
    }
    if (process < 0) {
        job->end = ovl_now();
        job_refuse(job, -process, "no process is to be had");
        job->shortage = is_shortage(process);
        return;
    }
    struct follow follow = {.shared = shared,
                            .job = job,
                            .process = process,
                            .slot = attempt->slot,
                            .reads = {attempt->reads[0], attempt->reads[1]},
                            .writes = {attempt->writes[0], attempt->writes[1]},
                            .task = shared->task,
                            .deadline = deadline_of(shared, job->start)};
    follow_process(&follow);
    job->end = ovl_now();
    job->running = atomic_fetch_sub(&shared->running, 1);
    note_end(attempt, &follow);
}

/* What the command is, for this item. False: it cannot be run, and the job knows why. */
static bool find_program(struct attempt *attempt)
{
    if (attempt->shared->path)
        return true;
    int error = spawn_find(attempt->shared->folder, attempt->arguments.words[0], &attempt->path);
    if (error)
        job_refuse(attempt->job, -error,
                   error != -ENOENT ? "cannot run it"
                   : strpbrk(attempt->arguments.words[0], " |;<>&$*")
                       ? "command not found; a line for a shell needs --shell"
                       : "command not found");
    return !error;
}

/* A file without a name that holds the job's input, to be read from its beginning. -errno. */
static int hold_input(struct ovl_bytes input)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    const char *bytes = input.data;
    size_t at = 0;
    while (fd >= 0 && at < input.size) {
        ssize_t written = pwrite(fd, bytes + at, input.size - at, (off_t)at);
        if (written < 0 && errno != EINTR) {
            int error = errno;
            close(fd);
            return -error;
        }
        at += written > 0 ? (size_t)written : 0;
    }
    return fd < 0 ? -errno : fd;
}

static void attempt_with_input(struct attempt *attempt)
{
    struct ovl_bytes input = row_input(attempt->job->row);
    int held = input.size ? hold_input(input) : -1;
    if (input.size && held < 0) {
        job_refuse(attempt->job, -held, "cannot hold its input");
        return;
    }
    attempt->input = input.size ? held : attempt->shared->null;
    if (find_program(attempt))
        run_process(attempt);
    if (held >= 0)
        close(held);
}

static void attempt_once(struct job_shared *shared, struct job *job)
{
    struct attempt attempt = {.shared = shared, .job = job};
    attempt.slot = guard_take(shared->guard);
    if (!attempt.slot) {
        job_refuse(job, EAGAIN, "too many jobs at once");
        return;
    }
    job->slot =
        shared->slot ? shared->slot : (unsigned)guard_number(shared->guard, attempt.slot) + 1;
    const struct template_job values = {.row = job->row, .slot = job->slot, .total = shared->total};
    enum template_error error = template_render(shared->template, &values, &attempt.arguments);
    if (error == TEMPLATE_ZERO_BYTE)
        job_refuse(job, EINVAL, "the item has a zero byte, which no argument can have");
    else if (error || make_environment(shared, job, &attempt.arguments, &attempt.environment))
        job_refuse(job, ENOMEM, "out of memory for its arguments");
    else
        attempt_with_input(&attempt);
    guard_give(shared->guard, attempt.slot);
    free(attempt.environment.list);
    free(attempt.path);
    arguments_release(&attempt.arguments);
}

/* --- attempts --- */

/* Waits until it may begin. False: it will not. */
static bool may_begin(struct job_shared *shared)
{
    while (atomic_load(&shared->hold) && !atomic_load(&shared->stop))
        ovl_sleep(ovl_after(HOLD_NS));
    if (shared->delay_ns && !atomic_load(&shared->stop)) {
        ovl_time now = ovl_now();
        ovl_time due = atomic_load(&shared->next_start);
        ovl_time mine;
        do {
            mine = due > now ? due : now;
        } while (!atomic_compare_exchange_weak(&shared->next_start, &due, mine + shared->delay_ns));
        if (mine > now)
            ovl_sleep(mine);
    }
    return !atomic_load(&shared->stop);
}

/* Output of an attempt that failed is not the job's. */
static void forget_output(struct job_shared *shared, struct job *job)
{
    for (int n = 0; n < JOB_STREAMS; n++)
        capture_release(&job->streams[n], shared->spool);
}

void job_run(struct job_shared *shared, struct job *job)
{
    job->state = JOB_NOT_STARTED;
    while (job->attempts < shared->tries && may_begin(shared)) {
        if (job->attempts++)
            forget_output(shared, job);
        job->refusal = 0;
        job->refused = NULL;
        job->unkept = false;
        job->shortage = false;
        attempt_once(shared, job);
        if (job->state != JOB_FAILED || job->shortage)
            break;
    }
    for (int n = 0; n < JOB_STREAMS; n++) {
        int error = capture_settle(&job->streams[n], shared->spool);
        if (error)
            job_lose_output(job, error, "cannot keep its output");
    }
}

/* Where it is time to halt, nothing begins in the place of this job. */
static void count(struct job_shared *shared, const struct job *job)
{
    if (job->state != JOB_DONE && job->state != JOB_FAILED)
        return;
    atomic_fetch_add(job->state == JOB_DONE ? &shared->done : &shared->failed, 1);
    const struct halt_counts counts = {.done = atomic_load(&shared->done),
                                       .failed = atomic_load(&shared->failed),
                                       .total = shared->total};
    if (halt_is_due(&shared->halt, &counts))
        atomic_store(&shared->stop, true);
}

int job_task(struct ovl_task *task, struct ovl_bytes item)
{
    struct job *job = job_new(item);
    if (!job)
        return -ENOMEM;
    struct job_shared *shared = ovl_task_session(task);
    job_run(shared, job);
    count(shared, job);
    int error = ovl_task_return(task, &job, sizeof job);
    if (error)
        job_free(job, shared->spool);
    return error;
}
