/*
 * Time: monotonic nanoseconds, and deadlines as absolute points of that clock.
 *
 * A deadline of 0 (or any that has passed) tries once and does not wait; OVL_FOREVER never expires.
 */
#ifndef OVERLAP_TIME_H
#define OVERLAP_TIME_H

#include <overlap/export.h>
#include <stdint.h>

OVL_BEGIN_DECLS

/* Nanoseconds: a point of CLOCK_MONOTONIC, or a length of time where the name ends in _ns. */
typedef int64_t ovl_time;

#define OVL_FOREVER     INT64_MAX
#define OVL_MICROSECOND ((ovl_time)1000)
#define OVL_MILLISECOND ((ovl_time)1000000)
#define OVL_SECOND      ((ovl_time)1000000000)

/*
 * The present point of the monotonic clock.
 *
 * Threads: any. Errors: none.
 */
OVL_EXPORT ovl_time ovl_now(void);

/*
 * The deadline `delay_ns` from now. A negative delay is a deadline that has passed; one too long
 * for the clock is OVL_FOREVER.
 *
 * Threads: any. Errors: none.
 */
OVL_EXPORT ovl_time ovl_after(ovl_time delay_ns);

OVL_END_DECLS

#endif
