/* Proves that clients and servers meet, wait no longer than they are told, and find each other. */
#include "base/system.h"
#include "in_loop.h"
#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUARD ovl_after(20 * OVL_SECOND)

static int answer(void *argument)
{
    struct ovl_io *stream = argument;
    char data[4];
    int error = ovl_io_read_all(stream, data, 4, GUARD);
    if (!error)
        error = ovl_io_write(stream, data, 4, GUARD);
    ovl_io_close(stream);
    return error;
}

static int serve(void *argument)
{
    struct ovl_io *stream;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(ovl_accept(argument, GUARD, &stream), 0);
        assert_int_equal(ovl_go(answer, stream, NULL), 0);
    }
    return 0;
}

static int ask(void *argument)
{
    struct ovl_io *stream;
    char data[4];
    int error = ovl_connect("localhost", argument, GUARD, &stream);
    if (error)
        return error;
    error = ovl_io_write(stream, "ping", 4, GUARD);
    if (!error)
        error = ovl_io_read_all(stream, data, 4, GUARD);
    ovl_io_close(stream);
    return error ? error : memcmp(data, "ping", 4);
}

static int connect_many(void *argument)
{
    (void)argument;
    struct ovl_listener *listener;
    struct ovl_group *group;
    assert_int_equal(ovl_listen("127.0.0.1", "0", &listener), 0);
    char port[8];
    snprintf(port, sizeof port, "%u", ovl_listener_port(listener));
    assert_int_equal(ovl_group_open(GUARD, &group), 0);
    assert_int_equal(ovl_group_go(group, serve, listener), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(ovl_group_go(group, ask, port), 0);
    assert_int_equal(ovl_group_close(group), 0);
    struct ovl_io *none = NULL;
    assert_int_equal(ovl_accept(listener, ovl_after(5 * MS), &none), OVL_ETIMEDOUT);
    ovl_listener_close(listener);
    assert_int_equal(ovl_connect("127.0.0.1", port, GUARD, &none), -ECONNREFUSED);
    assert_null(none);
    return 0;
}

static void clients_and_servers_meet(void)
{
    in_loop(connect_many);
}

static int accept_one(void *argument)
{
    struct ovl_io *stream;
    return ovl_accept(argument, GUARD, &stream);
}

static int stop_listening(void *argument)
{
    (void)argument;
    struct ovl_listener *listener = NULL;
    struct ovl_coroutine *accepter;
    assert_int_equal(ovl_listen("127.0.0.1", "65536", &listener), OVL_ELOOKUP); /* is no port */
    assert_null(listener);
    assert_int_equal(ovl_listen("127.0.0.1", "0", &listener), 0);
    assert_int_equal(ovl_go(accept_one, listener, &accepter), 0);
    ovl_yield();
    ovl_listener_close(listener);
    assert_int_equal(ovl_join(accepter), -EBADF);
    return 0;
}

static void closing_a_listener_wakes_who_accepts(void)
{
    in_loop(stop_listening);
}

/* 192.0.2.0/24 is for documentation: at best nobody answers, at worst the network says so at once.
 */
static int connect_to_nobody(void *argument)
{
    (void)argument;
    struct ovl_io *none = NULL;
    ovl_time begin = ovl_now();
    int error = ovl_connect("192.0.2.1", "9", ovl_after(50 * MS), &none);
    assert_true(error != 0);
    assert_null(none);
    assert_true(ovl_now() - begin < 10 * OVL_SECOND);
    return 0;
}

static void connecting_ends_with_the_deadline(void)
{
    in_loop(connect_to_nobody);
}

static int look_up(void *argument)
{
    (void)argument;
    struct addrinfo *list = NULL;
    assert_int_equal(ovl_lookup("127.0.0.1", "80", GUARD, &list), 0);
    freeaddrinfo(list);
    list = NULL;
    assert_int_equal(ovl_lookup("localhost", "80", GUARD, &list), 0);
    freeaddrinfo(list);
    list = NULL;
    assert_int_equal(ovl_lookup("localhost", "no-such-service", GUARD, &list), OVL_ELOOKUP);
    return 0;
}

static void names_are_looked_up(void)
{
    in_loop(look_up);
}

static __typeof__(&getaddrinfo) real_getaddrinfo;
static sem_t lookups_end;

/* Of a name: literal addresses need nobody's answer. */
static int stalled_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                               struct addrinfo **ret_list)
{
    if (hints->ai_flags & AI_NUMERICHOST)
        return real_getaddrinfo(host, service, hints, ret_list);
    ovl__sys.sem_wait(&lookups_end);
    return EAI_AGAIN;
}

static int look_up_in_vain(void *argument)
{
    (void)argument;
    struct addrinfo *list = NULL;
    ovl_time deadline = ovl_after(5 * MS);
    assert_int_equal(ovl_lookup("a.test", "80", 0, &list), OVL_ETIMEDOUT);
    assert_int_equal(ovl_lookup("a.test", "80", deadline, &list), OVL_ETIMEDOUT);
    assert_true(ovl_now() >= deadline);
    assert_null(list);
    return 0;
}

static void a_look_up_ends_at_its_deadline(void)
{
    assert_int_equal(sem_init(&lookups_end, 0, 0), 0);
    real_getaddrinfo = ovl__sys.getaddrinfo;
    ovl__sys.getaddrinfo = stalled_getaddrinfo;
    in_loop(look_up_in_vain);
    for (int i = 0; i < 2; i++)
        sem_post(&lookups_end);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(clients_and_servers_meet),
        TEST_CASE(closing_a_listener_wakes_who_accepts),
        TEST_CASE(connecting_ends_with_the_deadline),
        TEST_CASE(names_are_looked_up),
        TEST_CASE(a_look_up_ends_at_its_deadline),
    };
    return run_cases("net", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
