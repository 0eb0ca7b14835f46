#include "base/thread.h"

#include "base/system.h"

#include <errno.h>
#include <signal.h>

int ovl__thread_start(void *(*fn)(void *argument), void *argument, pthread_t *ret_thread)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = ovl__sys.pthread_create(&thread, NULL, fn, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return -EAGAIN;
    if (ret_thread)
        *ret_thread = thread;
    pthread_detach(thread);
    return 0;
}
