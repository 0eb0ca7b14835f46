/* Runs a fuzz target over every file of the folders that are named, in builds without libFuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define INPUT_MAX (1u << 20)

static int replay(const char *folder, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    /* Of just its size, so that a read past its end is seen. */
    uint8_t *all = malloc(INPUT_MAX);
    size_t size = file && all ? fread(all, 1, INPUT_MAX, file) : 0;
    if (!file || !all || ferror(file)) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    uint8_t *data = malloc(size ? size : 1);
    if (!data)
        exit(1);
    memcpy(data, all, size);
    free(all);
    fprintf(stderr, "%s\n", name); /* the last one named is the one that failed */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;
        if (!folder) {
            fprintf(stderr, "cannot open %s\n", argv[i]);
            return 1;
        }
        while ((entry = readdir(folder)))
            if (*entry->d_name != '.')
                count += replay(argv[i], entry->d_name);
        closedir(folder);
    }
    printf("%d inputs\n", count);
    return count ? 0 : 1;
}
