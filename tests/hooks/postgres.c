/* libpq in coroutines of one thread, against the server at CONNECTION: postgres CONNECTION. */
#include "../support/cases.h"
#include "../support/touched.h"
#include <errno.h>
#include <libpq-fe.h>
#include <overlap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 100
#define ACCOUNTS    4
#define TRANSFERS   SCALE(20, 5)

static const char *connection_text;
static PGconn *connections[CONNECTIONS];

/* The first value of what a command answers, as a number; 0 where it has none; negative: refused.
 */
static long ask(PGconn *connection, const char *command)
{
    PGresult *result = PQexec(connection, command);
    ExecStatusType status = PQresultStatus(result);
    long value = 0;
    if (status == PGRES_TUPLES_OK && PQntuples(result) > 0)
        value = atol(PQgetvalue(result, 0, 0));
    else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        value = -1;
    if (value < 0)
        fprintf(stderr, "postgres: %s: %s", command, PQerrorMessage(connection));
    PQclear(result);
    return value;
}

typedef int each_fn(int number);

struct each {
    each_fn *fn;
    int number;
};

static int call_each(void *argument)
{
    const struct each *each = argument;
    return each->fn(each->number);
}

/* Calls fn with each connection's number, each in a coroutine. */
static int for_each(each_fn *fn)
{
    static struct each each[CONNECTIONS];
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    for (int i = 0; i < CONNECTIONS && !error; i++) {
        each[i] = (struct each){.fn = fn, .number = i};
        error = ovl_group_go(group, call_each, &each[i]);
    }
    int first = ovl_group_close(group);
    return error ? error : first;
}

static int open_one(int number)
{
    connections[number] = PQconnectdb(connection_text);
    if (PQstatus(connections[number]) == CONNECTION_OK)
        return 0;
    fprintf(stderr, "postgres: %s", PQerrorMessage(connections[number]));
    return -ECONNREFUSED;
}

static int close_one(int number)
{
    PQfinish(connections[number]);
    return 0;
}

/* The first holds a lock of the server's until all the others wait for it. */
static int wait_in_server(int number)
{
    static const char waiting[] =
        "select count(*) from pg_locks where locktype = 'advisory' and not granted";
    PGconn *connection = connections[number];
    if (number)
        return ask(connection, "select pg_advisory_lock_shared(1)") < 0 ? -EIO : 0;
    long count = 0;
    while (count >= 0 && count < CONNECTIONS - 1)
        count = ask(connection, waiting);
    return count < 0 || ask(connection, "select pg_advisory_unlock(1)") < 0 ? -EIO : 0;
}

static int wait_in_all(void *unused)
{
    (void)unused;
    int error = for_each(open_one);
    if (!error && ask(connections[0], "select pg_advisory_lock(1)") < 0)
        error = -EIO;
    error = error ? error : for_each(wait_in_server);
    for_each(close_one);
    return error;
}

static void queries_overlap(void)
{
    assert_int_equal(ovl_run(wait_in_all, NULL, NULL), 0);
}

/*
 * Moves money between two accounts, whose sum stays what it was, in a transaction that waits in its
 * middle; every third one is rolled back after it has taken the money.
 */
static int transfer_once(PGconn *connection, int from, int to, bool back)
{
    char take[100];
    char give[100];
    snprintf(take, sizeof take, "update accounts set money = money - 1 where id = %d", from);
    snprintf(give, sizeof give, "update accounts set money = money + 1 where id = %d", to);
    bool ok = ask(connection, "begin") >= 0;
    ok = ok && ask(connection, "select 1 from accounts order by id for update") >= 0;
    ok = ok && ask(connection, take) >= 0;
    ok = ok && ask(connection, "select pg_sleep(0.001)") >= 0;
    ok = ok && ask(connection, "select count(*) from accounts") == ACCOUNTS;
    if (back)
        return ok && ask(connection, "rollback") >= 0 ? 0 : -EIO;
    ok = ok && ask(connection, give) >= 0;
    return ok && ask(connection, "commit") >= 0 ? 0 : -EIO;
}

static int transfer(int number)
{
    if (number >= 10)
        return 0;
    for (int i = 0; i < TRANSFERS; i++) {
        int from = (number + i) % ACCOUNTS;
        int error = transfer_once(connections[number], from, (from + 1) % ACCOUNTS, i % 3 == 0);
        if (error)
            return error;
        if (ask(connections[number], "select sum(money) from accounts") != ACCOUNTS * 1000)
            return -EBADMSG;
    }
    return 0;
}

static int transfer_all(void *unused)
{
    (void)unused;
    int error = for_each(open_one);
    bool ok = !error;
    ok = ok && ask(connections[0], "create table accounts (id int, money int)") >= 0;
    ok = ok && ask(connections[0],
                   "insert into accounts select n, 1000 from generate_series(0, 3) n") >= 0;
    error = ok ? for_each(transfer) : -EIO;
    if (!error && ask(connections[0], "select sum(money) from accounts") != ACCOUNTS * 1000)
        error = -EBADMSG;
    for_each(close_one);
    return error;
}

static void transactions_stay_whole(void)
{
    assert_int_equal(ovl_run(transfer_all, NULL, NULL), 0);
}

/* In the first coroutine of the process, whose stack nobody has used before. */
static int use_one(void *unused)
{
    (void)unused;
    char top = 0;
    int error = open_one(0);
    if (!error && ask(connections[0], "select 42") != 42)
        error = -EBADMSG;
    close_one(0);
    board->number[0] = (long)stack_touched(&top);
    return error;
}

static void connections_fit_the_stack(void)
{
    assert_int_equal(ovl_run(use_one, NULL, NULL), 0);
    printf("libpq: %ld KiB of the stack touched\n", (long)board->number[0] / 1024);
    assert_true((size_t)board->number[0] <= STACK_ROOM);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    connection_text = argv[1];
    const struct test_case cases[] = {
        TEST_CASE(connections_fit_the_stack),
        TEST_CASE(queries_overlap),
        TEST_CASE(transactions_stay_whole),
    };
    return run_cases("postgres", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
