/* What the library is built with: OVL__ASAN and OVL__TSAN, where it is, and what these need. */
#ifndef OVL_BASE_SANITIZE_H
#define OVL_BASE_SANITIZE_H

#include <signal.h>

#if defined(__SANITIZE_ADDRESS__)
#define OVL__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OVL__ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define OVL__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OVL__TSAN 1
#endif
#endif

/* Tells ThreadSanitizer of a lock that it does not see: it was taken, or is let go. */
#ifdef OVL__TSAN
#include <sanitizer/tsan_interface.h>
#else
#define __tsan_acquire(address) (void)(address)
#define __tsan_release(address) (void)(address)
#endif

/*
 * ThreadSanitizer holds a signal back while its thread is in a call that it does not know, such as
 * our own sleeps, and has the handler run in the next one that it knows. So who sleeps makes one
 * after each sleep, and where handlers restart the sleep, sleeps no longer than this at a time.
 */
#ifdef OVL__TSAN
#define OVL__SLEEP_NS (10 * 1000000)
static inline void ovl__let_handlers_run(void)
{
    sigset_t unused;
    sigpending(&unused);
}
#else
static inline void ovl__let_handlers_run(void)
{
}
#endif

#endif
