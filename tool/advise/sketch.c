#include "advise/sketch.h"

#include <ctype.h>
#include <string.h>

#define TEXT_BYTES 160

/* What the program calls its function, the thing it calls it on, and where those come from. */
struct names {
    char function[TEXT_BYTES];
    char on[64]; /* "self."; or "" */
    char item[TEXT_BYTES];
    char items[TEXT_BYTES];
    char arguments[TEXT_BYTES]; /* what the function is called with for an item */
    char endless[TEXT_BYTES];   /* where the items come from, if those have no end; or "" */
    bool body;                  /* the function is yet to be made, of a loop's body */
};

/* --- names out of the loop's own line: "for url in urls:", "[f(x) for x in xs]", "map(f, xs)" ---
 */

/* The end of an expression: a colon or a closing bracket that is none of its own, or a condition.
 */
static size_t expression_length(const char *text)
{
    int depth = 0;
    size_t n = 0;
    for (; text[n] && text[n] != '\n'; n++) {
        if (strchr("([{", text[n]))
            depth++;
        else if (strchr(")]}", text[n]) && --depth < 0)
            break;
        else if (depth == 0 && (text[n] == ':' || strncmp(text + n, " if ", 4) == 0 ||
                                strncmp(text + n, " for ", 5) == 0))
            break;
    }
    return n;
}

static void copy(char *to, const char *from, size_t length)
{
    if (length >= TEXT_BYTES)
        length = TEXT_BYTES - 1;
    memcpy(to, from, length);
    to[length] = '\0';
}

/* Whoever collects all first, as a pool's map and gather do, would never begin. */
static bool is_endless(const char *items)
{
    static const char *const makers[] = {"count(", "cycle(", "repeat("};
    if (strncmp(items, "itertools.", 10) == 0)
        items += 10;
    for (size_t n = 0; n < sizeof makers / sizeof *makers; n++)
        if (strncmp(items, makers[n], strlen(makers[n])) == 0)
            return n < 2 || !strchr(items, ','); /* repeat's second: how often */
    return false;
}

static void read_map(const char *line, struct names *names)
{
    const char *at = strstr(line, "map(");
    const char *items = at ? strstr(at, ", ") : NULL;
    if (items)
        copy(names->items, items + 2, expression_length(items + 2));
}

static void read_loop(const char *line, struct names *names)
{
    const char *at = strstr(line, "for ");
    const char *in = at ? strstr(at, " in ") : NULL;
    bool is_word = in && (at == line || !(isalnum((unsigned char)at[-1]) || at[-1] == '_'));
    if (!is_word) {
        read_map(line, names);
        return;
    }
    copy(names->item, at + 4, (size_t)(in - at - 4));
    copy(names->items, in + 4, expression_length(in + 4));
}

/* Those of the call itself, unless they are made in the loop's body: where no item is in them. */
static void find_arguments(const struct advice *advice, struct names *names)
{
    const struct source_call *call = &advice->call;
    bool items_matter = strcmp(names->item, "_") != 0;
    bool told =
        !names->body && call->line && call->whole &&
        (!items_matter || !call->arguments[0] || source_has_names(call->arguments, names->item));
    snprintf(names->arguments, sizeof names->arguments, "%s", told ? call->arguments : names->item);
}

static void find_names(const struct advice *advice, struct names *names)
{
    const struct tree *tree = advice->tree;
    const struct place *call = &tree->places[advice->unit.call];
    char line[512];
    *names = (struct names){.item = "item", .items = "items", .body = !advice_unit_is_own(advice)};
    if (!names->body)
        snprintf(names->on, sizeof names->on, "%s", advice->call.on);
    snprintf(names->function, sizeof names->function, "%s",
             names->body ? "task" : tree->places[advice->unit.function].function);
    if (source_line(call->file, call->line, line, sizeof line))
        read_loop(line, names);
    if (is_endless(names->items)) {
        strcpy(names->endless, names->items);
        strcpy(names->items, "items");
    }
    if (advice->accepts)
        strcpy(names->item, "connection");
    if (names->body && strcmp(names->item, "_") == 0)
        strcpy(names->item, "n");
    find_arguments(advice, names);
}

/* --- the code --- */

static void write_body(FILE *out, const struct advice *advice, const struct names *names,
                       const char *indent, const char *keyword)
{
    const struct node *node = &advice->tree->nodes[advice->unit.node];
    bool loop = node->kind == NODE_LOOP || !advice->call.line;
    if (names->body)
        fprintf(out, "%s%sdef task(%s):\n%s    ...  # what %s %d does with one %s\n\n", indent,
                keyword, names->item, indent, loop ? "the loop at line" : "line",
                loop ? advice->tree->places[advice->unit.call].line : advice->call.line,
                names->item);
}

static void write_pool(FILE *out, const struct advice *advice, const struct names *names,
                       const char *indent, const char *pool)
{
    bool guarded = advice->model == OVL_PROCESSES;
    fprintf(out, "%sfrom concurrent.futures import %s\n\n", indent, pool);
    write_body(out, advice, names, indent, "");
    const char *more = guarded ? "    " : "";
    if (guarded)
        fprintf(out, "%sif __name__ == \"__main__\":\n", indent);
    fprintf(out, "%s%swith %s(%u) as pool:\n", indent, more, pool, advice->workers);
    const char *chunks = guarded && advice->unit.uncounted ? ", chunksize=1000" : "";
    const char *arguments = names->arguments;
    if (!arguments[0] || strpbrk(arguments, ",="))
        fprintf(out,
                "%s%s    calls = [pool.submit(%s%s%s%s) for %s in %s]\n"
                "%s%s    results = [call.result() for call in calls]\n",
                indent, more, names->on, names->function, arguments[0] ? ", " : "", arguments,
                names->item, names->items, indent, more);
    else if (strcmp(arguments, names->item) != 0)
        fprintf(out, "%s%s    results = list(pool.map(%s%s, [%s for %s in %s]%s))\n", indent, more,
                names->on, names->function, arguments, names->item, names->items, chunks);
    else
        fprintf(out, "%s%s    results = list(pool.map(%s%s, %s%s))\n", indent, more, names->on,
                names->function, names->items, chunks);
}

static void write_async(FILE *out, const struct advice *advice, const struct names *names,
                        const char *indent)
{
    fprintf(out, "%simport asyncio\n\n", indent);
    if (names->body)
        write_body(out, advice, names, indent, "async ");
    else
        fprintf(out, "%sasync def %s(…):  # as it is, with `await` where it waits\n%s    ...\n\n",
                indent, names->function, indent);
    fprintf(out,
            "%sasync def main():\n"
            "%s    limit = asyncio.Semaphore(%u)\n"
            "%s    async def one(%s):\n"
            "%s        async with limit:\n"
            "%s            return await %s%s(%s)\n"
            "%s    return await asyncio.gather(*[one(%s) for %s in %s])\n\n"
            "%sresults = asyncio.run(main())\n",
            indent, indent, advice->workers, indent, names->item, indent, indent, names->on,
            names->function, names->arguments, indent, names->item, names->item, names->items,
            indent);
}

/* A server's own loop that accepts connections: asyncio has one. */
static void write_accepting(FILE *out, const struct names *names, const char *indent)
{
    fprintf(out,
            "%simport asyncio\n\n"
            "%sasync def %s(reader, writer):  # as it is, with `await` where it waits\n"
            "%s    ...\n"
            "%s    writer.close()\n\n"
            "%sasync def main():\n"
            "%s    server = await asyncio.start_server(%s%s, host, port)\n"
            "%s    await server.serve_forever()\n\n"
            "%sasyncio.run(main())\n",
            indent, indent, names->function, indent, indent, indent, indent, names->on,
            names->function, indent, indent);
}

/* The same with threads: a pool's map would wait for the last connection first. */
static void write_accepting_pool(FILE *out, const struct advice *advice, const struct names *names,
                                 const char *indent)
{
    fprintf(out, "%sfrom concurrent.futures import ThreadPoolExecutor\n\n", indent);
    write_body(out, advice, names, indent, "");
    fprintf(out,
            "%swith ThreadPoolExecutor(%u) as pool:\n"
            "%s    while True:\n"
            "%s        connection, address = server.accept()\n"
            "%s        pool.submit(%s%s, connection)\n",
            indent, advice->workers, indent, indent, indent, names->on, names->function);
}

/* The same with processes: each accepts by itself. */
static void write_accepting_processes(FILE *out, const struct advice *advice,
                                      const struct names *names, const char *indent)
{
    fprintf(out, "%simport multiprocessing\n\n", indent);
    write_body(out, advice, names, indent, "");
    fprintf(out,
            "%sdef serve(server):\n"
            "%s    while True:\n"
            "%s        connection, address = server.accept()\n"
            "%s        %s%s(connection)\n\n"
            "%sif __name__ == \"__main__\":\n"
            "%s    for _ in range(%u):\n"
            "%s        multiprocessing.Process(target=serve, args=(server,)).start()\n",
            indent, indent, indent, indent, names->on, names->function, indent, indent,
            advice->workers, indent);
}

/* The same for what is not Python: liboverlap's models, which run the function as it is. */
static void write_native(FILE *out, const struct advice *advice, const char *indent)
{
    char work[TEXT_BYTES];
    char count[24] = "count";
    advice_unit_name(advice, work, sizeof work);
    if (advice->unit.count && !advice->unit.uncounted && !advice->unit.at_least)
        snprintf(count, sizeof count, "%llu", (unsigned long long)advice->unit.count);
    fprintf(out,
            "%s#include <overlap.h>\n\n"
            "%sstatic int task(struct ovl_task *task, struct ovl_bytes item)\n%s{\n"
            "%s    ...  /* %s: its item is in item.data */\n%s    return 0;\n%s}\n\n"
            "%sstruct ovl_executor *executor;\n"
            "%sstruct ovl_options options = {.workers = %u};\n"
            "%sovl_executor_open(%s, &options, &executor);\n"
            "%sovl_map(executor, task, items, sizeof *items, results, sizeof *results, %s, NULL);\n"
            "%sovl_executor_close(executor, OVL_FOREVER);\n",
            indent, indent, indent, indent, work, indent, indent, indent, indent, advice->workers,
            indent, "OVL_THREADS", indent, count, indent);
}

/* What answers requests for a library's server stays as it is, and the server becomes another. */
static void write_server(FILE *out, const struct advice *advice, const char *indent)
{
    const char *several = advice->unit.several[advice->model];
    bool threads = advice->model == OVL_THREADS;
    const char *mix = threads ? "ThreadingMixIn" : "ForkingMixIn";
    if (several) {
        const char *number = strstr(several, "%u");
        fprintf(out, "%s%.*s", indent, (int)(number ? number - several : (long)strlen(several)),
                several);
        if (number)
            fprintf(out, "%u%s", advice->workers, number + 2);
        fputc('\n', out);
        return;
    }
    fprintf(out,
            "%sfrom socketserver import %s\n\n"
            "%sclass Server(%s, HTTPServer):  # or WSGIServer, TCPServer: as now\n",
            indent, mix, indent, mix);
    if (threads)
        fprintf(out, "%s    daemon_threads = True\n", indent);
    else
        fprintf(out, "%s    max_children = %u\n", indent, advice->workers);
}

void sketch_write(FILE *out, const struct advice *advice, const char *indent)
{
    if ((!advice->unit.node && advice->unit.share <= 0) || advice->present.model != OVL_SYNC ||
        advice->model == OVL_SYNC)
        return;
    if (!advice->python) {
        write_native(out, advice, indent);
        return;
    }
    struct names names;
    find_names(advice, &names);
    if (names.endless[0])
        fprintf(out, "%s# items: so many at a time of %s, which has no end\n", indent,
                names.endless);
    switch (advice->model) {
    case OVL_THREADS:
        if (advice->unit.server)
            write_server(out, advice, indent);
        else if (advice->accepts)
            write_accepting_pool(out, advice, &names, indent);
        else
            write_pool(out, advice, &names, indent, "ThreadPoolExecutor");
        break;
    case OVL_PROCESSES:
        if (advice->unit.server)
            write_server(out, advice, indent);
        else if (advice->accepts)
            write_accepting_processes(out, advice, &names, indent);
        else
            write_pool(out, advice, &names, indent, "ProcessPoolExecutor");
        break;
    case OVL_ASYNC:
        if (advice->accepts)
            write_accepting(out, &names, indent);
        else
            write_async(out, advice, &names, indent);
        break;
    default:
        break;
    }
}
