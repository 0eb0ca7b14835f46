/*
 * verify PATH FILE: whether a file holds a page of the tests' server, whole, in any one version.
 * verify -l < LIST: the same for lines "PATH<tab>FILE".
 * verify -s PATH: prints the sha256sum's input, the page in version 0, on standard output.
 */
#include "content.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSIONS 64

static unsigned char *read_file(const char *name, size_t *ret_size)
{
    FILE *file = fopen(name, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    unsigned char *data = malloc((size_t)size + 1);
    if (data && fread(data, 1, (size_t)size, file) != (size_t)size) {
        free(data);
        data = NULL;
    }
    fclose(file);
    *ret_size = (size_t)size;
    return data;
}

static bool holds(const char *path, const char *name)
{
    size_t size;
    unsigned char *data = read_file(name, &size);
    bool found = false;
    for (unsigned version = 0; data && version < VERSIONS && !found; version++) {
        if (content_size(path, version) != size)
            continue;
        unsigned char *right = malloc(size + 1);
        content_fill(path, version, 0, right, size);
        found = memcmp(data, right, size) == 0;
        free(right);
    }
    free(data);
    if (!found)
        printf("WRONG: %s is no version of %s\n", name, path);
    return found;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "-s") == 0) {
        size_t size = (size_t)content_size(argv[2], 0);
        unsigned char *data = malloc(size + 1);
        content_fill(argv[2], 0, 0, data, size);
        size_t written = fwrite(data, 1, size, stdout);
        free(data);
        return written == size ? 0 : 1;
    }
    if (argc == 3)
        return holds(argv[1], argv[2]) ? 0 : 1;
    char line[8192];
    bool good = true;
    size_t count = 0;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        char *tab = strchr(line, '\t');
        if (!tab)
            return 2;
        *tab = '\0';
        good &= holds(line, tab + 1);
        count++;
    }
    printf("%zu files looked at\n", count);
    return good ? 0 : 1;
}
