#include "advise/spent.h"

void spent_add(struct spent *sum, const struct spent *more)
{
    sum->cpu_ns += more->cpu_ns;
    sum->free_ns += more->free_ns;
    sum->child_ns += more->child_ns;
    sum->unseen_ns += more->unseen_ns;
    sum->sync_ns += more->sync_ns;
    sum->sync_cpu_ns += more->sync_cpu_ns;
    sum->waits += more->waits;
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        sum->wait_ns[kind] += more->wait_ns[kind];
}

ovl_time spent_waits(const struct spent *spent)
{
    ovl_time sum = 0;
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        sum += spent->wait_ns[kind];
    return sum;
}

ovl_time spent_syncs(const struct spent *spent)
{
    return spent->sync_ns + spent->sync_cpu_ns;
}

ovl_time spent_all(const struct spent *spent)
{
    return spent->cpu_ns + spent_waits(spent);
}
