/* Pools, and a chained hash map with a seeded hash. See pool.h for the rule. */
#include "socketio/pool.h"

#include "base/crypt.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(at, n)   ((void)(at), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#endif

enum { SLAB_BYTES = 16384, BUCKETS_MIN = 16, BUCKETS_MAX_BYTES = 1 << 28 };

/* A dead object: the serial is 0, the next dead one follows. */
struct dead {
    uint64_t serial;
    struct dead *next;
};

struct sio_pool sio_pool_of(struct arena *arena, size_t size)
{
    size_t aligned = (size + 15) & ~(size_t)15;
    return (struct sio_pool){.arena = arena, .size = aligned};
}

static void pool_grow(struct sio_pool *pool)
{
    size_t count = SLAB_BYTES / pool->size;
    if (count == 0)
        count = 1;
    char *slab = arena_array(pool->arena, count, pool->size);
    for (size_t i = count; i-- > 0;) {
        struct dead *dead = (struct dead *)(void *)(slab + i * pool->size);
        dead->next = pool->free;
        pool->free = dead;
        ASAN_POISON_MEMORY_REGION(dead + 1, pool->size - sizeof(*dead));
    }
}

void *sio_pool_take(struct sio_pool *pool)
{
    if (!pool->free)
        pool_grow(pool);
    struct dead *dead = pool->free;
    pool->free = dead->next;
    ASAN_UNPOISON_MEMORY_REGION(dead, pool->size);
    memset(dead, 0, pool->size);
    dead->serial = ++pool->serial;
    pool->live++;
    return dead;
}

void sio_pool_give(struct sio_pool *pool, void *object)
{
    if (!object)
        return;
    memset(object, 0, pool->size);
    struct dead *dead = object;
    dead->next = pool->free;
    pool->free = dead;
    pool->live--;
    ASAN_POISON_MEMORY_REGION(dead + 1, pool->size - sizeof(*dead));
}

void sio_pool_end(struct sio_pool *pool)
{
    for (struct dead *dead = pool->free; dead; dead = dead->next)
        ASAN_UNPOISON_MEMORY_REGION(dead, pool->size);
    *pool = (struct sio_pool){0};
}

/* FNV-1a with a random start: keys from clients are only looked up, never stored, and room names
 * are the application's. */
uint32_t sio_hash(uint32_t seed, struct str key)
{
    uint32_t hash = 2166136261U ^ seed;
    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ (uint8_t)key.p[i]) * 16777619U;
    return hash ^ (hash >> 15);
}

static struct sio_map_node **bucket_of(const struct sio_map *map, uint32_t hash)
{
    return (struct sio_map_node **)(void *)map->memory.data + (hash & map->mask);
}

struct sio_map_node *sio_map_get(const struct sio_map *map, struct str key)
{
    if (map->count == 0)
        return NULL;
    uint32_t hash = sio_hash(map->seed, key);
    for (struct sio_map_node *n = *bucket_of(map, hash); n; n = n->next)
        if (n->hash == hash && str_eq(n->key, key))
            return n;
    return NULL;
}

static void map_grow(struct sio_map *map)
{
    struct sio_map old = *map;
    size_t buckets = old.mask ? ((size_t)old.mask + 1) * 2 : BUCKETS_MIN;
    size_t bytes = buckets * sizeof(struct sio_map_node *);
    struct buf memory = BUF_MAX(BUCKETS_MAX_BYTES);
    char *room = buf_room(&memory, bytes);
    if (!room)
        return; /* longer chains, still right */
    memset(room, 0, bytes);
    memory.len = bytes;
    map->memory = memory;
    map->mask = (uint32_t)(buckets - 1);
    if (old.mask == 0) {
        random_bytes(&map->seed, sizeof(map->seed));
        return;
    }
    struct sio_map_node **from = (struct sio_map_node **)(void *)old.memory.data;
    for (size_t i = 0; i <= old.mask; i++) {
        for (struct sio_map_node *n = from[i], *next; n; n = next) {
            next = n->next;
            struct sio_map_node **bucket = bucket_of(map, n->hash);
            n->next = *bucket;
            *bucket = n;
        }
    }
    buf_free(&old.memory);
}

void sio_map_put(struct sio_map *map, struct sio_map_node *node, struct str key)
{
    if (map->mask == 0 || map->count > map->mask)
        map_grow(map);
    node->key = key;
    node->hash = sio_hash(map->seed, key);
    struct sio_map_node **bucket = bucket_of(map, node->hash);
    node->next = *bucket;
    *bucket = node;
    map->count++;
}

void sio_map_del(struct sio_map *map, struct sio_map_node *node)
{
    for (struct sio_map_node **at = bucket_of(map, node->hash); *at; at = &(*at)->next) {
        if (*at != node)
            continue;
        *at = node->next;
        node->next = NULL;
        map->count--;
        return;
    }
}

void sio_map_free(struct sio_map *map)
{
    buf_free(&map->memory);
    *map = (struct sio_map){0};
}
