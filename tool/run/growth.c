#include "run/growth.h"

/* So many looks in a row, at which all waited, are enough. */
#define CALM_ENOUGH 2

/* So many looks are quick whatever they show: then only those that show jobs that wait. */
#define FIRST_LOOKS 8

/* Jobs that compute less than this share of their time wait. */
#define WAITS 0.1

/* Of jobs that wait, one in so many may be seen to begin or to end something. */
#define WANTING_ONE_IN 8

/* Of the processors, what must be idle; or else somebody computes on behalf of the jobs. */
#define IDLE_LEAST 0.25

bool growth_is_of_use(const struct growth_look *look)
{
    return !look->ended && look->workers < look->most && look->workers < GROWTH_MOST;
}

static bool jobs_wait(const struct growth *growth, const struct growth_look *look)
{
    double had = (double)(look->jobs.cpu_ns - growth->cpu_ns);
    double could = (double)(look->now - growth->time) * (double)look->jobs.jobs;
    return look->jobs.jobs >= look->workers &&
           look->jobs.wanting <= look->jobs.jobs / WANTING_ONE_IN && had < WAITS * could;
}

/* A server on this machine that computes for the jobs is not helped by more of them. */
static bool has_processors(const struct growth_look *look)
{
    double left = look->processors - look->processors_taken;
    if (left < 0)
        left = 0;
    return look->processors_idle >= IDLE_LEAST * left;
}

/* So many times as many take so many times as much: half of what is free then is left. */
static bool has_memory(const struct growth *growth, const struct growth_look *look, unsigned times)
{
    uint64_t used = growth->memory > look->memory ? growth->memory - look->memory : 0;
    return used <= look->memory / 2 / (times - 1);
}

static unsigned grow(const struct growth *growth, const struct growth_look *look)
{
    unsigned most = look->most < GROWTH_MOST ? look->most : GROWTH_MOST;
    bool quickly = look->workers < GROWTH_QUICK && has_memory(growth, look, 4);
    unsigned times = quickly ? 4 : 2;
    return look->workers < most / times ? times * look->workers : most;
}

unsigned growth_next(struct growth *growth, const struct growth_look *look)
{
    growth->looks++;
    if (!growth->memory)
        growth->memory = look->memory;
    if (!growth_is_of_use(look)) {
        growth->calm = 0;
        growth->time = 0;
        return look->workers;
    }
    bool calm = growth->time && jobs_wait(growth, look) && has_processors(look) &&
                has_memory(growth, look, 2);
    growth->calm = calm ? growth->calm + 1 : 0;
    growth->time = look->now;
    growth->cpu_ns = look->jobs.cpu_ns;
    if (growth->calm < CALM_ENOUGH)
        return look->workers;
    growth->calm = 0;
    return grow(growth, look);
}

ovl_time growth_next_look(const struct growth *growth, unsigned workers)
{
    bool quick = workers < GROWTH_QUICK && (growth->calm || growth->looks < FIRST_LOOKS);
    return quick ? GROWTH_QUICK_NS : GROWTH_NS;
}
