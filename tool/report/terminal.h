/* What the terminal can show. */
#ifndef TOOL_REPORT_TERMINAL_H
#define TOOL_REPORT_TERMINAL_H

#include <stdbool.h>

/* How a stream is written to. */
struct terminal {
    bool present;   /* it is a terminal */
    bool colour;    /* it is one, and NO_COLOR is unset */
    bool utf8;      /* the locale's encoding */
    unsigned width; /* columns: the terminal's, or COLUMNS, or 80 */
};

/* Looks at what descriptor `fd` leads to. Sets the locale's LC_CTYPE. Threads: the main one. */
struct terminal terminal_look(int fd);

#endif
