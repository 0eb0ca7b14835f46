/* Overflows: a fault in the guard below a coroutine's stack is told with its name, before it ends
 * the process as any fault does. */
#include "base/system.h"
#include "coroutine/coroutine.h"
#include "watch/watch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

/* A frame that is larger than the guard may begin so far below it. */
#define FRAME_BYTES ((uintptr_t)8 << 20)

static struct sigaction former_action;

/* --- text, without anything that a signal may have interrupted --- */

struct line {
    char text[400];
    size_t size;
};

static void add(struct line *line, const char *text)
{
    while (*text && line->size < sizeof line->text)
        line->text[line->size++] = *text++;
}

static void add_number(struct line *line, uint64_t number)
{
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    add(line, digits + at);
}

static void tell(const struct ovl__coroutine *coroutine)
{
    struct line line = {.size = 0};
    add(&line, "overlap: coroutine ");
    add_number(&line, coroutine->number);
    if (coroutine->task_number) {
        add(&line, ", task ");
        add_number(&line, coroutine->task_number - 1);
    }
    if (*coroutine->name) {
        add(&line, ", \"");
        add(&line, coroutine->name);
        add(&line, "\"");
    }
    add(&line, ", has overflowed its stack of ");
    add_number(&line, coroutine->stack.slab->stack_bytes / 1024);
    add(&line, " KiB: open its loop with a larger stack_bytes\n");
    (void)!ovl__sys.write(STDERR_FILENO, line.text, line.size);
}

/* --- the fault --- */

static uintptr_t stack_pointer(const ucontext_t *registers)
{
#ifdef __x86_64__
    return (uintptr_t)registers->uc_mcontext.gregs[REG_RSP];
#else
    return registers->uc_mcontext.sp;
#endif
}

/* A fault in the guard; or of a frame that reaches across it, whatever it was that it touched. */
static bool is_overflow(const struct ovl__coroutine *coroutine, const void *address,
                        const ucontext_t *registers)
{
    uintptr_t guard = (uintptr_t)coroutine->stack.bottom;
    return (uintptr_t)address - guard < (uintptr_t)sysconf(_SC_PAGESIZE) ||
           guard - stack_pointer(registers) < FRAME_BYTES;
}

/* Ends the process by the signal: a fault comes again by itself, and what was sent does not. */
static void end(int signal, const siginfo_t *info)
{
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    if (info->si_code <= 0)
        raise(signal);
}

/* To whoever had the signal before. With nobody it ends the process; only what was sent can be
 * ignored. */
static void pass_on(int signal, siginfo_t *info, void *registers)
{
    if (former_action.sa_flags & SA_SIGINFO)
        former_action.sa_sigaction(signal, info, registers);
    else if (former_action.sa_handler != SIG_DFL && former_action.sa_handler != SIG_IGN)
        former_action.sa_handler(signal);
    else if (former_action.sa_handler == SIG_DFL || info->si_code > 0)
        end(signal, info);
}

static void on_fault(int signal, siginfo_t *info, void *registers)
{
    int error = errno;
    struct ovl__context *context = ovl__current;
    if (context && context->coroutine && is_overflow(context->coroutine, info->si_addr, registers))
        tell(context->coroutine);
    errno = error;
    pass_on(signal, info, registers);
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &action, &former_action);
}

void ovl__overflow_watch(void)
{
    static pthread_once_t installed = PTHREAD_ONCE_INIT;
    pthread_once(&installed, install);
}
