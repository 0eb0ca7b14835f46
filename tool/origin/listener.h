/* Listening sockets. */
#ifndef TOOL_ORIGIN_LISTENER_H
#define TOOL_ORIGIN_LISTENER_H

#include <stdint.h>

/*
 * Listens on an IPv4 address; port 0 takes any that is free.
 *
 * Ownership: close(*ret_fd), which does not block on accept. On failure both are untouched.
 * Errors: -EINVAL: the address is none; -errno.
 */
int listener_open(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port);

#endif
