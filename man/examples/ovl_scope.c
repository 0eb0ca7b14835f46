#include <errno.h>
#include <overlap.h>
#include <stdio.h>
#include <unistd.h>

static int wait_for_nobody(void *argument)
{
    int *pipe_ends = argument;
    char byte;
    struct ovl_scope scope;
    int error = ovl_scope_enter(&scope, ovl_after(20 * OVL_MILLISECOND), 0);
    if (error)
        return error;
    if (read(pipe_ends[0], &byte, 1) < 0 && errno == ECANCELED)
        puts("the read was called off");
    return ovl_scope_leave(&scope);
}

int main(void)
{
    int pipe_ends[2];
    if (pipe(pipe_ends))
        return 1;
    int error = ovl_run(wait_for_nobody, pipe_ends, NULL);
    printf("%s\n", ovl_error_message(error));
    return error == OVL_ETIMEDOUT ? 0 : 1;
}
