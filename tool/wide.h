/* Whole numbers of 128 bits. */
#ifndef TOOL_WIDE_H
#define TOOL_WIDE_H

__extension__ typedef unsigned __int128 wide_uint;

#endif
