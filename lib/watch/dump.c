/* What tasks do now: copied while their loop stands still, and written once it goes on. */
#include "base/memory.h"
#include "base/system.h"
#include "base/thread.h"
#include "loop/inside.h"
#include "watch/watch.h"

#include <errno.h>
#include <overlap/watchdog.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- copying --- */

/*
 * The stack of another thread that stands still: the sanitizers may think that parts of it are not
 * to be read, or were written without a lock.
 */
__attribute__((no_sanitize("address", "thread", "undefined"), noinline)) static void
copy_words(char *to, uint64_t from, size_t size)
{
    const volatile uint64_t *source = (const volatile uint64_t *)(uintptr_t)from;
    for (size_t i = 0; i < size / sizeof *source; i++) {
        uint64_t word = source[i];
        __builtin_memcpy(to + i * sizeof word, &word, sizeof word);
    }
}

#if defined(__x86_64__)

/* As ovl__switch left them: see switch.S. */
static void saved_registers(struct ovl__stack_copy *copy, const uint64_t *frame)
{
    static const int numbers[] = {15, 14, 13, 12, 3, 6}; /* r15, r14, r13, r12, rbx, rbp */
    for (int i = 0; i < 6; i++)
        copy->registers[numbers[i]] = frame[1 + i];
    copy->pc = frame[7];
    copy->registers[OVL__STACK] = (uintptr_t)(frame + 8);
    copy->registers[16] = copy->pc;
}

static bool never_ran(const uint64_t *frame)
{
    return frame[0] >> 48;
}

static void live_registers(struct ovl__stack_copy *copy, const ucontext_t *registers)
{
    static const int numbers[17] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                    REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                    REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    for (int i = 0; i < 17; i++)
        copy->registers[i] = (uint64_t)registers->uc_mcontext.gregs[numbers[i]];
    copy->pc = copy->registers[16];
}

#else

static void saved_registers(struct ovl__stack_copy *copy, const uint64_t *frame)
{
    for (int i = 0; i < 12; i++)
        copy->registers[19 + i] = frame[i]; /* x19 to x30 */
    copy->pc = frame[11];
    copy->registers[OVL__STACK] = (uintptr_t)(frame + 22);
}

static bool never_ran(const uint64_t *frame)
{
    return frame[21];
}

static void live_registers(struct ovl__stack_copy *copy, const ucontext_t *registers)
{
    for (int i = 0; i < 31; i++)
        copy->registers[i] = registers->uc_mcontext.regs[i];
    copy->registers[OVL__STACK] = registers->uc_mcontext.sp;
    copy->pc = registers->uc_mcontext.pc;
}

#endif

static void copy_stack(struct ovl__stack_copy *copy, const struct ovl__coroutine *coroutine,
                       char *data, size_t size)
{
    uint64_t bottom = (uintptr_t)coroutine->stack.bottom;
    uint64_t end = bottom + coroutine->stack.slab->stack_bytes;
    uint64_t from = copy->registers[OVL__STACK] & ~(uint64_t)7;
    copy->data = data;
    copy->base = from;
    if (from < bottom || from >= end)
        return; /* it runs elsewhere: in a handler of a signal */
    copy->size = end - from < size ? end - from : size & ~(size_t)7;
    copy_words(data, from, copy->size);
}

__attribute__((no_sanitize("address", "thread"))) void
ovl__task_copy(struct ovl__task_copy *copy, const struct ovl__coroutine *coroutine,
               const ucontext_t *registers, char *data, size_t size)
{
    *copy = (struct ovl__task_copy){
        .state = registers                 ? OVL__IS_RUNNING
                 : coroutine->is_ready     ? OVL__IS_READY
                 : coroutine->waiting.kind ? OVL__WAITS
                                           : OVL__IS_READY,
        .number = coroutine->number,
        .task = coroutine->task_number - 1,
        .waiting = coroutine->waiting,
        .fn = coroutine->call ? (const void *)(uintptr_t)coroutine->call
                              : (const void *)(uintptr_t)coroutine->fn,
    };
    for (size_t i = 0; i < sizeof copy->name - 1; i++)
        copy->name[i] = coroutine->name[i];
    if (registers) {
        live_registers(&copy->stack, registers);
    } else if (never_ran(coroutine->fiber.stack_pointer)) {
        copy->state = OVL__IS_NEW;
        copy->stack.pc = (uintptr_t)copy->fn;
        return;
    } else {
        saved_registers(&copy->stack, coroutine->fiber.stack_pointer);
    }
    copy_stack(&copy->stack, coroutine, data, size);
}

/* --- one loop --- */

/* How much of one stack, and of all, a dump keeps: the outermost frames may be missing beyond that.
 */
#define ONE_STACK  ((size_t)64 * 1024)
#define ALL_STACKS ((size_t)256 * 1024 * 1024)

struct dump {
    struct ovl__task_copy *tasks;
    size_t count, max;
    char *data;
    size_t used;
};

/* Room in advance: while the loop stands still, none can be asked for. */
static bool prepare(struct dump *dump, size_t coroutines)
{
    *dump = (struct dump){.max = coroutines + coroutines / 8 + 64};
    dump->tasks = calloc(dump->max, sizeof *dump->tasks);
    dump->data = ovl__sys.mmap(NULL, ALL_STACKS, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (dump->tasks && dump->data != MAP_FAILED)
        return true;
    free(dump->tasks);
    if (dump->data != MAP_FAILED)
        munmap(dump->data, ALL_STACKS);
    return false;
}

static void release(struct dump *dump)
{
    free(dump->tasks);
    munmap(dump->data, ALL_STACKS);
}

static void copy_one(struct dump *dump, const struct ovl__watch *watch,
                     const struct ovl__coroutine *coroutine)
{
    size_t room = ALL_STACKS - dump->used;
    struct ovl__task_copy *copy = &dump->tasks[dump->count++];
    ovl__task_copy(copy, coroutine, coroutine == watch->running ? watch->registers : NULL,
                   dump->data + dump->used, room < ONE_STACK ? room : ONE_STACK);
    dump->used += copy->stack.size;
}

__attribute__((no_sanitize("thread"))) static void copy_all(struct dump *dump,
                                                            const struct ovl__watch *watch)
{
    const struct ovl__link *slabs = &watch->loop->stacks.slabs;
    for (const struct ovl__link *link = slabs->next; link != slabs; link = link->next) {
        const struct ovl__slab *slab = ovl__of(link, struct ovl__slab, link);
        for (unsigned i = 0; i < slab->fresh && dump->count < dump->max; i++) {
            const struct ovl__coroutine *coroutine = ovl__coroutine_on(slab, i);
            if (slab->in_use[i] && !coroutine->has_ended)
                copy_one(dump, watch, coroutine);
        }
    }
}

/* --- writing --- */

struct text {
    int fd;
    int error;
    size_t size;
    char data[8192];
};

static void flush(struct text *text)
{
    size_t done = 0;
    while (done < text->size && !text->error) {
        ssize_t count = ovl__sys.write(text->fd, text->data + done, text->size - done);
        if (count >= 0)
            done += (size_t)count;
        else if (errno != EINTR)
            text->error = -errno;
    }
    text->size = 0;
}

__attribute__((format(printf, 2, 3))) static void print(struct text *text, const char *format, ...)
{
    enum { LINE_MAX_BYTES = 1024 };
    if (text->size + LINE_MAX_BYTES > sizeof text->data)
        flush(text);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->data + text->size, LINE_MAX_BYTES, format, arguments);
    va_end(arguments);
    text->size += length < LINE_MAX_BYTES ? (size_t)length : LINE_MAX_BYTES - 1;
}

static const char *last_part(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path;
}

int ovl__frame_text(const struct ovl_frame *frame, unsigned number, char *text, size_t size)
{
    const char *function = frame->function ? frame->function : "?";
    if (frame->file)
        return snprintf(text, size, "    #%-2u %s at %s:%d\n", number, function, frame->file,
                        frame->line);
    if (frame->module)
        return snprintf(text, size, "    #%-2u %s in %s\n", number, function,
                        last_part(frame->module));
    return snprintf(text, size, "    #%-2u %s (%p)\n", number, function, frame->address);
}

static void print_state(struct text *text, const struct ovl__task_copy *task, ovl_time now)
{
    double seconds = (double)(now - task->waiting.since) / 1e9;
    switch (task->state) {
    case OVL__IS_RUNNING:
        print(text, "runs\n");
        break;
    case OVL__IS_READY:
        print(text, "is ready\n");
        break;
    case OVL__IS_NEW:
        print(text, "has not begun\n");
        break;
    case OVL__WAITS:
        if (task->waiting.fd >= 0)
            print(text, "waits for %s %d, for %.3f s\n", task->waiting.kind, task->waiting.fd,
                  seconds);
        else
            print(text, "waits for %s, for %.3f s\n", task->waiting.kind, seconds);
        break;
    }
}

static void print_task(struct text *text, struct ovl__symbols *symbols,
                       const struct ovl__task_copy *task, ovl_time now)
{
    enum { FRAMES = 64 };
    struct ovl_frame frames[FRAMES];
    char line[900];
    print(text, "  coroutine %llu", (unsigned long long)task->number);
    if (task->task != OVL_NO_TASK)
        print(text, ", task %zu", task->task);
    if (*task->name)
        print(text, ", \"%s\"", task->name);
    print(text, ": ");
    print_state(text, task, now);
    size_t count = symbols ? ovl__backtrace(symbols, &task->stack, frames, FRAMES) : 0;
    for (size_t i = 0; i < count; i++) {
        ovl__frame_text(&frames[i], (unsigned)i, line, sizeof line);
        print(text, "%s", line);
    }
}

/* Who asks for a dump. */
struct asker {
    struct ovl__context *context;
    ucontext_t registers;
};

static bool copy_loop(struct dump *dump, struct ovl__watch *watch, const struct asker *asker)
{
    bool is_own = watch->thread == gettid();
    if (is_own) {
        watch->registers = &asker->registers;
        watch->running = asker->context ? asker->context->coroutine : NULL;
    } else if (!ovl__watch_stop(watch, 0)) {
        return false;
    }
    copy_all(dump, watch);
    if (!is_own)
        ovl__watch_release(watch);
    return true;
}

static int dump_loop(struct text *text, struct ovl__watch *watch, struct ovl__symbols *symbols,
                     const struct asker *asker)
{
    struct dump dump;
    if (!prepare(&dump, ovl__loop_coroutines(watch->loop)))
        return -ENOMEM;
    bool copied = copy_loop(&dump, watch, asker);
    ovl_time now = ovl_now();
    print(text, "overlap: loop %u, thread %d: %zu coroutines%s\n", watch->number, watch->thread,
          dump.count, copied ? "" : ": it cannot be stopped to be looked at");
    for (size_t i = 0; i < dump.count; i++)
        print_task(text, symbols, &dump.tasks[i], now);
    release(&dump);
    return 0;
}

static int dump_all(struct text *text, const struct asker *asker)
{
    struct ovl__link *watches = ovl__watches_lock();
    struct ovl__symbols *symbols = ovl__symbols_open();
    int error = 0;
    if (ovl__list_empty(watches))
        print(text, "overlap: no loop runs\n");
    for (struct ovl__link *link = watches->next; link != watches && !error; link = link->next)
        error = dump_loop(text, ovl__of(link, struct ovl__watch, link), symbols, asker);
    ovl__symbols_close(symbols);
    ovl__watches_unlock();
    flush(text);
    return error ? error : text->error;
}

/* Files are read for the symbols: that is not to let other coroutines run, with the registry
 * locked. */
int ovl_dump(int fd)
{
    struct asker asker = {.context = ovl__current};
    struct text *text = ovl__sys.malloc(sizeof *text);
    if (!text)
        return -ENOMEM;
    *text = (struct text){.fd = fd};
    getcontext(&asker.registers);
    ovl__current = NULL;
    int error = dump_all(text, &asker);
    ovl__current = asker.context;
    free(text);
    return error;
}

/* --- by a signal --- */

static sem_t asked;

static void on_signal(int signal)
{
    (void)signal;
    int error = errno;
    sem_post(&asked);
    errno = error;
}

static void *dump_when_asked(void *unused)
{
    pthread_setname_np(pthread_self(), "ovl-dump");
    for (;;)
        if (!sem_wait(&asked))
            ovl_dump(STDERR_FILENO);
    return unused;
}

static int start_dumper(void)
{
    static bool started;
    if (started)
        return 0;
    sem_init(&asked, 0, 0);
    int error = ovl__thread_start(dump_when_asked, NULL, NULL);
    started = !error;
    return error;
}

int ovl_dump_on_signal(int signal)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    if (sigaction(signal, NULL, NULL) || signal == SIGKILL || signal == SIGSTOP)
        return -EINVAL;
    pthread_mutex_lock(&lock);
    int error = start_dumper();
    pthread_mutex_unlock(&lock);
    if (!error && sigaction(signal, &action, NULL))
        error = -errno;
    return error;
}

/* --- stalls --- */

void ovl_stall_print(void *context, const struct ovl_stall *stall)
{
    FILE *file = context ? context : stderr;
    flockfile(file);
    fprintf(file, "overlap: ");
    if (stall->task != OVL_NO_TASK)
        fprintf(file, "task %zu, ", stall->task);
    fprintf(file, "coroutine %llu", (unsigned long long)stall->coroutine);
    if (*stall->name)
        fprintf(file, " \"%s\"", stall->name);
    fprintf(file, " has held up its loop for %.3f s, in\n", (double)stall->length_ns / 1e9);
    for (size_t i = 0; i < stall->frame_count; i++) {
        char line[900];
        ovl__frame_text(&stall->frames[i], (unsigned)i, line, sizeof line);
        fputs(line, file);
    }
    if (!ovl__hooks_are_bound())
        fputs("  no call of libc gives way here: liboverlap was loaded behind libc; preload it\n",
              file);
    fflush(file);
    funlockfile(file);
}
