/*
 * Streams: sockets and pipes, with a deadline for everything that waits.
 *
 *     struct ovl_io *stream;
 *     int error = ovl_connect("example.org", "80", ovl_after(5 * OVL_SECOND), &stream);
 *     if (error)
 *         return error;
 *     error = ovl_io_write(stream, request, strlen(request), ovl_after(OVL_SECOND));
 *     ovl_time soon = ovl_after(OVL_SECOND);
 *     ssize_t size = error ? error : ovl_io_read(stream, answer, sizeof answer, soon);
 *     ovl_io_close(stream);
 *
 * Cheaper than hooked calls on a descriptor: the loop asks epoll once for a stream, not for each
 * wait. A stream belongs to the loop in which it first waits; within it one coroutine may read
 * while another writes. Threads without a loop may use one too, and block; so may who comes once
 * that loop has ended. In a child of fork it is a copy, to be closed by itself.
 */
#ifndef OVERLAP_IO_H
#define OVERLAP_IO_H

#include <overlap/export.h>
#include <overlap/time.h>
#include <stddef.h>
#include <sys/types.h>

OVL_BEGIN_DECLS

struct addrinfo;
struct ovl_listener;
struct ovl_io;

/*
 * Looks up the addresses of a host and service, as getaddrinfo does for stream sockets, in a helper
 * thread; literal addresses at once. `host` may be NULL: this machine, or for listening any
 * address.
 *
 * Ownership: freeaddrinfo ends *ret_list; untouched on failure.
 * Threads: any; a coroutine gives way.
 * Errors: OVL_ETIMEDOUT (outside of coroutines `deadline` is not looked at), OVL_ECANCELED,
 *   OVL_ELOOKUP (there is no such name), -EAGAIN (try again later), -ENOMEM, other -errno.
 */
OVL_EXPORT int ovl_lookup(const char *host, const char *service, ovl_time deadline,
                          struct addrinfo **ret_list);

/*
 * Connects to a host and service by TCP: to each of its addresses in turn, until one answers; each
 * gets an even share of the time. Small writes are sent at once (TCP_NODELAY).
 *
 * Ownership: ovl_io_close. Threads: any; a coroutine gives way.
 * Errors: those of ovl_lookup; -ECONNREFUSED and others of connect and socket.
 */
OVL_EXPORT int ovl_connect(const char *host, const char *service, ovl_time deadline,
                           struct ovl_io **ret_stream);

/*
 * Makes a stream of a connected socket, a pipe, or a terminal, and takes it over. A socket's flags
 * stay as they are; so do those of other descriptors, which other processes may share.
 *
 * Ownership: ovl_io_close closes it; on failure it stays the caller's. Threads: any.
 * Errors: -EBADF, -ENOMEM.
 */
OVL_EXPORT int ovl_io_open(int fd, struct ovl_io **ret_stream);

/*
 * Closes a stream. Who waits for it gets -EBADF. NULL is allowed. Threads: its loop's; any, once
 * that has ended.
 */
OVL_EXPORT void ovl_io_close(struct ovl_io *stream);

/* Its descriptor, to look at and to set options of. Threads: any. */
OVL_EXPORT int ovl_io_fd(const struct ovl_io *stream);

/*
 * Reads what there is, up to `size` bytes, and waits for the first of them until `deadline`.
 *
 * Returns how many, 0 at the end, or an error.
 *
 * Threads: any; a coroutine gives way.
 * Errors: OVL_ETIMEDOUT, OVL_ECANCELED, -EBADF (closed meanwhile), -EBUSY (another one reads),
 *   -ECONNRESET and others of recv.
 */
OVL_EXPORT ssize_t ovl_io_read(struct ovl_io *stream, void *data, size_t size, ovl_time deadline);

/*
 * Reads exactly `size` bytes.
 *
 * Threads: any; a coroutine gives way. Errors: those of ovl_io_read; OVL_EENDED: it ended before.
 * What was read until then is in `data`, and is no longer in the stream.
 */
OVL_EXPORT int ovl_io_read_all(struct ovl_io *stream, void *data, size_t size, ovl_time deadline);

/*
 * Writes all of `size` bytes. Where nobody reads any more it is -EPIPE, without a signal.
 *
 * Threads: any; a coroutine gives way. Errors: as ovl_io_read, -EBUSY where another one writes;
 * a part may have been written.
 */
OVL_EXPORT int ovl_io_write(struct ovl_io *stream, const void *data, size_t size,
                            ovl_time deadline);

/* Tells the other end of a socket that nothing more comes. Threads: any. Errors: those of shutdown.
 */
OVL_EXPORT int ovl_io_shut(struct ovl_io *stream);

/*
 * Listens for TCP connections at an address of this machine (NULL: all of them) and a port ("0":
 * any that is free). The address may be taken again at once after an earlier listener's end.
 *
 * Ownership: ovl_listener_close. Threads: any.
 * Errors: those of ovl_lookup; -EADDRINUSE, -EACCES and others of bind and listen.
 */
OVL_EXPORT int ovl_listen(const char *host, const char *service,
                          struct ovl_listener **ret_listener);

/* Stops listening. Who waits in ovl_accept gets -EBADF. NULL is allowed. Threads: its loop's. */
OVL_EXPORT void ovl_listener_close(struct ovl_listener *listener);

/* The port that it listens at. Threads: any. Errors: none. */
OVL_EXPORT unsigned ovl_listener_port(const struct ovl_listener *listener);

/*
 * Takes the next connection. Several coroutines may wait for one.
 *
 * Ownership: ovl_io_close. Threads: any; a coroutine gives way.
 * Errors: OVL_ETIMEDOUT, OVL_ECANCELED, -EBADF, -EMFILE, -ENFILE, -ENOMEM. A connection that went
 * away before it was taken is none.
 */
OVL_EXPORT int ovl_accept(struct ovl_listener *listener, ovl_time deadline,
                          struct ovl_io **ret_stream);

OVL_END_DECLS

#endif
