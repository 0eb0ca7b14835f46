/*
 * The plan of an item: whether its URL is one, what its file is called, whether there is something
 * to do, and what there is of it already. Names are given in the order of the input, so that they
 * are the same in every run.
 */
#ifndef TOOL_FETCH_PLAN_H
#define TOOL_FETCH_PLAN_H

#include "fetch/item.h"
#include "fetch/settings.h"

struct plan;
struct journal;
struct journal_entry;

/* Returns 0, or the exit code once it has said what is wrong. `journal` may be NULL. */
int plan_open(const struct settings *settings, struct journal *journal, struct plan **ret_plan);

/* Removes what is of no further use on the disk. */
void plan_close(struct plan *plan);

enum plan_verdict {
    PLAN_GO,      /* it is to be fetched */
    PLAN_ENDED,   /* nothing is to be done: item->state and what belongs to it tell */
    PLAN_REFUSED, /* its folder cannot be used, or the journal not read: item->error says why */
};

/* Plans an item. Items come in the order of their indices. */
enum plan_verdict plan_item(struct plan *plan, struct item *item);

/*
 * Gives a complete part its name, where no task did. `proposed` is the server's name, or NULL;
 * where names are the server's, the items of a run come in their order. The name may be another
 * than item->final was before. With a journal, `entry` is recorded with it. 0, -EEXIST or another
 * -errno.
 */
int plan_publish(struct plan *plan, struct item *item, const char *proposed,
                 const struct journal_entry *entry);

#endif
