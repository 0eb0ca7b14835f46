/* Measures what models cost: small work under each, timed. The least of several times counts. */
#include "base/processor.h"
#include "base/system.h"
#include "predict/costs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <overlap/coroutine.h>
#include <overlap/executor.h>
#include <overlap/map.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS      3
#define EMPTY_TASKS 10000
#define SHORT_TASKS 100
#define SHORT_MAPS  16
#define SHORT_TURNS 20000
#define NAPPERS     64
#define NAPS        8
#define NAP_NS      (200 * OVL_MICROSECOND)
#define LONG_NAPS   2
#define WAKES       7
#define SPIN_NS     (3 * OVL_MILLISECOND)

/* With so many workers it shows what one more costs. */
#define MANY_THREADS   33
#define MANY_PROCESSES 3

static int empty(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return 0;
}

/* Computes, in a register: how fast a processor is with the same place in memory is its own guess
 * each time. */
static void turn(size_t turns)
{
    uint64_t sum = 1;
    for (size_t i = 0; i < turns; i++) {
        sum = sum * 3 + i;
        __asm__ volatile("" : "+r"(sum));
    }
}

/* Some tens of microseconds: its worker is what takes long, and who submits has to wait for it. */
static int be_short(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    turn(SHORT_TURNS);
    return 0;
}

/* In here libc's own sleeps would be the real ones, and hold up the loop. */
static int nap(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    for (int i = 0; i < NAPS; i++)
        ovl_sleep(ovl_after(NAP_NS));
    return 0;
}

static int nap_once(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return ovl_sleep(ovl_after(NAP_NS));
}

static int nap_long(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return ovl_sleep(ovl_after(OVL_WAKE_AFTER));
}

static int do_nothing(void *argument)
{
    (void)argument;
    return 0;
}

/* As the hooks have a file waited for. */
static int visit_helper(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    for (int i = 0; i < NAPS; i++)
        ovl_to_thread(do_nothing, NULL);
    return 0;
}

static double cpu_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A map of so many tasks, and what it took: nanoseconds, the least of all times. */
struct job {
    ovl_task_fn *fn;
    size_t count;
    double wall;
    double cpu;
};

/* Empty items, as many as are left. */
static int next_item(void *context, struct ovl_bytes *ret_item)
{
    size_t *left = context;
    *ret_item = (struct ovl_bytes){0};
    return *left && (*left)--;
}

/* As a stream: tasks that are submitted by themselves cost as much, those of arrays less. */
static int map_once(struct ovl_executor *executor, struct job *job)
{
    size_t left = job->count;
    struct ovl_stream stream = {
        .next = next_item,
        .context = &left,
        .prompt = true,
        .as_completed = true,
    };
    double cpu = cpu_now();
    ovl_time start = ovl_now();
    int error = ovl_map_stream(executor, job->fn, &stream);
    job->wall = fmin(job->wall, (double)(ovl_now() - start));
    job->cpu = fmin(job->cpu, cpu_now() - cpu);
    return error;
}

/* Each time in a new executor: the one job, and where there is another, that after it. */
static int run(enum ovl_model model, unsigned workers, struct job *first, struct job *then)
{
    first->wall = first->cpu = INFINITY;
    if (then)
        then->wall = then->cpu = INFINITY;
    int error = 0;
    for (int i = 0; i < ROUNDS && !error; i++) {
        struct ovl_executor *executor;
        error = ovl_executor_open(model, &(struct ovl_options){.workers = workers}, &executor);
        if (error)
            return error;
        error = map_once(executor, first);
        if (!error && then)
            error = map_once(executor, then);
        ovl_executor_close(executor, OVL_FOREVER);
    }
    return error;
}

static int time_open(enum ovl_model model, unsigned workers, double *ret)
{
    *ret = INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        struct ovl_executor *executor;
        ovl_time start = ovl_now();
        int error = ovl_executor_open(model, &(struct ovl_options){.workers = workers}, &executor);
        if (error)
            return error;
        ovl_executor_close(executor, OVL_FOREVER);
        *ret = fmin(*ret, (double)(ovl_now() - start));
    }
    return 0;
}

static double at_least(double value, double least)
{
    return value > least ? value : least;
}

/* Those that begin when the model is opened: coroutines do when there is work for them. */
static int measure_workers(enum ovl_model model, struct ovl_model_cost *cost)
{
    double one;
    double many;
    unsigned workers = model == OVL_PROCESSES ? MANY_PROCESSES : MANY_THREADS;
    int error = time_open(model, 1, &one);
    if (!error)
        error = time_open(model, workers, &many);
    if (error)
        return error;
    cost->worker_ns = at_least((many - one) / (workers - 1), 0);
    cost->open_ns = at_least(one - cost->worker_ns, 0);
    return 0;
}

static int measure_tasks(enum ovl_model model, struct ovl_model_cost *cost)
{
    unsigned workers = model == OVL_ASYNC ? NAPPERS : ovl__processors();
    struct job job = {.fn = empty, .count = model == OVL_PROCESSES ? EMPTY_TASKS / 4 : EMPTY_TASKS};
    int error = run(model, workers, &job, NULL);
    if (error)
        return error;
    double wall = job.wall / (double)job.count;
    double cpu = job.cpu / (double)job.count;
    if (model == OVL_SYNC) {
        cost->task_ns = wall;
        return 0;
    }
    cost->submit_ns = wall;
    cost->task_ns = model == OVL_PROCESSES ? wall : at_least(cpu - wall, wall / 10);
    return 0;
}

/* One worker's short tasks, one after the other: the least of many short maps, which others of the
 * machine disturb less than one that is long. */
static int time_short(enum ovl_model model, double *ret_each)
{
    struct job job = {.fn = be_short, .count = SHORT_TASKS, .wall = INFINITY, .cpu = INFINITY};
    struct ovl_executor *executor;
    int error = ovl_executor_open(model, &(struct ovl_options){.workers = 1}, &executor);
    if (error)
        return error;
    for (int i = 0; i < SHORT_MAPS && !error; i++)
        error = map_once(executor, &job);
    ovl_executor_close(executor, OVL_FOREVER);
    *ret_each = job.wall / SHORT_TASKS;
    return error;
}

/* How much longer short tasks take than by themselves. */
static int measure_tells(enum ovl_model model, const struct ovl_model_cost *sync,
                         struct ovl_model_cost *cost)
{
    double alone = 0;
    double told = 0;
    int error = time_short(OVL_SYNC, &alone);
    if (!error)
        error = time_short(model, &told);
    cost->tell_ns = at_least(told - cost->task_ns - (alone - sync->task_ns), 0);
    return error;
}

/* How much longer it is from one task of a worker to its next than where workers fetch them. */
static int measure_hand(double *ret)
{
    struct job fetched = {.fn = nap_once, .count = NAPPERS};
    struct job handed = fetched;
    int error = run(OVL_THREADS, MANY_PROCESSES, &fetched, NULL);
    if (!error)
        error = run(OVL_PROCESSES, MANY_PROCESSES, &handed, NULL);
    *ret = at_least((handed.wall - fetched.wall) * MANY_PROCESSES / NAPPERS, 0);
    return error;
}

/* Coroutines begin at their first task, which the second does not pay for any more. */
static int measure_waits(enum ovl_model model, struct ovl_model_cost *cost)
{
    if (model == OVL_SYNC)
        return 0;
    if (model == OVL_PROCESSES)
        return measure_hand(&cost->hand_ns);
    struct job first = {.fn = nap, .count = NAPPERS};
    struct job then = first;
    int error = run(model, NAPPERS, &first, &then);
    if (error)
        return error;
    double tasks = NAPPERS * (cost->task_ns + cost->submit_ns);
    cost->wait_ns = at_least((then.cpu - tasks) / (NAPPERS * NAPS), 0);
    if (model == OVL_THREADS)
        return 0;
    cost->worker_ns = at_least((first.cpu - then.cpu) / NAPPERS, 0);
    struct job visits = {.fn = visit_helper, .count = NAPPERS};
    error = run(model, NAPPERS, &visits, NULL);
    cost->disk_ns = at_least((visits.wall - tasks) / (NAPPERS * NAPS), 0);
    return error;
}

/* --- waking up --- */

static ovl_time thread_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (ovl_time)now.tv_sec * OVL_SECOND + now.tv_nsec;
}

/* What a client and its server do for one answer. */
static bool exchange(int listener, const struct sockaddr_in *address)
{
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool fine = client >= 0 && !connect(client, (const struct sockaddr *)address, sizeof *address);
    int server = fine ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    char byte = 0;
    fine = server >= 0 && ovl__sys.write(client, &byte, 1) == 1 &&
           ovl__sys.read(server, &byte, 1) == 1;
    if (server >= 0)
        close(server);
    if (client >= 0)
        close(client);
    return fine;
}

static int open_listener(struct sockaddr_in *ret_address)
{
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET};
    ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof *ret_address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)ret_address, length) || listen(fd, 4) ||
                    getsockname(fd, (struct sockaddr *)ret_address, &length))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* How much more an exchange computes after a long sleep than right after another. */
static bool more_once(int listener, const struct sockaddr_in *address, double *ret)
{
    ovl_sleep(ovl_after(OVL_WAKE_AFTER));
    ovl_time begin = thread_cpu();
    bool fine = exchange(listener, address);
    ovl_time between = thread_cpu();
    fine = exchange(listener, address) && fine;
    *ret = (double)(2 * between - begin - thread_cpu());
    return fine;
}

static int compare_doubles(const void *a, const void *b)
{
    double first = *(const double *)a;
    double second = *(const double *)b;
    return (first > second) - (first < second);
}

/* It is taken off means, so that the least would be too little: the median. 0: unknown. */
static double more_after_sleep(void)
{
    struct sockaddr_in address;
    int listener = open_listener(&address);
    if (listener < 0)
        return 0;
    double more[WAKES];
    size_t count = 0;
    for (int i = 0; i < WAKES; i++)
        count += more_once(listener, &address, &more[count]);
    close(listener);
    qsort(more, count, sizeof *more, compare_doubles);
    return count ? at_least(more[count / 2], 0) : 0;
}

/* One task after the other, each of which leaves its processor idle for long. */
static int measure_wake(struct ovl_costs *costs)
{
    struct job job = {.fn = nap_long, .count = LONG_NAPS};
    int error = run(OVL_SYNC, 1, &job, NULL);
    if (error)
        return error;
    costs->wake_ns = job.cpu / LONG_NAPS;
    costs->wake_network_ns = costs->wake_ns + more_after_sleep();
    return 0;
}

/* --- processors side by side --- */

/* A fixed piece of computing; its CPU time, which grows where a neighbour slows it down. */
static double compute(size_t turns)
{
    ovl_time start = thread_cpu();
    turn(turns);
    return (double)(thread_cpu() - start);
}

enum signal { WAIT, GO, LEAVE };

struct spinner {
    pthread_t thread;
    _Atomic(enum signal) *together;
    size_t turns;
    double spent;
};

static void *spin(void *argument)
{
    struct spinner *spinner = argument;
    enum signal signal;
    while ((signal = atomic_load(spinner->together)) == WAIT)
        sched_yield();
    if (signal == GO)
        spinner->spent = compute(spinner->turns);
    return NULL;
}

#define SPINNERS_MOST 64

/* The mean CPU time of as many threads as there are processors, side by side; 0: it failed. */
static double compute_together(size_t turns, unsigned cores)
{
    struct spinner spinners[SPINNERS_MOST];
    _Atomic(enum signal) together = WAIT;
    unsigned others = cores - 1 < SPINNERS_MOST ? cores - 1 : SPINNERS_MOST;
    unsigned begun = 0;
    for (; begun < others; begun++) {
        spinners[begun] = (struct spinner){.together = &together, .turns = turns};
        if (pthread_create(&spinners[begun].thread, NULL, spin, &spinners[begun]))
            break;
    }
    bool all = begun == others;
    atomic_store(&together, all ? GO : LEAVE);
    double sum = all ? compute(turns) : 0;
    for (unsigned i = 0; i < begun; i++) {
        pthread_join(spinners[i].thread, NULL);
        sum += spinners[i].spent;
    }
    return all ? sum / (others + 1) : 0;
}

static double measure_parallel(unsigned cores)
{
    if (cores < 2)
        return 1;
    double start = compute(10000);
    size_t turns = (size_t)(10000 * (double)SPIN_NS / at_least(start, 1000));
    double alone = INFINITY;
    double together = INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        alone = fmin(alone, compute(turns));
        double spent = compute_together(turns, cores);
        if (spent > 0)
            together = fmin(together, spent);
    }
    double parallel = alone / together;
    return parallel > 1 ? 1 : at_least(parallel, 0.3);
}

int ovl_costs_measure(struct ovl_costs *ret_costs)
{
    struct ovl_costs costs = {.cores = ovl__processors()};
    /* async last: the helper threads that it begins stay for a while, and processes fork */
    const enum ovl_model models[] = {OVL_SYNC, OVL_THREADS, OVL_PROCESSES, OVL_ASYNC};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct ovl_model_cost *cost = &costs.models[models[i]];
        int error = measure_workers(models[i], cost);
        if (!error)
            error = measure_tasks(models[i], cost);
        if (!error && models[i] != OVL_SYNC)
            error = measure_tells(models[i], &costs.models[OVL_SYNC], cost);
        if (!error)
            error = measure_waits(models[i], cost);
        if (error)
            return error;
    }
    int error = measure_wake(&costs);
    if (error)
        return error;
    costs.parallel = measure_parallel(costs.cores);
    *ret_costs = costs;
    return 0;
}
