/* Standard error: messages, and the one status line that is redrawn beneath them. */
#ifndef TOOL_REPORT_CONSOLE_H
#define TOOL_REPORT_CONSOLE_H

#include <stddef.h>

/* Names the verb whose messages follow: "overlap compare: ...". A constant string. */
void console_speaker(const char *verb);

/* Prints one message, whole, on a line of its own. Threads: any. */
void console_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints one line as it is. Left out where it would have to wait. Threads: any. */
void console_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Writes `size` bytes to descriptor `fd`, standard output or standard error, whole. Where both lead
 * to a terminal, the status gives way, and is drawn again beneath the next line that has ended.
 * Returns 0 or -errno. Threads: any.
 */
int console_write(int fd, const char *bytes, size_t size);

/*
 * Draws `text`, a line or several, as the status, in place of the one before; NULL erases it. Only
 * for terminals, and no line wider than they are.
 * Left out where it would have to wait: a terminal that was stopped stops nothing else. Threads:
 * any.
 */
void console_status(const char *text);

#endif
