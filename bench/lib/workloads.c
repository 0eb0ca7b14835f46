/*
 * A suite of small workloads of every kind, each run under every model with many numbers of
 * workers, and under auto: how near auto comes to the best of them, and predictions to measures.
 *
 *     workloads            lists their names
 *     workloads NAME...    runs these, or `all`, and prints a line of each
 *
 * Lines for bench/auto: "auto NAME BEST-MODEL BEST-WORKERS BEST SYNC AUTO DECISION...",
 * "predicted NAME MODEL WORKERS MEASURED PREDICTED", seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <overlap.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define US OVL_MICROSECOND
#define MS OVL_MILLISECOND

/* --- the server: answers each request when its time has come --- */

struct request {
    uint32_t delay_us;
    uint32_t slots; /* so many at once are served, the others wait; 0: all */
};

struct answer {
    ovl_time at;
    int fd;
};

static struct {
    struct answer answers[70000];
    size_t count;
    ovl_time free_at[64];
} server;

/* The earliest last, so that it is taken from the end. */
static void answer_later(int fd, struct request request)
{
    ovl_time begin = ovl_now();
    unsigned first = 0;
    for (unsigned i = 1; i < request.slots; i++)
        if (server.free_at[i] < server.free_at[first])
            first = i;
    if (request.slots && server.free_at[first] > begin)
        begin = server.free_at[first];
    struct answer answer = {.at = begin + request.delay_us * US, .fd = fd};
    if (request.slots)
        server.free_at[first] = answer.at;
    size_t n = server.count++;
    while (n && server.answers[n - 1].at < answer.at) {
        server.answers[n] = server.answers[n - 1];
        n--;
    }
    server.answers[n] = answer;
}

static void answer_due(void)
{
    while (server.count && server.answers[server.count - 1].at <= ovl_now()) {
        int fd = server.answers[--server.count].fd;
        if (write(fd, "x", 1) != 1)
            perror("server");
        close(fd);
    }
}

static void serve_event(int epoll_fd, int listener, int fd)
{
    if (fd == listener) {
        int client;
        while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = client};
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client, &event);
        }
        return;
    }
    struct request request;
    if (read(fd, &request, sizeof request) == sizeof request)
        answer_later(fd, request);
    else
        close(fd);
}

static void serve(int listener)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1000);
    int epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[64];
        struct timespec left = {.tv_sec = 1};
        if (server.count) {
            ovl_time ns = server.answers[server.count - 1].at - ovl_now();
            ns = ns > 0 ? ns : 0;
            left = (struct timespec){.tv_sec = ns / OVL_SECOND, .tv_nsec = ns % OVL_SECOND};
        }
        int count = epoll_pwait2(epoll_fd, events, 64, &left, NULL);
        for (int i = 0; i < count; i++)
            serve_event(epoll_fd, listener, events[i].data.fd);
        answer_due();
    }
}

static struct sockaddr_in address = {.sin_family = AF_INET};

static pid_t start_server(void)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) ||
        listen(listener, 4096) || getsockname(listener, (struct sockaddr *)&address, &length)) {
        perror("server");
        exit(3);
    }
    pid_t pid = fork();
    if (pid == 0)
        serve(listener);
    close(listener);
    return pid;
}

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

static void compute(ovl_time length)
{
    volatile uint64_t sum = 0;
    uint64_t turns = (uint64_t)(turns_per_ns * (double)length);
    for (uint64_t i = 0; i < turns; i++)
        sum += i;
}

static void calibrate(void)
{
    turns_per_ns = 1;
    ovl_time best = OVL_FOREVER;
    for (int i = 0; i < 20; i++) {
        ovl_time start = ovl_now();
        compute(MS);
        ovl_time length = ovl_now() - start;
        best = length < best ? length : best;
    }
    turns_per_ns = (double)MS / (double)best;
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

static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER;
static char folder[] = "/var/tmp/overlap-bench-XXXXXX";

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
        pthread_mutex_lock(&shared);
        nap(doing.locked_ns);
        pthread_mutex_unlock(&shared);
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
    struct doing then; /* after the first `count`, as many of these */
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
    {.name = "disk", .doing = {.sync_file = true}, .count = 300, .most = 64},
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
     .count = 600,
     .most = 256},
    {.name = "unseen-10ms", .doing = {.unseen_ns = 10 * MS}, .count = 600, .most = 512},
};

#define COUNT (sizeof workloads / sizeof *workloads)

struct items {
    const struct workload *workload;
    size_t next;
    size_t failed;
};

static int next_item(void *context, struct ovl_bytes *ret_item)
{
    struct items *items = context;
    const struct workload *workload = items->workload;
    size_t total = workload->has_then ? 2 * workload->count : workload->count;
    if (items->next == total)
        return 0;
    const struct doing *doing = items->next < workload->count ? &workload->doing : &workload->then;
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

static char decisions[2000];

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

/* Seconds, opening and closing included. */
static double run(const struct workload *workload, enum ovl_model model, unsigned workers,
                  struct ovl_ledger *ledger)
{
    struct items items = {.workload = workload};
    struct ovl_options options = {.workers = workers, .ledger = ledger};
    struct ovl_executor *executor;
    ovl_time start = ovl_now();
    int error = ovl_executor_open(model, &options, &executor);
    if (error) {
        fprintf(stderr, "%s %u: %s\n", ovl_model_name(model), workers, ovl_error_message(error));
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
    if (model == OVL_AUTO)
        read_decisions(executor);
    ovl_executor_close(executor, OVL_FOREVER);
    if (items.failed)
        printf("# %s %s %u: %zu tasks failed\n", workload->name, ovl_model_name(model), workers,
               items.failed);
    return (double)(ovl_now() - start) / OVL_SECOND;
}

/* --- the search --- */

struct measure {
    enum ovl_model model;
    unsigned workers;
    double seconds;
};

static size_t list_plans(const struct workload *workload, struct measure *plans)
{
    size_t count = 0;
    plans[count++] = (struct measure){.model = OVL_SYNC, .workers = 1};
    for (unsigned n = 2; n <= workload->most && n <= 256; n *= 2)
        plans[count++] = (struct measure){.model = OVL_THREADS, .workers = n};
    for (unsigned n = 2; n <= workload->most; n *= 4)
        plans[count++] = (struct measure){.model = OVL_ASYNC, .workers = n};
    /* Of very many tasks processes are long in coming, and never the best. */
    unsigned processes = workload->count > 10000 ? 0 : workload->most < 8 ? workload->most : 8;
    for (unsigned n = 2; n <= processes; n *= 2)
        plans[count++] = (struct measure){.model = OVL_PROCESSES, .workers = n};
    return count;
}

static void predict(const struct workload *workload, struct ovl_ledger *ledger,
                    const struct measure *measures, size_t count)
{
    struct ovl_work *known;
    struct ovl_ledger_reading reading = {.connections = workload->connections};
    if (ovl_work_from_ledger(ledger, &reading, &known))
        return;
    for (size_t i = 0; i < count; i++) {
        struct ovl_plan plan = {.model = measures[i].model, .workers = measures[i].workers};
        struct ovl_prediction prediction;
        if (!ovl_predict(known, &plan, NULL, &prediction))
            printf("predicted %s %s %u %.6f %.6f\n", workload->name, ovl_model_name(plan.model),
                   plan.workers, measures[i].seconds, (double)prediction.wall_ns / OVL_SECOND);
    }
    ovl_work_free(known);
}

static int compare_doubles(const void *a, const void *b)
{
    double first = *(const double *)a;
    double second = *(const double *)b;
    return (first > second) - (first < second);
}

#define AGAIN 3

static void run_workload(const struct workload *workload)
{
    struct measure measures[64];
    size_t count = list_plans(workload, measures);
    struct measure *best = measures;
    struct ovl_ledger *ledger;
    if (ovl_ledger_open(8192, &ledger))
        exit(3);
    for (size_t i = 0; i < count; i++) {
        measures[i].seconds = run(workload, measures[i].model, measures[i].workers, NULL);
        if (measures[i].seconds < best->seconds)
            best = &measures[i];
    }
    run(workload, OVL_SYNC, 1, ledger);
    double of_auto[AGAIN];
    double of_best[AGAIN];
    for (int i = 0; i < AGAIN; i++) {
        of_auto[i] = run(workload, OVL_AUTO, 0, NULL);
        of_best[i] = run(workload, best->model, best->workers, NULL);
    }
    qsort(of_auto, AGAIN, sizeof *of_auto, compare_doubles);
    qsort(of_best, AGAIN, sizeof *of_best, compare_doubles);
    printf("auto %s %s %u %.6f %.6f %.6f%s\n", workload->name, ovl_model_name(best->model),
           best->workers, of_best[AGAIN / 2], measures[0].seconds, of_auto[AGAIN / 2], decisions);
    predict(workload, ledger, measures, count);
    ovl_ledger_close(ledger);
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
    pid_t child = start_server();
    calibrate();
    for (size_t i = 0; i < COUNT; i++)
        if (is_asked_for(workloads[i].name, argc, argv))
            run_workload(&workloads[i]);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : 0;
}
