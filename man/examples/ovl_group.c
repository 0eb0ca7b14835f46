#include <overlap.h>
#include <stdio.h>

static int wait_long(void *argument)
{
    (void)argument;
    return ovl_sleep(ovl_after(60 * OVL_SECOND));
}

static int fail_soon(void *argument)
{
    (void)argument;
    ovl_sleep(ovl_after(10 * OVL_MILLISECOND));
    return 42;
}

/* The first that fails calls off the others. */
static int both(void *argument)
{
    (void)argument;
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    if (error)
        return error;
    ovl_group_go(group, wait_long, NULL);
    ovl_group_go(group, fail_soon, NULL);
    return ovl_group_close(group);
}

int main(void)
{
    printf("%d\n", ovl_run(both, NULL, NULL));
    return 0;
}
