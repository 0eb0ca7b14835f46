/* What the library is built with: OVL__ASAN and OVL__TSAN, where it is. */
#ifndef OVL_BASE_SANITIZE_H
#define OVL_BASE_SANITIZE_H

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

#endif
