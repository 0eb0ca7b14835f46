/* The three standard streams. */
#ifndef TOOL_SYSTEM_STREAMS_H
#define TOOL_SYSTEM_STREAMS_H

/*
 * Occupies the descriptors of standard streams that are closed, so that no socket gets their number
 * and what is printed: reading finds the end, and writing fails as it did.
 */
void streams_occupy(void);

#endif
