#include "advise/python/find.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* A file of the ELF format, mapped. What its tables say is held against its size before it is
 * followed. */
struct image {
    const unsigned char *bytes;
    size_t size;
};

static const void *part(const struct image *image, uint64_t at, uint64_t size)
{
    return at <= image->size && size <= image->size - at ? image->bytes + at : NULL;
}

static bool map_image(const char *path, struct image *image)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    void *at = MAP_FAILED;
    if (file < 0)
        return false;
    if (fstat(file, &status) == 0 && status.st_size > (off_t)sizeof(Elf64_Ehdr))
        at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (at == MAP_FAILED)
        return false;
    *image = (struct image){.bytes = at, .size = (size_t)status.st_size};
    return true;
}

static const Elf64_Shdr *section(const struct image *image, const Elf64_Ehdr *head, unsigned number)
{
    return number < head->e_shnum && head->e_shentsize == sizeof(Elf64_Shdr)
               ? part(image, head->e_shoff + (uint64_t)number * sizeof(Elf64_Shdr),
                      sizeof(Elf64_Shdr))
               : NULL;
}

/* The value of a symbol that the image exports; 0: it does not. */
static uint64_t find_symbol(const struct image *image, const char *wanted)
{
    const Elf64_Ehdr *head = part(image, 0, sizeof *head);
    if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != ELFCLASS64)
        return 0;
    for (unsigned n = 0; n < head->e_shnum; n++) {
        const Elf64_Shdr *symbols = section(image, head, n);
        if (!symbols || symbols->sh_type != SHT_DYNSYM)
            continue;
        const Elf64_Shdr *names = section(image, head, symbols->sh_link);
        const Elf64_Sym *table = part(image, symbols->sh_offset, symbols->sh_size);
        const char *text = names ? part(image, names->sh_offset, names->sh_size) : NULL;
        size_t length = strlen(wanted) + 1;
        for (size_t i = 0; table && text && i < symbols->sh_size / sizeof *table; i++)
            if (table[i].st_value && table[i].st_name + length <= names->sh_size &&
                memcmp(text + table[i].st_name, wanted, length) == 0)
                return table[i].st_value;
    }
    return 0;
}

/* Where the image was loaded, less where it wants to be. */
static uint64_t bias_of(const struct image *image, uint64_t start)
{
    const Elf64_Ehdr *head = part(image, 0, sizeof *head);
    for (unsigned n = 0; head && n < head->e_phnum; n++) {
        const Elf64_Phdr *program =
            part(image, head->e_phoff + (uint64_t)n * head->e_phentsize, sizeof *program);
        if (program && program->p_type == PT_LOAD)
            return start - (program->p_vaddr & ~(uint64_t)4095);
    }
    return start;
}

/* From 3.11 on the version is a symbol too; before, the file's name tells. */
static void find_version(pid_t pid, const struct image *image, uint64_t bias, const char *path,
                         struct python_found *found)
{
    uint64_t symbol = find_symbol(image, "Py_Version");
    uint64_t version = 0;
    struct iovec here = {.iov_base = &version, .iov_len = sizeof version};
    struct iovec there = {.iov_base = (void *)(uintptr_t)(bias + symbol),
                          .iov_len = sizeof version};
    if (symbol && process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)sizeof version) {
        found->major = (int)(version >> 24 & 255);
        found->minor = (int)(version >> 16 & 255);
        return;
    }
    found->major = 3;
    for (const char *name = strstr(path, "python"); name; name = strstr(name + 1, "python")) {
        if ((name[6] != '2' && name[6] != '3') || name[7] != '.')
            continue;
        found->major = name[6] - '0';
        found->minor = (int)strtol(name + 8, NULL, 10);
    }
}

static bool look_at(pid_t pid, const char *path, uint64_t start, struct python_found *found)
{
    char inside[4200];
    struct image image;
    /* Through the process's own root: it may live in a container. */
    snprintf(inside, sizeof inside, "/proc/%d/root%s", (int)pid, path);
    if (!map_image(inside, &image) && !map_image(path, &image))
        return false;
    bool python = find_symbol(&image, "Py_GetVersion") != 0;
    if (python) {
        uint64_t bias = bias_of(&image, start);
        uint64_t runtime = find_symbol(&image, "_PyRuntime"); /* from 3.7 on */
        found->runtime = runtime ? bias + runtime : 0;
        find_version(pid, &image, bias, path, found);
        found->layout = runtime ? python_layout_find(found->major, found->minor) : NULL;
    }
    munmap((void *)(uintptr_t)image.bytes, image.size);
    return python;
}

bool python_find(pid_t pid, struct python_found *ret)
{
    char path[64];
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    if (!maps)
        return false;
    while (!found && getline(&line, &room, maps) > 0) {
        unsigned long long start;
        unsigned long long offset;
        int name = 0;
        if (sscanf(line, "%llx-%*x %*s %llx %*s %*s %n", &start, &offset, &name) != 2 || !name ||
            offset)
            continue;
        line[strcspn(line, "\n")] = '\0';
        if (strstr(line + name, "python") && line[name] == '/')
            found = look_at(pid, line + name, start, ret);
    }
    free(line);
    fclose(maps);
    return found;
}
