/* Rooms: they begin with their first member and end with their last. See server.h for the rule. */
#include "socketio/server.h"

#include "base/cleanup.h"
#include "socketio/adapter.h"

static struct sio_room *room_find(const struct sio_namespace *nsp, struct str name)
{
    struct sio_map_node *node = sio_map_get(&nsp->rooms, name);
    return node ? SIO_OF(node, struct sio_room, by_name) : NULL;
}

static struct sio_room *room_new(struct sio_namespace *nsp, struct str name)
{
    struct sio_room *room = sio_pool_take(&nsp->server->rooms);
    room->nsp = nsp;
    room->name.max = SIO_ROOM_MAX;
    buf_add_str(&room->name, name);
    sio_list_init(&room->members);
    sio_map_put(&nsp->rooms, &room->by_name, buf_str(&room->name));
    return room;
}

static struct sio_member *member_find(const struct sio_socket *socket, struct str room)
{
    for (struct sio_list *n = socket->rooms.next; n != &socket->rooms; n = n->next) {
        struct sio_member *member = SIO_OF(n, struct sio_member, in_socket);
        if (str_eq(buf_str(&member->room->name), room))
            return member;
    }
    return NULL;
}

static bool is_own_room(const struct sio_socket *socket, struct str room)
{
    return str_eq(room, (struct str){socket->sid, 20});
}

void sio_join(struct sio_socket *socket, struct str name)
{
    struct sio_namespace *nsp = socket->nsp;
    if (socket->state == SIO_STATE_GONE || name.n == 0 || name.n > SIO_ROOM_MAX ||
        is_own_room(socket, name) || member_find(socket, name))
        return;
    struct sio_room *room = room_find(nsp, name);
    if (!room)
        room = room_new(nsp, name);
    struct sio_member *member = sio_pool_take(&nsp->server->members);
    member->room = room;
    member->socket = socket;
    sio_list_add(&room->members, &member->in_room);
    sio_list_add(&socket->rooms, &member->in_socket);
    room->count++;
    room->connected += socket->state == SIO_STATE_CONNECTED;
    if (socket->state == SIO_STATE_CONNECTED && socket->pid[0])
        sio_session_changed(socket);
}

void sio_rooms_connected(struct sio_socket *socket)
{
    for (struct sio_list *n = socket->rooms.next; n != &socket->rooms; n = n->next)
        SIO_OF(n, struct sio_member, in_socket)->room->connected++;
}

static void member_end(struct sio_member *member)
{
    struct sio_room *room = member->room;
    struct sio_server *server = room->nsp->server;
    room->connected -= member->socket->state == SIO_STATE_CONNECTED;
    sio_list_del(&member->in_room);
    sio_list_del(&member->in_socket);
    sio_pool_give(&server->members, member);
    if (--room->count > 0)
        return;
    sio_map_del(&room->nsp->rooms, &room->by_name);
    buf_free(&room->name);
    sio_pool_give(&server->rooms, room);
}

void sio_leave(struct sio_socket *socket, struct str name)
{
    struct sio_member *member = member_find(socket, name);
    if (!member)
        return;
    member_end(member);
    if (socket->state == SIO_STATE_CONNECTED && socket->pid[0])
        sio_session_changed(socket);
}

void sio_leave_all(struct sio_socket *socket)
{
    while (!sio_list_empty(&socket->rooms))
        member_end(SIO_OF(socket->rooms.next, struct sio_member, in_socket));
}

bool sio_is_in(const struct sio_socket *socket, struct str name)
{
    return is_own_room(socket, name) || member_find(socket, name) != NULL;
}

size_t sio_room_count(const struct sio_namespace *nsp, struct str name)
{
    const struct sio_room *room = room_find(nsp, name);
    return room ? room->connected : sio_map_get(&nsp->by_sid, name) != NULL;
}

bool sio_room_exists(const struct sio_namespace *nsp, struct str name)
{
    return room_find(nsp, name) || sio_map_get(&nsp->by_sid, name);
}

size_t sio_socket_count(const struct sio_namespace *nsp)
{
    return nsp->count;
}

static void ref_add(struct buf *refs, struct sio_socket *socket)
{
    if (socket->state != SIO_STATE_CONNECTED)
        return; /* it waits for the decision, and is not among the `count` there is space for */
    struct sio_ref ref = sio_ref(socket);
    buf_add(refs, &ref, sizeof(ref));
}

void sio_each(struct sio_namespace *nsp, struct str name,
              void (*visit)(struct sio_socket *socket, void *arg), void *arg)
{
    CLEANUP(buf_free) struct buf refs = BUF_MAX(nsp->count * sizeof(struct sio_ref));
    struct sio_room *room = name.p ? room_find(nsp, name) : NULL;
    struct sio_map_node *own = name.p ? sio_map_get(&nsp->by_sid, name) : NULL;
    if (own)
        ref_add(&refs, SIO_OF(own, struct sio_socket, by_sid));
    if (room)
        for (struct sio_list *n = room->members.next; n != &room->members; n = n->next)
            ref_add(&refs, SIO_OF(n, struct sio_member, in_room)->socket);
    if (!name.p)
        for (struct sio_list *n = nsp->sockets.next; n != &nsp->sockets; n = n->next)
            ref_add(&refs, SIO_OF(n, struct sio_socket, in_nsp));
    for (size_t i = 0; i < refs.len / sizeof(struct sio_ref); i++) {
        struct sio_ref ref;
        memcpy(&ref, refs.data + i * sizeof(ref), sizeof(ref));
        struct sio_socket *socket = sio_get(ref);
        if (socket && socket->state == SIO_STATE_CONNECTED)
            visit(socket, arg);
    }
}
