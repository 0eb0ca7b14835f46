/*
 * Proves that exceptions are each coroutine's own affair: one that waits in a handler, or in a
 * destructor while the stack unwinds, finds its own again, whatever others threw meanwhile.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <overlap.h>
#include <stdexcept>

static int failures;

static void expect(bool holds, const char *what)
{
    if (holds)
        return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    failures++;
}

static const char *const names[] = {"one", "two", "three", "four"};

/* Lets the others throw and catch; some are gone longer than others. */
static void let_others(const char *name)
{
    for (std::size_t i = 0; i < std::strlen(name); i++)
        ovl_yield();
}

static int rethrow(void *argument)
{
    const char *name = static_cast<const char *>(argument);
    for (int i = 0; i < 10; i++) {
        try {
            try {
                throw std::runtime_error(name);
            } catch (const std::runtime_error &) {
                let_others(name);
                throw;
            }
        } catch (const std::runtime_error &error) {
            expect(!std::strcmp(error.what(), name), "what is thrown again is what was caught");
        }
        expect(!std::current_exception(), "none is left when it was handled");
    }
    return 0;
}

struct waits_in_destructor {
    const char *name;
    ~waits_in_destructor()
    {
        let_others(name);
        expect(std::uncaught_exceptions() == 1, "one is on its way in a stack that unwinds");
    }
};

static int unwind(void *argument)
{
    const char *name = static_cast<const char *>(argument);
    for (int i = 0; i < 10; i++) {
        try {
            waits_in_destructor object = {name};
            throw std::runtime_error(name);
        } catch (const std::runtime_error &error) {
            expect(!std::strcmp(error.what(), name), "what comes out is what was thrown");
        }
        expect(std::uncaught_exceptions() == 0, "none is on its way afterwards");
    }
    return 0;
}

static int look_on(void *)
{
    for (int i = 0; i < 100; i++) {
        expect(std::uncaught_exceptions() == 0, "who throws nothing has none on its way");
        expect(!std::current_exception(), "who caught nothing handles none");
        ovl_yield();
    }
    return 0;
}

static int all(void *)
{
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    if (error)
        return error;
    for (const char *name : names) {
        ovl_group_go(group, rethrow, const_cast<char *>(name));
        ovl_group_go(group, unwind, const_cast<char *>(name));
    }
    ovl_group_go(group, look_on, nullptr);
    return ovl_group_close(group);
}

static int as_task(struct ovl_task *, struct ovl_bytes item)
{
    const char *name = *static_cast<const char *const *>(item.data);
    return rethrow(const_cast<char *>(name));
}

/* The executor's workers are coroutines of a thread that it started. */
static void tasks()
{
    struct ovl_executor *executor;
    struct ovl_options options = {};
    options.workers = 4;
    expect(!ovl_executor_open(OVL_ASYNC, &options, &executor), "the executor opens");
    struct ovl_future *futures[4];
    for (int i = 0; i < 4; i++)
        expect(!ovl_submit(executor, as_task, {&names[i], sizeof names[i]}, &futures[i]), "submit");
    for (struct ovl_future *future : futures) {
        expect(!ovl_future_result(future, nullptr), "a task ends well");
        ovl_future_free(future);
    }
    expect(!ovl_executor_close(executor, OVL_FOREVER), "the executor closes");
}

int main()
{
    tasks();
    try { /* a loop that runs in a handler leaves it as it was */
        throw std::runtime_error("outside");
    } catch (const std::runtime_error &) {
        expect(!ovl_run(all, nullptr, nullptr), "the loop ends well");
        try {
            throw;
        } catch (const std::runtime_error &error) {
            expect(!std::strcmp(error.what(), "outside"), "who ran the loop has its own again");
        }
    }
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
