/* Shared by the files of sio_echo: what each contract of the program adds to a server. */
#ifndef SOCKETIO_SIO_ECHO_H
#define SOCKETIO_SIO_ECHO_H

#include "socketio/socketio.h"

/* The server under test of the official Socket.IO protocol suite: "/" and "/custom". */
struct problem *echo_contract(struct sio_server *server);
/* --kit: rooms, broadcasts, questions, a load generator. */
struct problem *kit_contract(uv_loop_t *loop, struct sio_server *server);
/* Where its main namespace is noted; NULL there without --kit. */
struct sio_namespace *const *kit_main(void);
/* Its part in sio_echo_many.c. */
sio_event_handler kit_volatile, kit_say, kit_join_all, kit_leave_all, kit_bye_all, kit_fetch,
    kit_ask_all, kit_call;
bool kit_called(struct sio_namespace *nsp, const struct sio_server_event *event, void *user);
void kit_describe(const struct sio_socket *socket, struct buf *json, void *user);
void kit_missed(void *user);

/* --client-suite: what the tests of socket.io-client expect of their support server. */
struct problem *client_suite_contract(struct sio_server *server);

#endif
