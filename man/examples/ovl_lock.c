#include <overlap.h>
#include <stdio.h>

struct account {
    struct ovl_mutex *mutex;
    int balance;
};

static int deposit(void *argument)
{
    struct account *account = argument;
    int error = ovl_mutex_lock(account->mutex, OVL_FOREVER);
    if (error)
        return error;
    int seen = account->balance;
    ovl_yield(); /* others run, and must wait for the mutex */
    account->balance = seen + 10;
    ovl_mutex_unlock(account->mutex);
    return 0;
}

static int twice(void *account)
{
    struct ovl_group *group;
    int error = ovl_group_open(OVL_FOREVER, &group);
    if (error)
        return error;
    ovl_group_go(group, deposit, account);
    ovl_group_go(group, deposit, account);
    return ovl_group_close(group);
}

int main(void)
{
    struct account account = {0};
    if (ovl_mutex_open(&account.mutex))
        return 1;
    int error = ovl_run(twice, &account, NULL);
    printf("%d\n", account.balance);
    ovl_mutex_free(account.mutex);
    return error ? 1 : 0;
}
