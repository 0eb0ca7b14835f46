/*
 * Joins: a task that falls into two parts, each of which may again, as deep as they like.
 *
 *     static int sum(struct ovl_task *task, void *argument)
 *     {
 *         struct span *span = argument;
 *         if (span->count <= 1000)
 *             return sum_in_a_loop(span);
 *         struct span left = first_half(span);
 *         struct span right = second_half(span);
 *         int error = ovl_fork_join(task, sum, &left, sum, &right);
 *         span->sum = left.sum + right.sum;
 *         return error;
 *     }
 *
 * Under `threads` an idle worker takes the second part while the first one runs; where none is
 * idle, a join costs little more than the two calls. Under the other models the two run one after
 * the other.
 */
#ifndef OVERLAP_FORK_JOIN_H
#define OVERLAP_FORK_JOIN_H

#include <overlap/export.h>
#include <overlap/task.h>

OVL_BEGIN_DECLS

/*
 * A part of a task. `task` is valid in this call: it is the task's own or, where another worker has
 * taken the part, stands for it there, with that worker's number and a session of its. It has been
 * asked to end when the task has. What a part finds it puts where `argument` leads; it gives no
 * result of its own (ovl_task_return and its like).
 *
 * Returns 0, or an error.
 */
typedef int ovl_part_fn(struct ovl_task *task, void *argument);

/*
 * Calls first(task, first_argument) and second(task, second_argument), maybe at the same time, and
 * returns when both have returned. Both are called, whatever the other returns.
 *
 * A worker that waits for a part which another has taken helps it with the parts into which that
 * one falls, and runs nothing else meanwhile: joins wait in no circle, and a lock that is held
 * around a join meets no other task's.
 *
 * Returns the first one's error where it has one, else the second one's.
 *
 * Threads: the task's own; `task` is what the caller was called with (NULL, outside of a task: the
 *   parts run one after the other). The first part runs in the calling thread. Writes before the
 * call are visible to both, and theirs to the caller after it. Errors: those of the parts;
 * OVL_ESESSION: a worker that took a part could not open a session for it, and the part did not
 * run. Source: the contract of Cilk's spawn and sync.
 */
OVL_EXPORT int ovl_fork_join(struct ovl_task *task, ovl_part_fn *first, void *first_argument,
                             ovl_part_fn *second, void *second_argument);

OVL_END_DECLS

#endif
