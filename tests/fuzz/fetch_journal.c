/*
 * The journal of fetch, as another run may find it. The first byte chooses how the rest is used:
 * as rows that are put among the good ones, or as bytes that are written over what a killed run
 * had not yet taken from its log into the file. Whatever they are, the journal opens, each good
 * entry is found as it was recorded, and none twice; what the odd ones make of a URL is an item
 * that is planned, or a reason.
 */
#include "../support/scratch.h"
#include "fuzz.h"

#include "fetch/item.h"
#include "fetch/plan.h"
#include "fetch/settings.h"
#include "journal/journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (1 << 18)

/* Entries of the good journal: the first half is in the file, the second in its log. */
#define GOOD 12
#define HALF (GOOD / 2)

/* Of the row that is inserted: the columns of `tasks`, its id, and what `intents` has beside. */
#define COLUMNS      16
#define ROWS_MOST    16
#define DISCARD_FLAG 2
#define REFRESH_FLAG 4

struct bytes {
    char data[FILE_BYTES];
    size_t size;
};

struct input {
    const uint8_t *data;
    size_t size;
};

static char folder[SCRATCH_BYTES];
static char path[SCRATCH_BYTES + 16];
static char log_path[sizeof path + 8];
static struct bytes file; /* of the killed run */
static struct bytes tail; /* its log */

static const struct journal_options options = {.path = path, .verb = "fetch"};

/* --- the good journal --- */

static const char *name_of(const char *before, int n, const char *after)
{
    static char text[4][80];
    static unsigned next;
    char *place = text[next++ % 4];
    snprintf(place, sizeof text[0], "%s%d%s", before, n, after);
    return place;
}

static struct journal_entry entry_of(int n)
{
    const char *url = name_of("http://127.0.0.1/page/", n, "");
    return (struct journal_entry){
        .item = {url, strlen(url)},
        .done = true,
        .exit = -1,
        .status = 200,
        .cpu_seconds = -1,
        .attempts = 1,
        .bytes = 1000 + n,
        .file = name_of("page-", n, ""),
        .etag = name_of("\"mark-", n, "\""),
    };
}

static void take_file(const char *name, struct bytes *bytes)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, bytes->data, sizeof bytes->data);
    MUST(size > 0 && (size_t)size < sizeof bytes->data);
    bytes->size = (size_t)size;
    close(fd);
}

static void put_file(const char *name, const struct bytes *bytes)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, bytes->data, bytes->size) == (ssize_t)bytes->size);
    close(fd);
}

static void remove_journal(void)
{
    unlink(path);
    unlink(log_path);
    char shared[sizeof path + 8];
    snprintf(shared, sizeof shared, "%s-shm", path);
    unlink(shared);
}

static void remove_all(void)
{
    remove_journal();
    rmdir(folder);
}

/* Publishes a file, so that the entry is in the log when this returns. */
static void publish(struct journal *journal, int n)
{
    char from[SCRATCH_BYTES + 8], to[SCRATCH_BYTES + 8];
    snprintf(from, sizeof from, "%s/from", folder);
    snprintf(to, sizeof to, "%s/to", folder);
    int fd = open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    struct journal_entry entry = entry_of(n);
    MUST(journal_publish(journal, &entry, from, to, false) == 0);
    unlink(to);
}

static void make_good(void)
{
    struct journal *journal;
    MUST(scratch_folder(folder, ANYWHERE));
    snprintf(path, sizeof path, "%s/journal", folder);
    snprintf(log_path, sizeof log_path, "%s-wal", path);
    atexit(remove_all);
    if (!getenv("FUZZ_VERBOSE"))
        MUST(freopen("/dev/null", "w", stderr));
    MUST(journal_open(&options, &journal) == 0);
    for (int n = 0; n < HALF; n++) {
        struct journal_entry entry = entry_of(n);
        MUST(journal_record(journal, &entry) == 0);
    }
    MUST(journal_close(journal) == 0);
    MUST(journal_open(&options, &journal) == 0);
    for (int n = HALF; n < GOOD; n++)
        publish(journal, n);
    take_file(path, &file);
    take_file(log_path, &tail);
    MUST(journal_close(journal) == 0);
    remove_journal();
}

/* --- rows of the input's --- */

static uint8_t take(struct input *input)
{
    if (!input->size)
        return 0;
    input->size--;
    return *input->data++;
}

static int64_t take_number(struct input *input)
{
    int64_t number = (int8_t)take(input);
    for (int more = take(input) % 8; more > 0; more--)
        number = (int64_t)((uint64_t)number << 8 | take(input));
    return number;
}

/* A value of any kind, NULL but where the column has none. */
static void bind_any(sqlite3_stmt *row, int column, bool never_null, struct input *input)
{
    uint8_t kind = take(input);
    size_t size = (size_t)(kind >> 3) < input->size ? (size_t)(kind >> 3) : input->size;
    switch (kind % 5 + never_null) {
    case 0:
        sqlite3_bind_null(row, column);
        return;
    case 1:
        sqlite3_bind_int64(row, column, take_number(input));
        return;
    case 2:
        sqlite3_bind_double(row, column, (double)take_number(input) / 7);
        return;
    case 3:
        sqlite3_bind_text(row, column, (const char *)input->data, (int)size, SQLITE_TRANSIENT);
        break;
    default:
        sqlite3_bind_blob(row, column, (const char *)input->data, (int)size, SQLITE_TRANSIENT);
        break;
    }
    input->data += size;
    input->size -= size;
}

/* Sometimes a good entry's URL, so that it is there more than once. */
static void bind_item(sqlite3_stmt *row, struct input *input)
{
    uint8_t which = take(input);
    if (which < GOOD)
        sqlite3_bind_text(row, 1, name_of("http://127.0.0.1/odd/", which, ""), -1,
                          SQLITE_TRANSIENT);
    else
        bind_any(row, 1, true, input);
}

static void insert(sqlite3 *base, struct input *input)
{
    static const char *const texts[] = {
        "INSERT OR IGNORE INTO tasks(item, done, exit, signal, status, start, seconds, cpu_seconds,"
        " attempts, bytes, error, file, etag, last_modified, checksum, command, id)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        "INSERT OR IGNORE INTO intents(item, done, exit, signal, status, start, seconds,"
        " cpu_seconds, attempts, bytes, error, file, etag, last_modified, checksum, command,"
        " replaces, path, device, inode) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    };
    sqlite3_stmt *row;
    bool intent = take(input) % 4 == 0;
    MUST(sqlite3_prepare_v2(base, texts[intent], -1, &row, NULL) == SQLITE_OK);
    bind_item(row, input);
    for (int column = 2; column <= COLUMNS; column++)
        bind_any(row, column, column == 2, input);
    /* A number of its own: an odd row is not to stand in place of a good one. */
    sqlite3_bind_int64(row, COLUMNS + 1, intent ? take(input) : 100 + take_number(input) % 100000);
    for (int column = COLUMNS + 2; intent && column <= COLUMNS + 4; column++)
        bind_any(row, column, true, input);
    sqlite3_step(row);
    sqlite3_finalize(row);
}

static void insert_rows(struct input *input)
{
    sqlite3 *base;
    MUST(sqlite3_open(path, &base) == SQLITE_OK);
    MUST(sqlite3_exec(base, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
    for (int n = 0; n < ROWS_MOST && input->size > 0; n++)
        insert(base, input);
    MUST(sqlite3_exec(base, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    MUST(sqlite3_close(base) == SQLITE_OK);
}

/* --- what is to hold --- */

static bool same(const char *left, const char *right)
{
    return left && right && strcmp(left, right) == 0;
}

/* Whether an entry is there; it is then as it was recorded, and there once. */
static bool find_good(struct journal *journal, int n)
{
    struct journal_found found;
    struct journal_entry good = entry_of(n);
    int there = journal_find(journal, good.item, &found);
    MUST(there >= 0);
    if (!there)
        return false;
    MUST(found.entry.done && found.entry.status == good.status && found.entry.bytes == good.bytes);
    MUST(same(found.entry.file, good.file) && same(found.entry.etag, good.etag));
    journal_found_release(&found);
    MUST(journal_find(journal, good.item, &found) == 0);
    return true;
}

static int visit(void *context, int64_t id, const struct journal_entry *entry)
{
    size_t *bytes = context;
    (void)id;
    *bytes += entry->item.size + (entry->file ? strlen(entry->file) : 0);
    return 0;
}

static void plan_odd(struct journal *journal, unsigned flags)
{
    struct settings settings = {.folder = folder,
                                .journal = path,
                                .discard = flags & DISCARD_FLAG,
                                .refresh = flags & REFRESH_FLAG,
                                .existing = EXISTING_SKIP};
    struct plan *plan;
    MUST(plan_open(&settings, journal, &plan) == 0);
    for (int n = 0; n < GOOD; n++) {
        const char *url = name_of("http://127.0.0.1/odd/", n, "");
        struct item *item = item_new((size_t)n, url, strlen(url));
        enum plan_verdict verdict = plan_item(plan, item);
        MUST(verdict == PLAN_GO || item->state == ITEM_DONE || item->error);
        item_free(item);
    }
    plan_close(plan);
}

/* Opens the journal that lies there. `all`: each good entry must be in it; otherwise those of the
 * file, and of its log the first ones. */
static void use(bool all, unsigned flags)
{
    struct journal *journal;
    size_t bytes = 0;
    bool more = true;
    MUST(journal_open(&options, &journal) == 0);
    MUST(journal_each(journal, visit, &bytes) == 0);
    for (int n = 0; n < GOOD; n++) {
        bool there = find_good(journal, n);
        MUST(there || (!all && n >= HALF));
        MUST(more || !there);
        more = there;
    }
    plan_odd(journal, flags);
    struct journal_entry another = entry_of(GOOD);
    MUST(journal_record(journal, &another) == 0);
    MUST(journal_close(journal) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!file.size)
        make_good();
    if (size < 3 || size > 4096)
        return 0;
    struct input input = {.data = data, .size = size};
    unsigned flags = take(&input);
    bool rows = flags % 2;
    put_file(path, &file);
    if (rows) {
        put_file(log_path, &tail);
        insert_rows(&input);
    } else {
        static struct bytes spoilt;
        size_t at = take(&input) << 8;
        at = (at | take(&input)) % tail.size;
        spoilt = tail;
        memcpy(spoilt.data + at, input.data,
               input.size < tail.size - at ? input.size : tail.size - at);
        put_file(log_path, &spoilt);
    }
    use(rows, flags);
    /* What was found is there for the next run, and what was added. */
    struct journal *journal;
    MUST(journal_open(&options, &journal) == 0);
    for (int n = 0; n < HALF; n++)
        MUST(find_good(journal, n));
    MUST(find_good(journal, GOOD));
    MUST(journal_close(journal) == 0);
    remove_journal();
    return 0;
}
