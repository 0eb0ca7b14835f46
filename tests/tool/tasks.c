/* Task functions for `overlap compare FILE:FUNCTION`. */
#include <overlap.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is(struct ovl_bytes item, const char *word)
{
    return item.size == strlen(word) && memcmp(item.data, word, item.size) == 0;
}

/* Sleeps 20 ms; "crash" crashes, "exit" ends the process, "fail" fails. */
int sleep_on(struct ovl_task *task, struct ovl_bytes item);
int sleep_on(struct ovl_task *task, struct ovl_bytes item)
{
    if (is(item, "crash"))
        abort();
    if (is(item, "exit"))
        exit(3);
    if (is(item, "fail"))
        return 42;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    return ovl_task_return(task, item.data, item.size);
}

/* Does nothing. */
int nothing(struct ovl_task *task, struct ovl_bytes item);
int nothing(struct ovl_task *task, struct ovl_bytes item)
{
    (void)task;
    (void)item;
    return 0;
}

/* No function. */
extern int no_function;
int no_function = 1;
