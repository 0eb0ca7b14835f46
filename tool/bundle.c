#include "bundle.h"

/* Tasks that take longer speak for themselves. */
#define SHORT_NS (10 * OVL_MILLISECOND)

/* For how long ends are counted, and how many there are to be. */
#define LENGTH_NS   (10 * OVL_MILLISECOND)
#define COUNT_LEAST 4

/* After a long task, so many are told by themselves: of a mixture, no part stands for all. */
#define APART 256

void bundle_forget(struct bundle *bundle)
{
    *bundle = (struct bundle){.apart = bundle->apart};
}

static struct ovl_completion as_one(const struct bundle *bundle, ovl_time end)
{
    ovl_time took = end - bundle->from;
    return (struct ovl_completion){
        .end = end,
        .duration_ns = took * (ovl_time)bundle->running / (ovl_time)(bundle->count * bundle->count),
        .cpu_ns = bundle->cpu_ns < 0 ? OVL_CPU_UNKNOWN : bundle->cpu_ns / (ovl_time)bundle->count,
        .bytes = bundle->bytes / bundle->count,
        .running = (unsigned)((bundle->running + bundle->count / 2) / bundle->count),
    };
}

/* The first end is where counting begins: it is not counted itself. */
static bool count_in(struct bundle *bundle, const struct ovl_completion *end,
                     struct ovl_completion *ret)
{
    if (!bundle->from) {
        bundle->from = end->end;
        return false;
    }
    bundle->count++;
    bundle->running += end->running;
    bundle->bytes += end->bytes;
    bundle->cpu_ns += end->cpu_ns;
    if (bundle->count < COUNT_LEAST || end->end - bundle->from < LENGTH_NS)
        return false;
    *ret = as_one(bundle, end->end);
    bundle_forget(bundle);
    bundle->from = end->end;
    return true;
}

bool bundle_add(struct bundle *bundle, const struct ovl_completion *end, struct ovl_completion *ret)
{
    if (end->duration_ns >= SHORT_NS && !end->failed && !end->refused)
        bundle->apart = APART + 1;
    if (!bundle->apart && !end->failed && !end->refused)
        return count_in(bundle, end, ret);
    bundle_forget(bundle);
    if (bundle->apart)
        bundle->apart--;
    *ret = *end;
    return true;
}
