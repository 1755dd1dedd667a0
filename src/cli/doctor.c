/* `nexacore doctor`: looks at everything a node needs and says how to mend what is wrong.
 *
 * The rule not to break: it changes nothing but a small object it writes to the store and removes
 * again, and prints no secret. It goes on after a failure, so that one run shows all of them. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/tool.h"
#include "fetch/fetch.h"
#include "json/json_in.h"
#include "notify/notify.h"
#include "ops/guard.h"
#include "ops/redis_guard.h"
#include "phi/keyring.h"
#include "reader/reader.h"
#include "store/store.h"

enum grade { GRADE_OK, GRADE_WARN, GRADE_FAIL };

struct doctor {
    struct app app; /* the settings alone: nothing is opened in it */
    struct arena *arena;
    bool settings_wrong, failed;
};

static void say(struct doctor *d, enum grade grade, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void say(struct doctor *d, enum grade grade, const char *what, const char *fmt, ...)
{
    static const char *const names[] = {"ok  ", "warn", "fail"};
    va_list ap;
    va_start(ap, fmt);
    printf("%s  %s: ", names[grade], what);
    vprintf(fmt, ap);
    putchar('\n');
    fflush(stdout);
    va_end(ap);
    d->failed = d->failed || grade == GRADE_FAIL;
}

static void say_problem(struct doctor *d, const char *what, const struct problem *p,
                        const char *mend)
{
    say(d, GRADE_FAIL, what, "%s%s%s%s%s", p->detail, p->cause[0] ? " (" : "", p->cause,
        p->cause[0] ? ")" : "", mend);
}

static const char *value(const struct doctor *d, const char *name)
{
    return conf_text(d->app.conf, name);
}

/* ---- settings ---------------------------------------------------------------------------------*/

static void settings_check(struct doctor *d)
{
    for (size_t i = 0; i < app_settings_count; i++) {
        CLEANUP(conf_free) struct conf *one = NULL;
        struct problem *p = conf_load(&app_settings[i], 1, FOR_SERVE | FOR_WORK | FOR_TOOLS, &one);
        if (!p)
            continue;
        d->settings_wrong = true;
        say(d, GRADE_FAIL, "settings", "%s", p->detail);
    }
    if (!d->settings_wrong)
        say(d, GRADE_OK, "settings", "all %zu are well-formed", app_settings_count);
}

static void public_url_check(struct doctor *d)
{
    const char *url = value(d, "NEXACORE_PUBLIC_URL");
    if (!url)
        return;
    if (str_starts(str_of(url), STR("https://")))
        say(d, GRADE_OK, "public address", "%s", url);
    else
        say(d, GRADE_WARN, "public address",
            "%s is not https: put a TLS proxy in front and set NEXACORE_PUBLIC_URL to its address",
            url);
}

/* ---- what is on this machine ------------------------------------------------------------------*/

static void master_key_check(struct doctor *d)
{
    CLEANUP(keyring_free) struct keyring *keys = NULL;
    const char *file = value(d, "NEXACORE_MASTER_KEY_FILE");
    if (!file)
        return;
    struct problem *p = keyring_open(file, &keys);
    if (p)
        say_problem(d, "master key", p, "");
    else
        say(d, GRADE_OK, "master key", "can be read by its owner alone; keep a copy off this host");
}

static void state_dir_check(struct doctor *d)
{
    const char *dir = value(d, "NEXACORE_STATE_DIR");
    struct stat st;
    if (!dir)
        return;
    if (stat(dir, &st) != 0 && errno == ENOENT)
        say(d, GRADE_WARN, "state folder", "%s is not there yet: serve and work will make it", dir);
    else if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode) || access(dir, W_OK | X_OK) != 0)
        say(d, GRADE_FAIL, "state folder",
            "%s is no folder this user may write to: give it to the user that runs nexacore", dir);
    else if (st.st_mode & (S_IRWXG | S_IRWXO))
        say(d, GRADE_WARN, "state folder", "others may look into %s: chmod 700 it", dir);
    else
        say(d, GRADE_OK, "state folder", "%s", dir);
}

static void reader_check(struct doctor *d)
{
    CLEANUP(reader_free) struct reader *reader = NULL;
    struct problem *p = reader_new(NULL, &reader);
    if (!p)
        p = reader_start(reader);
    if (p)
        say_problem(d, "form reader", p,
                    "; nexacore-reader stands beside nexacore, Tesseract's spa and eng are needed");
    else if (!strstr(reader_walls(reader), "landlock"))
        say(d, GRADE_WARN, "form reader", "jailed by %s; a kernel with Landlock (5.13) adds a wall",
            reader_walls(reader));
    else
        say(d, GRADE_OK, "form reader", "jailed by %s", reader_walls(reader));
}

/* ---- the database -----------------------------------------------------------------------------*/

/* An address of PostgreSQL itself or a local socket needs no TLS. */
static const struct pg_stmt about = {
    "doctor_about",
    "SELECT current_setting('server_version'), current_setting('server_version_num')::int,"
    " current_user::text, (SELECT max(version)::int FROM schema_migrations),"
    " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)"
    " OR inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8'::inet"
    " OR inet_server_addr() = '::1'::inet"};
static const struct pg_stmt *const stmts[] = {&about};

__attribute__((constructor)) static void register_statements(void)
{
    pg_register(stmts, ARRAY_LEN(stmts));
}

static struct problem *database_describe(struct doctor *d, struct pg_conn *db)
{
    struct pg_result *r;
    CLEANUP(pg_tx_end) struct pg_tx tx = PG_TX_NONE;
    TRY(pg_tx_begin(&tx, db, d->arena, PG_READ, NULL, NULL, 0));
    TRY(pg_query(&tx, &about, NULL, 0, &r));
    struct str version = pg_get_str(r, 0, 0), user = pg_get_str(r, 0, 2);
    if (pg_get_int(r, 0, 1) < 160000)
        say(d, GRADE_FAIL, "database", "PostgreSQL " STR_FMT " is too old: 16 is needed",
            STR_ARG(version));
    else
        say(d, GRADE_OK, "database", "PostgreSQL " STR_FMT " as " STR_FMT ", schema %lld",
            STR_ARG(version), STR_ARG(user), (long long)pg_get_int(r, 0, 3));
    if (!pg_get_bool(r, 0, 4))
        say(d, GRADE_WARN, "database",
            "the connection is not encrypted: add sslmode=verify-full to NEXACORE_DATABASE_URL");
    return pg_tx_commit(&tx);
}

static void database_check(struct doctor *d)
{
    const char *url = value(d, "NEXACORE_DATABASE_URL");
    if (!url)
        return;
    CLEANUP(pg_conn_free) struct pg_conn *db = pg_conn_new(url, "nexacore-doctor");
    struct guard_finding *found = NULL;
    size_t count = 0;
    struct problem *p = guard_findings(db, d->arena, &found, &count);
    for (size_t i = 0; !p && i < count; i++)
        say(d, GRADE_FAIL, "database", STR_FMT ": " STR_FMT, STR_ARG(found[i].wrong),
            STR_ARG(found[i].mend));
    if (!p && count == 0)
        p = database_describe(d, db);
    if (p)
        say_problem(d, "database", p, ": start it, or mend NEXACORE_DATABASE_URL");
}

/* ---- Redis and the store ----------------------------------------------------------------------*/

static void redis_check(struct doctor *d)
{
    const char *url = value(d, "NEXACORE_REDIS_URL"), *advice = "";
    if (!url)
        return;
    struct problem *p = redis_guard(url, d->arena, &advice);
    if (p)
        say_problem(d, "Redis", p,
                    p->kind == PROBLEM_UNAVAILABLE ? ": start it, or mend NEXACORE_REDIS_URL" : "");
    else if (advice[0])
        say(d, GRADE_WARN, "Redis", "%s", advice);
    else
        say(d, GRADE_OK, "Redis", "answers and keeps what it is given");
}

static void store_check_all(struct doctor *d)
{
    const char *url = value(d, "NEXACORE_STORE_URL");
    CLEANUP(store_free) struct store *store = NULL;
    if (!url)
        return;
    struct problem *p = store_open(d->arena, url, &store);
    if (!p)
        p = store_check(store, d->arena);
    if (p)
        say_problem(d, "object store", p, ": see NEXACORE_STORE_URL");
    else
        say(d, GRADE_OK, "object store", "an object was written, read and removed");
}

/* ---- providers --------------------------------------------------------------------------------*/

static void issuer_check(struct doctor *d)
{
    struct fetch_request rq = {
        .method = "GET", .url = value(d, "NEXACORE_JWT_JWKS_URL"), .timeout_ms = 5000};
    struct fetch_answer answer = {0};
    const char *why = "";
    CLEANUP(json_done) json_t *root = NULL;
    if (!rq.url)
        return;
    if (fetch(d->arena, &rq, &answer, &why) != FETCH_ANSWERED)
        say(d, GRADE_FAIL, "identity provider",
            "%s does not answer (%s): nobody can sign in; mend it or NEXACORE_JWT_JWKS_URL", rq.url,
            why);
    else if (answer.status != 200 || json_read(d->arena, answer.body, &root) ||
             json_array_size(json_object_get(root, "keys")) == 0)
        say(d, GRADE_FAIL, "identity provider",
            "%s answers %d and no JWKS with keys: mend NEXACORE_JWT_JWKS_URL", rq.url,
            answer.status);
    else
        say(d, GRADE_OK, "identity provider", "gives %zu keys",
            json_array_size(json_object_get(root, "keys")));
}

static void push_check(struct doctor *d)
{
    if (!value(d, "NEXACORE_FCM_CREDENTIALS_FILE")) {
        say(d, GRADE_WARN, "push messages",
            "off: set NEXACORE_FCM_CREDENTIALS_FILE to page doctors by push");
        return;
    }
    const char *error = notify_push_check(&d->app, d->arena);
    if (error)
        say(d, GRADE_FAIL, "push messages",
            "no access token from NEXACORE_FCM_CREDENTIALS_FILE (%s): it must be the JSON of a "
            "service account that may send, and its token_uri must be reachable",
            error);
    else
        say(d, GRADE_OK, "push messages", "the service account was given a token");
}

static void sms_check(struct doctor *d)
{
    static const char *const names[] = {"NEXACORE_TWILIO_ACCOUNT_SID", "NEXACORE_TWILIO_AUTH_TOKEN",
                                        "NEXACORE_TWILIO_FROM"};
    size_t set = 0;
    const char *missing = "";
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (value(d, names[i]))
            set++;
        else
            missing = names[i];
    }
    if (set == 0)
        say(d, GRADE_WARN, "SMS", "off: set the three NEXACORE_TWILIO_* to page doctors by SMS");
    else if (set < ARRAY_LEN(names))
        say(d, GRADE_FAIL, "SMS", "%s is missing beside the other two", missing);
    else
        say(d, GRADE_OK, "SMS", "account, token and sender are set (nothing was sent)");
}

static void square_check(struct doctor *d)
{
    if (value(d, "NEXACORE_SQUARE_SIGNATURE_KEY"))
        say(d, GRADE_OK, "billing", "Square's webhooks are verified");
    else
        say(d, GRADE_WARN, "billing",
            "Square's webhooks are off: without NEXACORE_SQUARE_SIGNATURE_KEY billing is at most "
            "5 minutes old");
}

/* ---- all of it --------------------------------------------------------------------------------*/

static void (*const checks[])(struct doctor *d) = {
    settings_check, public_url_check, master_key_check, state_dir_check,
    database_check, redis_check,      store_check_all,  reader_check,
    issuer_check,   push_check,       sms_check,        square_check,
};

int cmd_doctor(int argc, char **argv)
{
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (argc > 1 && !help)
        return tool_misused("doctor", "takes no arguments");
    if (help) {
        puts("usage: nexacore doctor\n\n"
             "Checks the NEXACORE_* settings and everything they lead to. One line each:\n"
             "ok, warn or fail, what it is, and how to mend it.\n"
             "Exit status: 0 nothing failed, 1 something did, 2 a setting is missing or wrong.");
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_ERROR, "doctor");
    struct doctor d = {.arena = arena_new(16 << 20)};
    struct conf *conf = NULL;
    conf_load(app_settings, app_settings_count, 0, &conf); /* values as they are: none is refused */
    d.app.conf = conf;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        checks[i](&d);
    conf_free(&conf);
    arena_free(&d.arena);
    return d.settings_wrong ? 2 : d.failed ? 1 : 0;
}
