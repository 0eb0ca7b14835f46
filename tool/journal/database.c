#include "journal/database.h"

#include "command.h"
#include "journal/row.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Marks a file as a journal: "OVLJ". And the layout of its tables. */
#define APPLICATION_ID 0x4f564c4a
#define VERSION        1

/* How long another program that writes to the file (sqlite3 by hand) is waited for. */
#define BUSY_MS 10000

/* A file up to this size is looked through whole before it is trusted. */
#define CHECK_BYTES (64L << 20)

static const char layout[] =
    "CREATE TABLE about(verb TEXT NOT NULL, command, made TEXT NOT NULL);"
    "CREATE TABLE tasks(id INTEGER PRIMARY KEY, " ROW_TYPES ");"
    "CREATE INDEX tasks_item ON tasks(item);"
    "CREATE TABLE intents(id INTEGER PRIMARY KEY, path NOT NULL, device INTEGER NOT NULL, "
    "inode INTEGER NOT NULL, replaces INTEGER, " ROW_TYPES ");";

enum writing {
    BEGIN,
    COMMIT,
    ROLL_BACK,
    INSERT,
    INTEND,
    FULFIL,
    FORGET,
    WRITING_COUNT,
};

static const char *const writings[WRITING_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLL_BACK] = "ROLLBACK",
    [INSERT] = "INSERT OR REPLACE INTO tasks(" ROW_COLUMNS
               ", id) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [INTEND] = "INSERT INTO intents(" ROW_COLUMNS ", replaces, path, device, inode) "
               "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [FULFIL] = "INSERT OR REPLACE INTO tasks(" ROW_COLUMNS ", id) SELECT " ROW_COLUMNS
               ", replaces FROM intents WHERE id = ?",
    [FORGET] = "DELETE FROM intents WHERE id = ?",
};

struct database {
    struct database *next; /* in the list of those that are open */
    int lock; /* the file itself, with flock; closed last: closing it drops SQLite's own locks */
    sqlite3 *writer;
    sqlite3 *reader;
    sqlite3_stmt *statements[WRITING_COUNT];
    sqlite3_stmt *find;
    sqlite3_stmt *each;
    int64_t last;
    size_t count;
};

/* --- in a child of fork --- */

/*
 * A child has a copy of each descriptor, and what flock locked would stay so until the last of them
 * is closed: a journal whose process was killed, until its worker processes are gone. To close one
 * costs the parent none of SQLite's locks, which are fcntl's and each process's own. For the same
 * reason these would do no better here: SQLite closes the file too, and drops them with it.
 */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct database *open_databases;

static void take_open(void)
{
    pthread_mutex_lock(&open_lock);
}

static void leave_open(void)
{
    pthread_mutex_unlock(&open_lock);
}

static void drop_locks(void)
{
    for (; open_databases; open_databases = open_databases->next) {
        close(open_databases->lock);
        open_databases->lock = -1;
    }
    leave_open();
}

static void watch_forks(void)
{
    pthread_atfork(take_open, leave_open, drop_locks);
}

static void open_lock_file(struct database *database, const char *path)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    take_open();
    /* A pipe would be waited for without O_NONBLOCK; to a regular file it is all the same. */
    database->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (database->lock >= 0) {
        database->next = open_databases;
        open_databases = database;
    }
    leave_open();
}

static void close_lock_file(struct database *database)
{
    if (database->lock < 0)
        return;
    take_open();
    struct database **place = &open_databases;
    while (*place != database)
        place = &(*place)->next;
    *place = database->next;
    close(database->lock);
    leave_open();
}

/* --- opening --- */

static int refuse(char message[DATABASE_MESSAGE_BYTES], const char *path, const char *what)
{
    snprintf(message, DATABASE_MESSAGE_BYTES, "--journal %s: %s", path, what);
    return EXIT_REFUSED;
}

/* Where SQLite knows what is wrong: most often there is no room. */
static int refuse_by_sqlite(struct database *database, const char *path,
                            char message[DATABASE_MESSAGE_BYTES])
{
    char what[256];
    snprintf(what, sizeof what, "cannot write to it: %.200s; make room, or name another file",
             sqlite3_errmsg(database->writer));
    return refuse(message, path, what);
}

static int open_file(struct database *database, const char *path,
                     char message[DATABASE_MESSAGE_BYTES])
{
    char what[256];
    open_lock_file(database, path);
    if (database->lock < 0) {
        snprintf(what, sizeof what, "cannot open it: %s; name a file that can be written",
                 strerror(errno));
        return refuse(message, path, what);
    }
    struct stat status;
    if (fstat(database->lock, &status) < 0 || !S_ISREG(status.st_mode))
        return refuse(message, path, "not a regular file; name another");
    if (flock(database->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return refuse(message, path,
                      "another overlap uses it now; wait for its end, or name another file");
    snprintf(what, sizeof what, "cannot lock it: %s; name a file on a local disk", strerror(errno));
    return refuse(message, path, what);
}

/* Whether what is in the file may be a database at all: SQLite would take an empty one. */
static bool has_foreign_head(int fd)
{
    static const char head[16] = "SQLite format 3";
    char found[sizeof head];
    ssize_t size = pread(fd, found, sizeof found, 0);
    return size != 0 && (size != (ssize_t)sizeof head || memcmp(found, head, sizeof head) != 0);
}

static int connect(const char *path, sqlite3 **ret_connection)
{
    char *name;
    /* A name that SQLite gives a meaning of its own (":memory:") is a file's here. */
    if (asprintf(&name, "%s%s", path[0] == '/' ? "" : "./", path) < 0)
        return SQLITE_NOMEM;
    int code =
        sqlite3_open_v2(name, ret_connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
    free(name);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(*ret_connection, 1);
        sqlite3_busy_timeout(*ret_connection, BUSY_MS);
        /* A file from elsewhere may hold triggers and views: they can do nothing beyond it. */
        sqlite3_db_config(*ret_connection, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(*ret_connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(*ret_connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        sqlite3_db_config(*ret_connection, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        sqlite3_exec(*ret_connection, "PRAGMA cell_size_check = ON", NULL, NULL, NULL);
    }
    return code;
}

/* The first number that a query gives; -1: it failed. */
static int64_t ask(sqlite3 *connection, const char *query)
{
    sqlite3_stmt *statement;
    int64_t number = -1;
    if (sqlite3_prepare_v2(connection, query, -1, &statement, NULL) != SQLITE_OK)
        return -1;
    if (sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static bool is_sound(struct database *database)
{
    struct stat status;
    if (fstat(database->lock, &status) < 0 || status.st_size > CHECK_BYTES)
        return true;
    sqlite3_stmt *statement;
    bool sound = false;
    if (sqlite3_prepare_v2(database->writer, "PRAGMA quick_check(1)", -1, &statement, NULL) !=
        SQLITE_OK)
        return false;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char *word = sqlite3_column_text(statement, 0);
        sound = word && strcmp((const char *)word, "ok") == 0;
    }
    sqlite3_finalize(statement);
    return sound;
}

static int write_about(struct database *database, const struct journal_options *options)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database->writer, "INSERT INTO about VALUES(?, ?, datetime('now'))", -1,
                           &statement, NULL) != SQLITE_OK)
        return -1;
    row_bind_string(statement, 1, options->verb);
    row_bind_string(statement, 2, options->command);
    int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? 0 : -1;
}

static int make(struct database *database, const struct journal_options *options)
{
    char marks[96];
    snprintf(marks, sizeof marks, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             APPLICATION_ID, VERSION);
    if (sqlite3_exec(database->writer, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(database->writer, layout, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(database->writer, marks, NULL, NULL, NULL) != SQLITE_OK ||
        write_about(database, options) < 0 ||
        sqlite3_exec(database->writer, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return -1;
    return 0;
}

/* Whether two texts, which may be NULL, are the same. */
static bool is_same(const void *found, size_t size, const char *wanted)
{
    if (!found || !wanted)
        return !size && (!wanted || !*wanted);
    return strlen(wanted) == size && memcmp(found, wanted, size) == 0;
}

static int check_about(struct database *database, const struct journal_options *options,
                       char message[DATABASE_MESSAGE_BYTES])
{
    sqlite3_stmt *row;
    int code = EXIT_DONE;
    if (sqlite3_prepare_v2(database->writer, "SELECT verb, command FROM about", -1, &row, NULL) !=
        SQLITE_OK)
        return refuse(message, options->path, "damaged: a table is missing; name another file");
    if (sqlite3_step(row) != SQLITE_ROW) {
        code = refuse(message, options->path, "damaged: it does not say what it is of");
    } else if (!is_same(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0),
                        options->verb)) {
        char what[128];
        snprintf(what, sizeof what, "a journal of `overlap %.32s`; name another file",
                 (const char *)sqlite3_column_text(row, 0));
        code = refuse(message, options->path, what);
    } else if (!options->any_command &&
               !is_same(sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1),
                        options->command)) {
        snprintf(message, DATABASE_MESSAGE_BYTES,
                 "--journal %s: made for another command (%.200s); name another file, or add "
                 "--resume to go on with this one",
                 options->path, (const char *)sqlite3_column_text(row, 1));
        code = EXIT_USAGE;
    }
    sqlite3_finalize(row);
    return code;
}

/* Makes sure that the file is a journal, and makes one of an empty file. */
static int check(struct database *database, const struct journal_options *options,
                 char message[DATABASE_MESSAGE_BYTES])
{
    const char *path = options->path;
    if (has_foreign_head(database->lock))
        return refuse(message, path, "not a journal, but some other file; name another");
    int code = connect(path, &database->writer);
    int64_t mark = code == SQLITE_OK ? ask(database->writer, "PRAGMA application_id") : -1;
    if (mark < 0)
        return refuse(message, path,
                      code == SQLITE_OK ? "damaged: SQLite cannot read it; name another file"
                                        : "SQLite cannot open it; name another file");
    if (mark == 0 && ask(database->writer, "SELECT count(*) FROM sqlite_schema") == 0) {
        sqlite3_exec(database->writer, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (make(database, options) < 0)
            return refuse_by_sqlite(database, path, message);
    }
    if (mark != 0 && mark != APPLICATION_ID)
        return refuse(message, path, "a database of another program; name another file");
    if (ask(database->writer, "PRAGMA application_id") != APPLICATION_ID)
        return refuse(message, path, "an SQLite database, but not a journal; name another file");
    if (ask(database->writer, "PRAGMA user_version") > VERSION)
        return refuse(message, path, "made by a newer overlap; use that one, or name another file");
    if (!is_sound(database))
        return refuse(message, path,
                      "damaged; move it away and begin anew, or rescue what is in it with "
                      "sqlite3's .recover");
    return check_about(database, options, message);
}

static int prepare(struct database *database)
{
    for (int n = 0; n < WRITING_COUNT; n++)
        if (sqlite3_prepare_v3(database->writer, writings[n], -1, SQLITE_PREPARE_PERSISTENT,
                               &database->statements[n], NULL) != SQLITE_OK)
            return -1;
    if (sqlite3_prepare_v3(database->reader,
                           "SELECT " ROW_COLUMNS ", id FROM tasks WHERE item = ? AND id > ? AND "
                           "id <= ? ORDER BY id LIMIT 1",
                           -1, SQLITE_PREPARE_PERSISTENT, &database->find, NULL) != SQLITE_OK)
        return -1;
    return sqlite3_prepare_v3(database->reader,
                              "SELECT " ROW_COLUMNS ", id FROM tasks WHERE id <= ? ORDER BY id", -1,
                              0, &database->each, NULL) == SQLITE_OK
               ? 0
               : -1;
}

/*
 * What was intended when the last process was ended: a file that is the one of the intent, by its
 * inode, was renamed. Nothing is done to files on the word of a journal.
 */
static int settle_intents(struct database *database)
{
    sqlite3_stmt *row;
    if (sqlite3_prepare_v2(database->writer, "SELECT id, path, device, inode FROM intents", -1,
                           &row, NULL) != SQLITE_OK)
        return -1;
    int error = database_begin(database);
    while (!error && sqlite3_step(row) == SQLITE_ROW) {
        struct stat status;
        const void *path = sqlite3_column_text(row, 1);
        bool renamed = path && stat(path, &status) == 0 &&
                       (int64_t)status.st_dev == sqlite3_column_int64(row, 2) &&
                       (int64_t)status.st_ino == sqlite3_column_int64(row, 3);
        int64_t id = sqlite3_column_int64(row, 0);
        error = (renamed && database_fulfil(database, id)) || database_forget(database, id);
    }
    sqlite3_finalize(row);
    return error ? -1 : database_commit(database);
}

static int open_checked(struct database *database, const struct journal_options *options,
                        char message[DATABASE_MESSAGE_BYTES])
{
    int code = open_file(database, options->path, message);
    if (code)
        return code;
    code = check(database, options, message);
    if (code)
        return code;
    sqlite3_exec(database->writer, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    sqlite3_exec(database->writer,
                 options->durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                 NULL, NULL, NULL);
    if (connect(options->path, &database->reader) != SQLITE_OK || prepare(database) < 0 ||
        settle_intents(database) < 0)
        return refuse_by_sqlite(database, options->path, message);
    database->last = ask(database->writer, "SELECT ifnull(max(id), 0) FROM tasks");
    database->count = (size_t)ask(database->writer, "SELECT count(*) FROM tasks");
    return 0;
}

int database_open(const struct journal_options *options, struct database **ret_database,
                  char message[DATABASE_MESSAGE_BYTES])
{
    struct database *database = calloc(1, sizeof *database);
    if (!database)
        return refuse(message, options->path, "out of memory");
    database->lock = -1;
    int code = open_checked(database, options, message);
    if (code)
        database_close(database);
    else
        *ret_database = database;
    return code;
}

void database_close(struct database *database)
{
    for (int n = 0; n < WRITING_COUNT; n++)
        sqlite3_finalize(database->statements[n]);
    sqlite3_finalize(database->find);
    sqlite3_finalize(database->each);
    sqlite3_close(database->reader);
    sqlite3_close(database->writer);
    close_lock_file(database);
    free(database);
}

int64_t database_last(const struct database *database)
{
    return database->last;
}

size_t database_count(const struct database *database)
{
    return database->count;
}

/* --- writing --- */

static int step(struct database *database, enum writing writing)
{
    sqlite3_stmt *statement = database->statements[writing];
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? 0 : -1;
}

int database_begin(struct database *database)
{
    return step(database, BEGIN);
}

int database_commit(struct database *database)
{
    return step(database, COMMIT);
}

void database_roll_back(struct database *database)
{
    step(database, ROLL_BACK);
}

int database_insert(struct database *database, const struct journal_entry *entry)
{
    row_bind_entry(database->statements[INSERT], entry);
    return step(database, INSERT);
}

int database_intend(struct database *database, const struct journal_entry *entry,
                    const struct database_intent *intent, int64_t *ret_id)
{
    sqlite3_stmt *statement = database->statements[INTEND];
    row_bind_entry(statement, entry);
    row_bind_string(statement, ROW_COLUMN_COUNT + 2, intent->path);
    sqlite3_bind_int64(statement, ROW_COLUMN_COUNT + 3, (int64_t)intent->device);
    sqlite3_bind_int64(statement, ROW_COLUMN_COUNT + 4, (int64_t)intent->inode);
    int error = step(database, INTEND);
    *ret_id = sqlite3_last_insert_rowid(database->writer);
    return error;
}

static int step_with_id(struct database *database, enum writing writing, int64_t id)
{
    sqlite3_bind_int64(database->statements[writing], 1, id);
    return step(database, writing);
}

int database_fulfil(struct database *database, int64_t intent)
{
    return step_with_id(database, FULFIL, intent);
}

int database_forget(struct database *database, int64_t intent)
{
    return step_with_id(database, FORGET, intent);
}

const char *database_error(struct database *database)
{
    return sqlite3_errmsg(database->writer);
}

/* --- reading --- */

int database_find(struct database *database, struct ovl_bytes item, int64_t after, int64_t *ret_id,
                  struct journal_entry *ret_entry, void **ret_memory)
{
    sqlite3_stmt *row = database->find;
    row_bind_item(row, 1, item);
    sqlite3_bind_int64(row, 2, after);
    sqlite3_bind_int64(row, 3, database->last);
    int code = sqlite3_step(row);
    int found = code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : -1;
    if (found == 1) {
        *ret_id = sqlite3_column_int64(row, ROW_COLUMN_COUNT);
        if (row_take_entry(row, ret_entry, ret_memory) < 0)
            found = -1;
    }
    sqlite3_reset(row);
    return found;
}

int database_each(struct database *database, journal_visit_fn *visit, void *context,
                  bool *ret_error)
{
    sqlite3_stmt *row = database->each;
    sqlite3_bind_int64(row, 1, database->last);
    int code;
    int result = 0;
    while (!result && (code = sqlite3_step(row)) == SQLITE_ROW) {
        struct journal_entry entry;
        void *memory;
        if (row_take_entry(row, &entry, &memory) < 0)
            break;
        result = visit(context, sqlite3_column_int64(row, ROW_COLUMN_COUNT), &entry);
        free(memory);
    }
    *ret_error = !result && code != SQLITE_DONE;
    sqlite3_reset(row);
    return *ret_error ? -1 : result;
}

const char *database_read_error(struct database *database)
{
    return sqlite3_errmsg(database->reader);
}
