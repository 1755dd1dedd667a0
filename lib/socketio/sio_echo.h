/* Shared by the files of sio_echo: what each contract of the program adds to a server. */
#ifndef SOCKETIO_SIO_ECHO_H
#define SOCKETIO_SIO_ECHO_H

#include "socketio/socketio.h"

/* The server under test of the official Socket.IO protocol suite: "/" and "/custom". */
struct problem *echo_contract(struct sio_server *server);
/* --kit: rooms, broadcasts, questions, a load generator. */
struct problem *kit_contract(uv_loop_t *loop, struct sio_server *server);
/* --client-suite: what the tests of socket.io-client expect of their support server. */
struct problem *client_suite_contract(struct sio_server *server);

#endif
