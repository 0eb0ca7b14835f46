#include <overlap.h>
#include <stdio.h>

static int sort_words(void *unused)
{
    const char *command[] = {"sort", NULL};
    struct ovl_process *sort;
    struct ovl_exit end;
    char data[64];
    ovl_time deadline = ovl_after(10 * OVL_SECOND);
    (void)unused;
    int error = ovl_process_start(command, OVL_PIPE_INPUT | OVL_PIPE_OUTPUT, &sort);
    if (error)
        return error;
    error = ovl_io_write(ovl_process_input(sort), "pear\napple\n", 11, deadline);
    ovl_process_end_input(sort);
    ssize_t size = 0;
    while (!error &&
           (size = ovl_io_read(ovl_process_output(sort), data, sizeof data, deadline)) > 0)
        fwrite(data, 1, (size_t)size, stdout);
    if (!error)
        error = size < 0 ? (int)size : ovl_process_wait(sort, deadline, &end);
    if (!error)
        printf("it exited with %d\n", end.code);
    ovl_process_close(sort);
    return error;
}

int main(void)
{
    return ovl_run(sort_words, NULL, NULL) ? 1 : 0;
}
