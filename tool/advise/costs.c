#include "advise/costs.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <overlap/time.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* So long it may take. */
#define PROBE_NS OVL_SECOND

/* So often it is measured, after as many programs. */
#define MEASURED 3

/* Less than this part of its time on a processor, it says more of the machine's other work. */
#define UNDISTURBED 0.7

/*
 * Measured with CPython 3.11 on one machine, in nanoseconds: empty tasks, and the imports of
 * concurrent.futures, asyncio and multiprocessing into a program that has imported next to nothing.
 * How a task's cost falls into its parts is taken from here also where the whole is measured.
 */
static const struct ovl_costs elsewhere = {
    .models =
        {
            [OVL_THREADS] = {.open_ns = 27e6,
                             .worker_ns = 60e3,
                             .submit_ns = 15e3,
                             .task_ns = 25e3,
                             .wait_ns = 15e3},
            [OVL_ASYNC] = {.open_ns = 85e6,
                           .worker_ns = 5e3,
                           .submit_ns = 10e3,
                           .task_ns = 40e3,
                           .wait_ns = 40e3},
            [OVL_PROCESSES] = {.open_ns = 50e6,
                               .worker_ns = 3e6,
                               .submit_ns = 20e3,
                               .task_ns = 60e3,
                               .wait_ns = 10e3},
        },
    .parallel = 1,
};

/* What the interpreter tells, in nanoseconds. */
enum figure {
    THREADS_OPEN,
    THREADS_WORKER,
    THREADS_TASK,
    ASYNC_OPEN,
    ASYNC_TASK,
    PROCESSES_OPEN,
    PROCESSES_WORKER,
    PROCESSES_TASK,
    FIGURES,
};

/*
 * To open a model is to import it, and to take that down at the end: what an interpreter that does
 * this and no more computes, beside one that does nothing. That is the processor's time, for a
 * machine that is busy. The best of three of what is short; workers by twos, as a pool begins and
 * ends them. Last, the part of its time that all this had a processor.
 */
static const char probe[] =
    "import os, sys, time\n"
    "now = time.perf_counter_ns\n"
    "begun = now()\n"
    "def best(action, times=3):\n"
    "    least = None\n"
    "    for _ in range(times):\n"
    "        start = now(); action(); took = now() - start\n"
    "        least = took if least is None or took < least else least\n"
    "    return least\n"
    "def alone(code):\n"
    "    child = os.posix_spawn(sys.executable, [sys.executable, '-I', '-c', code], os.environ)\n"
    "    _, status, usage = os.wait4(child, 0)\n"
    "    if status != 0:\n"
    "        sys.exit(1)\n"
    "    return int(1e9 * (usage.ru_utime + usage.ru_stime))\n"
    "def nothing(n):\n"
    "    return n\n"
    "plain = alone('')\n"
    "threads_open = alone('import concurrent.futures.thread') - plain\n"
    "async_open = alone('import asyncio; asyncio.run(asyncio.sleep(0))') - plain\n"
    "processes_open = alone('import concurrent.futures.process') - plain\n"
    "from concurrent.futures import ThreadPoolExecutor, ProcessPoolExecutor\n"
    "import multiprocessing, threading\n"
    "def two(kind):\n"
    "    both = [kind(target=nothing, args=(0,)) for _ in range(2)]\n"
    "    for one in both:\n"
    "        one.start()\n"
    "    for one in both:\n"
    "        one.join()\n"
    "threads_worker = best(lambda: two(threading.Thread), 5) // 2\n"
    "with ThreadPoolExecutor(1) as pool:\n"
    "    threads_task = best(lambda: list(pool.map(nothing, range(200)))) // 200\n"
    "processes_worker = best(lambda: two(multiprocessing.Process)) // 2\n"
    "with ProcessPoolExecutor(1) as pool:\n"
    "    list(pool.map(nothing, range(2)))\n"
    "    processes_task = best(lambda: list(pool.map(nothing, range(100)))) // 100\n"
    "import asyncio\n"
    "async def one(limit):\n"
    "    async with limit:\n"
    "        await asyncio.sleep(0)\n"
    "async def everything():\n"
    "    limit = asyncio.Semaphore(10)\n"
    "    await asyncio.gather(*[one(limit) for _ in range(100)])\n"
    "async_task = best(lambda: asyncio.run(everything())) // 100\n"
    "print(threads_open, threads_worker, threads_task, async_open, async_task,\n"
    "      processes_open, processes_worker, processes_task)\n"
    "print(int(1e9 * sum(os.times()[:4])), now() - begun)\n";

/* --- running it --- */

static pid_t start(const char *interpreter, int output)
{
    char *const argv[] = {(char *)(uintptr_t)interpreter, "-I", "-c", (char *)(uintptr_t)probe,
                          NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid = -1;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&files) != 0)
        return -1;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return -1;
    }
    /* A group of its own: should it take too long, its children end with it. */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&pid, interpreter, &files, &attributes, argv, environ) != 0)
        pid = -1;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

/* All that it says, until it is over or the time is. */
static void read_all(int input, char *text, size_t size)
{
    ovl_time end_ns = ovl_after(PROBE_NS);
    size_t used = 0;
    text[0] = '\0';
    for (ovl_time left_ns = PROBE_NS; left_ns > 0; left_ns = end_ns - ovl_now()) {
        struct pollfd ready = {.fd = input, .events = POLLIN};
        if (poll(&ready, 1, (int)(left_ns / OVL_MILLISECOND) + 1) <= 0)
            continue;
        ssize_t got = read(input, text + used, size - used - 1);
        if (got <= 0)
            return;
        used += (size_t)got;
        text[used] = '\0';
    }
}

static bool run_probe(const char *interpreter, char *text, size_t size)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t pid = start(interpreter, ends[1]);
    close(ends[1]);
    if (pid > 0)
        read_all(ends[0], text, size);
    close(ends[0]);
    if (pid <= 0)
        return false;
    kill(-pid, SIGKILL); /* nothing, where it is over */
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool measure(const char *interpreter, double *ret_figures, bool *ret_undisturbed)
{
    char text[512];
    if (!run_probe(interpreter, text, sizeof text))
        return false;
    char *rest = text;
    for (int n = 0; n < FIGURES; n++) {
        ret_figures[n] = strtod(rest, &rest);
        if (ret_figures[n] <= 0)
            return false;
    }
    double cpu_ns = strtod(rest, &rest);
    double wall_ns = strtod(rest, &rest);
    *ret_undisturbed = wall_ns > 0 && cpu_ns >= UNDISTURBED * wall_ns;
    return true;
}

/* --- the cache --- */

static bool cache_path(char *path, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int length = -1;
    if (cache && cache[0] == '/')
        length = snprintf(path, size, "%s/overlap/python-costs.json", cache);
    else if (home && home[0] == '/')
        length = snprintf(path, size, "%s/.cache/overlap/python-costs.json", home);
    return length > 0 && (size_t)length < size;
}

/* What is measured, when that becomes another thing: what was kept before does not tell it. */
#define PROBE_VERSION 3

/* Of an interpreter, as it is now: another one in its place is another one. */
static bool key_of(const char *interpreter, char *key, size_t size)
{
    struct stat file;
    return stat(interpreter, &file) == 0 &&
           snprintf(key, size, "%s %lld %lld %d", interpreter, (long long)file.st_size,
                    (long long)file.st_mtime, PROBE_VERSION) < (int)size;
}

/* The figures, and after them how often they were measured, which is returned. 0: there are none.
 */
static unsigned take_cached(const json_t *cache, const char *key, double *ret_figures)
{
    const json_t *list = json_object_get(cache, key);
    if (json_array_size(list) != FIGURES + 1)
        return 0;
    for (size_t n = 0; n < FIGURES; n++) {
        ret_figures[n] = json_number_value(json_array_get(list, n));
        if (ret_figures[n] <= 0)
            return 0;
    }
    json_int_t times = json_integer_value(json_array_get(list, FIGURES));
    return times > 0 && times < MEASURED ? (unsigned)times : MEASURED;
}

/* A cache that cannot be written is none. */
static void keep(json_t *cache, const char *path, const char *key, const double *figures,
                 unsigned times)
{
    char folder[PATH_MAX];
    char fresh[PATH_MAX + 16];
    json_t *list = json_array();
    for (size_t n = 0; n < FIGURES; n++)
        json_array_append_new(list, json_real(figures[n]));
    json_array_append_new(list, json_integer(times));
    json_object_set_new(cache, key, list);
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    char *parent_end = strrchr(folder, '/');
    *parent_end = '\0';
    mkdir(folder, 0700);
    *parent_end = '/';
    mkdir(folder, 0700);
    snprintf(fresh, sizeof fresh, "%s.%d", path, (int)getpid());
    if (json_dump_file(cache, fresh, JSON_INDENT(2)) != 0 || rename(fresh, path) != 0)
        unlink(fresh);
}

/* Measures once more, where that was not done often enough; what takes least is nearest to what is
 * taken on a machine that does nothing else. */
static unsigned measure_again(const char *interpreter, unsigned times, double *figures,
                              bool *ret_worth_keeping)
{
    double fresh[FIGURES];
    bool undisturbed = false;
    if (times >= MEASURED || !measure(interpreter, fresh, &undisturbed))
        return times;
    for (size_t n = 0; n < FIGURES; n++)
        figures[n] = times ? fmin(figures[n], fresh[n]) : fresh[n];
    *ret_worth_keeping = times || undisturbed;
    return times + 1;
}

static bool find_figures(const char *interpreter, double *ret_figures)
{
    char path[PATH_MAX];
    char key[PATH_MAX + 64];
    bool cached = cache_path(path, sizeof path);
    if (!key_of(interpreter, key, sizeof key))
        return false;
    json_t *cache = cached ? json_load_file(path, 0, NULL) : NULL;
    if (!json_is_object(cache)) {
        json_decref(cache);
        cache = json_object();
    }
    bool worth_keeping = false;
    unsigned times = take_cached(cache, key, ret_figures);
    times = measure_again(interpreter, times, ret_figures, &worth_keeping);
    if (worth_keeping && cached && cache)
        keep(cache, path, key, ret_figures, times);
    json_decref(cache);
    return times > 0;
}

/* --- all --- */

static void scale(struct ovl_model_cost *model, double open_ns, double worker_ns, double task_ns,
                  double parts_ns)
{
    double times = task_ns / parts_ns;
    model->open_ns = open_ns;
    if (worker_ns > 0)
        model->worker_ns = worker_ns;
    model->submit_ns *= times;
    model->task_ns *= times;
    model->wait_ns *= times;
}

void costs_of_python(const char *interpreter, struct ovl_costs *ret)
{
    double figures[FIGURES];
    *ret = elsewhere;
    if (!interpreter || !find_figures(interpreter, figures))
        return;
    struct ovl_model_cost *threads = &ret->models[OVL_THREADS];
    struct ovl_model_cost *async = &ret->models[OVL_ASYNC];
    struct ovl_model_cost *processes = &ret->models[OVL_PROCESSES];
    scale(threads, figures[THREADS_OPEN], figures[THREADS_WORKER], figures[THREADS_TASK],
          threads->submit_ns + threads->task_ns);
    scale(async, figures[ASYNC_OPEN], 0, figures[ASYNC_TASK],
          async->submit_ns + async->task_ns + async->wait_ns);
    scale(processes, figures[PROCESSES_OPEN], figures[PROCESSES_WORKER], figures[PROCESSES_TASK],
          processes->submit_ns + processes->task_ns);
}
