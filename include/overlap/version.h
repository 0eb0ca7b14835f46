/* The version of the header, and of the library that was loaded. */
#ifndef OVERLAP_VERSION_H
#define OVERLAP_VERSION_H

#include <overlap/export.h>

OVL_BEGIN_DECLS

#define OVL_VERSION_MAJOR 0
#define OVL_VERSION_MINOR 1
#define OVL_VERSION_PATCH 0
#define OVL_VERSION       "0.1.0"

/*
 * The version of the library that is running, as OVL_VERSION has it for the header.
 *
 * Ownership: a constant string. Threads: any. Errors: none.
 */
OVL_EXPORT const char *ovl_version(void);

OVL_END_DECLS

#endif
