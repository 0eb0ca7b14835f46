/*
 * Loads files of CSV into a table of PostgreSQL, several at a time over as many connections, all in
 * one thread: libpq knows nothing of coroutines, and gives way where it waits for the server.
 *
 *     pg_load CONNECTION TABLE FILE.csv...
 *
 * CONNECTION is as psql takes it: "host=localhost dbname=test". Each file is loaded whole or not at
 * all.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 8
#define BLOCK_BYTES     16384

/* The task's own error: what the server says is told by then. */
#define REFUSED 1

struct load {
    const char *connection;
    const char *command; /* COPY into the table */
    char **files;
    int count;
    int given;
    int failed;
};

/* --- a connection for each worker --- */

static int session_open(void *context, void **ret_session)
{
    const struct load *load = context;
    PGconn *connection = PQconnectdb(load->connection);
    *ret_session = connection;
    return connection ? 0 : -ENOMEM;
}

static void session_close(void *context, void *session)
{
    (void)context;
    PQfinish(session);
}

/* --- the task: one file --- */

static int copy_file(PGconn *connection, const char *path)
{
    char block[BLOCK_BYTES];
    FILE *file = fopen(path, "rbe");
    if (!file)
        return -errno;
    int error = 0;
    size_t size;
    while (!error && (size = fread(block, 1, sizeof block, file)) > 0)
        if (PQputCopyData(connection, block, (int)size) != 1)
            error = REFUSED;
    if (ferror(file))
        error = -EIO;
    fclose(file);
    return error;
}

/* Ends what a command left: 0, or REFUSED where the server did not like it. */
static int take_answer(PGconn *connection, ExecStatusType wanted)
{
    int error = 0;
    PGresult *answer;
    while ((answer = PQgetResult(connection))) {
        ExecStatusType status = PQresultStatus(answer);
        PQclear(answer);
        if (status == PGRES_COPY_IN)
            return wanted == status ? 0 : REFUSED;
        if (status != wanted)
            error = REFUSED;
    }
    return error;
}

static int load_file(struct ovl_task *task, struct ovl_bytes item)
{
    PGconn *connection = ovl_task_session(task);
    const char *const *words = item.data; /* the command, the path */
    if (PQstatus(connection) != CONNECTION_OK)
        PQreset(connection);
    int error =
        PQsendQuery(connection, words[0]) ? take_answer(connection, PGRES_COPY_IN) : REFUSED;
    if (!error) {
        error = copy_file(connection, words[1]);
        PQputCopyEnd(connection, error ? "the file could not be read" : NULL);
        int ended = take_answer(connection, PGRES_COMMAND_OK);
        error = error ? error : ended;
    }
    if (error == REFUSED)
        fprintf(stderr, "pg_load: %s: %s", words[1], PQerrorMessage(connection));
    return error;
}

/* --- the files --- */

/* COPY with the table's name quoted as PostgreSQL quotes names. */
static char *make_command(const char *table)
{
    char *command = malloc(2 * strlen(table) + 64);
    if (!command)
        return NULL;
    char *end = stpcpy(command, "COPY \"");
    for (; *table; table++) {
        if (*table == '"')
            *end++ = '"';
        *end++ = *table;
    }
    strcpy(end, "\" FROM STDIN WITH (FORMAT csv)");
    return command;
}

static int next_file(void *context, struct ovl_bytes *ret_item)
{
    static const char *words[2];
    struct load *load = context;
    if (load->given == load->count)
        return 0;
    words[0] = load->command;
    words[1] = load->files[load->given++];
    *ret_item = (struct ovl_bytes){words, sizeof words};
    return 1;
}

static int tell_file(void *context, size_t index, const struct ovl_outcome *outcome,
                     struct ovl_bytes result)
{
    (void)result;
    struct load *load = context;
    if (!outcome->error)
        return 0;
    load->failed++;
    if (outcome->error != REFUSED)
        fprintf(stderr, "pg_load: %s: %s\n", load->files[index], ovl_error_message(outcome->error));
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc < 4) {
        fputs("usage: pg_load CONNECTION TABLE FILE.csv...\n", stderr);
        return 2;
    }
    char *command = make_command(argv[2]);
    struct load load = {
        .connection = argv[1], .command = command, .files = argv + 3, .count = argc - 3};
    struct ovl_options options = {.workers = CONNECTIONS_MAX,
                                  .session_open = session_open,
                                  .session_close = session_close,
                                  .session_context = &load};
    struct ovl_stream stream = {.next = next_file, .each = tell_file, .context = &load};
    struct ovl_executor *executor = NULL;
    int error = command ? ovl_executor_open(OVL_ASYNC, &options, &executor) : -ENOMEM;
    if (!error)
        error = ovl_map_stream(executor, load_file, &stream);
    ovl_executor_close(executor, OVL_FOREVER);
    free(command);
    if (error && error != OVL_ETASKS) {
        fprintf(stderr, "pg_load: %s\n", ovl_error_message(error));
        return 3;
    }
    printf("%d of %d files loaded\n", load.count - load.failed, load.count);
    return load.failed ? 1 : 0;
}
