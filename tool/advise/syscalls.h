/* What a thread of another process waits for, by the system call that it is in. */
#ifndef TOOL_ADVISE_SYSCALLS_H
#define TOOL_ADVISE_SYSCALLS_H

#include "advise/agent/record.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Returns the kind of wait of a thread that does not run; RECORD_OTHER where it cannot be told.
 * `ret_restarts`, where it is not NULL: whether a thread that is stopped in it goes on waiting as
 * if it had not been.
 */
enum record_kind syscalls_wait_kind(pid_t pid, int thread, bool *ret_restarts);

#endif
