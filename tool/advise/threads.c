#include "advise/threads.h"

ovl_time thread_time_busy(const struct thread_time *time)
{
    ovl_time sum = time->cpu_ns;
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
        sum += time->wait_ns[kind];
    return sum;
}

void thread_times_add(struct thread_times *times, const struct thread_time *time)
{
    ovl_time busy_ns = thread_time_busy(time);
    size_t n = times->count;
    if (n == THREADS_KEPT) {
        times->left_out++;
        if (thread_time_busy(&times->kept[--n]) >= busy_ns)
            return;
    } else {
        times->count++;
    }
    for (; n > 0 && thread_time_busy(&times->kept[n - 1]) < busy_ns; n--)
        times->kept[n] = times->kept[n - 1];
    times->kept[n] = *time;
}
