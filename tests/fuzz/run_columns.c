/*
 * Columns of `overlap run`: the input is a separator, a zero byte, and a record. Each field lies
 * within the item, and without CSV the fields and what stands between them are the record.
 */
#include "fuzz.h"

#include "run/columns.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void split(const char *separator, bool csv, struct ovl_bytes record)
{
    struct columns *columns = columns_new(separator, csv);
    struct row_builder builder = {0};
    struct ovl_bytes bytes;
    if (!columns)
        return;
    if (columns_split(columns, record, &builder) || row_builder_finish(&builder, 1, &bytes))
        abort();
    const struct row *row = bytes.data;
    size_t behind = 0;
    for (size_t n = 0; n < row->count; n++) {
        const struct row_range *field = &row->fields[n];
        if (field->start < behind || field->start + field->size > row->item_size)
            abort();
        behind = field->start + field->size;
    }
    if (!csv && (row->item_size != record.size || !row->count))
        abort();
    row_builder_release(&builder);
    columns_free(columns);
}

/* What columns_new has to say of expressions that are none is not what is looked for. */
static void silence(void)
{
    static bool silent;
    if (silent || getenv("FUZZ_VERBOSE"))
        return;
    silent = true;
    int null = open("/dev/null", O_WRONLY);
    dup2(null, STDERR_FILENO);
    close(null);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *zero = size ? memchr(data, 0, size) : NULL;
    if (!zero || size > 4096 || zero - (const char *)data > 16)
        return 0;
    silence();
    const char *separator = (const char *)data;
    size_t length = (size_t)(zero - separator) + 1;
    char *record = malloc(size - length + 1);
    if (!record)
        return 0;
    memcpy(record, data + length, size - length);
    record[size - length] = '\0';
    struct ovl_bytes bytes = {record, size - length};
    split(separator, false, bytes);
    if (length == 2)
        split(separator, true, bytes);
    free(record);
    return 0;
}
