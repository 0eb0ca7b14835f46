/*
 * Groups: coroutines that end together. Whoever opens a group waits in its close for all that it
 * started; the first that fails calls off the others. Nothing that runs is ever left behind or
 * forgotten.
 */
#ifndef OVERLAP_GROUP_H
#define OVERLAP_GROUP_H

#include <overlap/coroutine.h>
#include <overlap/export.h>
#include <overlap/time.h>

OVL_BEGIN_DECLS

struct ovl_group;

/*
 * Opens a group in the calling coroutine, which is then inside of it until it closes it: groups and
 * scopes are closed in the opposite order of their opening. At `deadline` the group is cancelled.
 *
 * Ownership: ovl_group_close ends it. On failure *ret_group is untouched.
 * Threads: a coroutine. Errors: -EPERM (not in a coroutine), -ENOMEM.
 * Source: the contract of asyncio.TaskGroup, PEP 654's successor in Python 3.11; Trio's nurseries.
 */
OVL_EXPORT int ovl_group_open(ovl_time deadline, struct ovl_group **ret_group);

/*
 * Starts fn(argument) as a coroutine of the group. It runs when the caller next waits. Where it
 * returns an error, the group is cancelled: all others, and the opener, find that their waits fail.
 *
 * Threads: the group's coroutines and its opener. Errors: -ENOMEM; OVL_ECANCELED: the group was
 * cancelled, and ovl_group_close tells why.
 */
OVL_EXPORT int ovl_group_go(struct ovl_group *group, ovl_coroutine_fn *fn, void *argument);

/* Calls off the group: every wait inside of it fails with OVL_ECANCELED. Threads: the loop's own.
 */
OVL_EXPORT void ovl_group_cancel(struct ovl_group *group);

/*
 * Waits for all coroutines of the group, and ends it.
 *
 * Returns 0; the error of the first coroutine that failed; OVL_ETIMEDOUT where the deadline
 * cancelled it; OVL_ECANCELED where ovl_group_cancel did, or a scope around it.
 *
 * Threads: the coroutine that opened it. NULL is allowed.
 */
OVL_EXPORT int ovl_group_close(struct ovl_group *group);

OVL_END_DECLS

#endif
