#include "advise/stopped.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

/* A thread that computes stops within microseconds; one that the kernel does not let go just now is
 * not waited for. */
#define TRIES        40
#define TRIES_AWAKE  8
#define TRY_PAUSE_NS 50000

#ifndef __WALL
#define __WALL 0x40000000
#endif

/* The kernel's own mark of a call that is to be made again; it never reaches a program. */
#define RESTARTS (-513L)

static void take_registers(const struct user_regs_struct *from, struct stopped *to)
{
#if defined(__x86_64__)
    const unsigned long long numbered[STOPPED_REGISTERS] = {
        from->rax, from->rdx, from->rcx, from->rbx, from->rsi, from->rdi,
        from->rbp, from->rsp, from->r8,  from->r9,  from->r10, from->r11,
        from->r12, from->r13, from->r14, from->r15, from->rip};
    for (int n = 0; n < STOPPED_REGISTERS; n++)
        to->registers[n] = numbered[n];
    to->pc = from->rip;
#else
    for (int n = 0; n < 31; n++)
        to->registers[n] = from->regs[n];
    to->registers[STOPPED_STACK] = from->sp;
    to->pc = from->pc;
#endif
}

/*
 * These calls fail with EINTR where a thread is only stopped, and not restarted by the kernel. A
 * thread that computed when it was looked at may have come into one just before it stopped.
 */
static bool would_fail(const struct user_regs_struct *registers)
{
#if defined(__x86_64__)
    static const long calls[] = {SYS_epoll_wait, SYS_epoll_pwait,  SYS_rt_sigtimedwait, SYS_semop,
                                 SYS_semtimedop, SYS_io_getevents, SYS_recvfrom,        SYS_recvmsg,
                                 SYS_read,       SYS_accept,       SYS_accept4,         SYS_sendto,
                                 SYS_sendmsg,    SYS_epoll_pwait2};
    if ((long)registers->rax != -EINTR)
        return false;
    for (size_t n = 0; n < sizeof calls / sizeof *calls; n++)
        if ((long)registers->orig_rax == calls[n])
            return true;
#else
    (void)registers; /* there the kernel has decided before it stops */
#endif
    return false;
}

static void restart(int thread, struct user_regs_struct *registers)
{
#if defined(__x86_64__)
    struct iovec part = {.iov_base = registers, .iov_len = sizeof *registers};
    registers->rax = (unsigned long long)RESTARTS;
    ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &part);
#else
    (void)thread;
    (void)registers;
#endif
}

/* As much as there is, up to the end of the stack. */
static void copy_stack(pid_t process, struct stopped *copy)
{
    copy->base = copy->registers[STOPPED_STACK];
    copy->size = 0;
    struct iovec here = {.iov_base = copy->data, .iov_len = sizeof copy->data};
    /* A page each: the read ends at the first that is not there. */
    struct iovec there[STOPPED_BYTES / 4096 + 1];
    size_t parts = 0;
    for (size_t taken = 0; taken < sizeof copy->data;) {
        size_t size = 4096 - (copy->base + taken) % 4096;
        if (size > sizeof copy->data - taken)
            size = sizeof copy->data - taken;
        there[parts++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)(copy->base + taken), .iov_len = size};
        taken += size;
    }
    ssize_t got = process_vm_readv(process, &here, 1, there, parts, 0);
    if (got > 0)
        copy->size = (size_t)got;
}

/* What it stopped for: an end that is not ours to hear of is left where it is. */
static enum stopped_result wait_for_stop(int thread, bool own_leader, siginfo_t *ret)
{
    for (int n = 0; n < TRIES; n++) {
        ret->si_pid = 0;
        if (waitid(P_PID, (id_t)thread, ret, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) != 0)
            return STOPPED_GONE;
        if (ret->si_pid && (ret->si_code == CLD_TRAPPED || ret->si_code == CLD_STOPPED))
            return STOPPED_TAKEN;
        if (ret->si_pid) {
            if (!own_leader)
                waitid(P_PID, (id_t)thread, ret, WEXITED | WNOHANG | __WALL);
            return STOPPED_GONE;
        }
        if (n < TRIES_AWAKE)
            sched_yield();
        else
            nanosleep(&(struct timespec){.tv_nsec = TRY_PAUSE_NS}, NULL);
    }
    return STOPPED_LATER;
}

static enum stopped_result copy_thread(pid_t process, int thread, bool interrupted,
                                       struct stopped *ret)
{
    struct user_regs_struct registers;
    struct iovec part = {.iov_base = &registers, .iov_len = sizeof registers};
    if (ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &part) != 0)
        return STOPPED_GONE;
    if (part.iov_len != sizeof registers)
        return STOPPED_REFUSED; /* a program of 32 bits */
    take_registers(&registers, ret);
    copy_stack(process, ret);
    if (interrupted && would_fail(&registers))
        restart(thread, &registers);
    return STOPPED_TAKEN;
}

enum stopped_result stopped_take(pid_t process, int thread, bool child, bool *pending,
                                 struct stopped *ret)
{
    if (!*pending) {
        if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0)
            return errno == ESRCH ? STOPPED_GONE : STOPPED_REFUSED;
        *pending = true;
        ptrace(PTRACE_INTERRUPT, thread, NULL, NULL);
    }
    siginfo_t info;
    enum stopped_result result = wait_for_stop(thread, child && thread == process, &info);
    if (result == STOPPED_LATER)
        return result;
    *pending = false;
    if (result == STOPPED_GONE)
        return result;
    /* A signal that was on its way to it stops it as well: it gets that now. */
    bool interrupted = info.si_status >> 8 == PTRACE_EVENT_STOP;
    long signal_number = interrupted ? 0 : info.si_status & 0xff;
    result = copy_thread(process, thread, interrupted, ret);
    ptrace(PTRACE_DETACH, thread, NULL, (void *)(uintptr_t)signal_number);
    return result;
}
