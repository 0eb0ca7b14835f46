/* A server on loopback that is slow as its clients ask it to be. */
#ifndef SLOW_SERVER_H
#define SLOW_SERVER_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

/* What a client sends: it is answered by one byte, and the connection closed. */
struct request {
    uint32_t delay_us;
    uint32_t slots; /* so many at once are served, up to 64, the others wait; 0: all */
};

/* Starts it: a child that ends with this process. Exits with 3 where it cannot listen. */
pid_t slow_server_start(struct sockaddr_in *ret_address);

#endif
