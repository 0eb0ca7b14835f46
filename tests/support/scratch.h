/* Files and folders that go with a test: in $TMPDIR, or where it says where that is not set. */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

#include <stdbool.h>

/* Room for a path; longer ones are refused. */
#define SCRATCH_BYTES 256

#define ANYWHERE "/tmp"
#define ON_DISK  "/var/tmp" /* for what is to wait for one */

/* The folder in which those below are made. */
const char *scratch_place(const char *otherwise);

/* Makes an empty folder of a name that nobody else has. False: errno says why. */
bool scratch_folder(char ret_path[SCRATCH_BYTES], const char *otherwise);

/* Makes such a file, and opens it to be read and written. Negative: errno says why. */
int scratch_file(char ret_path[SCRATCH_BYTES], const char *otherwise);

#endif
