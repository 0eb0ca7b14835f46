/*
 * crowd PORT COUNT: opens so many connections to a server on loopback, all at once, then asks for a
 * page on each of them, reads every answer, and closes each once it has that. Ends with 0 where
 * every one of them was whole.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE_BYTES 1000

static const char request[] = "GET /crowd?size=1000 HTTP/1.1\r\nHost: crowd\r\n\r\n";

static int open_connection(unsigned short port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct timeval patience = {.tv_sec = 300};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        connect(fd, (struct sockaddr *)&name, sizeof name) < 0)
        return -1;
    return fd;
}

/* Reads one answer: its page is the `page` that the first answer had. */
static bool read_answer(int fd, char *page, bool first)
{
    char answer[4096];
    size_t used = 0;
    const char *body = NULL;
    while (!body || used < (size_t)(body - answer) + PAGE_BYTES) {
        ssize_t size = recv(fd, answer + used, sizeof answer - 1 - used, 0);
        if (size <= 0)
            return false;
        used += (size_t)size;
        answer[used] = '\0';
        char *end = strstr(answer, "\r\n\r\n");
        body = end ? end + 4 : NULL;
    }
    if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0 || used != (size_t)(body - answer) + PAGE_BYTES)
        return false;
    if (first)
        memcpy(page, body, PAGE_BYTES);
    return memcmp(page, body, PAGE_BYTES) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    size_t count = strtoul(argv[2], NULL, 10);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    int *fds = calloc(count, sizeof *fds);
    if (!fds)
        return 2;
    for (size_t n = 0; n < count; n++) {
        fds[n] = open_connection((unsigned short)atoi(argv[1]));
        if (fds[n] < 0) {
            fprintf(stderr, "crowd: connection %zu could not be opened\n", n);
            return 1;
        }
    }
    size_t whole = 0;
    char page[PAGE_BYTES];
    for (size_t n = 0; n < count; n++)
        if (send(fds[n], request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1)
            fprintf(stderr, "crowd: connection %zu is gone\n", n);
    for (size_t n = 0; n < count; n++) {
        whole += read_answer(fds[n], page, n == 0);
        close(fds[n]);
    }
    printf("%zu of %zu answers whole\n", whole, count);
    free(fds);
    return whole == count ? 0 : 1;
}
