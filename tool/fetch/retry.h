/* What follows from an attempt: the end, or another one, when, and where. Pure logic. */
#ifndef TOOL_FETCH_RETRY_H
#define TOOL_FETCH_RETRY_H

#include "fetch/attempt.h"
#include "fetch/item.h"
#include "fetch/schedule.h"
#include "fetch/settings.h"

enum verdict {
    VERDICT_DONE,
    VERDICT_FAILED,
    VERDICT_AGAIN, /* after `delay_ns` */
    VERDICT_FEWER, /* again, with fewer transfers at once: the machine has no more to give */
    VERDICT_STOP,  /* failed, and so would all others: a disk is full, a folder cannot be written */
};

struct decision {
    enum verdict verdict;
    ovl_time delay_ns;
    ovl_time pause_ns; /* of the host, for all its items; 0: none */
    enum host_news news;
    size_t at;      /* which URL is next: 0 is the first */
    bool drop_part; /* what there is of it is of no use */
};

/*
 * Decides on the item's attempt that had this reply. `random` is from 0 to 1, for the jitter. It
 * counts: item->failures and what else belongs to that.
 */
struct decision retry_decide(const struct settings *settings, struct item *item,
                             const struct reply *reply, bool host_answered, double random);

/* Whether libcurl's code, a status of 0 with it, means that the host could not be reached. */
bool retry_is_silence(const struct reply *reply);

#endif
