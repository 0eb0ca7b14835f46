#include "advise/agent/agent.h"

#include "advise/agent/real.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct record *agent_record;

static __thread struct record_thread *this_thread __attribute__((tls_model("initial-exec")));
static __thread bool inside __attribute__((tls_model("initial-exec")));
static __thread long switches __attribute__((tls_model("initial-exec")));
static __thread uint64_t switches_ns __attribute__((tls_model("initial-exec")));

static pthread_key_t thread_end;
static bool thread_end_set;
static char folder[160];
static uint32_t generation;

/* Held for moments, by threads that have `inside` set: a signal's handler on such a thread writes
 * nothing down. */
static atomic_flag lock = ATOMIC_FLAG_INIT;

void agent_lock(void)
{
    while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
        sched_yield();
}

void agent_unlock(void)
{
    atomic_flag_clear_explicit(&lock, memory_order_release);
}

/* --- clocks --- */

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t agent_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t agent_thread_cpu(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* --- threads --- */

static void end_thread(void *own)
{
    struct record_thread *thread = own;
    if (!agent_record || thread < agent_record->threads ||
        thread >= agent_record->threads + RECORD_THREADS)
        return;
    atomic_store(&thread->cpu_ns, agent_thread_cpu());
    atomic_store(&thread->python, 0);
    atomic_store(&thread->wait_ns, 0);
    atomic_store(&thread->end_ns, agent_now());
    atomic_fetch_sub(&agent_record->threads_now, 1);
    atomic_store(&thread->state, RECORD_THREAD_ENDED);
    this_thread = NULL;
    inside = true; /* what the thread still does is not written down */
}

/* The place of a thread that has ended and been taken down. NULL: there is none. */
static struct record_thread *used_place(void)
{
    for (uint32_t n = 0; n < RECORD_THREADS; n++) {
        struct record_thread *thread = &agent_record->threads[n];
        uint32_t taken = RECORD_THREAD_TAKEN;
        if (!atomic_compare_exchange_strong(&thread->state, &taken, RECORD_THREAD_BEGINS))
            continue;
        atomic_store(&thread->python, 0);
        atomic_store(&thread->end_ns, 0);
        atomic_store(&thread->cpu_ns, 0);
        atomic_store(&thread->wait_ns, 0);
        atomic_store(&thread->reads, 0);
        atomic_store(&thread->read_bytes, 0);
        for (int kind = 0; kind < RECORD_KIND_COUNT; kind++)
            atomic_store(&thread->short_ns[kind], 0);
        return thread;
    }
    return NULL;
}

static struct record_thread *free_place(void)
{
    uint32_t n = atomic_fetch_add(&agent_record->thread_count, 1);
    if (n < RECORD_THREADS)
        return &agent_record->threads[n];
    atomic_store(&agent_record->thread_count, RECORD_THREADS);
    return used_place();
}

static struct record_thread *begin_thread(void)
{
    inside = true;
    struct record_thread *thread = free_place();
    if (!thread) {
        atomic_fetch_add(&agent_record->threads_lost, 1);
        return NULL; /* and `inside` stays set: it is not asked again */
    }
    uint32_t now = atomic_fetch_add(&agent_record->threads_now, 1) + 1;
    uint32_t most = atomic_load(&agent_record->threads_most);
    while (now > most && !atomic_compare_exchange_weak(&agent_record->threads_most, &most, now))
        ;
    thread->id = (uint32_t)syscall(SYS_gettid);
    thread->ident = (uint64_t)pthread_self();
    atomic_store(&thread->start_ns, agent_now());
    atomic_store(&thread->state, RECORD_THREAD_RUNS);
    this_thread = thread;
    if (thread_end_set)
        pthread_setspecific(thread_end, thread);
    inside = false;
    return thread;
}

struct record_thread *agent_thread(void)
{
    if (!agent_record || inside)
        return NULL;
    return this_thread ? this_thread : begin_thread();
}

/* --- waits --- */

static struct agent_wait begin(enum record_kind kind, int descriptor, const void *caller)
{
    struct agent_wait wait = {
        .kind = kind, .descriptor = descriptor, .caller = (uint64_t)(uintptr_t)caller};
    struct record_thread *thread = agent_thread();
    if (!thread)
        return wait;
    wait.counts = true;
    wait.start_ns = agent_now();
    atomic_store_explicit(&thread->wait_kind, (uint32_t)kind, memory_order_relaxed);
    atomic_store_explicit(&thread->wait_ns, wait.start_ns, memory_order_relaxed);
    return wait;
}

struct agent_wait agent_wait_descriptor(int descriptor, const void *caller)
{
    return begin(RECORD_OTHER, descriptor, caller);
}

struct agent_wait agent_wait_kind(enum record_kind kind, const void *caller)
{
    return begin(kind, -1, caller);
}

/* How often this thread has given its processor away by itself, to wait. */
static long own_switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

static void note_switches(uint64_t now_ns)
{
    switches = own_switches();
    switches_ns = now_ns;
}

void agent_wait_measure_cpu(struct agent_wait *wait)
{
    if (!wait->counts)
        return;
    wait->busy_known = true;
    wait->cpu_ns = agent_thread_cpu();
    if (wait->start_ns - switches_ns >= RECORD_SHORT_NS)
        note_switches(wait->start_ns);
}

void agent_wait_asked(struct agent_wait *wait, int64_t seconds, int64_t nanoseconds)
{
    if (seconds >= 0 && seconds <= INT64_MAX / 1000000000 - 1)
        nanoseconds += seconds * 1000000000;
    else
        nanoseconds = seconds < 0 ? 0 : INT64_MAX;
    wait->asked_ns = nanoseconds > 0 ? (uint64_t)nanoseconds : 0;
}

/* Puts a wait into the ring, where there is room. The caller has the lock. */
static void write_wait(const struct record_wait *wait, const struct record_level *levels)
{
    struct record *record = agent_record;
    uint64_t head = atomic_load_explicit(&record->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&record->tail, memory_order_acquire);
    size_t at = (size_t)(head % RECORD_RING);
    size_t skipped = at + wait->size > RECORD_RING ? RECORD_RING - at : 0;
    if (head + skipped + wait->size - tail > RECORD_RING) {
        atomic_fetch_add(&record->waits_lost, 1);
        struct record_thread *thread = &record->threads[wait->thread];
        atomic_fetch_add(&thread->short_ns[wait->kind], wait->end_ns - wait->start_ns);
        return;
    }
    if (skipped) {
        memset(record->ring + at, 0, 8);
        at = 0;
    }
    memcpy(record->ring + at, wait, sizeof *wait);
    memcpy(record->ring + at + sizeof *wait, levels, wait->level_count * sizeof *levels);
    atomic_store_explicit(&record->head, head + skipped + wait->size, memory_order_release);
}

/* A sync is worth its entry also where the disk is quick: it is what such a program waits for. */
static uint64_t shortest(const struct agent_wait *wait)
{
    return wait->flags & RECORD_SYNC ? RECORD_SYNC_NS : RECORD_SHORT_NS;
}

/* Whether this kernel counts that: some that only look like Linux do not. */
static bool switches_are_counted(void)
{
    static _Atomic int known; /* 0: not yet; 1: it does; -1: it does not */
    if (atomic_load_explicit(&known, memory_order_relaxed) == 0) {
        const struct timespec moment = {.tv_nsec = 1};
        long before = own_switches();
        REAL(nanosleep)(&moment, NULL);
        int found = own_switches() > before ? 1 : -1;
        atomic_store_explicit(&known, found, memory_order_relaxed);
    }
    return atomic_load_explicit(&known, memory_order_relaxed) > 0;
}

/*
 * A call that took long and never slept has waited for nothing: it computed, or another program had
 * the processor. On a machine that is busy, reading what is in memory would pass for a slow disk.
 * Compared with the last long wait, or with some call shortly before, so that short calls cost
 * nothing: what slept in one of those meanwhile may let a call pass that did not.
 */
static bool has_slept(uint64_t end_ns)
{
    long before = switches;
    note_switches(end_ns);
    if (switches != before)
        return true;
    bool counted = switches_are_counted();
    note_switches(end_ns); /* to find that out is a sleep itself */
    return !counted;
}

static void write_long_wait(struct agent_wait *wait, struct record_thread *thread, uint64_t end_ns)
{
    struct record_level levels[RECORD_LEVELS];
    uint64_t length_ns = end_ns - wait->start_ns;
    uint64_t asked_ns = wait->asked_ns < length_ns ? wait->asked_ns : length_ns;
    if (!has_slept(end_ns) && !asked_ns && !wait->late)
        return;
    uint64_t cpu_ns = agent_thread_cpu();
    uint64_t busy_ns = wait->busy_known ? cpu_ns - wait->cpu_ns : 0;
    agent_find_kind(wait);
    if (wait->busy_known) {
        if (busy_ns < end_ns - wait->start_ns)
            wait->start_ns += busy_ns;
        else
            wait->start_ns = end_ns;
    }
    agent_leave_out_ready(wait, end_ns, cpu_ns);
    if (wait->busy_known && end_ns - wait->start_ns < shortest(wait) / 2)
        return;
    if (end_ns - wait->start_ns < asked_ns)
        wait->start_ns = end_ns - asked_ns;
    if (wait->late)
        wait->start_ns = end_ns;
    struct agent_native native;
    agent_native_stack(wait, end_ns, &native);
    agent_module_know(wait->caller);
    agent_lock();
    size_t count = agent_stack(wait, thread, &native, levels);
    struct record_wait entry = {
        .size = (uint32_t)(sizeof entry + count * sizeof *levels),
        .thread = (uint16_t)(thread - agent_record->threads),
        .kind = (uint8_t)wait->kind,
        .level_count = (uint8_t)count,
        .descriptor = wait->descriptor,
        .flags = wait->flags,
        .start_ns = wait->start_ns,
        .end_ns = end_ns,
        .cpu_ns = cpu_ns,
        .busy_ns = busy_ns,
        .object = wait->object,
        .synced = wait->synced,
        .caller = wait->caller,
    };
    write_wait(&entry, levels);
    agent_unlock();
    atomic_store_explicit(&thread->cpu_ns, cpu_ns, memory_order_relaxed);
}

void agent_wait_end(struct agent_wait *wait)
{
    struct record_thread *thread = this_thread;
    if (!wait->counts || !thread || !agent_record || inside)
        return;
    uint64_t end_ns = agent_now();
    uint64_t length = end_ns - wait->start_ns;
    if (length < shortest(wait) && !wait->late) {
        atomic_store_explicit(&thread->wait_ns, 0, memory_order_relaxed);
        /* The thread alone writes here, but for a ring that is full. */
        _Atomic uint64_t *sum = &thread->short_ns[wait->kind];
        atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + length,
                              memory_order_relaxed);
        return;
    }
    int error = errno;
    inside = true;
    write_long_wait(wait, thread, end_ns);
    inside = false;
    /* What is written down meanwhile is not the program's computing. */
    atomic_store_explicit(&thread->wait_ns, 0, memory_order_release);
    errno = error;
}

/* The thread alone writes here. */
static void add_to(_Atomic uint64_t *sum, uint64_t more)
{
    atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

void agent_note_read(const struct agent_wait *wait, ssize_t size)
{
    struct record_thread *thread = this_thread;
    if (!wait->counts || !thread || !agent_record || size <= 0)
        return;
    add_to(&thread->reads, 1);
    add_to(&thread->read_bytes, (uint64_t)size);
}

/* --- the process --- */

static void describe_process(struct record *record)
{
    ssize_t size = readlink("/proc/self/exe", record->program, sizeof record->program - 1);
    record->program[size > 0 ? size : 0] = '\0';
    int file = REAL(open)("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    size = REAL(read)(file, record->command, sizeof record->command - 1);
    REAL(close)(file);
    for (ssize_t n = 0; n < size; n++)
        if (record->command[n] == '\0')
            record->command[n] = ' ';
    while (size > 0 && record->command[size - 1] == ' ')
        record->command[--size] = '\0';
}

/* Where there is plenty, pages come as they are written to; a program must not die of one that does
 * not. */
#define PLENTY (256u * 1024 * 1024)

static bool make_room(int file)
{
    struct statvfs room;
    if (ftruncate(file, sizeof(struct record)) != 0)
        return false;
    if (fstatvfs(file, &room) == 0 && (uint64_t)room.f_bavail * room.f_frsize >= PLENTY)
        return true;
    return posix_fallocate(file, 0, sizeof(struct record)) == 0;
}

static struct record *map_record(const char *name)
{
    int file = REAL(open)(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return NULL;
    void *at = MAP_FAILED;
    if (make_room(file))
        at = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    REAL(close)(file);
    if (at == MAP_FAILED)
        unlink(name);
    return at == MAP_FAILED ? NULL : at;
}

/* Makes the file of this process image. Its name is one that no other image has. */
static void open_record(void)
{
    char name[256];
    int pid = (int)getpid();
    uint64_t now_ns = agent_now();
    snprintf(name, sizeof name, "%s/%d.%llu", folder, pid, (unsigned long long)now_ns);
    struct record *record = map_record(name);
    if (!record)
        return;
    record->magic = RECORD_MAGIC;
    record->version = RECORD_VERSION;
    record->pid = pid;
    record->parent = (int)getppid();
    record->generation = ++generation;
    record->start_ns = now_ns;
    record->start_cpu_ns = agent_thread_cpu();
    record->strings_used = 1; /* 0: an empty string */
    atomic_store(&record->place_count, 1);
    describe_process(record);
    agent_record = record;
}

void agent_finish(void)
{
    struct record *record = agent_record;
    if (!record)
        return;
    struct rusage children;
    getrusage(RUSAGE_CHILDREN, &children);
    uint64_t us =
        ((uint64_t)children.ru_utime.tv_sec + (uint64_t)children.ru_stime.tv_sec) * 1000000u +
        (uint64_t)children.ru_utime.tv_usec + (uint64_t)children.ru_stime.tv_usec;
    if (this_thread)
        atomic_store(&this_thread->cpu_ns, agent_thread_cpu());
    atomic_store(&record->children_cpu_ns, us * 1000);
    atomic_store(&record->cpu_ns, read_clock(CLOCK_PROCESS_CPUTIME_ID));
    atomic_store(&record->end_ns, agent_now());
}

static void before_fork(void)
{
    if (!inside)
        agent_lock();
}

static void in_parent(void)
{
    if (!inside)
        agent_unlock();
}

static void in_child(void)
{
    atomic_flag_clear(&lock);
    if (!agent_record)
        return;
    int error = errno;
    bool was_inside = inside;
    inside = true;
    munmap(agent_record, sizeof *agent_record);
    agent_record = NULL;
    this_thread = NULL;
    switches = 0;
    switches_ns = 0;
    agent_ready_reset();
    agent_stack_reset();
    open_record();
    if (agent_record) {
        agent_python_find();
        atomic_store(&agent_record->ready, 1);
    }
    inside = was_inside;
    errno = error;
}

__attribute__((constructor)) static void start(void)
{
    const char *name = getenv(RECORD_FOLDER_VARIABLE);
    size_t length = name ? strlen(name) : 0;
    if (length == 0 || length >= sizeof folder || name[0] != '/')
        return;
    inside = true;
    memcpy(folder, name, length + 1);
    thread_end_set = pthread_key_create(&thread_end, end_thread) == 0;
    open_record();
    if (agent_record) {
        agent_python_find();
        agent_modules_list();
        atomic_store(&agent_record->ready, 1);
        pthread_atfork(before_fork, in_parent, in_child);
    }
    inside = false;
}

__attribute__((destructor)) static void stop(void)
{
    agent_finish();
}
