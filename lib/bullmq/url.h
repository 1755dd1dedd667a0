/* redis:// URLs as ioredis and redis-cli read them (inside lib/bullmq only). */
#ifndef BULLMQ_URL_H
#define BULLMQ_URL_H

#include "base/problem.h"

struct redis_url {
    char host[256];
    int port;
    char user[128];     /* "": the default user */
    char password[512]; /* "": none; wiped with the connection */
    unsigned db;
};

/* redis://[[user]:password@]host[:port][/db] with %XX in user and password, [v6] hosts. */
struct problem *redis_url_parse(const char *url, struct redis_url *ret);

#endif
