#include "compare/apart.h"

#include "compare/watch.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What all children share with their parents: whether the last of them has done it all. */
struct shared {
    atomic_bool settled;
    int code;
};

static struct shared *shared;

static bool make_shared(void)
{
    if (shared)
        return true;
    void *page =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared = page == MAP_FAILED ? NULL : page;
    return shared != NULL;
}

static void describe(struct apart_end *end, int status)
{
    const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;
    if (!WIFSIGNALED(status))
        snprintf(end->how, sizeof end->how, "ended its process with exit code %d",
                 WEXITSTATUS(status));
    else if (name)
        snprintf(end->how, sizeof end->how, "crashed with SIG%s (%s)", name,
                 sigdescr_np(WTERMSIG(status)));
    else
        snprintf(end->how, sizeof end->how, "was ended by signal %d", WTERMSIG(status));
}

bool apart_begin(struct apart_end *ret_end)
{
    ovl_time start = ovl_now();
    pid_t child = make_shared() ? watch_fork() : -1;
    if (child <= 0)
        return true; /* in the child; or, where there is none, here */
    int status = watch_join(child);
    if (atomic_load(&shared->settled))
        _exit(shared->code);
    *ret_end = (struct apart_end){.after_ns = ovl_now() - start};
    describe(ret_end, status);
    return false;
}

void apart_settle(int code)
{
    if (!shared)
        return;
    shared->code = code;
    atomic_store(&shared->settled, true);
}
