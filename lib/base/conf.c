/* The settings table made values: checked once at start, read-only afterwards. */
#include "base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

struct value {
    const struct conf_def *def;
    const char *text; /* of the environment or the fallback; NULL: absent */
    uint64_t number;
    double real;
};

struct conf {
    size_t count;
    struct value values[];
};

static struct problem *refuse(const struct conf_def *def, const char *what)
{
    return problem_new(NULL, PROBLEM_VALIDATION, "%s %s (%s)", def->name, what, def->help);
}

static bool listen_valid(struct str s)
{
    if (s.n == 0)
        return false;
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    uint64_t port;
    return colon > 1 && str_u64((struct str){s.p + colon, s.n - colon}, 65535, &port);
}

static bool url_valid(struct str s)
{
    struct str rest = s;
    struct str scheme = str_cut(&rest, ':');
    return scheme.n > 0 && rest.n > 2 && rest.p[0] == '/' && rest.p[1] == '/';
}

static struct problem *number_read(struct value *v)
{
    const struct conf_def *def = v->def;
    if (def->kind == CONF_UINT) {
        if (!str_u64(str_of(v->text), UINT64_MAX, &v->number) || v->number < def->min ||
            v->number > def->max)
            return problem_new(
                NULL, PROBLEM_VALIDATION, "%s must be a whole number from %llu to %llu (%s)",
                def->name, (unsigned long long)def->min, (unsigned long long)def->max, def->help);
        return NULL;
    }
    char *end = NULL;
    v->real = strtod(v->text, &end);
    if (end == v->text || *end || !(v->real * 1000 >= (double)def->min) ||
        !(v->real * 1000 <= (double)def->max))
        return problem_new(NULL, PROBLEM_VALIDATION, "%s must be a number from %g to %g (%s)",
                           def->name, (double)def->min / 1000, (double)def->max / 1000, def->help);
    return NULL;
}

static struct problem *value_check(struct value *v)
{
    struct str s = str_of(v->text);
    switch (v->def->kind) {
    case CONF_TEXT:
    case CONF_SECRET:
        return s.n > 0 ? NULL : refuse(v->def, "is empty");
    case CONF_URL:
        return url_valid(s) ? NULL : refuse(v->def, "is not a URL");
    case CONF_LISTEN:
        return listen_valid(s) ? NULL : refuse(v->def, "is not host:port");
    case CONF_FILE:
        return access(v->text, R_OK) == 0 ? NULL : refuse(v->def, "names no readable file");
    case CONF_UINT:
    case CONF_REAL:
        return number_read(v);
    }
    return refuse(v->def, "has an unknown kind");
}

struct problem *conf_load(const struct conf_def *defs, size_t count, unsigned command,
                          struct conf **ret)
{
    CLEANUP(conf_free) struct conf *conf = calloc(1, sizeof(*conf) + count * sizeof(struct value));
    if (!conf)
        return problem_new(NULL, PROBLEM_INTERNAL, "out of memory");
    conf->count = count;
    for (size_t i = 0; i < count; i++) {
        struct value *v = &conf->values[i];
        v->def = &defs[i];
        const char *given = getenv(defs[i].name);
        v->text = given && given[0] ? given : defs[i].fallback;
        if (!(defs[i].needed_by & command))
            continue;
        if (!v->text && !defs[i].optional)
            return refuse(&defs[i], "is not set");
        if (v->text)
            TRY(value_check(v));
    }
    *ret = TAKE(conf);
    return NULL;
}

void conf_free(struct conf **conf)
{
    free(*conf);
    *conf = NULL;
}

/* Callers mostly pass the very literal of the table's row: pointers are compared first. */
static const struct value *find(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->count; i++)
        if (conf->values[i].def->name == name)
            return &conf->values[i];
    for (size_t i = 0; i < conf->count; i++)
        if (strcmp(conf->values[i].def->name, name) == 0)
            return &conf->values[i];
    fprintf(stderr, "nexacore: no setting is called %s\n", name);
    abort();
}

const char *conf_text(const struct conf *conf, const char *name)
{
    return find(conf, name)->text;
}

uint64_t conf_uint(const struct conf *conf, const char *name)
{
    return find(conf, name)->number;
}

double conf_real(const struct conf *conf, const char *name)
{
    return find(conf, name)->real;
}

const char *const *conf_list(const struct conf *conf, struct arena *arena, const char *name)
{
    const char *text = find(conf, name)->text;
    if (!text)
        return NULL;
    struct str rest = str_of(text);
    size_t max = 2;
    for (size_t i = 0; i < rest.n; i++)
        max += rest.p[i] == ',';
    const char **list = arena_array(arena, max, sizeof(char *));
    for (size_t n = 0; rest.n > 0;) {
        struct str item = str_trim(str_cut(&rest, ','));
        if (item.n > 0)
            list[n++] = arena_cstr(arena, item);
    }
    return list;
}
