/* Builds Redis commands (RESP arrays of bulk strings) one after another in one buffer.
 *
 * The rule not to break: a command announces its number of words first; batch_arg* counts them
 * down, and beginning another command or running the batch before zero is our own mistake. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bullmq/wire.h"

int64_t now_ms(void)
{
    return clock_wall_us() / 1000;
}

struct problem *queue_keys_of(const char *queue, struct queue_keys *ret)
{
    size_t n = queue ? strlen(queue) : 0;
    if (n == 0 || n > QUEUE_NAME_MAX || strchr(queue, ':'))
        return problem_field(NULL, "/queue", "a queue's name has 1 to %d bytes and no ':'",
                             QUEUE_NAME_MAX);
    ret->n = (size_t)snprintf(ret->prefix, sizeof(ret->prefix), "bull:%s:", queue);
    return NULL;
}

void batch_init(struct batch *b)
{
    memset(b, 0, sizeof(*b));
    b->bytes = BUF_MAX(BATCH_BYTES_MAX);
}

void batch_clear(struct batch *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        freeReplyObject(b->replies[i]);
        b->replies[i] = NULL;
    }
    b->count = 0;
    b->left = 0;
    buf_clear(&b->bytes);
}

void batch_free(struct batch *b)
{
    batch_clear(b);
    buf_free(&b->bytes);
}

static void add_length(struct batch *b, char kind, size_t n)
{
    char text[24];
    char *p = text + sizeof(text);
    *--p = '\n';
    *--p = '\r';
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    *--p = kind;
    buf_add(&b->bytes, p, (size_t)(text + sizeof(text) - p));
}

static void command_begin(struct batch *b, const struct bullmq_script *script, unsigned words)
{
    assert(b->count < BATCH_MAX && b->left == 0);
    b->commands[b->count].script = script;
    b->commands[b->count].at = b->bytes.len;
    b->count++;
    b->left = words;
    add_length(b, '*', words);
}

void batch_command(struct batch *b, unsigned argc)
{
    command_begin(b, NULL, argc);
}

/* One argument from three parts. Ids come from other producers too and may be long. */
static void arg_parts(struct batch *b, struct str one, struct str two, struct str three)
{
    assert(b->left > 0);
    add_length(b, '$', one.n + two.n + three.n);
    buf_add_str(&b->bytes, one);
    buf_add_str(&b->bytes, two);
    buf_add_str(&b->bytes, three);
    buf_add(&b->bytes, "\r\n", 2);
    if (--b->left == 0)
        b->commands[b->count - 1].n = b->bytes.len - b->commands[b->count - 1].at;
}

void batch_arg(struct batch *b, struct str arg)
{
    arg_parts(b, arg, STR_NONE, STR_NONE);
}

void batch_arg_z(struct batch *b, const char *arg)
{
    batch_arg(b, str_of(arg));
}

void batch_arg_int(struct batch *b, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRId64, v);
    batch_arg(b, (struct str){text, (size_t)n});
}

void batch_arg_pack(struct batch *b, const struct pack *p)
{
    batch_arg(b, pack_bytes(p));
}

void batch_arg_key(struct batch *b, const struct queue_keys *q, const char *suffix)
{
    arg_parts(b, (struct str){q->prefix, q->n}, str_of(suffix), STR_NONE);
}

/* One word of a shape: "wait", "@", "@:lock", "%", "metrics:%" or ".". */
static void add_shape_key(struct batch *b, const struct queue_keys *q, struct str word,
                          const char *id, const char *state)
{
    struct str prefix = {q->prefix, q->n};
    if (str_eq(word, STR("."))) {
        arg_parts(b, prefix, STR_NONE, STR_NONE);
    } else if (word.p[0] == '@') {
        assert(id);
        arg_parts(b, prefix, str_of(id), (struct str){word.p + 1, word.n - 1});
    } else if (word.p[word.n - 1] == '%') {
        assert(state);
        arg_parts(b, prefix, (struct str){word.p, word.n - 1}, str_of(state));
    } else {
        arg_parts(b, prefix, word, STR_NONE);
    }
}

void batch_call_n(struct batch *b, enum bullmq_call call, const struct queue_keys *q,
                  const char *id, const char *state, unsigned args)
{
    const struct bullmq_shape *shape = &bullmq_shapes[call];
    const struct bullmq_script *script = bullmq_script_of(call);
    assert(args >= shape->args && args <= shape->args + shape->more_args);
    command_begin(b, script, 3 + script->keys + args);
    batch_arg(b, STR("EVALSHA"));
    batch_arg(b, (struct str){script->sha, 40});
    batch_arg_int(b, script->keys);
    struct str rest = str_of(shape->keys);
    unsigned keys = 0;
    for (; rest.n > 0; keys++)
        add_shape_key(b, q, str_cut(&rest, ' '), id, state);
    assert(keys == script->keys);
}

void batch_call(struct batch *b, enum bullmq_call call, const struct queue_keys *q, const char *id,
                const char *state)
{
    batch_call_n(b, call, q, id, state, bullmq_shapes[call].args);
}
