/* Building what a process shares, once, in one order; taking it apart in the other. */
#include "app/app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "pan/pan.h"
#include "phi/phi.h"
#include "store/store.h"

static struct problem *log_level_read(const char *name, enum log_level *ret)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum log_level)i;
            return NULL;
        }
    }
    return problem_new(NULL, PROBLEM_VALIDATION,
                       "NEXACORE_LOG_LEVEL must be debug, info, warn or error");
}

struct problem *app_open(const char *part, unsigned command, struct app **ret)
{
    struct conf *conf = NULL;
    TRY(conf_load(app_settings, app_settings_count, command, &conf));
    struct app *app = mem_new(struct app);
    app->conf = conf;
    enum log_level level = LOG_INFO;
    struct problem *p = log_level_read(conf_text(conf, "NEXACORE_LOG_LEVEL"), &level);
    log_setup(level, part);
    log_filter_set(pan_mask_in_place);
    app->database_url = conf_text(conf, "NEXACORE_DATABASE_URL");
    app->redis_url = conf_text(conf, "NEXACORE_REDIS_URL");
    app->public_url = conf_text(conf, "NEXACORE_PUBLIC_URL");
    app->state_dir = conf_text(conf, "NEXACORE_STATE_DIR");
    if (!p && app->state_dir && (command & (FOR_SERVE | FOR_WORK)) &&
        mkdir(app->state_dir, 0700) != 0 && errno != EEXIST)
        p = problem_new(NULL, PROBLEM_VALIDATION, "NEXACORE_STATE_DIR %s cannot be made: %s",
                        app->state_dir, strerror(errno));
    if (!p && (command & (FOR_SERVE | FOR_WORK | FOR_TOOLS))) {
        p = keyring_open(conf_text(conf, "NEXACORE_MASTER_KEY_FILE"), &app->keys);
        if (!p)
            p = store_open(NULL, conf_text(conf, "NEXACORE_STORE_URL"), &app->store);
    }
    if (p) {
        app_close(&app);
        return p;
    }
    *ret = app;
    return NULL;
}

void app_close(struct app **app)
{
    if (!*app)
        return;
    store_free(&(*app)->store);
    keyring_free(&(*app)->keys);
    struct conf *conf = (struct conf *)(uintptr_t)(*app)->conf;
    conf_free(&conf);
    free(*app);
    *app = NULL;
}
