#include "cluster/place.h"

#include <elf.h>
#include <link.h>
#include <overlap/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* FNV-1a. */
static uint64_t digest(uint64_t sum, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3;
    return sum;
}

static size_t aligned(size_t size)
{
    return (size + 3) / 4 * 4;
}

/* The build-id among the notes of one segment; false where there is none. */
static bool find_build_id(const char *notes, size_t size, uint64_t *ret_digest)
{
    while (size >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const void *)notes;
        const char *name = notes + sizeof *note;
        const char *data = name + aligned(note->n_namesz);
        size_t length = (size_t)(data - notes) + aligned(note->n_descsz);
        if (length > size)
            return false;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && !memcmp(name, "GNU", 4)) {
            *ret_digest = digest(0xcbf29ce484222325, data, note->n_descsz);
            return true;
        }
        notes += length;
        size -= length;
    }
    return false;
}

static size_t extent(const struct dl_phdr_info *info)
{
    size_t end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            size_t last = info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
            end = last > end ? last : end;
        }
    return end;
}

static uint64_t module_of(const struct dl_phdr_info *info)
{
    uint64_t sum;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_NOTE &&
            find_build_id((const char *)(info->dlpi_addr + segment->p_vaddr), segment->p_memsz,
                          &sum))
            return sum;
    }
    const char *slash = strrchr(info->dlpi_name, '/');
    const char *name = slash ? slash + 1 : info->dlpi_name;
    size_t size = extent(info);
    sum = digest(0xcbf29ce484222325, name, strlen(name));
    return digest(sum, &size, sizeof size);
}

static bool holds(const struct dl_phdr_info *info, uintptr_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && address >= begin && address - begin < segment->p_memsz)
            return true;
    }
    return false;
}

struct search {
    uintptr_t address;
    struct ovl__code_place place;
    bool found;
};

static int match_address(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    struct search *search = context;
    if (!holds(info, search->address))
        return 0;
    search->place.module = module_of(info);
    search->place.offset = search->address - info->dlpi_addr;
    search->found = true;
    return 1;
}

static int match_place(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    struct search *search = context;
    uintptr_t address = info->dlpi_addr + search->place.offset;
    if (module_of(info) != search->place.module || !holds(info, address))
        return 0;
    search->address = address;
    search->found = true;
    return 1;
}

int ovl__code_place(const void *address, struct ovl__code_place *ret_place)
{
    struct search search = {.address = (uintptr_t)address};
    if (address)
        dl_iterate_phdr(match_address, &search);
    if (address && !search.found)
        return OVL_EFUNCTION;
    *ret_place = search.place;
    return 0;
}

int ovl__code_address(const struct ovl__code_place *place, const void **ret_address)
{
    struct search search = {.place = *place};
    bool none = !place->module && !place->offset;
    if (!none)
        dl_iterate_phdr(match_place, &search);
    if (!none && !search.found)
        return OVL_EFUNCTION;
    *ret_address = (const void *)search.address; /* NOLINT: an address it was before */
    return 0;
}
