/*
 * What real libraries need of a stack fits into the default one, with room to spare: a TLS
 * handshake of OpenSSL's, at both ends, and looking up a name. (libpq's is in postgres.c.) Each
 * runs in a coroutine whose stack nobody has used before, and is told how much of it was touched.
 */
#include "../support/cases.h"
#include "../support/touched.h"
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <overlap.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENT, SERVER, ENDS };

/* What each end says to the other. */
static const char *const words[ENDS] = {"is there room", "there is room"};

static int sockets[ENDS];
static EVP_PKEY *key;
static X509 *certificate;

/* A key, and the certificate that it signs itself. */
static int make_certificate(void)
{
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    if (!key || !certificate)
        return -ENOMEM;
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    return X509_sign(certificate, key, EVP_sha256()) ? 0 : -EINVAL;
}

/* The server shows the certificate; the client wants to see that one. */
static SSL *open_end(SSL_CTX *context, int end)
{
    if (end == SERVER) {
        SSL_CTX_use_certificate(context, certificate);
        SSL_CTX_use_PrivateKey(context, key);
    } else {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    SSL *ssl = SSL_new(context);
    if (ssl)
        SSL_set_fd(ssl, sockets[end]);
    return ssl;
}

/* Shakes hands, says its words and hears the other's. */
static bool talk(SSL *ssl, int end)
{
    char heard[32] = "";
    size_t length = strlen(words[end]);
    int shaken = end == SERVER ? SSL_accept(ssl) : SSL_connect(ssl);
    return shaken == 1 && SSL_write(ssl, words[end], (int)length) == (int)length &&
           SSL_read(ssl, heard, sizeof heard - 1) == (int)strlen(words[!end]) &&
           !strcmp(heard, words[!end]);
}

static int one_end(void *argument)
{
    char top = 0;
    int end = *(const int *)argument;
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    SSL *ssl = context ? open_end(context, end) : NULL;
    bool done = ssl && talk(ssl, end);
    if (!done)
        ERR_print_errors_fp(stderr);
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(sockets[end]);
    board->number[end] = (long)stack_touched(&top);
    return done ? 0 : -EIO;
}

static int shake_hands(void *unused)
{
    (void)unused;
    static const int ends[ENDS] = {CLIENT, SERVER};
    struct ovl_group *group;
    int error = socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) ? -errno : make_certificate();
    error = error ? error : ovl_group_open(ovl_after(PATIENCE_NS), &group);
    if (error)
        return error;
    for (int end = 0; end < ENDS; end++)
        ovl_group_go(group, one_end, (void *)&ends[end]);
    error = ovl_group_close(group);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return error;
}

static void holds(const char *what, long touched)
{
    printf("%s: %ld KiB of the stack touched\n", what, touched / 1024);
    assert_true(touched > 0);
    assert_true((size_t)touched <= STACK_ROOM);
}

static void tls_handshakes_fit(void)
{
    assert_int_equal(ovl_run(shake_hands, NULL, NULL), 0);
    holds("the client's end of a TLS handshake", board->number[CLIENT]);
    holds("the server's end", board->number[SERVER]);
}

static int look_up(void *unused)
{
    (void)unused;
    char top = 0;
    struct addrinfo *found = NULL;
    int error = getaddrinfo("localhost", "443", NULL, &found);
    if (!error)
        freeaddrinfo(found);
    board->number[0] = (long)stack_touched(&top);
    return error;
}

static void look_ups_fit(void)
{
    assert_int_equal(ovl_run(look_up, NULL, NULL), 0);
    holds("getaddrinfo", board->number[0]);
}

static int use(int depth)
{
    volatile char bytes[1024] = {(char)depth};
    return depth ? use(depth - 1) + bytes[0] : bytes[0];
}

static int use_so_much(void *unused)
{
    (void)unused;
    char top = 0;
    use(100);
    board->number[0] = (long)stack_touched(&top);
    return 0;
}

/* The measure itself: 100 KiB are told as such. */
static void use_is_measured(void)
{
    assert_int_equal(ovl_run(use_so_much, NULL, NULL), 0);
    assert_in_range(board->number[0], 100 * 1024, SCALE(120, 400) * 1024);
}

int main(void)
{
    const struct test_case cases[] = {
        TEST_CASE(tls_handshakes_fit),
        TEST_CASE(look_ups_fit),
        TEST_CASE(use_is_measured),
    };
    return run_cases("stacks", cases, COUNT_OF(cases), NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
