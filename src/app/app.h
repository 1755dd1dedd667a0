/* What a process shares: built once at start by app_open(), read-only afterwards. */
#ifndef NEXACORE_APP_H
#define NEXACORE_APP_H

#include "base/conf.h"
#include "tenancy/ctx.h"

struct auth;
struct keyring;
struct store;
struct journal;
struct live;

struct app {
    const struct conf *conf;
    struct keyring *keys;
    struct store *store;
    struct auth *auth;       /* serve */
    struct journal *journal; /* serve */
    struct live *live;       /* serve */
    const char *database_url;
    const char *redis_url;
    const char *public_url;
    const char *state_dir;
};

/* The settings table (src/app/settings.c): every NEXACORE_* with default and help. */
extern const struct conf_def app_settings[];
extern const size_t app_settings_count;

/* Bits of conf_def.needed_by. */
enum { FOR_SERVE = 1, FOR_WORK = 2, FOR_MIGRATE = 4, FOR_TOOLS = 8 };

/* Reads the settings `command` needs and opens keys and store; `part` names the process in logs.
 * The problem is one line for people; the caller prints it and exits with 2. */
struct problem *app_open(const char *part, unsigned command, struct app **ret);
void app_close(struct app **app);

#endif
