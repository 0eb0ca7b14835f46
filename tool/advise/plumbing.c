#include "advise/plumbing.h"

#include "advise/unseen.h"

#include <string.h>

/* Of Python's library: what starts processes, and what hands things over to them. */
static const struct {
    const char *file; /* how it ends */
    enum plumbing_kind kind;
} machinery[] = {
    {"/multiprocessing/process.py", PLUMBING_START},
    {"/multiprocessing/context.py", PLUMBING_START},
    {"/multiprocessing/popen_fork.py", PLUMBING_START},
    {"/multiprocessing/popen_spawn_posix.py", PLUMBING_START},
    {"/multiprocessing/popen_forkserver.py", PLUMBING_START},
    {"/multiprocessing/spawn.py", PLUMBING_START},
    {"/multiprocessing/forkserver.py", PLUMBING_START},
    {"/multiprocessing/util.py", PLUMBING_START},
    {"/multiprocessing/pool.py", PLUMBING_HANDOVER},
    {"/multiprocessing/queues.py", PLUMBING_HANDOVER},
    {"/multiprocessing/connection.py", PLUMBING_HANDOVER},
    {"/multiprocessing/reduction.py", PLUMBING_HANDOVER},
    {"/multiprocessing/synchronize.py", PLUMBING_HANDOVER},
    {"/multiprocessing/managers.py", PLUMBING_HANDOVER},
    {"/concurrent/futures/process.py", PLUMBING_HANDOVER},
};

static enum plumbing_kind machinery_of(const struct place *place)
{
    size_t length = strlen(place->file);
    for (size_t n = 0; n < sizeof machinery / sizeof *machinery; n++) {
        size_t size = strlen(machinery[n].file);
        if (length >= size && strcmp(place->file + length - size, machinery[n].file) == 0)
            return machinery[n].kind;
    }
    return PLUMBING_NONE;
}

/* The innermost of the machinery's frames, if no frame of the program's own is further in. */
enum plumbing_kind plumbing_of(const struct tree *tree, const struct tree_level *levels,
                               size_t count)
{
    bool own = false;
    for (size_t n = count; n-- > 0;) {
        const struct place *place = &tree->places[levels[n].place];
        enum plumbing_kind kind = place->own ? PLUMBING_NONE : machinery_of(place);
        if (kind)
            return own ? PLUMBING_TASK : kind;
        own = own || place->own;
    }
    return PLUMBING_NONE;
}

void plumbing_add(struct plumbing *plumbing, enum plumbing_kind kind, ovl_time time_ns)
{
    if (kind == PLUMBING_TASK)
        plumbing->task_ns += time_ns;
    else if (kind == PLUMBING_START)
        plumbing->start_ns += time_ns;
    else if (kind == PLUMBING_HANDOVER)
        plumbing->handover_ns += time_ns;
}

void plumbing_settle(struct plumbing *plumbing)
{
    for (int kind = 0; kind < PLUMBING_KIND_COUNT; kind++) {
        struct unseen *unseen = &plumbing->unseen[kind];
        ovl_time rest_ns = unseen->cpu_ns;
        for (size_t n = 0; n < TREE_LOOKS; n++) {
            ovl_time part_ns = unseen_part(unseen, n);
            plumbing_add(plumbing, (enum plumbing_kind)unseen->at[n], part_ns);
            rest_ns -= part_ns;
        }
        plumbing_add(plumbing, (enum plumbing_kind)kind, rest_ns);
        unseen->cpu_ns = 0;
    }
}
