/* Proves that a case fails which leaves something behind: a planted leak of each kind is found. */
#include "../support/cases.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void leaves_nothing(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

static void leaves_a_descriptor(void)
{
    assert_true(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

static void *stay(void *unused)
{
    (void)unused;
    pause();
    return NULL;
}

static void leaves_a_thread(void)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stay, NULL), 0);
}

static void leaves_a_child(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child)
        stay(NULL);
}

/* AddressSanitizer finds it when the case's process ends. */
#ifdef __SANITIZE_ADDRESS__
static void *volatile memory;

static void leaves_memory(void)
{
    memory = malloc(100);
    memory = NULL;
}
#endif

static void is_wrong(void)
{
    assert_true(false);
}

static void crashes(void)
{
    abort();
}

int main(void)
{
    const struct test_case good = TEST_CASE(leaves_nothing);
    const struct test_case bad[] = {
        TEST_CASE(leaves_a_descriptor),
        TEST_CASE(leaves_a_thread),
        TEST_CASE(leaves_a_child),
#ifdef __SANITIZE_ADDRESS__
        TEST_CASE(leaves_memory),
#endif
        TEST_CASE(is_wrong),
        TEST_CASE(crashes),
    };
    int failed = run_cases("cases", bad, COUNT_OF(bad), NULL);
    if (failed != (int)COUNT_OF(bad) || run_cases("cases", &good, 1, NULL))
        return EXIT_FAILURE;
    printf("each of these %d has failed, as it is to\n", failed);
    return EXIT_SUCCESS;
}
