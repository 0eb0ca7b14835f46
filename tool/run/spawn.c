#include "run/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Between vfork and exec the child works in the parent's memory, with the parent's thread standing
 * still: it calls the kernel and nothing else. Sanitizers must not instrument it: what they note of
 * a function that is left by exec would stay noted.
 */
#define IN_CHILD                                                                                   \
    __attribute__((noinline, no_sanitize("address"), no_sanitize("thread"),                        \
                   no_sanitize("undefined")))

IN_CHILD static void put_stream(int from, int to)
{
    if (from >= 0)
        syscall(SYS_dup3, from, to, 0);
}

/* A file without `#!` is read by the shell, as execvp has it. */
IN_CHILD static void exec_script(const struct spawn *spawn, char **words)
{
    size_t count = 0;
    while (spawn->arguments[count])
        count++;
    words[0] = "sh";
    words[1] = (char *)spawn->path;
    for (size_t n = 1; n <= count; n++)
        words[n + 1] = spawn->arguments[n];
    execve("/bin/sh", words, spawn->environment);
}

IN_CHILD __attribute__((noreturn)) static void become(const struct spawn *spawn, char **words,
                                                      pid_t parent)
{
    struct guard_slot *slot = spawn->slot;
    setpgid(0, 0);
    slot->group = (pid_t)syscall(SYS_getpid);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it was ended before that */
        _exit(127);
    put_stream(spawn->input, STDIN_FILENO);
    put_stream(spawn->output, STDOUT_FILENO);
    put_stream(spawn->error, STDERR_FILENO);
    if (spawn->niceness) /* refused where this process's is higher: then it stays */
        setpriority(PRIO_PROCESS, 0, spawn->niceness);
    if (spawn->folder >= 0 && fchdir(spawn->folder) < 0) {
        slot->exec_error = errno;
        _exit(127);
    }
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &spawn->mask, NULL, _NSIG / 8);
    execve(spawn->path, spawn->arguments, spawn->environment);
    int error = errno;
    if (error == ENOEXEC)
        exec_script(spawn, words);
    slot->exec_error = error;
    _exit(127);
}

/* The system call's first version of its argument, which older C libraries do not declare. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
};

/* The shortest that Linux allows. */
#define SLICE_NS 100000

/*
 * The thread that begins jobs works for moments, and every job waits for it. With a short slice
 * (Linux 6.12) it goes ahead of a job that computes, and not behind it, when it is woken on that
 * job's processor. The jobs have slices of the usual length: where the kernel would reset their
 * niceness as well, nothing is changed.
 */
static void come_first(void)
{
    static _Thread_local bool done;
    struct scheduling now = {.size = sizeof now};
    if (done)
        return;
    done = true;
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) || now.policy != SCHED_OTHER ||
        now.nice < 0)
        return;
    now.flags |= SCHED_FLAG_RESET_ON_FORK;
    now.runtime_ns = SLICE_NS;
    syscall(SYS_sched_setattr, 0, &now, 0);
}

static size_t count_words(char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

pid_t spawn(const struct spawn *spawn)
{
    /* Room for the words of a script: the child has no memory of its own to allocate. */
    char **words = malloc((count_words(spawn->arguments) + 3) * sizeof *words);
    if (!words)
        return -ENOMEM;
    come_first();
    pid_t parent = getpid();
    pid_t child = vfork(); /* NOLINT: fork copies page tables, and posix_spawn has no prctl */
    if (child == 0)
        become(spawn, words, parent); /* NOLINT: IN_CHILD says what it keeps to */
    int error = errno;
    free(words);
    return child < 0 ? -error : child;
}

static bool is_program(int folder, const char *path, int *error)
{
    struct stat status;
    if (fstatat(folder, path, &status, 0) < 0) {
        if (errno == EACCES)
            *error = -EACCES;
        return false;
    }
    if (S_ISREG(status.st_mode) && faccessat(folder, path, X_OK, AT_EACCESS) == 0)
        return true;
    *error = -EACCES;
    return false;
}

bool spawn_is_there(int folder, const char *path)
{
    return faccessat(folder < 0 ? AT_FDCWD : folder, path, F_OK, 0) == 0;
}

static int find_in(int folder, const char *folders, const char *name, char **ret_path)
{
    int error = -ENOENT;
    while (true) {
        size_t size = strcspn(folders, ":");
        char *path;
        if (asprintf(&path, "%.*s%s%s", (int)size, folders, size ? "/" : "./", name) < 0)
            return -ENOMEM;
        if (is_program(folder, path, &error)) {
            *ret_path = path;
            return 0;
        }
        free(path);
        if (!folders[size])
            return error;
        folders += size + 1;
    }
}

int spawn_find(int folder, const char *name, char **ret_path)
{
    int error = -ENOENT;
    folder = folder < 0 ? AT_FDCWD : folder;
    if (!*name)
        return -ENOENT;
    if (!strchr(name, '/')) {
        const char *folders = getenv("PATH");
        return find_in(folder, folders ? folders : "/usr/local/bin:/usr/bin:/bin", name, ret_path);
    }
    if (!is_program(folder, name, &error))
        return error;
    *ret_path = strdup(name);
    return *ret_path ? 0 : -ENOMEM;
}
