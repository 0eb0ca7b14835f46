/* The files that are loaded into another process, by /proc. */
#ifndef TOOL_ADVISE_MODULES_H
#define TOOL_ADVISE_MODULES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct module {
    char file[512];   /* as the process names it */
    char opened[544]; /* as it is to be opened from here: the process may have another root */
    uint64_t bias;    /* between its own addresses and those in memory */
};

/* Calls `each` for every file of the process's that has code, as it is mapped now. */
void modules_each(pid_t pid, void (*each)(const struct module *module, void *context),
                  void *context);

#endif
