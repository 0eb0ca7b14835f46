#include "advise/idle.h"

#include <string.h>

/* Functions of libraries, first libc's, in which a thread waits for other threads, or workers for
 * work. */
static const struct {
    const char *file;     /* how it ends */
    const char *function; /* NULL: any */
} waiting_for_others[] = {
    {"", "pthread_join"},
    {"", "__pthread_clockjoin_ex"},
    {"/threading.py", "join"},
    {"/threading.py", "_wait_for_tstate_lock"},
    {"/threading.py", "wait"},
    {"/threading.py", "_shutdown"},
    {"/socketserver.py", "serve_forever"},
    {"/queue.py", "get"},
    {"/queue.py", "put"},
    {"/queue.py", "join"},
    {"/concurrent/futures/_base.py", NULL},
    {"/concurrent/futures/thread.py", NULL},
    {"/concurrent/futures/process.py", NULL},
    {"/multiprocessing/pool.py", NULL},
    {"/multiprocessing/queues.py", NULL},
    {"/multiprocessing/process.py", NULL},
    {"/multiprocessing/popen_fork.py", NULL},
    {"/multiprocessing/popen_spawn_posix.py", NULL},
    {"/multiprocessing/popen_forkserver.py", NULL},
    {"/multiprocessing/managers.py", NULL},
    {"/multiprocessing/resource_tracker.py", NULL},
    {"/multiprocessing/forkserver.py", NULL},
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

static bool waits_for_others(const struct place *place)
{
    for (size_t n = 0; n < sizeof waiting_for_others / sizeof *waiting_for_others; n++)
        if (ends_with(place->file, waiting_for_others[n].file) &&
            (!waiting_for_others[n].function ||
             strcmp(place->function, waiting_for_others[n].function) == 0))
            return true;
    return false;
}

bool idle_is(const struct tree *tree, const struct tree_level *levels, size_t count,
             enum record_kind kind, uint32_t flags, bool python)
{
    if (flags & RECORD_IDLE)
        return true;
    if (kind != RECORD_LOCK && kind != RECORD_CHILD && kind != RECORD_OTHER &&
        kind != RECORD_NETWORK && kind != RECORD_TERMINAL)
        return false;
    /* A thread of a library in C that waits for work. */
    if (python && kind == RECORD_LOCK && (flags & RECORD_NATIVE))
        return true;
    /* From the innermost frame out, as long as it is the library's. */
    for (size_t n = count; n-- > 0;) {
        const struct place *place = &tree->places[levels[n].place];
        if (place->own)
            break;
        if (waits_for_others(place))
            return true;
    }
    return false;
}
