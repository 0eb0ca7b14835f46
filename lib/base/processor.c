#include "base/processor.h"

#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The shortest slice that Linux allows, from 6.12 on. */
#define BRIEF_NS 100000

static bool allowed(cpu_set_t *set)
{
    return !sched_getaffinity(0, sizeof *set, set) && CPU_COUNT(set) > 0;
}

unsigned ovl__processors(void)
{
    cpu_set_t set;
    return allowed(&set) ? (unsigned)CPU_COUNT(&set) : 1;
}

static int nth(const cpu_set_t *set, unsigned n)
{
    int processor = 0;
    while (!CPU_ISSET(processor, set) || n--)
        processor++;
    return processor;
}

struct ovl__processor_place ovl__processor_place(unsigned number)
{
    struct ovl__processor_place place;
    CPU_ZERO(&place.one);
    place.known = allowed(&place.all);
    if (place.known)
        CPU_SET(nth(&place.all, number % (unsigned)CPU_COUNT(&place.all)), &place.one);
    return place;
}

void ovl__processor_bind(const struct ovl__processor_place *place)
{
    if (place->known)
        sched_setaffinity(0, sizeof place->one, &place->one);
}

void ovl__processor_let_go(const struct ovl__processor_place *place)
{
    if (place->known)
        sched_setaffinity(0, sizeof place->all, &place->all);
}

/* The system call's first version of its argument, which libc does not declare yet. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns; /* of a slice, in the usual policy */
    uint64_t deadline_ns;
    uint64_t period_ns;
};

/* All else stays as it is: one wish cannot be told without the others. */
void ovl__processor_be_brief(void)
{
    struct scheduling wish = {0};
    if (syscall(SYS_sched_getattr, 0, &wish, sizeof wish, 0))
        return;
    /* What the thread forks is as usual again; but it would lose a favoured place. */
    if (wish.policy != SCHED_OTHER || wish.nice < 0)
        return;
    wish.flags |= SCHED_FLAG_RESET_ON_FORK;
    wish.runtime_ns = BRIEF_NS;
    syscall(SYS_sched_setattr, 0, &wish, 0);
}
