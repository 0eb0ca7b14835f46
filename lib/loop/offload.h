/* Blocking calls that cannot be turned into yields: made by a helper thread instead. */
#ifndef OVL_LOOP_OFFLOAD_H
#define OVL_LOOP_OFFLOAD_H

/*
 * Calls fn(argument) in another thread; the calling coroutine gives way until it has returned.
 * Where no thread is to be had, the call is made at once in this one, and blocks the loop.
 */
void ovl__offload(void (*fn)(void *argument), void *argument);

#endif
