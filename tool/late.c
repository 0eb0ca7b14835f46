#include "late.h"

#include "command.h"
#include "report/console.h"

#include <dlfcn.h>
#include <stdlib.h>

__attribute__((noreturn)) static void refuse(const struct late *late)
{
    console_error("cannot load %s: %s; install it again", late->name, dlerror());
    exit(EXIT_REFUSED);
}

void *late_find(struct late *late, const char *function)
{
    pthread_mutex_lock(&late->lock);
    /* Lazily: most of what it and its libraries call of each other is never called. */
    if (!late->library)
        late->library = dlopen(late->soname, RTLD_LAZY | RTLD_LOCAL);
    void *library = late->library;
    pthread_mutex_unlock(&late->lock);
    void *address = library ? dlsym(library, function) : NULL;
    if (!address)
        refuse(late);
    return address;
}
