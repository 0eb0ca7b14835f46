#include <overlap.h>
#include <stdio.h>

static unsigned user; /* the key */

static const char *who(void)
{
    const char *name = ovl_local_get(user);
    return name ? name : "nobody";
}

/* What it set is still there after a wait in which others set theirs. */
static int handle(void *name)
{
    int error = ovl_local_set(user, name);
    if (error)
        return error;
    ovl_yield();
    printf("for %s\n", who());
    return 0;
}

static int handle_two(void *unused)
{
    struct ovl_group *group;
    (void)unused;
    int error = ovl_group_open(OVL_FOREVER, &group);
    if (error)
        return error;
    ovl_group_go(group, handle, "ann");
    ovl_group_go(group, handle, "bob");
    error = ovl_group_close(group);
    printf("for %s\n", who());
    return error;
}

int main(void)
{
    if (ovl_local_new(NULL, &user))
        return 1;
    return ovl_run(handle_two, NULL, NULL) ? 1 : 0;
}
