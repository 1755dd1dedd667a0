/* Turns by priority. The rule not to break: within a clinic and an urgency, a later job never gets
 * a smaller priority than an earlier one that still waits. One exception: turns are told
 * to Redis once, at the end of a round, so those of a relay killed before that are forgotten, and
 * the clinic's next jobs may come before or among the jobs of that round. */
#include "outbox/turns.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "bullmq/bullmq.h"

/* Priorities of BullMQ end at 2^21 - 1. A band is left only by half a million turns without a
 * pause; then its last turn is shared in order of arrival until nobody waits. */
enum { BANDS = 4, BAND_SIZE = 1 << 19 };

/* One queue and urgency in this round, and one clinic on it. */
struct band {
    const char *queue;
    unsigned number;
    unsigned now;  /* the turn being served; 0: nobody waits */
    bool was_idle; /* what was remembered is of a time before */
    struct band *next;
};
struct clinic_turn {
    struct band *band;
    struct uuid clinic;
    unsigned last;
    struct clinic_turn *next;
};

struct turns {
    struct arena *arena;
    struct bullmq_redis *redis;
    struct band *bands;
    struct clinic_turn *lanes;
};

struct turns *turns_begin(struct arena *arena, struct bullmq_redis *redis)
{
    struct turns *t = arena_make(arena, struct turns);
    *t = (struct turns){.arena = arena, .redis = redis};
    return t;
}

static const char *band_key(const struct turns *t, const struct band *b)
{
    return arena_fmt(t->arena, "nexacore:relay:turns:%s:%u", b->queue, b->number);
}

static unsigned band_number(enum outbox_urgency urgency)
{
    return urgency >= OUTBOX_CRITICAL && urgency <= OUTBOX_MODERATE ? urgency - 1 : BANDS - 1;
}

static struct problem *band_get(struct turns *t, const char *queue, unsigned number,
                                struct band **ret)
{
    for (struct band *b = t->bands; b; b = b->next)
        if (b->number == number && strcmp(b->queue, queue) == 0) {
            *ret = b;
            return NULL;
        }
    unsigned base = number * BAND_SIZE, first = 0;
    TRY(bullmq_first_priority(t->redis, queue, base + 1, base + BAND_SIZE - 1, &first));
    struct band *b = arena_make(t->arena, struct band);
    *b = (struct band){.queue = arena_cstr(t->arena, str_of(queue)),
                       .number = number,
                       .now = first ? first - base : 0,
                       .was_idle = first == 0,
                       .next = t->bands};
    *ret = t->bands = b;
    return NULL;
}

static struct problem *last_turn(struct turns *t, const struct band *b, struct uuid clinic,
                                 unsigned *ret)
{
    struct redisReply *reply = NULL;
    *ret = 0;
    if (b->was_idle)
        return NULL;
    struct str argv[] = {STR("HGET"), str_of(band_key(t, b)), str_of(uuid_z(clinic))};
    TRY(bullmq_redis_command(t->redis, ARRAY_LEN(argv), argv, &reply));
    uint64_t last = 0;
    if (reply->type == REDIS_REPLY_STRING &&
        str_u64((struct str){reply->str, reply->len}, BAND_SIZE, &last))
        *ret = (unsigned)last;
    freeReplyObject(reply);
    return NULL;
}

static struct problem *lane_get(struct turns *t, struct band *band, struct uuid clinic,
                                struct clinic_turn **ret)
{
    for (struct clinic_turn *l = t->lanes; l; l = l->next)
        if (l->band == band && uuid_eq(l->clinic, clinic)) {
            *ret = l;
            return NULL;
        }
    unsigned last = 0;
    TRY(last_turn(t, band, clinic, &last));
    struct clinic_turn *l = arena_make(t->arena, struct clinic_turn);
    *l = (struct clinic_turn){.band = band, .clinic = clinic, .last = last, .next = t->lanes};
    *ret = t->lanes = l;
    return NULL;
}

struct problem *turns_next(struct turns *t, const char *queue, struct uuid clinic,
                           enum outbox_urgency urgency, unsigned *ret)
{
    struct band *band;
    struct clinic_turn *lane;
    TRY(band_get(t, queue, band_number(urgency), &band));
    TRY(lane_get(t, band, clinic, &lane));
    unsigned turn = lane->last + 1 > band->now ? lane->last + 1 : band->now;
    if (turn >= BAND_SIZE)
        turn = BAND_SIZE - 1;
    lane->last = turn;
    *ret = band->number * BAND_SIZE + turn;
    return NULL;
}

static struct problem *plain(struct turns *t, size_t argc, const struct str *argv)
{
    struct redisReply *reply = NULL;
    TRY(bullmq_redis_command(t->redis, argc, argv, &reply));
    freeReplyObject(reply);
    return NULL;
}

struct problem *turns_end(struct turns *t)
{
    for (struct band *b = t->bands; b; b = b->next)
        if (b->was_idle)
            TRY(plain(t, 2, (struct str[]){STR("DEL"), str_of(band_key(t, b))}));
    for (struct clinic_turn *l = t->lanes; l; l = l->next)
        TRY(plain(t, 4,
                  (struct str[]){STR("HSET"), str_of(band_key(t, l->band)),
                                 str_of(uuid_z(l->clinic)),
                                 str_of(arena_fmt(t->arena, "%u", l->last))}));
    return NULL;
}
