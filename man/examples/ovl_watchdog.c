#include <overlap.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_bool told;

static void tell(void *context, const struct ovl_stall *stall)
{
    fprintf(context, "\"%s\" keeps its loop\n", stall->name);
    atomic_store(&told, true);
}

/* Computes until somebody complains, and lets nobody else run. */
static int compute(void *unused)
{
    (void)unused;
    ovl_set_name("the long sum");
    while (!atomic_load(&told))
        ;
    return 0;
}

int main(void)
{
    struct ovl_run_options options = {
        .stall_ns = 50 * OVL_MILLISECOND,
        .stalled = tell,
        .stall_context = stdout,
    };
    return ovl_run(compute, NULL, &options) ? 1 : 0;
}
