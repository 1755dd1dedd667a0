/* Memory of a Socket.IO server: pools of equal objects, a hash map, lists.
 *
 * The rule not to break: an object given back to its pool is dead, but its memory is never
 * unmapped and its first 8 bytes stay readable: that is what makes struct sio_ref safe. Under
 * AddressSanitizer the rest of a dead object is poisoned. */
#ifndef SOCKETIO_POOL_H
#define SOCKETIO_POOL_H

#include "base/arena.h"
#include "base/buf.h"

/* ---- pools: the first member of a pooled object is its `uint64_t serial`, never 0 while alive,
 * unique in its pool. */
struct sio_pool {
    struct arena *arena; /* owns the slabs */
    size_t size;         /* bytes of one object */
    void *free;
    uint64_t serial;
    size_t live;
};

struct sio_pool sio_pool_of(struct arena *arena, size_t size);
void *sio_pool_take(struct sio_pool *pool);              /* zeroed but for its serial */
void sio_pool_give(struct sio_pool *pool, void *object); /* NULL accepted */
void sio_pool_end(struct sio_pool *pool); /* before the arena is freed; objects die with it */

/* ---- lists: circular and doubly linked, the head is a node too. */
struct sio_list {
    struct sio_list *prev, *next;
};

#define SIO_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void sio_list_init(struct sio_list *head)
{
    head->prev = head->next = head;
}

/* True for a node that is in a list (a zeroed or removed node is in none). */
static inline bool sio_list_linked(const struct sio_list *node)
{
    return node->next != NULL;
}

static inline bool sio_list_empty(const struct sio_list *head)
{
    return head->next == head;
}

/* Puts `node` before `at`; before the head means at the end. */
static inline void sio_list_add(struct sio_list *at, struct sio_list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void sio_list_del(struct sio_list *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

/* ---- a hash map from bytes to objects that contain a node; keys are not copied. */
struct sio_map_node {
    struct sio_map_node *next;
    struct str key;
    uint32_t hash;
};

struct sio_map {
    struct buf memory; /* of the buckets */
    uint32_t mask;     /* buckets - 1; 0: none yet */
    uint32_t seed;
    size_t count;
};

uint32_t sio_hash(uint32_t seed, struct str key);
struct sio_map_node *sio_map_get(const struct sio_map *map, struct str key);
/* The key must not be in the map and must outlive the node in it. */
void sio_map_put(struct sio_map *map, struct sio_map_node *node, struct str key);
void sio_map_del(struct sio_map *map, struct sio_map_node *node);
void sio_map_free(struct sio_map *map);

#endif
