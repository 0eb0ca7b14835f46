#include "coroutine/exceptions.h"

#include <dlfcn.h>
#include <stddef.h>

typedef struct ovl__exceptions *get_globals(void);

/* There where the program is linked with a C++ runtime, statically or not. */
extern get_globals __cxa_get_globals __attribute__((weak));

struct ovl__exceptions *ovl__exceptions_here(void)
{
    get_globals *get = __cxa_get_globals;
    if (!get) /* a library that was opened since may have brought one */
        *(void **)&get = dlsym(RTLD_DEFAULT, "__cxa_get_globals");
    return get ? get() : NULL;
}
