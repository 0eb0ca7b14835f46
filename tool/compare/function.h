/* The command program: a task function of the user's own, out of a shared object, on lines as
 * items. */
#ifndef TOOL_COMPARE_FUNCTION_H
#define TOOL_COMPARE_FUNCTION_H

#include "compare/program.h"

#include <stddef.h>

struct function_program {
    /* To be set: */
    const char *function; /* "./mytask.so:function" */
    const char *items;    /* a file with an item a line; "-": standard input */

    /* function_open's: */
    void *object;
    ovl_task_fn *task;
    char *text;              /* all that was read */
    struct ovl_bytes *lines; /* in it, without their ends; kept, as the text, until the process
                                ends: threads that the object began may still run */
    size_t count;
};

/* Whether an argument names such a function. */
bool function_is_named(const char *text);

/* Loads the function and reads the items. 0, or an exit code once it has said what is wrong. */
int function_open(struct function_program *own);

/* The program; `own` is open and outlives it. */
struct program function_as_program(struct function_program *own);

#endif
