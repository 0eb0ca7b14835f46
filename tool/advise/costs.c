#include "advise/costs.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
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
 * Each model in a process of its own, which has imported nothing yet; the best of three of what is
 * short. To import is to compute, and is told as that, for a machine that is busy. What was
 * imported has to be taken down, too, when the program ends: what that takes beyond the end of a
 * process that did nothing is a part of opening. Last, the part of its time that it had a
 * processor.
 */
static const char probe[] =
    "import os, sys, time\n"
    "now = time.perf_counter_ns\n"
    "computed = time.process_time_ns\n"
    "def best(action, times=3):\n"
    "    least = None\n"
    "    for _ in range(times):\n"
    "        start = now(); action(); took = now() - start\n"
    "        least = took if least is None or took < least else least\n"
    "    return least\n"
    "def nothing(n):\n"
    "    return n\n"
    "def threads():\n"
    "    start = computed()\n"
    "    from concurrent.futures import ThreadPoolExecutor\n"
    "    import threading\n"
    "    opened = computed() - start\n"
    "    def one():\n"
    "        t = threading.Thread(target=nothing, args=(0,)); t.start(); t.join()\n"
    "    worker = best(one, 5)\n"
    "    with ThreadPoolExecutor(1) as pool:\n"
    "        task = best(lambda: list(pool.map(nothing, range(200)))) // 200\n"
    "    return opened, worker, task\n"
    "def asynchronous():\n"
    "    start = computed()\n"
    "    import asyncio\n"
    "    asyncio.run(asyncio.sleep(0))\n"
    "    opened = computed() - start\n"
    "    async def one(limit):\n"
    "        async with limit:\n"
    "            await asyncio.sleep(0)\n"
    "    async def everything():\n"
    "        limit = asyncio.Semaphore(10)\n"
    "        await asyncio.gather(*[one(limit) for _ in range(100)])\n"
    "    return opened, best(lambda: asyncio.run(everything())) // 100\n"
    "def processes():\n"
    "    start = computed()\n"
    "    from concurrent.futures import ProcessPoolExecutor\n"
    "    import multiprocessing\n"
    "    opened = computed() - start\n"
    "    def one():\n"
    "        p = multiprocessing.Process(target=nothing, args=(0,)); p.start(); p.join()\n"
    "    worker = best(one)\n"
    "    with ProcessPoolExecutor(1) as pool:\n"
    "        list(pool.map(nothing, range(2)))\n"
    "        task = best(lambda: list(pool.map(nothing, range(100)))) // 100\n"
    "    return opened, worker, task\n"
    "begun = now()\n"
    "plain_end = None\n"
    "for measure in tuple, threads, asynchronous, processes:\n"
    "    reads, writes = os.pipe()\n"
    "    child = os.fork()\n"
    "    if child == 0:\n"
    "        found = measure()\n"
    "        os.write(writes, ' '.join('%d' % n for n in (*found, computed())).encode())\n"
    "        sys.exit(0)\n"
    "    _, status, usage = os.wait4(child, 0)\n"
    "    if status != 0:\n"
    "        sys.exit(1)\n"
    "    ended = int(1e9 * (usage.ru_utime + usage.ru_stime))\n"
    "    *found, last = [int(n) for n in os.read(reads, 4096).split()]\n"
    "    if plain_end is None:\n"
    "        plain_end = ended - last\n"
    "        continue\n"
    "    found[0] += max(ended - last - plain_end, 0)\n"
    "    print(*found, flush=True)\n"
    "spent = os.times()\n"
    "print(int(1e9 * sum(spent[:4])), now() - begun)\n";

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
#define PROBE_VERSION 2

/* Of an interpreter, as it is now: another one in its place is another one. */
static bool key_of(const char *interpreter, char *key, size_t size)
{
    struct stat file;
    return stat(interpreter, &file) == 0 &&
           snprintf(key, size, "%s %lld %lld %d", interpreter, (long long)file.st_size,
                    (long long)file.st_mtime, PROBE_VERSION) < (int)size;
}

static bool take_cached(const json_t *cache, const char *key, double *ret_figures)
{
    const json_t *list = json_object_get(cache, key);
    if (json_array_size(list) != FIGURES)
        return false;
    for (size_t n = 0; n < FIGURES; n++) {
        ret_figures[n] = json_number_value(json_array_get(list, n));
        if (ret_figures[n] <= 0)
            return false;
    }
    return true;
}

/* A cache that cannot be written is none. */
static void keep(json_t *cache, const char *path, const char *key, const double *figures)
{
    char folder[PATH_MAX];
    char fresh[PATH_MAX + 16];
    json_t *list = json_array();
    for (size_t n = 0; n < FIGURES; n++)
        json_array_append_new(list, json_real(figures[n]));
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
    bool undisturbed = false;
    bool found = take_cached(cache, key, ret_figures);
    if (!found) {
        found = measure(interpreter, ret_figures, &undisturbed);
        if (found && undisturbed && cached && cache)
            keep(cache, path, key, ret_figures);
    }
    json_decref(cache);
    return found;
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
