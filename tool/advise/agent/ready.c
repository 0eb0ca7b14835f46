/* What of a wait was none: the thread was ready, and had no processor. */
#include "advise/agent/agent.h"
#include "advise/agent/real.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So long a wait is before it is worth asking the system: that takes some microseconds. */
#define READY_WORTH_NS 500000

/* What this thread had done when that was asked last. */
static __thread struct {
    uint64_t at_ns; /* 0: never */
    uint64_t cpu_ns;
    uint64_t delay_ns; /* ready, and without a processor */
} asked __attribute__((tls_model("initial-exec")));

static bool read_delay(uint64_t *ret_ns)
{
    char text[64];
    int file = REAL(open)("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t size = REAL(read)(file, text, sizeof text - 1);
    REAL(close)(file);
    text[size > 0 ? size : 0] = '\0';
    const char *second = strchr(text, ' ');
    if (!second)
        return false;
    *ret_ns = strtoull(second, NULL, 10);
    return true;
}

/*
 * A call that waits returns when the thread has a processor again. On a machine that is busy with
 * other things it was ready long before, and the system knows for how long: of the time since it
 * was asked last, what the thread neither computed nor was ready, it slept, here or in shorter
 * waits.
 */
void agent_leave_out_ready(struct agent_wait *wait, uint64_t end_ns, uint64_t cpu_ns)
{
    uint64_t delay_ns;
    if (end_ns < wait->start_ns + READY_WORTH_NS || !read_delay(&delay_ns))
        return;
    if (asked.at_ns) {
        uint64_t did_ns = cpu_ns - asked.cpu_ns + delay_ns - asked.delay_ns;
        uint64_t passed_ns = end_ns - asked.at_ns;
        uint64_t slept_ns = passed_ns > did_ns ? passed_ns - did_ns : 0;
        if (slept_ns < end_ns - wait->start_ns)
            wait->start_ns = end_ns - slept_ns;
    }
    asked.at_ns = end_ns;
    asked.cpu_ns = cpu_ns;
    asked.delay_ns = delay_ns;
}

void agent_ready_reset(void)
{
    asked.at_ns = 0;
}
