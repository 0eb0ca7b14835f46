/*
 * Faults in the seam to the system: the n-th call of one of its functions fails, alone or with all
 * that follow.
 *
 * The count is on the board: the calls of threads and of worker processes are counted together.
 */
#ifndef TESTS_FAULT_INJECT_H
#define TESTS_FAULT_INJECT_H

#include <stdbool.h>
#include <stddef.h>

/* Who is known to call a function, so that a fault which nobody meets is a failed test. */
#define IN_SYNC      (1u << 0)
#define IN_THREADS   (1u << 1)
#define IN_ASYNC     (1u << 2)
#define IN_PROCESSES (1u << 3)
#define IN_NATIVE    (1u << 4)
#define FOR_LARGE    (1u << 5) /* not only, but also for large payloads */

struct inject_point {
    const char *name;
    int told;         /* what callers of the library see of it: -errno, or 0: nothing at all */
    bool passing;     /* an error that means "again": failing for ever is not plausible */
    unsigned callers; /* of the flags above */
    void (*install)(void);
};

extern const struct inject_point inject_points[];
extern const size_t inject_point_count;

/* Puts the point's function into the seam. Once, before any thread is started. */
void inject_install(const struct inject_point *point);

/* From now on the n-th call fails, from 1, and where `on` all after it. */
void inject_begin(long n, bool on);

/* Ends that. Returns whether the fault was met. */
bool inject_end(void);

/* Whether an error is the fault's own. */
bool is_told(int error);

/* Has a case that exceeds its time say which fault it was at. */
void inject_tell_alarm(void);

#endif
