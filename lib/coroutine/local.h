/* Coroutine-local values: see overlap/local.h. */
#ifndef OVL_COROUTINE_LOCAL_H
#define OVL_COROUTINE_LOCAL_H

struct ovl__locals;

/* Calls the destructors of the values, in their coroutine or thread, and frees them. NULL is
 * allowed. */
void ovl__locals_free(struct ovl__locals *locals);

#endif
