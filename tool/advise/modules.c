#include "advise/modules.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADERS_MAX 64

/* Where the file would have its first bytes, by its own reckoning. */
static bool first_address(int file, uint64_t *ret)
{
    Elf64_Ehdr head;
    Elf64_Phdr parts[HEADERS_MAX];
    if (pread(file, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_phentsize != sizeof parts[0])
        return false;
    size_t count = head.e_phnum < HEADERS_MAX ? head.e_phnum : HEADERS_MAX;
    ssize_t size = (ssize_t)(count * sizeof parts[0]);
    if (pread(file, parts, (size_t)size, (off_t)head.e_phoff) != size)
        return false;
    for (size_t n = 0; n < count; n++)
        if (parts[n].p_type == PT_LOAD) {
            *ret = parts[n].p_vaddr - parts[n].p_offset;
            return true;
        }
    return false;
}

/* Opens a file if it is the one that is mapped. */
static int open_mapped(const char *path, unsigned long long inode)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && (fstat(file, &status) != 0 || status.st_ino != inode)) {
        close(file);
        file = -1;
    }
    return file;
}

/* The name is as seen from here or from the process's own root, by how their file systems are
 * mounted. */
static int open_module(pid_t pid, unsigned long long inode, struct module *module)
{
    size_t size = sizeof module->opened;
    snprintf(module->opened, size, "/proc/%d/root%s", (int)pid, module->file);
    int file = open_mapped(module->opened, inode);
    if (file >= 0)
        return file;
    snprintf(module->opened, size, "%s", module->file);
    file = open_mapped(module->opened, inode);
    if (file >= 0)
        return file;
    snprintf(module->opened, size, "/proc/%d/exe", (int)pid);
    return open_mapped(module->opened, inode);
}

/* A line of /proc/PID/maps: where the beginning of a file is. */
static bool read_line(pid_t pid, char *line, struct module *module)
{
    unsigned long long start;
    unsigned long long offset;
    unsigned long long inode;
    int at = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%llx-%*x %*4s %llx %*s %llu %n", &start, &offset, &inode, &at) != 3 ||
        offset != 0 || !at || line[at] != '/')
        return false;
    snprintf(module->file, sizeof module->file, "%s", line + at);
    int file = open_module(pid, inode, module);
    uint64_t first = 0;
    bool known = file >= 0 && first_address(file, &first);
    if (file >= 0)
        close(file);
    module->bias = start - first;
    return known;
}

void modules_each(pid_t pid, void (*each)(const struct module *module, void *context),
                  void *context)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    if (!maps)
        return;
    char *line = NULL;
    size_t room = 0;
    struct module module;
    while (getline(&line, &room, maps) > 0)
        if (read_line(pid, line, &module))
            each(&module, context);
    free(line);
    fclose(maps);
}
