/*
 * A suite of small workloads of every kind, each run under every model with many numbers of
 * workers, and under auto: how near auto comes to the best of them, and predictions to measures.
 *
 *     workloads            lists their names
 *     workloads NAME...    runs these, or `all`, and prints a line of each
 *
 * Lines for bench/auto: "auto NAME BEST-MODEL BEST-WORKERS BEST SYNC AUTO DECISION...",
 * "predicted NAME MODEL WORKERS MEASURED PREDICTED LEAST MOST IS-ITS-MODEL'S-BEST", seconds. What
 * would take long is run on a part of the tasks, and its time multiplied: of the best and auto all
 * are run.
 */
#define _GNU_SOURCE
#include "slow_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <overlap.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define US OVL_MICROSECOND
#define MS OVL_MILLISECOND

static struct sockaddr_in address; /* the server's */

/* --- tasks --- */

/* What a task does; all zero parts are left out. */
struct doing {
    ovl_time compute_ns;
    struct request request;
    ovl_time sleep_ns;
    ovl_time unseen_ns;
    ovl_time locked_ns; /* with a lock that all tasks share */
    bool sync_file;
};

static double turns_per_ns;

/* In a register: the same loop through memory is up to four times as fast, or slow, by chance. */
static void turn(uint64_t turns)
{
    uint64_t sum = 1;
    for (uint64_t i = 0; i < turns; i++) {
        sum = sum * 3 + i;
        __asm__ volatile("" : "+r"(sum));
    }
}

static void compute(ovl_time length)
{
    turn((uint64_t)(turns_per_ns * (double)length));
}

static void calibrate(void)
{
    ovl_time best = OVL_FOREVER;
    for (int i = 0; i < 20; i++) {
        ovl_time start = ovl_now();
        turn(1000000);
        ovl_time length = ovl_now() - start;
        best = length < best ? length : best;
    }
    turns_per_ns = 1e6 / (double)best;
}

static int ask(struct request request)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    char byte;
    bool fine = !connect(fd, (const struct sockaddr *)&address, sizeof address) &&
                write(fd, &request, sizeof request) == sizeof request && read(fd, &byte, 1) == 1;
    int error = fine ? 0 : -errno;
    close(fd);
    return error;
}

static pthread_mutex_t *shared; /* with the processes too */
static char folder[] = "/var/tmp/overlap-bench-XXXXXX";

static void make_lock(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        exit(3);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(shared, &attributes);
}

static int write_file(const struct ovl_task *task)
{
    char path[100];
    char block[4096] = {1};
    snprintf(path, sizeof path, "%s/%u", folder, ovl_task_worker(task));
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    bool fine = pwrite(fd, block, sizeof block, 0) == sizeof block && !fdatasync(fd);
    int error = fine ? 0 : -errno;
    close(fd);
    return error;
}

static void nap(ovl_time length)
{
    struct timespec time = {.tv_sec = length / OVL_SECOND, .tv_nsec = length % OVL_SECOND};
    nanosleep(&time, NULL);
}

static int work(struct ovl_task *task, struct ovl_bytes item)
{
    struct doing doing = *(const struct doing *)item.data;
    int error = 0;
    if (doing.request.delay_us)
        error = ask(doing.request);
    if (doing.compute_ns)
        compute(doing.compute_ns);
    if (doing.sleep_ns)
        nap(doing.sleep_ns);
    if (doing.unseen_ns)
        syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = doing.unseen_ns}, NULL);
    if (doing.locked_ns) {
        pthread_mutex_lock(shared);
        nap(doing.locked_ns);
        pthread_mutex_unlock(shared);
    }
    if (!error && doing.sync_file)
        error = write_file(task);
    return error;
}

/* --- workloads --- */

struct workload {
    const char *name;
    struct doing doing;
    size_t count;
    struct doing then; /* has_then: what the second half of them does */
    bool has_then;
    unsigned most;        /* the search goes to so many workers */
    unsigned connections; /* what a user would tell the predictor */
};

static const struct workload workloads[] = {
    {.name = "network-1ms", .doing = {.request = {1000, 0}}, .count = 1000, .most = 512},
    {.name = "network-20ms", .doing = {.request = {20000, 0}}, .count = 200, .most = 512},
    {.name = "network-200ms", .doing = {.request = {200000, 0}}, .count = 40, .most = 64},
    {.name = "network-long", .doing = {.request = {20000, 0}}, .count = 20000, .most = 2048},
    {.name = "server-of-8",
     .doing = {.request = {10000, 8}},
     .count = 960,
     .most = 128,
     .connections = 8},
    {.name = "server-of-1",
     .doing = {.request = {5000, 1}},
     .count = 240,
     .most = 64,
     .connections = 1},
    {.name = "disk", .doing = {.sync_file = true}, .count = 4000, .most = 64},
    {.name = "sleep-10ms", .doing = {.sleep_ns = 10 * MS}, .count = 400, .most = 512},
    {.name = "lock", .doing = {.locked_ns = 2 * MS}, .count = 250, .most = 32},
    {.name = "compute-1us", .doing = {.compute_ns = US}, .count = 200000, .most = 4},
    {.name = "compute-1ms", .doing = {.compute_ns = MS}, .count = 1200, .most = 4},
    {.name = "compute-1s", .doing = {.compute_ns = OVL_SECOND}, .count = 4, .most = 4},
    {.name = "mixed-10-90",
     .doing = {.request = {9000, 0}, .compute_ns = MS},
     .count = 1000,
     .most = 64},
    {.name = "mixed-50-50",
     .doing = {.request = {2000, 0}, .compute_ns = 2 * MS},
     .count = 600,
     .most = 32},
    {.name = "mixed-90-10",
     .doing = {.request = {1000, 0}, .compute_ns = 9 * MS},
     .count = 150,
     .most = 16},
    {.name = "tiny", .doing = {0}, .count = 300000, .most = 4},
    {.name = "burst",
     .doing = {.request = {10000, 0}},
     .then = {.compute_ns = MS},
     .has_then = true,
     .count = 1200,
     .most = 256},
    {.name = "unseen-10ms", .doing = {.unseen_ns = 10 * MS}, .count = 600, .most = 512},
};

#define COUNT (sizeof workloads / sizeof *workloads)

/* What a task takes alone, about. */
static ovl_time nominal(const struct doing *doing)
{
    return OVL_MICROSECOND / 2 + doing->compute_ns + doing->request.delay_us * US +
           doing->sleep_ns + doing->unseen_ns + doing->locked_ns + (doing->sync_file ? MS / 10 : 0);
}

static ovl_time mean_length(const struct workload *workload)
{
    ovl_time first = nominal(&workload->doing);
    return workload->has_then ? (first + nominal(&workload->then)) / 2 : first;
}

/* --- running one --- */

struct items {
    const struct workload *workload;
    size_t next;
    size_t total;
    size_t failed;
};

static int next_item(void *context, struct ovl_bytes *ret_item)
{
    struct items *items = context;
    const struct workload *workload = items->workload;
    if (items->next == items->total)
        return 0;
    bool first = !workload->has_then || items->next < items->total / 2;
    const struct doing *doing = first ? &workload->doing : &workload->then;
    *ret_item = (struct ovl_bytes){.data = doing, .size = sizeof *doing};
    items->next++;
    return 1;
}

static int count_failed(void *context, size_t index, const struct ovl_outcome *outcome,
                        struct ovl_bytes result)
{
    (void)index;
    (void)result;
    ((struct items *)context)->failed += outcome->error != 0;
    return 0;
}

static char decisions[4000];

static void read_decisions(struct ovl_executor *executor)
{
    decisions[0] = '\0';
    size_t length = 0;
    struct ovl_decision decision;
    for (size_t n = 0; n < ovl_auto_decision_count(executor); n++)
        if (!ovl_auto_decision(executor, n, &decision) && length < sizeof decisions - 300)
            length +=
                (size_t)snprintf(decisions + length, sizeof decisions - length,
                                 "\n#     after %zu tasks: %s, %u: %s", decision.tasks,
                                 ovl_model_name(decision.model), decision.workers, decision.reason);
}

/* A plan of the search is run as often as fits into its time, and at least once. */
#define PLAN_SECONDS 0.45
#define PLAN_TIMES   3

/* A way to run so many tasks of a workload, and what it took: seconds. */
struct plan {
    enum ovl_model model;
    unsigned workers;
    size_t tasks;
    double times[PLAN_TIMES];
    unsigned count; /* of these */
    bool is_best;   /* of its model: these were measured in turns */
    double median;
    double least;
    double most;
};

/* Seconds, opening and closing included. */
static double run(const struct workload *workload, const struct plan *plan,
                  struct ovl_ledger *ledger)
{
    struct items items = {.workload = workload, .total = plan->tasks};
    struct ovl_options options = {.workers = plan->workers, .ledger = ledger};
    struct ovl_executor *executor;
    ovl_time start = ovl_now();
    int error = ovl_executor_open(plan->model, &options, &executor);
    if (error) {
        fprintf(stderr, "%s %u: %s\n", ovl_model_name(plan->model), plan->workers,
                ovl_error_message(error));
        exit(3);
    }
    struct ovl_stream stream = {
        .next = next_item,
        .each = count_failed,
        .context = &items,
        .prompt = true,
        .as_completed = true,
    };
    ovl_map_stream(executor, work, &stream);
    if (plan->model == OVL_AUTO)
        read_decisions(executor);
    ovl_executor_close(executor, OVL_FOREVER);
    if (items.failed)
        printf("# %s %s %u: %zu tasks failed\n", workload->name, ovl_model_name(plan->model),
               plan->workers, items.failed);
    return (double)(ovl_now() - start) / OVL_SECOND;
}

static int compare_doubles(const void *a, const void *b)
{
    double first = *(const double *)a;
    double second = *(const double *)b;
    return (first > second) - (first < second);
}

#define TIMES_MOST 5

static void sum_up(struct plan *plan, double *times, unsigned count)
{
    qsort(times, count, sizeof *times, compare_doubles);
    plan->median = times[count / 2];
    plan->least = times[0];
    plan->most = times[count - 1];
}

/* --- the search --- */

/* A plan that would take longer is run on a part of the tasks. */
#define WHOLE_SECONDS 0.8

/* The best and auto in turn, for about so long. */
#define DUEL_SECONDS 4.0

static size_t tasks_for(const struct workload *workload, unsigned at_once)
{
    if (workload->connections && workload->connections < at_once)
        at_once = workload->connections;
    double whole = (double)workload->count * (double)mean_length(workload) / OVL_SECOND / at_once;
    if (whole <= WHOLE_SECONDS)
        return workload->count;
    size_t part = (size_t)((double)workload->count * WHOLE_SECONDS / whole);
    size_t least = at_once < 2 ? 2 : at_once;
    part = part < least ? least : part + part % 2;
    return part < workload->count ? part : workload->count;
}

static void add_plan(const struct workload *workload, struct plan *plans, size_t *count,
                     struct plan plan)
{
    bool computes = workload->doing.compute_ns > nominal(&workload->doing) / 2;
    unsigned cores = plan.model == OVL_ASYNC ? 1 : 2;
    plan.tasks = tasks_for(workload, computes && plan.workers > cores ? cores : plan.workers);
    plans[(*count)++] = plan;
}

static size_t list_plans(const struct workload *workload, struct plan *plans)
{
    size_t count = 0;
    add_plan(workload, plans, &count, (struct plan){.model = OVL_SYNC, .workers = 1});
    for (unsigned n = 2; n <= workload->most && n <= 256; n *= 2)
        add_plan(workload, plans, &count, (struct plan){.model = OVL_THREADS, .workers = n});
    for (unsigned n = 2; n <= workload->most; n *= 4)
        add_plan(workload, plans, &count, (struct plan){.model = OVL_ASYNC, .workers = n});
    unsigned processes = workload->most < 8 ? workload->most : 8;
    for (unsigned n = 2; n <= processes; n *= 2)
        add_plan(workload, plans, &count, (struct plan){.model = OVL_PROCESSES, .workers = n});
    return count;
}

static void measure_once(const struct workload *workload, struct plan *plan)
{
    plan->times[plan->count++] = run(workload, plan, NULL);
    sum_up(plan, plan->times, plan->count);
}

static void measure(const struct workload *workload, struct plan *plan)
{
    double sum = 0;
    do {
        ovl_time start = ovl_now();
        measure_once(workload, plan);
        sum += (double)(ovl_now() - start) / OVL_SECOND;
    } while (plan->count < PLAN_TIMES && sum / plan->count * (plan->count + 1) <= PLAN_SECONDS);
}

/* What the whole would take. */
static double whole(const struct workload *workload, const struct plan *plan)
{
    return plan->median * (double)workload->count / (double)plan->tasks;
}

/* The best one of a model, or of all (OVL_MODEL_COUNT). */
static struct plan *find_best(const struct workload *workload, struct plan *plans, size_t count,
                              int model)
{
    struct plan *best = NULL;
    for (size_t i = 0; i < count; i++)
        if ((model == OVL_MODEL_COUNT || (int)plans[i].model == model) &&
            (!best || whole(workload, &plans[i]) < whole(workload, best)))
            best = &plans[i];
    return best;
}

/*
 * Each model's best anew, in turns: what stands in which order is told by how far the times of one
 * and the same plan stray, and all meet the same machine. That it was the best of many may have
 * been luck.
 */
static void measure_again(const struct workload *workload, struct plan *plans, size_t count)
{
    struct plan *best[OVL_MODEL_COUNT];
    for (int model = 0; model < OVL_MODEL_COUNT; model++) {
        best[model] = find_best(workload, plans, count, model);
        if (best[model]) {
            best[model]->count = 0;
            best[model]->is_best = true;
        }
    }
    for (unsigned round = 0; round < PLAN_TIMES; round++)
        for (int model = 0; model < OVL_MODEL_COUNT; model++)
            if (best[model])
                measure_once(workload, best[model]);
}

static const struct plan *search(const struct workload *workload, struct plan *plans, size_t count)
{
    for (size_t i = 0; i < count; i++)
        measure(workload, &plans[i]);
    measure_again(workload, plans, count);
    const struct plan *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (plans[i].is_best && (!best || whole(workload, &plans[i]) < whole(workload, best)))
            best = &plans[i];
    return best;
}

/* --- what is told of it --- */

static void predict(const struct workload *workload, const struct plan *plans, size_t count)
{
    struct ovl_ledger *ledger;
    struct ovl_work *known;
    if (ovl_ledger_open(8192, &ledger))
        exit(3);
    run(workload, &plans[0], ledger);
    struct ovl_costs costs;
    ovl_costs_get(&costs);
    struct ovl_ledger_reading reading = {
        .connections = workload->connections,
        .costs = &costs,
    };
    for (size_t i = 0; i < count; i++) {
        struct ovl_plan plan = {.model = plans[i].model, .workers = plans[i].workers};
        struct ovl_prediction prediction;
        reading.total = plans[i].tasks;
        if (ovl_work_from_ledger(ledger, &reading, &known))
            continue;
        double share = (double)workload->count / (double)plans[i].tasks;
        if (!ovl_predict(known, &plan, &costs, &prediction))
            printf("predicted %s %s %u %.6f %.6f %.6f %.6f %d\n", workload->name,
                   ovl_model_name(plan.model), plan.workers, plans[i].median * share,
                   (double)prediction.wall_ns / OVL_SECOND * share, plans[i].least * share,
                   plans[i].most * share, plans[i].is_best);
        ovl_work_free(known);
    }
    ovl_ledger_close(ledger);
}

/* auto and the best in turn: both meet what else the machine does. */
static void duel(const struct workload *workload, struct plan *best, struct plan *chosen)
{
    double of_best[TIMES_MOST];
    double of_auto[TIMES_MOST];
    double sum = 0;
    unsigned count = 0;
    best->tasks = chosen->tasks = workload->count;
    do {
        of_auto[count] = run(workload, chosen, NULL);
        of_best[count] = run(workload, best, NULL);
        sum += of_auto[count] + of_best[count];
        count++;
    } while (count < TIMES_MOST && sum / count * (count + 1) <= DUEL_SECONDS);
    sum_up(best, of_best, count);
    sum_up(chosen, of_auto, count);
}

static void run_workload(const struct workload *workload)
{
    struct plan plans[64];
    size_t count = list_plans(workload, plans);
    struct plan best = *search(workload, plans, count);
    struct plan chosen = {.model = OVL_AUTO};
    duel(workload, &best, &chosen);
    double sync = best.model == OVL_SYNC ? best.median : whole(workload, &plans[0]);
    printf("auto %s %s %u %.6f %.6f %.6f%s\n", workload->name, ovl_model_name(best.model),
           best.workers, best.median, sync, chosen.median, decisions);
    predict(workload, plans, count);
    fflush(stdout);
}

static bool is_asked_for(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], name) || !strcmp(argv[i], "all"))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        for (size_t i = 0; i < COUNT; i++)
            puts(workloads[i].name);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder))
        return 3;
    pid_t child = slow_server_start(&address);
    calibrate();
    make_lock();
    for (size_t i = 0; i < COUNT; i++)
        if (is_asked_for(workloads[i].name, argc, argv))
            run_workload(&workloads[i]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : 0;
}
