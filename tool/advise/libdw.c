#include "advise/libdw.h"

#if LIBDW_IS_KNOWN

#include <dlfcn.h>
#include <stddef.h>

#define LOAD(name)                                                                                 \
    if (!(*(void **)&dw.name = dlsym(library, #name)))                                             \
        return false;

struct libdw dw;

static bool load(void)
{
    void *library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    LIBDW_FUNCTIONS(LOAD)
    return true;
}

bool libdw_load(void)
{
    static bool tried;
    static bool loaded;
    if (!tried)
        loaded = load();
    tried = true;
    return loaded;
}

#endif
