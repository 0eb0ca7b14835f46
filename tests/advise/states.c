/* A thread of CPython's looked at from outside, while another one takes its place. CPython itself
 * is made up: what of it is read, in this process's own memory. */
#include "advise/process.h"
#include "support/cases.h"
#include "support/emulator.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct python_layout *layout;
static struct process *process;
static struct tree tree;

/* Of each, what is read lies within this. */
static char runtime[1024];
static char interpreter[512];
static char state[512];
static char cframe[64];
static char frame[512];
static char code[512];
static char type[64];
static char type_name[8];
static char file[128];
static char name[128];
static char lines[64];

static void put(char *object, int offset, uint64_t word)
{
    memcpy(object + offset, &word, sizeof word);
}

static uint64_t address_of(const char *object)
{
    return (uint64_t)(uintptr_t)object;
}

/* A str in ASCII. */
static void put_text(char *object, const char *text)
{
    put(object, 16, strlen(text));
    put(object, 32, 1u << 6 | 1u << 5 | 1u << 2);
    memcpy(object + layout->text_ascii, text, strlen(text) + 1);
}

/* One thread, which is `id`, in one function. */
static void begin(uint64_t id)
{
    if (!memory_can_be_read())
        skip();
    layout = python_layout_find(3, 11);
    assert_non_null(layout);
    put_text(file, "/home/u/p.py");
    put_text(name, "work");
    strcpy(type_name, "code");
    put(type, 24, address_of(type_name));
    put(code, 8, address_of(type));
    put(code, layout->code_file, address_of(file));
    put(code, layout->code_name, address_of(name));
    put(code, layout->code_lines, address_of(lines));
    code[layout->code_first_line] = 3;
    put(frame, layout->frame_code, address_of(code));
    put(frame, layout->frame_instruction, address_of(code) + (unsigned)layout->code_bytes);
    put(cframe, layout->cframe_frame, address_of(frame));
    put(state, layout->thread_frame, address_of(cframe));
    put(state, layout->thread_native, id);
    put(interpreter, layout->interpreter_threads, address_of(state));
    put(runtime, layout->runtime_interpreters, address_of(interpreter));
    process = process_attach(getpid(), layout, address_of(runtime));
    assert_non_null(process);
    assert_int_equal(tree_init(&tree), 0);
}

static void end(void)
{
    tree_release(&tree);
    process_free(process);
}

/* How many levels there are. A look in between which this process lost its processor tells nothing:
 * of so many, one was undisturbed. */
static size_t look(const struct process_state *found, struct tree_level *levels)
{
    size_t count = 0;
    for (int tries = 0; tries < 1000 && !count; tries++)
        count = process_stack(process, &tree, found, levels);
    return count;
}

static void its_stack_is_read(void)
{
    struct process_state found[4];
    struct tree_level levels[RECORD_LEVELS];
    begin(77);
    assert_int_equal(process_states(process, found, 4), 1);
    assert_int_equal(found[0].id, 77);
    assert_int_equal(look(&found[0], levels), 1);
    assert_string_equal(tree.places[levels[0].place].file, "/home/u/p.py");
    end();
}

/* Until it begins, a thread's state has the number of the thread that made it, in whose stack it
 * would be looked for. */
static void a_thread_that_has_just_begun_is_not_taken_for_its_maker(void)
{
    struct process_state found[4];
    struct tree_level levels[RECORD_LEVELS];
    begin(77);
    assert_int_equal(process_states(process, found, 4), 1);
    put(state, layout->thread_native, 78);
    assert_int_equal(look(&found[0], levels), 0);
    end();
}

/* Where the layout has a frame's code there is none: then nothing is where it says. */
static void of_a_build_of_its_own_nothing_is_believed(void)
{
    struct process_state found[4];
    begin(77);
    process->was_python = true;
    strcpy(type_name, "tuple");
    for (int looks = 0; looks < 100 && !process_hides_python(process); looks++)
        assert_int_equal(process_states(process, found, 4), 0);
    assert_true(process_hides_python(process));
    strcpy(type_name, "code");
    assert_int_equal(process_states(process, found, 4), 0);
    end();
}

static const struct test_case cases[] = {
    TEST_CASE(its_stack_is_read),
    TEST_CASE(of_a_build_of_its_own_nothing_is_believed),
    TEST_CASE(a_thread_that_has_just_begun_is_not_taken_for_its_maker),
};

int main(void)
{
    return run_cases("states", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
