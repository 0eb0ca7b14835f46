/*
 * The agent: a shared object that is preloaded into a program, and writes down what its threads
 * wait for.
 *
 * It knows libc alone. It starts no thread, installs no signal handler, opens no descriptor that
 * stays, and calls nothing of CPython's that could change anything: the program runs as it would
 * without.
 */
#ifndef TOOL_ADVISE_AGENT_AGENT_H
#define TOOL_ADVISE_AGENT_AGENT_H

#include "advise/agent/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define AGENT_NATIVE_MAX 40

/* One wait while it lasts. */
struct agent_wait {
    bool counts; /* false: nothing is written down of it */
    bool busy_known;
    bool late; /* a sleep whose time was over before it began: it counts, without a length */
    enum record_kind kind;
    int descriptor; /* its kind is told by what this is, where it is not -1 */
    uint32_t flags;
    uint64_t object;
    uint64_t synced;
    uint64_t caller;
    uint64_t start_ns;
    uint64_t cpu_ns;   /* at its start, where busy_known */
    uint64_t asked_ns; /* for a sleep, how long it was to be; 0: no sleep */
};

/* The process's file; NULL: nothing is written down. */
extern struct record *agent_record;

/* The calling thread's part of it; NULL: it has none. */
struct record_thread *agent_thread(void);

uint64_t agent_now(void);
uint64_t agent_thread_cpu(void);

/*
 * A wait begins: for whatever descriptor leads to, or of a kind. They are inline in effect only: a
 * call that does not wait costs two looks at the clock.
 */
struct agent_wait agent_wait_descriptor(int descriptor, const void *caller);
struct agent_wait agent_wait_kind(enum record_kind kind, const void *caller);

/* The processor time inside of the call is to be told apart: for calls that copy much. */
void agent_wait_measure_cpu(struct agent_wait *wait);

/* It was asked to last so long, and does unless a signal ends it: a sleep is one however busy the
 * machine is, also where the thread was kept from its processor for all of it. */
void agent_wait_asked(struct agent_wait *wait, int64_t seconds, int64_t nanoseconds);

/* It ends. errno is left as it was. */
void agent_wait_end(struct agent_wait *wait);

/* A read has got so many bytes. */
void agent_note_read(const struct agent_wait *wait, ssize_t size);

/* The process ends, by whatever way it takes. */
void agent_finish(void);

/* --- kinds.c --- */

/* Finds out what a wait is for. */
void agent_find_kind(struct agent_wait *wait);

/* --- ready.c --- */

/* Lets a wait that has ended begin later by as long as the thread was ready before its end. */
void agent_leave_out_ready(struct agent_wait *wait, uint64_t end_ns, uint64_t cpu_ns);

/* The calling thread is another one: after a fork. */
void agent_ready_reset(void);

/* --- stack.c --- */

/* Looks for CPython in this process, and describes it in the record. */
void agent_python_find(void);

/* What is known of a wait's stack before the lock is taken: the dynamic linker's own lock is not to
 * be waited for with it. */
struct agent_native {
    void *addresses[AGENT_NATIVE_MAX]; /* innermost first */
    int count;
};

void agent_native_stack(const struct agent_wait *wait, uint64_t end_ns, struct agent_native *ret);

/* What a wait's stack is: fills in at most RECORD_LEVELS, outermost first. The caller has the lock.
 */
size_t agent_stack(struct agent_wait *wait, struct record_thread *thread,
                   const struct agent_native *native, struct record_level *ret_levels);

/* Adds a string to the record. The caller has the lock. 0: no room. */
uint32_t agent_string(const char *text);

/* --- modules.c --- */

/* Takes care that the object which an address is in is in the record. The caller does not have the
 * lock. */
void agent_module_know(uint64_t address);

/* The same for all that is loaded now. */
void agent_modules_list(void);

void agent_lock(void);
void agent_unlock(void);

/* Forgets what was written into another file: after a fork. */
void agent_stack_reset(void);

bool agent_has_python(void);

/* Whether an address is in the code of CPython itself. */
bool agent_is_python_code(const void *address);

#endif
