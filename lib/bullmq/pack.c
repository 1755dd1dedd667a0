/* MessagePack values over libmsgpack; see pack.h for the rule. */
#include "bullmq/pack.h"

#include <string.h>

void pack_init(struct pack *p)
{
    msgpack_sbuffer_init(&p->bytes);
    msgpack_packer_init(&p->packer, &p->bytes, msgpack_sbuffer_write);
}

void pack_done(struct pack *p)
{
    msgpack_sbuffer_destroy(&p->bytes);
}

void pack_map(struct pack *p, size_t pairs)
{
    msgpack_pack_map(&p->packer, pairs);
}

void pack_array(struct pack *p, size_t items)
{
    msgpack_pack_array(&p->packer, items);
}

void pack_str(struct pack *p, struct str text)
{
    msgpack_pack_str(&p->packer, text.n);
    msgpack_pack_str_body(&p->packer, text.n ? text.p : "", text.n);
}

void pack_z(struct pack *p, const char *text)
{
    if (text)
        pack_str(p, str_of(text));
    else
        pack_nil(p);
}

void pack_int(struct pack *p, int64_t v)
{
    msgpack_pack_int64(&p->packer, v);
}

void pack_real(struct pack *p, double v)
{
    msgpack_pack_double(&p->packer, v);
}

void pack_bool(struct pack *p, bool v)
{
    if (v)
        msgpack_pack_true(&p->packer);
    else
        msgpack_pack_false(&p->packer);
}

void pack_nil(struct pack *p)
{
    msgpack_pack_nil(&p->packer);
}

static void pack_json_number(struct pack *p, const json_t *value)
{
    double v = json_number_value(value);
    if (json_is_integer(value))
        pack_int(p, json_integer_value(value));
    else if (v >= -9007199254740992.0 && v <= 9007199254740992.0 && v == (double)(int64_t)v)
        pack_int(p, (int64_t)v);
    else
        pack_real(p, v);
}

void pack_json(struct pack *p, const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        pack_map(p, json_object_size(value));
        json_object_foreach ((json_t *)value, key, item) {
            pack_z(p, key);
            pack_json(p, item);
        }
        break;
    case JSON_ARRAY:
        pack_array(p, json_array_size(value));
        json_array_foreach (value, i, item)
            pack_json(p, item);
        break;
    case JSON_STRING:
        pack_str(p, (struct str){json_string_value(value), json_string_length(value)});
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        pack_json_number(p, value);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        pack_bool(p, json_is_true(value));
        break;
    case JSON_NULL:
        pack_nil(p);
        break;
    }
}
