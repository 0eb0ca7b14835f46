/*
 * Apart: a run that may end its process, in a child that goes on with the whole command.
 *
 * The child does all that is left to do, and its parent waits. Where the child ends well, the
 * parent ends with its exit code. Where it crashes, the parent still has all that was known before,
 * and goes on from there.
 */
#ifndef TOOL_COMPARE_APART_H
#define TOOL_COMPARE_APART_H

#include <overlap/time.h>
#include <stdbool.h>

struct apart_end {
    char how[64]; /* "crashed with SIGSEGV (Segmentation fault)" */
    ovl_time after_ns;
};

/*
 * Goes on in a child, where there can be one. False, in the parent, once the child has ended
 * before its time: *ret_end says how. Threads: the main one.
 */
bool apart_begin(struct apart_end *ret_end);

/* What is left may not crash any more: the command ends with this exit code. */
void apart_settle(int code);

#endif
