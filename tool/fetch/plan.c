#include "fetch/plan.h"

#include "command.h"
#include "fetch/address.h"
#include "fetch/name.h"
#include "fetch/part.h"
#include "fetch/sums.h"
#include "fetch/table.h"
#include "journal/journal.h"
#include "report/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many names are tried before a clash is an error. */
#define NUMBERS_MOST 1000000

/* What is longer than twice that is no request for libcurl, which would call it a lack of memory.
 */
#define REQUEST_MOST ((size_t)512 << 10)

struct plan {
    const struct settings *settings;
    struct journal *journal;
    struct parts *parts;
    struct sums *sums;
    struct table *taken;   /* paths that items of this run have */
    struct table *numbers; /* of a path: the last number that was put into it */
    char *spool;           /* where bodies for standard output lie; NULL: they do not */
};

/* A name that clashed before, and how far its numbers are. */
struct number {
    char *path;
    unsigned last;
};

static void free_number(void *value)
{
    struct number *number = value;
    free(number->path);
    free(number);
}

static void free_path(void *value)
{
    free(value);
}

static int make_spool(struct plan *plan)
{
    const char *folder = getenv("TMPDIR");
    if (asprintf(&plan->spool, "%s/overlap-fetch-XXXXXX", folder && *folder ? folder : "/tmp") <
        0) {
        plan->spool = NULL;
        return EXIT_REFUSED;
    }
    if (mkdtemp(plan->spool))
        return 0;
    console_error("cannot make a folder for what goes to standard output: %s: %s; set TMPDIR",
                  plan->spool, strerror(errno));
    free(plan->spool);
    plan->spool = NULL;
    return EXIT_REFUSED;
}

int plan_open(const struct settings *settings, struct journal *journal, struct plan **ret_plan)
{
    struct plan *plan = calloc(1, sizeof *plan);
    int code = plan ? 0 : EXIT_REFUSED;
    if (plan) {
        plan->settings = settings;
        plan->journal = journal;
        plan->taken = table_new();
        plan->numbers = table_new();
        if (!plan->taken || !plan->numbers || parts_new(&plan->parts) < 0)
            code = EXIT_REFUSED;
    }
    if (code)
        console_error("there is no memory to begin with");
    if (!code)
        code = sums_open(&settings->checksum_lists, &plan->sums);
    if (!code && settings->to_stdout)
        code = make_spool(plan);
    if (code)
        plan_close(plan);
    else
        *ret_plan = plan;
    return code;
}

void plan_close(struct plan *plan)
{
    if (!plan)
        return;
    parts_free(plan->parts);
    sums_close(plan->sums);
    table_free(plan->taken, free_path);
    table_free(plan->numbers, free_number);
    if (plan->spool)
        rmdir(plan->spool);
    free(plan->spool);
    free(plan);
}

/* --- URLs --- */

static bool check_urls(struct item *item)
{
    const char *fault = address_fault(item->given);
    const char *bad = item->given;
    for (size_t n = 0; n < item->mirror_count && !fault; n++) {
        fault = address_fault(item->mirrors[n]);
        bad = item->mirrors[n];
    }
    if (!fault)
        return true;
    if (bad == item->given)
        item_set_error(item, "not a URL: %s", fault);
    else
        item_set_error(item, "its mirror '%s' is not a URL: %s", bad, fault);
    return false;
}

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

static bool check_length(struct item *item)
{
    static const struct item_request none;
    const struct item_request *request = item->request ? item->request : &none;
    size_t address = length(item->given);
    for (size_t n = 0; n < item->mirror_count; n++)
        if (length(item->mirrors[n]) > address)
            address = length(item->mirrors[n]);
    if (address + length(request->headers) + length(request->agent) + length(request->referer) <=
        REQUEST_MOST)
        return true;
    item_set_error(item, "its request would be longer than 512 KiB, which no server takes");
    return false;
}

/* --- names --- */

/* "folder/name"; in the working folder, and of a path from its root, the name alone. */
static char *join(const char *folder, const char *name)
{
    bool bare = strcmp(folder, ".") == 0 || !*folder || *name == '/';
    size_t size = strlen(folder);
    bool slash = size > 0 && folder[size - 1] == '/';
    return text_join(bare ? "" : folder, bare || slash ? "" : "/", name, (char *)NULL);
}

/* The path that an item would have, were it alone. NULL: it has none, and its error is set, or
 * there is no memory. */
static char *wanted_path(const struct plan *plan, struct item *item)
{
    const char *base = plan->settings->folder;
    if (item->output && !item->trusted && !name_stays_inside(item->output)) {
        item_set_error(item,
                       "the name '%s' leads out of the folder, or is none; give one without '..' "
                       "and without '/' in front",
                       item->output);
        return NULL;
    }
    if (item->folder && *item->folder != '/' && !name_stays_inside(item->folder)) {
        item_set_error(item, "dir=%s leads out of the folder; give one without '..'", item->folder);
        return NULL;
    }
    char *name = item->output ? strdup(item->output) : name_of_url(item->given);
    char *folder = item->folder ? join(base, item->folder) : strdup(base);
    char *path = name && folder ? join(folder, name) : NULL;
    free(name);
    free(folder);
    return path;
}

static bool exists(const char *path)
{
    struct stat file;
    return lstat(path, &file) == 0;
}

/* Where the numbers of a path stand. NULL: no memory. */
static struct number *find_number(struct plan *plan, const char *path)
{
    struct number *number = table_get(plan->numbers, path);
    if (number)
        return number;
    number = calloc(1, sizeof *number);
    char *copy = strdup(path);
    if (!number || !copy || !table_put(plan->numbers, copy, number)) {
        free(number);
        free(copy);
        return NULL;
    }
    number->path = copy;
    return number;
}

/* Takes a path for this run: `path` itself, or the next one with a number. Frees `path`. */
static char *take_path(struct plan *plan, char *path, bool avoid_existing)
{
    char *free_one = path;
    struct number *number = NULL;
    while (free_one && (table_get(plan->taken, free_one) || (avoid_existing && exists(free_one)))) {
        if (free_one != path)
            free(free_one);
        number = number ? number : find_number(plan, path);
        free_one =
            number && number->last < NUMBERS_MOST ? name_numbered(path, ++number->last) : NULL;
    }
    char *key = free_one ? strdup(free_one) : NULL;
    if (free_one != path)
        free(path);
    if (!key || !table_put(plan->taken, key, key)) {
        free(key);
        free(free_one);
        return NULL;
    }
    return free_one;
}

/* --- what there is already --- */

static enum plan_verdict end_item(struct item *item, enum item_state state, enum fault fault)
{
    item->state = state;
    item->fault = fault;
    return PLAN_ENDED;
}

static enum plan_verdict fail_item(struct item *item, enum fault fault)
{
    if (!item->error)
        item_set_error(item, "there is no memory");
    return end_item(item, ITEM_FAILED, fault);
}

static enum plan_verdict refuse(struct item *item, const char *what, int error)
{
    struct reply reply = {.fault = FAULT_FILE, .number = -error};
    char text[512];
    reply_describe(&reply, text, sizeof text);
    item_set_error(item, "%s: %s", what, text);
    fail_item(item, FAULT_FILE);
    return PLAN_REFUSED;
}

/* A file is there that this run did not make. */
static enum plan_verdict meet_existing(const struct plan *plan, struct item *item)
{
    struct stat file;
    if (item->recorded || parts_are_alone(plan->parts, item->final) ||
        lstat(item->final, &file) < 0)
        return PLAN_GO;
    if (S_ISDIR(file.st_mode)) {
        item_set_error(item, "'%s' is a folder; give another name with --output", item->final);
        return fail_item(item, FAULT_EXISTS);
    }
    switch (plan->settings->existing) {
    case EXISTING_SKIP:
        item->bytes = (uint64_t)file.st_size;
        return end_item(item, ITEM_DONE, FAULT_SKIPPED);
    case EXISTING_FAIL:
        item_set_error(item, "the file '%s' exists; give --overwrite, --skip-existing or --rename",
                       item->final);
        return fail_item(item, FAULT_EXISTS);
    default:
        return PLAN_GO;
    }
}

/* What an earlier run left of the item's part. */
static enum plan_verdict meet_part(struct plan *plan, struct item *item)
{
    bool fresh;
    int error = parts_path(plan->parts, item->final, &item->part, &fresh);
    if (error)
        return refuse(item, item->final, error);
    if (fresh || plan->settings->compressed)
        return PLAN_GO;
    if (!part_note_read(item->part, &item->note))
        return PLAN_GO;
    item->resumable = strcmp(item->note.url, item->given) == 0;
    if (!item->resumable) {
        part_note_release(&item->note);
        part_note_remove(item->part);
    }
    return PLAN_GO;
}

/* What the journal has of the item. */
static enum plan_verdict meet_record(struct plan *plan, struct item *item)
{
    struct journal_found found;
    struct ovl_bytes key = {.data = item->given, .size = strlen(item->given)};
    int there = journal_find(plan->journal, key, &found);
    if (there < 0) {
        item_set_error(item, "the journal could not be read");
        fail_item(item, FAULT_JOURNAL);
        return PLAN_REFUSED;
    }
    if (there == 0)
        return PLAN_GO;
    const struct journal_entry *entry = &found.entry;
    item->journal_id = found.id;
    item->recorded = entry->done;
    bool good = true;
    if (entry->done) {
        item->status = entry->status;
        item->bytes = entry->bytes > 0 ? (uint64_t)entry->bytes : 0;
        good =
            item_set(&item->etag, entry->etag) && item_set(&item->modified, entry->last_modified);
        if (entry->file && plan->settings->refresh)
            good = good && item_set(&item->final, entry->file);
    }
    bool elsewhere =
        entry->done && entry->file && item->final && !item_set(&item->final, entry->file);
    journal_found_release(&found);
    if (!good || elsewhere)
        return fail_item(item, FAULT_MEMORY);
    if (item->recorded && !plan->settings->refresh)
        return end_item(item, ITEM_DONE, FAULT_NONE);
    if (item->recorded && item->final && !exists(item->final)) {
        item_set(&item->etag, NULL);
        item_set(&item->modified, NULL);
    }
    return PLAN_GO;
}

static enum plan_verdict plan_spool(struct plan *plan, struct item *item)
{
    if (asprintf(&item->part, "%s/%zu.part", plan->spool, item->index) < 0) {
        item->part = NULL;
        return fail_item(item, FAULT_MEMORY);
    }
    return PLAN_GO;
}

enum plan_verdict plan_item(struct plan *plan, struct item *item)
{
    const struct settings *settings = plan->settings;
    if (item->error || !check_length(item) || !check_urls(item))
        return fail_item(item, FAULT_URL);
    if (settings->to_stdout)
        return plan_spool(plan, item);
    if (settings->discard)
        return plan->journal ? meet_record(plan, item) : PLAN_GO;
    char *wanted = wanted_path(plan, item);
    if (!wanted)
        return fail_item(item, FAULT_URL);
    if (!item->checksum.kind)
        sums_find(plan->sums, wanted, &item->checksum);
    item->final = take_path(plan, wanted, settings->existing == EXISTING_RENAME && !plan->journal);
    if (!item->final)
        return fail_item(item, FAULT_MEMORY);
    enum plan_verdict verdict = plan->journal ? meet_record(plan, item) : PLAN_GO;
    if (verdict == PLAN_GO && !settings->server_names)
        verdict = meet_existing(plan, item);
    return verdict == PLAN_GO ? meet_part(plan, item) : verdict;
}

/* The path with another last part. */
static char *with_name(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    char *other;
    int folder = slash ? (int)(slash - path) + 1 : 0;
    return asprintf(&other, "%.*s%s", folder, path, name) < 0 ? NULL : other;
}

static int publish(const struct plan *plan, const struct item *item,
                   const struct journal_entry *entry, bool replace)
{
    if (!plan->journal)
        return part_publish(item->part, item->final, replace);
    struct journal_entry named = *entry;
    named.file = item->final;
    return journal_publish(plan->journal, &named, item->part, item->final, replace);
}

int plan_publish(struct plan *plan, struct item *item, const char *proposed,
                 const struct journal_entry *entry)
{
    const struct settings *settings = plan->settings;
    bool renaming = settings->existing == EXISTING_RENAME;
    if (settings->server_names && proposed && !item->output && !item->recorded) {
        char *path = with_name(item->final, proposed);
        if (path && strcmp(path, item->final) != 0)
            path = take_path(plan, path, renaming);
        if (!path)
            return -ENOMEM;
        free(item->final);
        item->final = path;
    }
    bool replace = settings->existing == EXISTING_OVERWRITE || item->recorded;
    for (;;) {
        int error = publish(plan, item, entry, replace);
        if (error != -EEXIST || !renaming)
            return error;
        item->final = take_path(plan, item->final, true);
        if (!item->final)
            return -ENOMEM;
    }
}
