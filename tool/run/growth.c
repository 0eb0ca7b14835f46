#include "run/growth.h"

/* So many looks in a row, at which all waited, are enough. */
#define CALM_ENOUGH 2

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

/* Twice as many take twice as much: half of what is free then is left. */
static bool has_memory(const struct growth *growth, const struct growth_look *look)
{
    uint64_t used = growth->memory > look->memory ? growth->memory - look->memory : 0;
    return used <= look->memory / 2;
}

static unsigned grow(const struct growth_look *look)
{
    unsigned most = look->most < GROWTH_MOST ? look->most : GROWTH_MOST;
    return look->workers < most / 2 ? 2 * look->workers : most;
}

unsigned growth_next(struct growth *growth, const struct growth_look *look)
{
    if (!growth->memory)
        growth->memory = look->memory;
    if (!growth_is_of_use(look)) {
        growth->calm = 0;
        growth->time = 0;
        return look->workers;
    }
    bool calm =
        growth->time && jobs_wait(growth, look) && has_processors(look) && has_memory(growth, look);
    growth->calm = calm ? growth->calm + 1 : 0;
    growth->time = look->now;
    growth->cpu_ns = look->jobs.cpu_ns;
    if (growth->calm < CALM_ENOUGH)
        return look->workers;
    growth->calm = 0;
    return grow(look);
}
