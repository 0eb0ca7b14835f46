#include "fetch/sums.h"

#include "command.h"
#include "fetch/table.h"
#include "report/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sum {
    char *name;
    struct checksum checksum;
};

struct sums {
    struct table *table;
};

static void free_sum(void *value)
{
    struct sum *sum = value;
    free(sum->name);
    free(sum);
}

void sums_close(struct sums *sums)
{
    if (!sums)
        return;
    table_free(sums->table, free_sum);
    free(sums);
}

bool sums_read_line(char *line, struct checksum *ret_checksum, char **ret_name)
{
    line[strcspn(line, "\r\n")] = '\0';
    char *open = strstr(line, " (");
    char *close = strstr(line, ") = ");
    if (open && close > open) {
        char text[CHECKSUM_TEXT_BYTES];
        *open = *close = '\0';
        *ret_name = open + 2;
        snprintf(text, sizeof text, "%s=%s", line, close + 4);
        return !checksum_parse(text, ret_checksum);
    }
    char *space = strchr(line, ' ');
    if (!space || (space[1] != ' ' && space[1] != '*') || !space[2])
        return false;
    *space = '\0';
    *ret_name = space + 2;
    return !checksum_parse(line, ret_checksum);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool keep(struct sums *sums, const char *name, const struct checksum *checksum)
{
    struct sum *sum = calloc(1, sizeof *sum);
    char *copy = strdup(last_part(name));
    if (sum && copy) {
        struct sum *before = table_get(sums->table, copy);
        if (before) {
            before->checksum = *checksum;
            free(sum);
            free(copy);
            return true;
        }
        *sum = (struct sum){.name = copy, .checksum = *checksum};
        if (table_put(sums->table, copy, sum))
            return true;
    }
    free(sum);
    free(copy);
    return false;
}

static int read_file(struct sums *sums, const char *name)
{
    FILE *file = fopen(name, "re");
    if (!file) {
        console_error("cannot read the checksums in '%s': %s; check its name", name,
                      strerror(errno));
        return EXIT_REFUSED;
    }
    char *line = NULL;
    size_t room = 0;
    int code = 0;
    for (size_t number = 1; !code && getline(&line, &room, file) > 0; number++) {
        struct checksum checksum;
        char *path;
        if (*line == '#' || *line == '\n')
            continue;
        if (!sums_read_line(line, &checksum, &path)) {
            console_error(
                "line %zu of the checksums in '%s' is none; lines are as sha256sum prints "
                "them",
                number, name);
            code = EXIT_REFUSED;
        } else if (!keep(sums, path, &checksum)) {
            console_error("there is no memory for the checksums in '%s'", name);
            code = EXIT_REFUSED;
        }
    }
    free(line);
    fclose(file);
    return code;
}

int sums_open(const struct words *files, struct sums **ret_sums)
{
    if (files->count == 0)
        return 0;
    struct sums *sums = calloc(1, sizeof *sums);
    if (sums)
        sums->table = table_new();
    if (!sums || !sums->table) {
        free(sums);
        console_error("there is no memory for checksums");
        return EXIT_REFUSED;
    }
    int code = 0;
    for (size_t n = 0; n < files->count && !code; n++)
        code = read_file(sums, files->list[n]);
    if (code)
        sums_close(sums);
    else
        *ret_sums = sums;
    return code;
}

void sums_find(const struct sums *sums, const char *path, struct checksum *ret)
{
    const struct sum *sum = sums ? table_get(sums->table, last_part(path)) : NULL;
    if (sum)
        *ret = sum->checksum;
}
