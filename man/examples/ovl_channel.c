#include <overlap.h>
#include <stdio.h>

static int produce(void *argument)
{
    struct ovl_channel *channel = argument;
    for (int i = 1; i <= 3; i++) {
        int error = ovl_channel_send(channel, &i, OVL_FOREVER);
        if (error)
            return error;
    }
    ovl_channel_shut(channel);
    return 0;
}

static int consume(void *argument)
{
    struct ovl_channel *channel = argument;
    struct ovl_group *group;
    int number;
    int error = ovl_group_open(OVL_FOREVER, &group);
    if (error)
        return error;
    ovl_group_go(group, produce, channel);
    while (ovl_channel_receive(channel, &number, OVL_FOREVER) == 0)
        printf("%d\n", number);
    return ovl_group_close(group);
}

int main(void)
{
    struct ovl_channel *channel;
    if (ovl_channel_open(sizeof(int), 1, &channel))
        return 1;
    int error = ovl_run(consume, channel, NULL);
    ovl_channel_free(channel);
    return error ? 1 : 0;
}
