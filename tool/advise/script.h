/* Programs that run a script whose lines are not seen: shells, and languages other than Python. */
#ifndef TOOL_ADVISE_SCRIPT_H
#define TOOL_ADVISE_SCRIPT_H

#include "advise/observation.h"

enum script_kind {
    SCRIPT_NONE,
    SCRIPT_SHELL,    /* its commands are programs of their own, which are seen */
    SCRIPT_LANGUAGE, /* it does all by itself */
};

/* What the program itself is, and in *ret_program the name of its file: as long as `observed`. */
enum script_kind script_find(const struct observation *observed, const char **ret_program);

#endif
