#include <overlap.h>
#include <stdio.h>
#include <unistd.h>

static int hello(void *argument)
{
    usleep(20000); /* a plain call of libc: it gives way */
    puts(argument);
    return 0;
}

static int both(void *argument)
{
    (void)argument;
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    if (error)
        return error;
    ovl_group_go(group, hello, "one");
    ovl_group_go(group, hello, "two");
    return ovl_group_close(group);
}

int main(void)
{
    return ovl_run(both, NULL, NULL) ? 1 : 0;
}
