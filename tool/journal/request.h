/* What the journal's writer is asked to write: a copy of an entry, and perhaps a rename with it. */
#ifndef TOOL_JOURNAL_REQUEST_H
#define TOOL_JOURNAL_REQUEST_H

#include "journal/journal.h"

#include <overlap/lock.h>
#include <stdatomic.h>

struct request {
    struct request *next;
    struct journal_entry entry; /* its strings lie in `memory` */
    size_t size;                /* bytes of the whole */

    /* Of a rename; `from` is NULL where there is none. */
    const char *from;
    const char *to; /* absolute */
    bool replace;
    int64_t intent;          /* its row; 0: there is none yet */
    int result;              /* valid once `ended` is set */
    struct ovl_event *ended; /* NULL: nobody waits */
    atomic_uint references;  /* the writer's and the waiter's */

    char memory[];
};

/* A copy, with one reference. NULL: no memory. `from` and `to` may be NULL. */
struct request *request_new(const struct journal_entry *entry, const char *from, const char *to);

void request_drop(struct request *request);

#endif
