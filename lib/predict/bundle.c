#include "predict/bundle.h"

/* So many ends there are to be, at least. */
#define COUNT_LEAST 4

/* A bundle counts as so many measures, at most. */
#define WEIGHT_MOST 4

/* The average is over about so many. */
#define AVERAGED 16

void ovl__bundle_forget(struct ovl__bundle *bundle)
{
    *bundle = (struct ovl__bundle){.short_ns = bundle->short_ns, .mean_ns = bundle->mean_ns};
}

static struct ovl_completion as_one(const struct ovl__bundle *bundle, ovl_time end)
{
    ovl_time took = end - bundle->from;
    return (struct ovl_completion){
        .end = end,
        .duration_ns = took * (ovl_time)bundle->running / (ovl_time)(bundle->count * bundle->count),
        .cpu_ns = bundle->cpu_ns == OVL_CPU_UNKNOWN ? OVL_CPU_UNKNOWN
                                                    : bundle->cpu_ns / (ovl_time)bundle->count,
        .queued_ns = bundle->queued_ns / (ovl_time)bundle->count,
        .bytes = bundle->bytes / bundle->count,
        .running = (unsigned)((bundle->running + bundle->count / 2) / bundle->count),
    };
}

/* A tuner wants as many measures as there are workers, lest the number rise slowly. */
static unsigned weight(const struct ovl_completion *bundle, uint64_t count)
{
    unsigned weight = bundle->running / 8;
    if (weight > count / 4)
        weight = (unsigned)(count / 4);
    return weight < 1 ? 1 : weight > WEIGHT_MOST ? WEIGHT_MOST : weight;
}

/* The first end is where counting begins: it is not counted itself. */
static unsigned count_in(struct ovl__bundle *bundle, const struct ovl_completion *end,
                         struct ovl_completion *ret)
{
    if (!bundle->from) {
        bundle->from = end->end;
        return 0;
    }
    bundle->count++;
    bundle->running += end->running;
    bundle->bytes += end->bytes;
    bool unknown = end->cpu_ns == OVL_CPU_UNKNOWN || bundle->cpu_ns == OVL_CPU_UNKNOWN;
    bundle->cpu_ns = unknown ? OVL_CPU_UNKNOWN : bundle->cpu_ns + end->cpu_ns;
    bundle->queued_ns += end->queued_ns;
    if (bundle->count < COUNT_LEAST || end->end - bundle->from < bundle->short_ns / 2)
        return 0;
    uint64_t count = bundle->count;
    ovl_time now = end->end;
    *ret = as_one(bundle, now);
    ovl__bundle_forget(bundle);
    bundle->from = now;
    return weight(ret, count);
}

static bool is_short(struct ovl__bundle *bundle, ovl_time duration_ns)
{
    if (bundle->mean_ns)
        bundle->mean_ns += (duration_ns - bundle->mean_ns) / AVERAGED;
    else
        bundle->mean_ns = duration_ns;
    return bundle->mean_ns < bundle->short_ns;
}

unsigned ovl__bundle_add(struct ovl__bundle *bundle, const struct ovl_completion *end,
                         struct ovl_completion *ret)
{
    bool counts = !end->failed && !end->refused;
    if (counts && is_short(bundle, end->duration_ns))
        return count_in(bundle, end, ret);
    ovl__bundle_forget(bundle);
    *ret = *end;
    return 1;
}
