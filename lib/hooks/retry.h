/*
 * Calls that can only be tried again: nothing tells when another try would succeed but the call
 * itself, which would block. The pauses in between grow to some milliseconds.
 */
#ifndef OVL_HOOKS_RETRY_H
#define OVL_HOOKS_RETRY_H

#include <overlap/ledger.h>
#include <overlap/time.h>
#include <stdbool.h>

struct ovl__retry {
    long (*try)(const void *call); /* without blocking; -1 with errno set */
    const void *call;
    int later[2]; /* what errno is where the call would block */
    ovl_time deadline;
    bool may_vanish;   /* EINVAL of a later try says that it was removed: EIDRM */
    bool by_all;       /* handlers with SA_RESTART interrupt it too */
    const char *waits; /* what it is to wait for, as ovl__waits_for has it */
};

/*
 * What the first try returned that did not have to wait, or the last one before the deadline. -1
 * with errno ECANCELED or EINTR where the coroutine was to wait no longer. Success keeps errno.
 */
long ovl__retry(const struct ovl__retry *retry);

#endif
