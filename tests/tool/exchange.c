/*
 * exchange [-k] PORT: sends standard input to a server on loopback as it is, and prints what comes
 * back until the server ends the connection. It says that nothing more comes; with -k it keeps that
 * to itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    bool keep = argc == 3 && strcmp(argv[1], "-k") == 0;
    if (argc != 2 + keep)
        return 2;
    struct sockaddr_in name = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)atoi(argv[1 + keep])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name) < 0) {
        fprintf(stderr, "exchange: cannot connect: %s\n", strerror(errno));
        return 1;
    }
    char buffer[65536];
    ssize_t size;
    /* A server that refuses what comes may stop reading it: that is its good right. */
    while ((size = read(STDIN_FILENO, buffer, sizeof buffer)) > 0)
        if (send(fd, buffer, (size_t)size, MSG_NOSIGNAL) < 0)
            break;
    if (!keep)
        shutdown(fd, SHUT_WR);
    while ((size = recv(fd, buffer, sizeof buffer, 0)) > 0)
        fwrite(buffer, 1, (size_t)size, stdout);
    if (size < 0)
        fprintf(stderr, "exchange: %s\n", strerror(errno));
    return size < 0 || fflush(stdout) ? 1 : 0;
}
