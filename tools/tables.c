/* nexacore-tables: prints the program's tables as one JSON object, for tests: every SQL statement,
 * route, job queue and setting that is compiled in.
 *
 * The rule not to break: it links the same objects as `nexacore`, so a table that is not here is
 * not in the product either. */
#include <stdio.h>

#include "app/app.h"
#include "app/docs.h"
#include "app/features.h"
#include "app/web.h"
#include "auth/auth.h"
#include "base/cleanup.h"
#include "json/json_out.h"
#include "pg/pg.h"

static void statements(struct jw *w)
{
    const struct pg_stmt *const *all;
    size_t count = pg_registered(&all);
    jw_key(w, "statements");
    jw_arr(w);
    for (size_t i = 0; i < count; i++) {
        jw_obj(w);
        jw_key(w, "name");
        jw_z(w, all[i]->name);
        jw_key(w, "sql");
        jw_z(w, all[i]->sql);
        jw_end(w);
    }
    jw_end(w);
}

static void route(struct jw *w, const char *feature, const struct http_route *r)
{
    jw_obj(w);
    jw_key(w, "feature");
    jw_z(w, feature);
    jw_key(w, "method");
    jw_z(w, http_method_name(r->method));
    jw_key(w, "path");
    jw_z(w, r->path);
    jw_key(w, "roles");
    jw_arr(w);
    for (unsigned role = ROLE_DOCTOR; role <= ROLE_CORPORATE_ADMIN; role++)
        if (r->roles & BIT(role))
            jw_z(w, role_name(role));
    jw_end(w);
    jw_key(w, "audit");
    jw_z(w, r->audit);
    jw_key(w, "public");
    jw_bool(w, r->flags & ROUTE_PUBLIC);
    jw_end(w);
}

static void routes(struct jw *w)
{
    jw_key(w, "routes");
    jw_arr(w);
    for (size_t i = 0; i < feature_count; i++)
        for (size_t k = 0; features[i].routes && k < *features[i].route_count; k++)
            route(w, features[i].name, &features[i].routes[k]);
    for (size_t k = 0; k < web_route_count; k++)
        route(w, "web", &web_routes[k]);
    for (size_t k = 0; k < docs_route_count; k++)
        route(w, "docs", &docs_routes[k]);
    jw_end(w);
}

static void queues(struct jw *w)
{
    jw_key(w, "queues");
    jw_arr(w);
    for (size_t i = 0; i < feature_count; i++)
        for (size_t k = 0; features[i].queues && k < *features[i].queue_count; k++)
            jw_z(w, queue_name(features[i].queues[k].queue));
    jw_end(w);
}

static void settings(struct jw *w)
{
    jw_key(w, "settings");
    jw_arr(w);
    for (size_t i = 0; i < app_settings_count; i++)
        jw_z(w, app_settings[i].name);
    jw_end(w);
}

int main(void)
{
    CLEANUP(buf_free) struct buf out = BUF_MAX(4U << 20);
    struct jw w = jw_to(&out);
    jw_obj(&w);
    statements(&w);
    routes(&w);
    queues(&w);
    settings(&w);
    jw_end(&w);
    if (out.overflowed)
        return 1;
    fwrite(out.data, 1, out.len, stdout);
    putchar('\n');
    return 0;
}
