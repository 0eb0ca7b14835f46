/*
 * A thread of another process, held for a moment so that its registers and the top of its stack can
 * be copied: by ptrace, which the kernel allows towards whom it lets be debugged. Between two looks
 * nothing traces it, so that a debugger can have it.
 *
 * A call that the thread waits in is restarted by the kernel, and by ourselves where the kernel
 * would let it fail with EINTR: the program sees nothing of it.
 *
 * Threads: always the same one.
 */
#ifndef TOOL_ADVISE_STOPPED_H
#define TOOL_ADVISE_STOPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* By DWARF's numbers; on x86-64 the last is where it goes on. */
#if defined(__x86_64__)
#define STOPPED_REGISTERS 17
#define STOPPED_FRAME     6
#define STOPPED_STACK     7
#else
#define STOPPED_REGISTERS 32
#define STOPPED_FRAME     29
#define STOPPED_STACK     31
#endif

/* Copied of the stack at once; what lies deeper is read where it is asked for. */
#define STOPPED_BYTES 16384

struct stopped {
    uint64_t registers[STOPPED_REGISTERS];
    uint64_t pc;
    uint64_t base; /* of the first byte of data */
    size_t size;
    char data[STOPPED_BYTES];
};

enum stopped_result {
    STOPPED_TAKEN,
    STOPPED_LATER,   /* it does not stop now: to be asked again until another answer comes */
    STOPPED_GONE,    /* it has ended */
    STOPPED_REFUSED, /* no permission; or somebody else traces it; or it is of another kind */
};

/*
 * Copies a thread. `pending` is the caller's, one for each thread, false at first. `child`: the
 * process was started by this one, which is told of its end by nobody else.
 */
enum stopped_result stopped_take(pid_t process, int thread, bool child, bool *pending,
                                 struct stopped *ret);

#endif
