/* What a thread of another process waits for, by the system call that it is in. */
#ifndef TOOL_ADVISE_SYSCALLS_H
#define TOOL_ADVISE_SYSCALLS_H

#include "advise/agent/record.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct syscalls_wait {
    enum record_kind kind; /* RECORD_OTHER where it cannot be told */
    bool restarts;         /* one that is stopped in it goes on waiting as if it had not been */
    uint64_t lock;         /* where what it waits for is in its memory; 0: it is no lock */
};

/* The wait of a thread that does not run. */
struct syscalls_wait syscalls_wait_of(pid_t pid, int thread);

#endif
