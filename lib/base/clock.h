/* The clock of ovl_now(), as it may be replaced for a thread. */
#ifndef OVL_BASE_CLOCK_H
#define OVL_BASE_CLOCK_H

#include <overlap/time.h>

/* What ovl_now() returns in this thread; NULL: the time. */
extern _Thread_local const ovl_time *ovl__clock;

#endif
