/*
 * Wires: pipes over which tasks, threads, children and the case tell each other that something is
 * so. One that is open before an executor reaches its worker processes too.
 */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct wire {
    int fds[2];
    pid_t owner; /* who opened it */
};

/* Set in a process that inherited no wires, a rank of a cluster: it finds them in their owner. */
extern bool wires_are_elsewhere;

/* Opens a wire; fails the case where it cannot. */
struct wire wire_open(void);
void wire_close(struct wire *wire);

/* Tells `count` times. Any thread, task or child. */
void wire_tell(const struct wire *wire, size_t count);

/* Waits, blocking, until it was told `count` times, and uses these up. False where all is closed.
 */
bool wire_await(const struct wire *wire, size_t count);

#endif
