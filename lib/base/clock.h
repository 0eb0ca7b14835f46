/* The clock of ovl_now(), as it may be replaced for a thread, and one to measure with. */
#ifndef OVL_BASE_CLOCK_H
#define OVL_BASE_CLOCK_H

#include <overlap/time.h>

/* What ovl_now() returns in this thread; NULL: the time. */
extern _Thread_local const ovl_time *ovl__clock;

/*
 * As ovl_now(), less than a microsecond off, and cheaper where the processor counts time itself:
 * for what is measured. In one thread it never goes back; what ovl_now() says beside it may be a
 * little earlier or later.
 */
ovl_time ovl__stamp(void);

#endif
