/* How many of the library's own calls this thread is in: where a sanitizer must see those. */
#ifndef OVL_BASE_OWN_CALLS_H
#define OVL_BASE_OWN_CALLS_H

#if defined(__SANITIZE_THREAD__)
#define OVL__OWN_CALLS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OVL__OWN_CALLS 1
#endif
#endif

#ifdef OVL__OWN_CALLS
extern _Thread_local int ovl__own_calls;
#endif

#endif
