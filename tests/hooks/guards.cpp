/*
 * Proves that coroutines may initialise the statics of C++'s functions, and give way meanwhile: who
 * comes second waits for the first, and neither stops its loop.
 */
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <overlap.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

static std::atomic<int> failures;

static void expect(bool holds, const char *what)
{
    if (holds)
        return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    failures++;
}

/* A gate that whoever initialises waits at, in a hooked call. */
class gate
{
  public:
    gate()
    {
        if (pipe(ends))
            std::abort();
    }
    ~gate()
    {
        close(ends[0]);
        close(ends[1]);
    }
    gate(const gate &) = delete;
    gate &operator=(const gate &) = delete;
    void pass()
    {
        char byte;
        expect(read(ends[0], &byte, 1) == 1, "the gate is opened");
    }
    void open(int count = 1)
    {
        while (count--)
            expect(write(ends[1], "", 1) == 1, "the gate can be opened");
    }

  private:
    int ends[2];
};

/* What the users of one static do, and how often. Each static is initialised once in a process. */
struct trial {
    gate door;
    std::atomic<int> begun{0};
    std::atomic<int> failing{0}; /* so many initialisers throw */
    std::atomic<int> arrived{0};
    std::atomic<int> got{0};
    std::atomic<int> caught{0};

    int initialise()
    {
        begun++;
        door.pass();
        if (failing-- > 0)
            throw std::runtime_error("not yet");
        return 42;
    }
    void use(int (*value)())
    {
        arrived++;
        try {
            if (value() == 42)
                got++;
        } catch (const std::runtime_error &) {
            caught++;
        }
    }
};

/* Lets others of the loop run until so many have come. */
static void await(const std::atomic<int> &count, int least)
{
    while (count < least)
        ovl_yield();
}

/* Others of the loop have had every chance to begin, and to come to where they wait. */
static void let_others_wait()
{
    for (int i = 0; i < 1000; i++)
        ovl_yield();
}

/* --- several coroutines of one loop --- */

static trial one_loop;

static int one_loop_value()
{
    static const int value = one_loop.initialise();
    return value;
}

static int use_one_loop(void *)
{
    one_loop.use(one_loop_value);
    return 0;
}

static int several_of_one_loop(void *)
{
    struct ovl_group *group;
    expect(!ovl_group_open(OVL_FOREVER, &group), "the group opens");
    for (int i = 0; i < 10; i++)
        ovl_group_go(group, use_one_loop, nullptr);
    await(one_loop.arrived, 10);
    let_others_wait();
    expect(one_loop.begun == 1 && one_loop.got == 0, "one initialises, the others wait");
    one_loop.door.open();
    expect(!ovl_group_close(group), "the group ends well");
    expect(one_loop.begun == 1 && one_loop.got == 10, "all have what the first made");
    return 0;
}

/* --- whose initialiser throws --- */

static trial throwing;

static int throwing_value()
{
    static const int value = throwing.initialise();
    return value;
}

static int use_throwing(void *)
{
    throwing.use(throwing_value);
    return 0;
}

static int after_an_exception_the_next_tries(void *)
{
    struct ovl_group *group;
    expect(!ovl_group_open(OVL_FOREVER, &group), "the group opens");
    throwing.failing = 2;
    for (int i = 0; i < 5; i++)
        ovl_group_go(group, use_throwing, nullptr);
    for (int turn = 1; turn <= 3; turn++) {
        await(throwing.begun, turn);
        let_others_wait();
        expect(throwing.begun == turn, "one at a time tries");
        throwing.door.open();
    }
    expect(!ovl_group_close(group), "the group ends well");
    expect(throwing.caught == 2 && throwing.got == 3, "two failed, and the rest have the value");
    return 0;
}

/* --- statics that need each other's, and several at once --- */

static trial inner;
static std::atomic<int> outer_begun;

static int inner_value()
{
    static const int value = inner.initialise();
    return value;
}

static int outer_value()
{
    static const int value = (outer_begun++, inner_value());
    return value;
}

static int use_outer(void *)
{
    inner.use(outer_value);
    return 0;
}

static int use_inner(void *)
{
    inner.use(inner_value);
    return 0;
}

static int one_needs_another(void *)
{
    struct ovl_group *group;
    expect(!ovl_group_open(OVL_FOREVER, &group), "the group opens");
    for (int i = 0; i < 4; i++)
        ovl_group_go(group, i % 2 ? use_inner : use_outer, nullptr);
    await(inner.arrived, 4);
    let_others_wait();
    inner.door.open();
    expect(!ovl_group_close(group), "the group ends well");
    expect(inner.begun == 1 && outer_begun == 1 && inner.got == 4, "each was made once");
    return 0;
}

/* --- several loops, and plain threads --- */

static trial everybody;

static int everybody_s_value()
{
    static const int value = everybody.initialise();
    return value;
}

static int use_everybody_s(void *)
{
    everybody.use(everybody_s_value);
    return 0;
}

enum { LOOPS = 3, THREADS = 3, EACH = 4, ALL = LOOPS * EACH + THREADS };

/* Each loop goes on while its users wait: or this would not come to open the gate. */
static std::atomic<int> loops_that_go_on;

static int users_of_a_loop(void *)
{
    struct ovl_group *group;
    expect(!ovl_group_open(OVL_FOREVER, &group), "the group opens");
    for (int i = 0; i < EACH; i++)
        ovl_group_go(group, use_everybody_s, nullptr);
    while (everybody.arrived < ALL)
        ovl_sleep(OVL_MILLISECOND);
    let_others_wait();
    if (++loops_that_go_on == LOOPS)
        everybody.door.open();
    return ovl_group_close(group);
}

static void loops_and_threads()
{
    std::thread threads[LOOPS + THREADS];
    for (int i = 0; i < LOOPS + THREADS; i++)
        threads[i] = std::thread([i] {
            if (i < LOOPS)
                expect(!ovl_run(users_of_a_loop, nullptr, nullptr), "the loop ends well");
            else
                everybody.use(everybody_s_value);
        });
    for (std::thread &thread : threads)
        thread.join();
    expect(everybody.begun == 1 && everybody.got == ALL, "one made it for all");
}

/* --- a thread that is first --- */

static trial thread_s;

static int thread_s_value()
{
    static const int value = thread_s.initialise();
    return value;
}

static int use_thread_s(void *)
{
    thread_s.use(thread_s_value);
    return 0;
}

static int wait_for_a_thread(void *)
{
    struct ovl_group *group;
    std::thread first([] { thread_s.use(thread_s_value); });
    while (thread_s.begun < 1)
        ovl_sleep(OVL_MILLISECOND);
    expect(!ovl_group_open(OVL_FOREVER, &group), "the group opens");
    for (int i = 0; i < 3; i++)
        ovl_group_go(group, use_thread_s, nullptr);
    await(thread_s.arrived, 4);
    let_others_wait();
    thread_s.door.open();
    expect(!ovl_group_close(group), "the group ends well");
    first.join();
    expect(thread_s.begun == 1 && thread_s.got == 4, "the thread made it for all");
    return 0;
}

int main()
{
    expect(!ovl_run(several_of_one_loop, nullptr, nullptr), "the loop ends well");
    expect(!ovl_run(after_an_exception_the_next_tries, nullptr, nullptr), "the loop ends well");
    expect(!ovl_run(one_needs_another, nullptr, nullptr), "the loop ends well");
    loops_and_threads();
    expect(!ovl_run(wait_for_a_thread, nullptr, nullptr), "the loop ends well");
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
