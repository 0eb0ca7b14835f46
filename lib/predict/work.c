/* Work from a ledger: its records as parts, and what the ledger shows of a slow resource. */
#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <overlap/predict.h>
#include <string.h>

/* More records than this tell no more. */
#define RECORDS_MOST 4096

/* From so many records on, a line is laid through waits and concurrency; it must explain this much
 * of how the waits differ, and at its end they must be so many times as long. */
#define RECORDS_TO_FIT 16
#define EXPLAINED      0.5
#define GROWN          1.5

/* Of so many mutexes it is asked who waited with them; in what others guard, tasks are taken to be
 * together. */
#define LOCKS_MOST 64

/* In one piece of memory: the lists behind it, the parts behind these. */
struct ledger_work {
    struct ovl_work work;
    struct ovl_resource resources[LOCKS_MOST];
    unsigned locks[LOCKS_MOST]; /* what the resources stand for; 0: the slow resource */
    struct ovl_part_list lists[];
};

/* One task as it was read. */
struct reading {
    ovl_time start;
    ovl_time end;
    double beside; /* how many tasks ran, on average, while it did: itself among them */
    int count;
    struct ovl_segment segments[OVL_SEGMENTS_MAX];
};

struct readings {
    struct reading *all;
    size_t count;
};

static int compare_starts(const void *a, const void *b)
{
    ovl_time first = ((const struct reading *)a)->start;
    ovl_time second = ((const struct reading *)b)->start;
    return (first > second) - (first < second);
}

static bool read_one(struct ovl_ledger *ledger, size_t n, struct reading *reading)
{
    struct ovl_record record;
    if (ovl_ledger_read(ledger, n, &record))
        return false;
    reading->start = record.start;
    reading->end = record.end;
    reading->count = ovl_ledger_segments(ledger, n, reading->segments, OVL_SEGMENTS_MAX);
    return reading->count >= 0;
}

static int read_all(struct ovl_ledger *ledger, struct readings *readings)
{
    size_t count = ovl_ledger_count(ledger);
    if (!count)
        return -ENODATA;
    size_t stride = (count + RECORDS_MOST - 1) / RECORDS_MOST;
    readings->all = ovl__zalloc((count / stride + 1) * sizeof *readings->all);
    if (!readings->all)
        return -ENOMEM;
    for (size_t n = 0; n < count; n += stride)
        if (read_one(ledger, n, &readings->all[readings->count]))
            readings->count++;
    qsort(readings->all, readings->count, sizeof *readings->all, compare_starts);
    return readings->count ? 0 : -ENODATA;
}

/* --- a slow resource --- */

/* Where only a sample of the tasks was kept, as many more ran beside each. */
static void find_beside(struct readings *readings, double kept)
{
    for (size_t i = 0; i < readings->count; i++) {
        struct reading *one = &readings->all[i];
        double together = 0;
        for (size_t n = i; n-- > 0 && i - n < 512;) {
            const struct reading *other = &readings->all[n];
            if (other->end > one->start)
                together += (double)((other->end < one->end ? other->end : one->end) - one->start);
        }
        for (size_t n = i + 1; n < readings->count && readings->all[n].start < one->end; n++) {
            const struct reading *other = &readings->all[n];
            together += (double)((other->end < one->end ? other->end : one->end) - other->start);
        }
        double length = fmax((double)(one->end - one->start), 1);
        one->beside = 1 + together / length / kept;
    }
}

/* A wait for the mutex with which the task then waits: the simulation finds it by itself. */
static bool is_queue(const struct reading *reading, int n)
{
    if (reading->segments[n].kind != OVL_WAIT_LOCK)
        return false;
    for (n++; n < reading->count && reading->segments[n].kind < 0;)
        n++;
    return n < reading->count && reading->segments[n].lock;
}

static double wait_of(const struct reading *reading)
{
    double sum = 0;
    for (int i = 0; i < reading->count; i++)
        if (reading->segments[i].kind >= 0 && !is_queue(reading, i))
            sum += (double)reading->segments[i].length_ns;
    return sum;
}

struct contention {
    unsigned capacity; /* 0: none is seen */
    double alone; /* a wait without a queue, over what it is with as many beside it: by slope */
    double slope;
};

/*
 * Behind a resource of capacity c a wait of length a becomes a * k / c once k > c tasks ask at
 * once: a line through the waits and the k. Its slope is a / c.
 */
static struct contention find_contention(const struct readings *readings)
{
    double n = 0;
    double x = 0;
    double y = 0;
    double xx = 0;
    double xy = 0;
    double yy = 0;
    double most = 0;
    double least_wait = INFINITY;
    for (size_t i = 0; i < readings->count; i++) {
        double k = readings->all[i].beside;
        double wait = wait_of(&readings->all[i]);
        n++;
        x += k;
        y += wait;
        xx += k * k;
        xy += k * wait;
        yy += wait * wait;
        most = fmax(most, k);
        least_wait = fmin(least_wait, wait);
    }
    double vx = n * xx - x * x;
    double vy = n * yy - y * y;
    double vxy = n * xy - x * y;
    bool fits = n >= RECORDS_TO_FIT && vx > 0 && vy > 0 && vxy > 0 &&
                vxy * vxy >= EXPLAINED * vx * vy && least_wait > 0;
    if (!fits)
        return (struct contention){0};
    double slope = vxy / vx;
    if (slope * most < GROWN * least_wait)
        return (struct contention){0};
    double capacity = round(least_wait / slope);
    return (struct contention){
        .capacity = capacity < 1     ? 1
                    : capacity > 1e6 ? 1000000
                                     : (unsigned)capacity,
        .alone = least_wait,
        .slope = slope,
    };
}

/* What the queue added to a task's waits goes, in proportion. */
static double without_queue(const struct contention *contention, const struct reading *reading)
{
    double wait = wait_of(reading);
    if (!contention->capacity || reading->beside <= contention->capacity || wait <= 0)
        return 1;
    return fmin(contention->capacity / reading->beside, 1);
}

/* --- what waking up cost --- */

static double wake_cost(const struct ovl_costs *costs, const struct ovl_segment *wait)
{
    double most = wait->kind == OVL_WAIT_NETWORK ? costs->wake_network_ns : costs->wake_ns;
    return most * fmin(sqrt((double)wait->length_ns / OVL_WAKE_AFTER), 1);
}

/*
 * What is left of a task's computing without the waking up after its waits. Beside others, each of
 * them keeps the processors awake for the rest.
 */
static double without_waking(const struct ovl_costs *costs, const struct reading *reading)
{
    if (!costs)
        return 1;
    double waking = 0;
    double computing = 0;
    for (int i = 0; i < reading->count; i++) {
        struct ovl_segment segment = reading->segments[i];
        if (segment.kind == OVL_COMPUTING)
            computing += (double)segment.length_ns;
        else if (segment.kind >= 0 || segment.kind == OVL_UNSEEN)
            waking += wake_cost(costs, &segment) / reading->beside;
    }
    return waking < computing ? 1 - waking / computing : 0;
}

/* --- parts --- */

/* What a task's segments are to be multiplied by. */
struct factors {
    double waits;
    double computing;
};

static double factor_of(const struct factors *factors, int kind)
{
    return kind >= 0 ? factors->waits : kind == OVL_COMPUTING ? factors->computing : 1;
}

/* A mutex's number as a resource; 0: there are too many. */
static unsigned resource_of(struct ledger_work *made, unsigned lock)
{
    size_t n = 0;
    while (n < made->work.resource_count && made->locks[n] != lock)
        n++;
    if (n == LOCKS_MOST)
        return 0;
    if (n == made->work.resource_count) {
        made->work.resource_count++;
        made->locks[n] = lock;
        made->resources[n] = (struct ovl_resource){
            .capacity = 1,
            .per_process = !(lock & OVL_LOCK_SHARED),
        };
    }
    return (unsigned)n + 1;
}

static size_t put_parts(const struct reading *reading, const struct factors *factors,
                        struct ledger_work *made, struct ovl_part *parts)
{
    bool limited = made->work.resource_count && !made->locks[0];
    size_t count = 0;
    for (int i = 0; i < reading->count; i++) {
        struct ovl_segment segment = reading->segments[i];
        if (segment.kind == OVL_READY || is_queue(reading, i))
            continue;
        bool limits = limited && segment.kind >= 0 && segment.kind != OVL_WAIT_SLEEP;
        parts[count++] = (struct ovl_part){
            .length_ns = (ovl_time)((double)segment.length_ns * factor_of(factors, segment.kind)),
            .kind = segment.kind,
            .resource = segment.lock ? resource_of(made, segment.lock) : limits,
            .blocks = segment.kind == OVL_UNSEEN,
        };
    }
    return count;
}

static struct ledger_work *allocate(const struct readings *readings)
{
    size_t parts = 0;
    for (size_t i = 0; i < readings->count; i++)
        parts += (size_t)readings->all[i].count;
    return ovl__zalloc(sizeof(struct ledger_work) + readings->count * sizeof(struct ovl_part_list) +
                       parts * sizeof(struct ovl_part));
}

static int make_work(const struct readings *readings, const struct ovl_ledger_reading *options,
                     size_t total, struct ovl_work **ret_work)
{
    struct contention contention = {0};
    if (!options->connections)
        contention = find_contention(readings);
    unsigned capacity = options->connections ? options->connections : contention.capacity;
    struct ledger_work *made = allocate(readings);
    if (!made)
        return -ENOMEM;
    made->resources[0] =
        (struct ovl_resource){.capacity = capacity, .per_process = options->isolated};
    made->work = (struct ovl_work){
        .tasks = made->lists,
        .task_count = readings->count,
        .total = options->total ? options->total : total,
        .resources = made->resources,
        .resource_count = capacity ? 1 : 0,
    };
    struct ovl_part *parts = (struct ovl_part *)(void *)(made->lists + readings->count);
    for (size_t i = 0; i < readings->count; i++) {
        const struct reading *reading = &readings->all[i];
        struct factors factors = {
            .waits = without_queue(&contention, reading),
            .computing = without_waking(options->costs, reading),
        };
        size_t count = put_parts(reading, &factors, made, parts);
        made->lists[i] = (struct ovl_part_list){.parts = parts, .count = count};
        parts += count;
    }
    *ret_work = &made->work;
    return 0;
}

int ovl_work_from_ledger(struct ovl_ledger *ledger, const struct ovl_ledger_reading *reading,
                         struct ovl_work **ret_work)
{
    static const struct ovl_ledger_reading nothing;
    struct ovl_ledger_sum sum;
    struct readings readings = {0};
    int error = read_all(ledger, &readings);
    if (!error) {
        ovl_ledger_sum(ledger, &sum);
        find_beside(&readings, (double)readings.count / (double)sum.tasks);
        error = make_work(&readings, reading ? reading : &nothing, sum.tasks, ret_work);
    }
    free(readings.all);
    return error;
}

void ovl_work_free(struct ovl_work *work)
{
    free(work);
}
