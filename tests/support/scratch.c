#include "scratch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *scratch_place(const char *otherwise)
{
    const char *place = getenv("TMPDIR");
    return place && *place ? place : otherwise;
}

static bool make_name(char ret_path[SCRATCH_BYTES], const char *otherwise)
{
    int length =
        snprintf(ret_path, SCRATCH_BYTES, "%s/overlap-test-XXXXXX", scratch_place(otherwise));
    if (length > 0 && length < SCRATCH_BYTES)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

bool scratch_folder(char ret_path[SCRATCH_BYTES], const char *otherwise)
{
    return make_name(ret_path, otherwise) && mkdtemp(ret_path);
}

int scratch_file(char ret_path[SCRATCH_BYTES], const char *otherwise)
{
    return make_name(ret_path, otherwise) ? mkstemp(ret_path) : -1;
}
