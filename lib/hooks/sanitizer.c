#include "hooks/sanitizer.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unwind.h>

/* The code of the runtimes that are loaded: of addresses and of undefined behaviour, for one. */
static struct {
    uintptr_t begin;
    uintptr_t size;
} runtimes[4];
static size_t runtime_count;

/* They bring the unwinder's library along. */
static __typeof__(&_Unwind_Backtrace) unwind;
static __typeof__(&_Unwind_GetIP) place_of;

static bool is_runtime(const char *path)
{
    static const char *const names[] = {
        "libasan.so", "libhwasan.so", "liblsan.so", "libtsan.so", "libubsan.so", "libclang_rt.",
    };
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(slash ? slash + 1 : path, names[i], strlen(names[i])))
            return true;
    return false;
}

static int take(struct dl_phdr_info *object, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (!is_runtime(object->dlpi_name))
        return 0;
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        if (runtime_count == sizeof runtimes / sizeof *runtimes)
            return 1;
        runtimes[runtime_count].begin = object->dlpi_addr + part->p_vaddr;
        runtimes[runtime_count++].size = part->p_memsz;
    }
    return 0;
}

__attribute__((constructor)) static void find_runtimes(void)
{
    dl_iterate_phdr(take, NULL);
    if (!runtime_count)
        return;
    *(void **)&unwind = dlsym(RTLD_DEFAULT, "_Unwind_Backtrace");
    *(void **)&place_of = dlsym(RTLD_DEFAULT, "_Unwind_GetIP");
}

static bool is_in_runtime(uintptr_t place)
{
    for (size_t i = 0; i < runtime_count; i++)
        if (place - runtimes[i].begin < runtimes[i].size)
            return true;
    return false;
}

/* Above the hooks' own frames, of which there are fewer than this. */
#define FRAMES 10

struct walk {
    unsigned frames;
    unsigned in_row; /* so many callers in turn are a runtime's */
};

/*
 * What passes through an interceptor has one frame of the runtime, the program's right above it; a
 * report's calls come from deeper inside.
 */
static _Unwind_Reason_Code step(struct _Unwind_Context *frame, void *argument)
{
    struct walk *walk = argument;
    bool ended = walk->in_row && !is_in_runtime(place_of(frame));
    if (!ended && is_in_runtime(place_of(frame)))
        walk->in_row++;
    return ended || walk->in_row > 1 || ++walk->frames == FRAMES ? _URC_END_OF_STACK
                                                                 : _URC_NO_REASON;
}

bool ovl__sanitizer_calls(void)
{
    if (!unwind || !place_of)
        return false;
    struct walk walk = {0};
    unwind(step, &walk);
    return walk.in_row > 1;
}
