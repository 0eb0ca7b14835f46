#include "hooks/allocator.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

struct ovl__allocator ovl__allocator;

/* The part of an object that holds `address`; the program itself comes first, and is without a
 * name. */
static int look(struct dl_phdr_info *object, size_t size, void *address)
{
    (void)size;
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t begin = object->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || *(uintptr_t *)address - begin >= part->p_memsz)
            continue;
        if (*object->dlpi_name)
            ovl__allocator = (struct ovl__allocator){.begin = begin, .size = part->p_memsz};
        return 1;
    }
    return 0;
}

/* A program that has jemalloc linked into it cannot be told from its allocator. */
__attribute__((constructor)) static void find_allocator(void)
{
    void *address = dlsym(RTLD_DEFAULT, "malloc");
    if (!address)
        return;
    dl_iterate_phdr(look, &address);
    /* Calls of everybody's locks pass through a sanitizer's, which has malloc as well. */
    if (ovl__is_in_allocator((void *)(uintptr_t)getpid) ||
        ovl__is_in_allocator(dlsym(RTLD_DEFAULT, "pthread_mutex_lock")))
        ovl__allocator = (struct ovl__allocator){0};
}
