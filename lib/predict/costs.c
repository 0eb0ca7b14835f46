/* What models cost on this machine: in memory, in the user's cache folder, or typical. */
#include "predict/costs.h"

#include "base/processor.h"
#include "base/system.h"

#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <overlap/version.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define FORMAT    "overlap-costs 5"
#define TEXT_SIZE 4096
#define PATH_SIZE 4096

/* No cost is as much as a minute. */
#define MOST_NS 60e9

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ovl_costs kept; /* under the lock, as is: */
static bool is_kept;

/* Of a machine of 2 cores of 2020. */
static const struct ovl_costs typical = {
    .models =
        {
            [OVL_SYNC] = {.open_ns = 1e3, .task_ns = 150},
            [OVL_THREADS] = {.open_ns = 50e3,
                             .worker_ns = 15e3,
                             .submit_ns = 200,
                             .task_ns = 300,
                             .wait_ns = 5e3,
                             .tell_ns = 3e3},
            [OVL_ASYNC] = {.open_ns = 80e3,
                           .worker_ns = 1e3,
                           .submit_ns = 250,
                           .task_ns = 300,
                           .wait_ns = 2e3,
                           .disk_ns = 15e3,
                           .tell_ns = 3e3},
            [OVL_PROCESSES] = {.open_ns = 1e6,
                               .worker_ns = 400e3,
                               .submit_ns = 5e3,
                               .task_ns = 10e3,
                               .wait_ns = 5e3,
                               .hand_ns = 50e3},
        },
    .parallel = 0.95,
    .wake_ns = 30e3,
    .wake_network_ns = 150e3,
};

/* --- the text --- */

/* FNV-1a. */
static uint64_t hash(uint64_t from, const char *text)
{
    for (; *text; text++)
        from = (from ^ (unsigned char)*text) * 0x100000001b3;
    return from;
}

/* The processor's name, the system, and this library: what costs depend on. */
static uint64_t machine(void)
{
    uint64_t sum = hash(0xcbf29ce484222325, ovl_version());
    struct utsname names;
    if (!uname(&names)) {
        sum = hash(sum, names.release);
        sum = hash(sum, names.machine);
    }
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];
    while (file && ovl__sys.fgets(line, sizeof line, file)) {
        if (!strncmp(line, "model name", 10)) {
            sum = hash(sum, line);
            break;
        }
    }
    if (file)
        fclose(file);
    return sum;
}

static size_t append(char *text, size_t size, size_t length, const char *name, double value)
{
    int more = snprintf(text + length, size - length, " %s %.17g", name, value);
    return more > 0 && length + (size_t)more < size ? length + (size_t)more : size;
}

static size_t write_text(const struct ovl_costs *costs, char *text, size_t size)
{
    int begun = snprintf(text, size, FORMAT " %016" PRIx64 " %u", machine(), costs->cores);
    size_t length = begun > 0 ? (size_t)begun : size;
    for (int i = 0; i < OVL_MODEL_COUNT && length < size; i++) {
        const struct ovl_model_cost *cost = &costs->models[i];
        length = append(text, size, length, "open", cost->open_ns);
        length = append(text, size, length, "worker", cost->worker_ns);
        length = append(text, size, length, "submit", cost->submit_ns);
        length = append(text, size, length, "task", cost->task_ns);
        length = append(text, size, length, "wait", cost->wait_ns);
        length = append(text, size, length, "disk", cost->disk_ns);
        length = append(text, size, length, "hand", cost->hand_ns);
        length = append(text, size, length, "tell", cost->tell_ns);
    }
    if (length < size)
        length = append(text, size, length, "parallel", costs->parallel);
    if (length < size)
        length = append(text, size, length, "wake", costs->wake_ns);
    if (length < size)
        length = append(text, size, length, "network", costs->wake_network_ns);
    if (length >= size)
        return 0;
    int ended = snprintf(text + length, size - length, " sum %016" PRIx64 "\n", hash(1, text));
    length += ended > 0 ? (size_t)ended : size;
    return length < size ? length : 0;
}

/* Numbers have a point in the file, whatever they have in the program's locale. Returns the
 * thread's, to be set again. Of "C" libc has one locale, which is not to be freed. */
static locale_t speak_plainly(void)
{
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

size_t ovl__costs_write(const struct ovl_costs *costs, char *text, size_t size)
{
    locale_t before = speak_plainly();
    size_t length = write_text(costs, text, size);
    uselocale(before);
    return length;
}

static bool expect(const char **text, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0)
        return false;
    *text += length;
    return true;
}

static bool take_number(const char **text, const char *name, double most, double *ret)
{
    char *end;
    if (!expect(text, " ") || !expect(text, name) || !expect(text, " "))
        return false;
    *ret = strtod(*text, &end);
    bool fine = end != *text && isfinite(*ret) && *ret >= 0 && *ret <= most;
    *text = end;
    return fine;
}

/* A sum at the end, over all that stands before it. */
static bool is_whole(const char *text)
{
    const char *sum = strstr(text, " sum ");
    char before[TEXT_SIZE];
    if (!sum || (size_t)(sum - text) >= sizeof before)
        return false;
    memcpy(before, text, (size_t)(sum - text));
    before[sum - text] = '\0';
    char expected[40];
    snprintf(expected, sizeof expected, " sum %016" PRIx64 "\n", hash(1, before));
    return !strcmp(sum, expected);
}

static bool take_model(const char **text, struct ovl_model_cost *cost)
{
    return take_number(text, "open", MOST_NS, &cost->open_ns) &&
           take_number(text, "worker", MOST_NS, &cost->worker_ns) &&
           take_number(text, "submit", MOST_NS, &cost->submit_ns) &&
           take_number(text, "task", MOST_NS, &cost->task_ns) &&
           take_number(text, "wait", MOST_NS, &cost->wait_ns) &&
           take_number(text, "disk", MOST_NS, &cost->disk_ns) &&
           take_number(text, "hand", MOST_NS, &cost->hand_ns) &&
           take_number(text, "tell", MOST_NS, &cost->tell_ns);
}

static bool read_text(const char *text, struct ovl_costs *ret_costs)
{
    char head[80];
    snprintf(head, sizeof head, FORMAT " %016" PRIx64 " %u", machine(), ovl__processors());
    if (!is_whole(text) || !expect(&text, head))
        return false;
    struct ovl_costs costs = {.cores = ovl__processors()};
    for (int i = 0; i < OVL_MODEL_COUNT; i++)
        if (!take_model(&text, &costs.models[i]))
            return false;
    if (!take_number(&text, "parallel", 1, &costs.parallel) || costs.parallel <= 0)
        return false;
    if (!take_number(&text, "wake", MOST_NS, &costs.wake_ns) ||
        !take_number(&text, "network", MOST_NS, &costs.wake_network_ns))
        return false;
    *ret_costs = costs;
    return true;
}

bool ovl__costs_read(const char *text, struct ovl_costs *ret_costs)
{
    locale_t before = speak_plainly();
    bool whole = read_text(text, ret_costs);
    uselocale(before);
    return whole;
}

/* --- the file --- */

/* The folder: false where the user has none. */
static bool find_folder(char *path, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int length;
    if (cache && cache[0] == '/') /* one that is relative is to be ignored */
        length = snprintf(path, size, "%s", cache);
    else if (home && home[0] == '/')
        length = snprintf(path, size, "%s/.cache", home);
    else
        return false;
    return length > 0 && (size_t)length < size;
}

static bool read_file(struct ovl_costs *ret_costs)
{
    char folder[PATH_SIZE];
    char path[PATH_SIZE + 32];
    if (!find_folder(folder, sizeof folder))
        return false;
    snprintf(path, sizeof path, "%s/overlap/costs", folder);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    char text[TEXT_SIZE];
    size_t length = ovl__sys.fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    return strlen(text) == length && ovl__costs_read(text, ret_costs);
}

/* Written beside, then renamed: who reads sees one whole file, whoever else writes. */
static void write_file(const struct ovl_costs *costs)
{
    char folder[PATH_SIZE];
    char path[PATH_SIZE + 32];
    char beside[PATH_SIZE + 32];
    char text[TEXT_SIZE];
    size_t length = ovl__costs_write(costs, text, sizeof text);
    if (!length || !find_folder(folder, sizeof folder))
        return;
    mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/overlap", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/overlap/costs", folder);
    snprintf(beside, sizeof beside, "%s/overlap/costs.XXXXXX", folder);
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return;
    FILE *file = fdopen(fd, "w");
    if (!file) {
        close(fd);
        unlink(beside);
        return;
    }
    bool written = fwrite(text, 1, length, file) == length;
    written = fclose(file) == 0 && written;
    if (!written || rename(beside, path))
        unlink(beside);
}

/* --- in memory --- */

static bool look_up(struct ovl_costs *ret_costs)
{
    pthread_mutex_lock(&lock);
    if (!is_kept)
        is_kept = read_file(&kept);
    bool found = is_kept;
    if (found)
        *ret_costs = kept;
    pthread_mutex_unlock(&lock);
    return found;
}

void ovl__costs_known(struct ovl_costs *ret_costs)
{
    if (look_up(ret_costs))
        return;
    *ret_costs = typical;
    ret_costs->cores = ovl__processors();
}

void ovl_costs_get(struct ovl_costs *ret_costs)
{
    if (look_up(ret_costs))
        return;
    if (ovl_costs_measure(ret_costs)) {
        ovl__costs_known(ret_costs);
        return;
    }
    pthread_mutex_lock(&lock);
    kept = *ret_costs;
    is_kept = true;
    write_file(&kept);
    pthread_mutex_unlock(&lock);
}
