/* CPython in a process that runs already: which version, and where its runtime's structure is. */
#ifndef TOOL_ADVISE_PYTHON_FIND_H
#define TOOL_ADVISE_PYTHON_FIND_H

#include "advise/python/layout.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct python_found {
    int major;
    int minor;
    uint64_t runtime;                   /* &_PyRuntime */
    const struct python_layout *layout; /* NULL: this version's is not known */
};

/* Returns whether there is a CPython in the process. */
bool python_find(pid_t pid, struct python_found *ret);

#endif
