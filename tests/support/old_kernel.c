/*
 * old_kernel COMMAND [ARGUMENT]...: runs a command as Linux 5.0 would: the system calls that came
 * later are not there (ENOSYS), nor is MADV_GUARD_INSTALL; and threads may not be placed (EPERM),
 * as in some containers. Exits with 77 where that cannot be had.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_NEW     424 /* pidfd_send_signal; from there on all architectures count alike */
#define GUARD_INSTALL 102
#define SKIPPED       77

#define LOAD(field)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

static bool refuse_what_is_new(void)
{
    struct sock_filter steps[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_NEW, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_setaffinity, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 5),
        LOAD(args[2]), /* the lower half, where the lowest byte comes first */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GUARD_INSTALL, 2, 3),
        REFUSE(ENOSYS),
        REFUSE(EPERM),
        REFUSE(EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof steps / sizeof *steps, .filter = steps};
    return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
           !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char *argv[])
{
    if (argc < 2 || !refuse_what_is_new()) {
        printf("no filter of system calls: %s\n", argc < 2 ? "no command" : strerror(errno));
        return SKIPPED;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 1;
}
