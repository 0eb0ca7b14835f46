#include "model.h"

#include <errno.h>
#include <overlap/error.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define PLACES       64
#define STORES       64 /* of one place, in one run */
#define CHOICES      4096
#define CHOICES_TOLD 60
#define STEPS        3000
#define STACK        ((size_t)64 << 10)

/* What a thread knows: of each place, the oldest store that it may still see. */
struct view {
    unsigned char seen[PLACES];
};

struct store {
    uint64_t value;
    struct view view; /* what an acquire of it learns */
};

struct place {
    const void *address;
    unsigned size;
    unsigned count;
    struct store stores[STORES];
};

struct thread {
    ucontext_t context; /* begins it */
    jmp_buf place;      /* where it goes on */
    bool begun;
    struct view view;
    const void *sleeps_on; /* a futex; NULL: not */
    bool timed;            /* may wake by itself */
    bool yields;           /* others go first: it only looks again */
    bool ended;
};

struct choice {
    unsigned taken;
    unsigned options;
};

static struct place places[PLACES];
static unsigned place_count;
static struct thread threads[MODEL_THREADS];
static struct view fences; /* what all fences so far have made known */
static jmp_buf checker;
static char stacks[MODEL_THREADS][STACK];
static const struct scenario *scenario;
static unsigned current;
static bool alone; /* begin and end run */
static unsigned steps;
static unsigned preemptions_left;

static struct choice choices[CHOICES];
static unsigned choice_count; /* made in the run before */
static unsigned choice_next;
static const char *failure;

static void fail(const char *what)
{
    if (!failure)
        failure = what;
}

void model_check(bool holds, const char *what)
{
    if (!holds)
        fail(what);
}

/* The same as in the run before, but for the last one that had another option. */
static unsigned choose(unsigned options)
{
    if (options <= 1)
        return 0;
    if (choice_next == CHOICES) {
        fail("too many choices");
        return 0;
    }
    struct choice *choice = &choices[choice_next];
    if (choice_next >= choice_count) {
        *choice = (struct choice){.options = options};
        choice_count = choice_next + 1;
    }
    choice_next++;
    return choice->taken < options ? choice->taken : 0;
}

static bool next_run(void)
{
    while (choice_count && choices[choice_count - 1].taken + 1 >= choices[choice_count - 1].options)
        choice_count--;
    if (choice_count)
        choices[choice_count - 1].taken++;
    choice_next = 0;
    return choice_count;
}

/* --- who goes on --- */

static bool can_go_on(unsigned i)
{
    return !threads[i].ended && (!threads[i].sleeps_on || threads[i].timed);
}

/* Back to the checker, which decides. */
static void step(void)
{
    if (alone || failure)
        return;
    if (++steps > STEPS)
        fail("it goes on for ever");
    if (!_setjmp(threads[current].place))
        _longjmp(checker, 1);
}

static unsigned candidates(unsigned *ret_all, bool yielding)
{
    unsigned count = 0;
    for (unsigned i = 0; i < scenario->threads; i++)
        if (can_go_on(i) && threads[i].yields == yielding)
            ret_all[count++] = i;
    return count;
}

/* False: nobody can. Who goes on by itself is first; to switch away from it is a preemption. */
static bool choose_thread(void)
{
    unsigned all[MODEL_THREADS];
    unsigned count = candidates(all, false);
    if (!count) {
        count = candidates(all, true);
        for (unsigned i = 0; i < scenario->threads; i++)
            threads[i].yields = false;
    }
    if (!count)
        return false;
    bool goes_on = false;
    for (unsigned i = 0; i < count; i++) {
        if (all[i] == current && !threads[current].sleeps_on) {
            all[i] = all[0];
            all[0] = current;
            goes_on = true;
        }
    }
    unsigned taken = goes_on && !preemptions_left ? 0 : choose(count);
    if (goes_on && taken)
        preemptions_left--;
    current = all[taken];
    return true;
}

/* --- memory --- */

static void learn(struct view *view, const struct view *other)
{
    for (unsigned i = 0; i < place_count; i++)
        if (view->seen[i] < other->seen[i])
            view->seen[i] = other->seen[i];
}

static uint64_t read_memory(const void *place, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, place, size);
    return value;
}

static unsigned place_of(const void *address, unsigned size)
{
    for (unsigned i = 0; i < place_count; i++)
        if (places[i].address == address)
            return i;
    if (place_count == PLACES) {
        fail("too many places");
        return 0;
    }
    places[place_count] = (struct place){.address = address, .size = size, .count = 1};
    places[place_count].stores[0].value = read_memory(address, size);
    return place_count++;
}

static bool acquires(enum model_order order)
{
    return order == acquire || order == acq_rel || order == seq_cst;
}

static bool releases(enum model_order order)
{
#ifdef MUTATE_RELEASE
    return order == seq_cst;
#endif
    return order == release || order == acq_rel || order == seq_cst;
}

static struct view *view(void)
{
    return &threads[current].view;
}

static uint64_t read_store(unsigned place, unsigned number, enum model_order order)
{
    const struct store *store = &places[place].stores[number];
    view()->seen[place] = (unsigned char)number;
    if (acquires(order))
        learn(view(), &store->view);
    return store->value;
}

/* `after`: the store that a read-modify-write continues, or -1. */
static void write_store(unsigned place, uint64_t value, enum model_order order, int after)
{
    struct place *p = &places[place];
    if (p->count == STORES) {
        fail("too many stores");
        return;
    }
    unsigned number = p->count++;
    struct store *store = &p->stores[number];
    view()->seen[place] = (unsigned char)number;
    *store = (struct store){.value = value};
    if (releases(order))
        store->view = *view();
    store->view.seen[place] = (unsigned char)number;
    if (after >= 0)
        learn(&store->view, &p->stores[after].view);
    memcpy((void *)p->address, &value, p->size);
}

uint64_t model_load(const void *address, unsigned size, enum model_order order)
{
    step();
    if (alone || failure)
        return read_memory(address, size);
    unsigned place = place_of(address, size);
    if (order == seq_cst)
        learn(view(), &fences);
    unsigned oldest = view()->seen[place];
    unsigned newest = places[place].count - 1;
    return read_store(place, newest - choose(newest - oldest + 1), order);
}

void model_store(void *address, unsigned size, uint64_t value, enum model_order order)
{
    step();
    if (alone || failure) {
        memcpy(address, &value, size);
        return;
    }
    write_store(place_of(address, size), value, order, -1);
    if (order == seq_cst)
        learn(&fences, view());
}

static uint64_t combine(char how, uint64_t old, uint64_t value)
{
    return how == '+' ? old + value : how == '-' ? old - value : how == '|' ? old | value : value;
}

static uint64_t cut(uint64_t value, unsigned size)
{
    return size == 8 ? value : value & (((uint64_t)1 << 8 * size) - 1);
}

/* Sequentially consistent ones order like fences, in one place and between them. */
static uint64_t change(unsigned place, char how, uint64_t value, enum model_order order)
{
    unsigned newest = places[place].count - 1;
    if (order == seq_cst)
        model_fence();
    uint64_t old = read_store(place, newest, order);
    write_store(place, cut(combine(how, old, value), places[place].size), order, (int)newest);
    if (order == seq_cst)
        model_fence();
    return old;
}

uint64_t model_change(void *address, unsigned size, char how, uint64_t value,
                      enum model_order order)
{
    step();
    if (!alone && !failure)
        return change(place_of(address, size), how, value, order);
    uint64_t old = read_memory(address, size);
    value = combine(how, old, value);
    memcpy(address, &value, size);
    return old;
}

bool model_cas(void *address, unsigned size, void *expected, uint64_t desired,
               enum model_order order)
{
    step();
    uint64_t wanted = read_memory(expected, size);
    if (alone || failure) {
        bool equal = read_memory(address, size) == wanted;
        if (equal)
            memcpy(address, &desired, size);
        return equal || failure;
    }
    unsigned place = place_of(address, size);
    unsigned newest = places[place].count - 1;
    if (places[place].stores[newest].value == wanted) {
        change(place, '=', desired, order);
        return true;
    }
    uint64_t value = read_store(place, newest, relaxed);
    memcpy(expected, &value, size);
    return false;
}

static void fence_of(struct view *own)
{
    learn(own, &fences);
    learn(&fences, own);
}

void model_fence(void)
{
    if (!alone && !failure)
        fence_of(view());
}

/* By itself it orders nothing but the compiler, and the thread with itself. */
void model_fence_light(void)
{
}

/* Interrupts all: as if each of them made a fence at this moment. */
void model_fence_heavy(void)
{
    step();
    if (alone || failure)
        return;
    for (unsigned i = 0; i < scenario->threads; i++)
        learn(&fences, &threads[i].view);
    for (unsigned i = 0; i < scenario->threads; i++)
        learn(&threads[i].view, &fences);
}

/* --- sleeping --- */

void model_pause(void)
{
    threads[current].yields = true;
    step();
}

/* The system has read it for the thread, which then sees nothing older. */
static uint64_t see_newest(unsigned place)
{
    unsigned newest = places[place].count - 1;
    view()->seen[place] = (unsigned char)newest;
    return places[place].stores[newest].value;
}

/* The system compares with what is newest, and sleeps, in one step. */
int model_wait(const void *word, unsigned value, ovl_time deadline)
{
    step();
    if (alone || failure)
        return 0;
    unsigned place = place_of(word, sizeof(unsigned));
    if (see_newest(place) != value)
        return 0;
    struct thread *self = &threads[current];
    self->sleeps_on = word;
    self->timed = deadline != OVL_FOREVER;
    step();
    bool woken = !self->sleeps_on;
    self->sleeps_on = NULL;
    see_newest(place);
    return woken ? 0 : OVL_ETIMEDOUT;
}

void model_wake(const void *word, int count)
{
    step();
    for (unsigned i = 0; i < scenario->threads && count; i++) {
        if (threads[i].sleeps_on == word) {
            threads[i].sleeps_on = NULL;
            count--;
        }
    }
}

/* --- running --- */

static void thread_main(void)
{
    scenario->thread(current);
    threads[current].ended = true;
    _longjmp(checker, 1);
}

static void begin_threads(void)
{
    for (unsigned i = 0; i < scenario->threads; i++) {
        threads[i] = (struct thread){.begun = false};
        getcontext(&threads[i].context);
        threads[i].context.uc_stack.ss_sp = stacks[i];
        threads[i].context.uc_stack.ss_size = STACK;
        makecontext(&threads[i].context, thread_main, 0);
    }
}

/* Until its next step. */
static void go_on(struct thread *thread)
{
    if (_setjmp(checker))
        return;
    if (thread->begun)
        _longjmp(thread->place, 1);
    thread->begun = true;
    setcontext(&thread->context);
}

static bool all_ended(void)
{
    for (unsigned i = 0; i < scenario->threads; i++)
        if (!threads[i].ended)
            return false;
    return true;
}

static void run_once(unsigned preemptions)
{
    place_count = 0;
    steps = 0;
    current = 0;
    fences = (struct view){0};
    preemptions_left = preemptions;
    alone = true;
    scenario->begin();
    alone = false;
    begin_threads();
    while (!failure && !all_ended()) {
        if (choose_thread())
            go_on(&threads[current]);
        else
            fail("nobody can go on: a wake was lost");
    }
    alone = true;
    if (!failure)
        scenario->end();
}

static void tell_failure(unsigned long runs)
{
    unsigned told = choice_next < CHOICES_TOLD ? choice_next : CHOICES_TOLD;
    fprintf(stderr, "%s: run %lu: %s; choices", scenario->name, runs, failure);
    for (unsigned i = 0; i < told; i++)
        fprintf(stderr, " %u/%u", choices[i].taken, choices[i].options);
    fprintf(stderr, "\n");
}

unsigned long model_run(const struct scenario *s, unsigned preemptions)
{
    unsigned long runs = 0;
    scenario = s;
    failure = NULL;
    choice_count = 0;
    choice_next = 0;
    do {
        run_once(preemptions);
        runs++;
        if (failure) {
            tell_failure(runs);
            return 0;
        }
    } while (next_run());
    return runs;
}
