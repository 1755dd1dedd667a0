/* sio_echo: the library's example program, and the server that suites and tests talk to.
 *
 * The rule not to break: it uses the public headers only; whatever it needs, an application can
 * have too. `sio_echo --help` lists the flags. */
#include "socketio/sio_echo.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "socketio/engine.h"

struct flags {
    struct sio_options options;
    struct sio_adapter_options adapter;
    unsigned port;
    const char *redis;
    const char *origins[9];
    unsigned origin_count;
    bool engine_only, kit, client_suite, port_given;
};

struct program {
    uv_loop_t loop;
    uv_signal_t signals[2];
    struct http_server *http;
    struct sio_server *server;
    struct eio *engine;
};

/* ---- the contract of the Socket.IO protocol suite ----------------------------------------------
 */

static void tell_auth(struct sio_socket *socket, struct str auth, void *user)
{
    (void)user;
    struct buf args = BUF_MAX(auth.n + 2);
    buf_addf(&args, "[" STR_FMT "]", STR_ARG(auth));
    sio_accept(socket);
    sio_emit(socket, "auth", buf_str(&args));
    buf_free(&args);
}

static void on_message(struct sio_socket *socket, const struct sio_event *event, void *user)
{
    (void)user;
    sio_emit_binary(socket, "message-back", event->args, event->binary);
}

static void on_message_with_ack(struct sio_socket *socket, const struct sio_event *event,
                                void *user)
{
    (void)socket, (void)user;
    sio_answer_binary(event->ack, event->args, event->binary);
}

struct problem *echo_contract(struct sio_server *server)
{
    static const struct sio_on events[] = {
        {"message", on_message}, {"message-with-ack", on_message_with_ack}, {NULL, NULL}};
    TRY(sio_namespace_add(
        server, &(struct sio_namespace_config){.name = "/", .connect = tell_auth, .events = events},
        NULL));
    return sio_namespace_add(
        server, &(struct sio_namespace_config){.name = "/custom", .connect = tell_auth}, NULL);
}

/* ---- the contract of the Engine.IO protocol suite ----------------------------------------------
 */

static void engine_open(struct eio_session *session, void *user)
{
    (void)session, (void)user;
}

static void engine_text(struct eio_session *session, struct str text, void *user)
{
    (void)user;
    eio_send_text(session, text);
}

static void engine_binary(struct eio_session *session, struct str bytes, void *user)
{
    (void)user;
    eio_send_binary(session, bytes);
}

static void engine_close(struct eio_session *session, enum sio_reason reason, void *user)
{
    (void)session, (void)reason, (void)user;
}

static const struct eio_hooks engine_echo = {engine_open, engine_text, engine_binary, engine_close};

/* ---- the program ----------------------------------------------------------------------------- */

static const char help[] =
    "usage: sio_echo [flags]      a Socket.IO server for trying and testing\n"
    "  --port N              on 127.0.0.1; 0 picks one, printed as {\"port\":N}; default 3000\n"
    "  --path P              default /socket.io/, with --engine-only /engine.io/\n"
    "  --ping-interval MS    default 300\n"
    "  --ping-timeout MS     default 200\n"
    "  --connect-timeout MS  default 1000\n"
    "  --upgrade-timeout MS  default 10000\n"
    "  --max-payload BYTES   default 1000000\n"
    "  --max-queue BYTES     waiting for one client; default 4194304\n"
    "  --max-connections N   default 20000\n"
    "  --origin O            a browser origin that may connect; repeatable; default any\n"
    "  --recovery            lost sessions can be restored for 2 minutes: by every server on\n"
    "                        the Redis, without one by this process\n"
    "  --redis URL           join the servers on this Redis\n"
    "  --stream NAME         of them; default socket.io\n"
    "  --streams N           streamCount of them; default 1\n"
    "  --max-length N        of a stream, about; default 10000\n"
    "  --channel PREFIX      of their channels, and `key` of emitters; default socket.io\n"
    "  --engine-only         Engine.IO alone: every message is echoed\n"
    "  --kit                 more events: see sio_echo_kit.c\n"
    "  --client-suite        the support server of socket.io-client's own tests: port 3210, pings\n"
    "                        each 2 s, recovery, unless other flags say otherwise\n";

enum {
    PORT = 256,
    PATH,
    PING_INTERVAL,
    PING_TIMEOUT,
    CONNECT_TIMEOUT,
    UPGRADE_TIMEOUT,
    MAX_PAYLOAD,
    MAX_QUEUE,
    MAX_CONNECTIONS,
    ORIGIN,
    RECOVERY,
    REDIS,
    STREAM,
    STREAMS,
    MAX_LENGTH,
    CHANNEL,
    ENGINE_ONLY,
    KIT,
    CLIENT_SUITE,
    HELP
};

static const struct option options[] = {
    {"port", required_argument, NULL, PORT},
    {"path", required_argument, NULL, PATH},
    {"ping-interval", required_argument, NULL, PING_INTERVAL},
    {"ping-timeout", required_argument, NULL, PING_TIMEOUT},
    {"connect-timeout", required_argument, NULL, CONNECT_TIMEOUT},
    {"upgrade-timeout", required_argument, NULL, UPGRADE_TIMEOUT},
    {"max-payload", required_argument, NULL, MAX_PAYLOAD},
    {"max-queue", required_argument, NULL, MAX_QUEUE},
    {"max-connections", required_argument, NULL, MAX_CONNECTIONS},
    {"origin", required_argument, NULL, ORIGIN},
    {"recovery", no_argument, NULL, RECOVERY},
    {"redis", required_argument, NULL, REDIS},
    {"stream", required_argument, NULL, STREAM},
    {"streams", required_argument, NULL, STREAMS},
    {"max-length", required_argument, NULL, MAX_LENGTH},
    {"channel", required_argument, NULL, CHANNEL},
    {"engine-only", no_argument, NULL, ENGINE_ONLY},
    {"kit", no_argument, NULL, KIT},
    {"client-suite", no_argument, NULL, CLIENT_SUITE},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "sio_echo: %s\n", what);
    exit(2);
}

/* The value of the flag at hand. */
static unsigned number(const char *name, unsigned least, unsigned most)
{
    uint64_t n;
    char what[96];
    snprintf(what, sizeof(what), "--%s wants a number from %u to %u", name, least, most);
    if (!str_u64(str_of(optarg), most, &n) || n < least)
        give_up(what);
    return (unsigned)n;
}

/* Of everything but the port: 0 would mean the default, silently. */
static unsigned amount(const char *name)
{
    return number(name, 1, 1U << 30);
}

/* True when the flag is one about other servers. */
static bool adapter_flag_set(struct flags *flags, int flag, const char *name)
{
    switch (flag) {
    case REDIS:
        flags->redis = optarg;
        return true;
    case STREAM:
        flags->adapter.stream = optarg;
        return true;
    case STREAMS:
        flags->adapter.stream_count = amount(name);
        return true;
    case MAX_LENGTH:
        flags->adapter.max_length = amount(name);
        return true;
    case CHANNEL:
        flags->adapter.channel = optarg;
        return true;
    default:
        return false;
    }
}

static void flag_set(struct flags *flags, int flag, const char *name)
{
    if (adapter_flag_set(flags, flag, name))
        return;
    switch (flag) {
    case PORT:
        flags->port = number(name, 0, 65535);
        flags->port_given = true;
        break;
    case PATH:
        flags->options.path = optarg;
        break;
    case PING_INTERVAL:
        flags->options.ping_interval_ms = amount(name);
        break;
    case PING_TIMEOUT:
        flags->options.ping_timeout_ms = amount(name);
        break;
    case CONNECT_TIMEOUT:
        flags->options.connect_timeout_ms = amount(name);
        break;
    case UPGRADE_TIMEOUT:
        flags->options.upgrade_timeout_ms = amount(name);
        break;
    case MAX_PAYLOAD:
        flags->options.payload_max_bytes = amount(name);
        break;
    case MAX_QUEUE:
        flags->options.queue_max_bytes = amount(name);
        break;
    case MAX_CONNECTIONS:
        flags->options.connections_max = amount(name);
        break;
    case RECOVERY:
        flags->options.recovery_ms = 120000;
        break;
    case ENGINE_ONLY:
        flags->engine_only = true;
        break;
    case KIT:
        flags->kit = true;
        break;
    case CLIENT_SUITE:
        flags->client_suite = true;
        break;
    case ORIGIN:
        if (flags->origin_count == 8)
            give_up("at most 8 origins");
        flags->origins[flags->origin_count++] = optarg;
        break;
    case HELP:
        fputs(help, stdout);
        exit(0);
    default:
        exit(2);
    }
}

/* What that server has; a flag given is a flag kept. */
static void client_suite_defaults(struct flags *flags)
{
    static const struct {
        unsigned usual, suite;
    } ms[] = {{300, 2000}, {200, 20000}, {1000, 45000}};
    unsigned *values[] = {&flags->options.ping_interval_ms, &flags->options.ping_timeout_ms,
                          &flags->options.connect_timeout_ms};
    if (!flags->client_suite)
        return;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (*values[i] == ms[i].usual)
            *values[i] = ms[i].suite;
    if (!flags->port_given)
        flags->port = 3210;
    flags->options.recovery_ms = 120000;
}

static struct flags flags_read(int argc, char **argv)
{
    static const char *const any[] = {"*", NULL};
    struct flags flags = {
        .port = 3000,
        .adapter = {.missed = kit_missed, .user = (void *)(uintptr_t)kit_main()},
        .options = {.ping_interval_ms = 300,
                    .ping_timeout_ms = 200,
                    .connect_timeout_ms = 1000,
                    .payload_max_bytes = 1000000},
    };
    for (int flag, at = 0; (flag = getopt_long(argc, argv, "", options, &at)) != -1;)
        flag_set(&flags, flag, options[at].name);
    if (flags.engine_only + flags.kit + flags.client_suite > 1)
        give_up("--engine-only, --kit and --client-suite exclude each other");
    if (flags.engine_only && (flags.redis || flags.options.recovery_ms))
        give_up("--engine-only knows neither --redis nor --recovery");
    client_suite_defaults(&flags);
    if (optind < argc)
        give_up("there are no arguments but flags");
    if (!flags.options.path)
        flags.options.path = flags.engine_only ? "/engine.io/" : "/socket.io/";
    if (!flags.origin_count)
        flags.options.origins = any;
    return flags;
}

static struct problem *serve(struct program *program, const struct flags *flags)
{
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%u", flags->port);
    struct http_config config = {
        .listen = listen, .spool_dir = "/tmp", .connections_max = flags->options.connections_max};
    TRY(http_server_new(&program->loop, &config, &program->http));
    if (flags->engine_only) {
        TRY(eio_new(&program->loop, program->http, &flags->options, &engine_echo, NULL,
                    &program->engine));
        return http_start(program->http);
    }
    TRY(sio_server_new(&program->loop, program->http, &flags->options, &program->server));
    if (flags->kit)
        TRY(kit_contract(&program->loop, program->server));
    else if (flags->client_suite)
        TRY(client_suite_contract(program->server));
    else
        TRY(echo_contract(program->server));
    if (flags->redis)
        TRY(sio_adapter_redis(program->server, flags->redis, &flags->adapter));
    return http_start(program->http);
}

static void closed(void *arg)
{
    uv_stop(&((struct program *)arg)->loop);
}

static void drained(void *arg)
{
    struct program *program = arg;
    if (program->server)
        sio_server_close(program->server, closed, program);
    else
        eio_close(program->engine, closed, program);
}

static void on_signal(uv_signal_t *signal, int number_)
{
    (void)number_;
    struct program *program = signal->data;
    uv_close((uv_handle_t *)&program->signals[0], NULL);
    uv_close((uv_handle_t *)&program->signals[1], NULL);
    http_drain(program->http, 200, drained, program);
}

int main(int argc, char **argv)
{
    struct flags flags = flags_read(argc, argv);
    if (flags.origin_count)
        flags.options.origins = flags.origins;
    static struct program program;
    log_setup(LOG_INFO, "sio_echo");
    uv_loop_init(&program.loop);
    struct problem *p = serve(&program, &flags);
    if (p)
        give_up(p->detail);
    static const int numbers[] = {SIGTERM, SIGINT};
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&program.loop, &program.signals[i]);
        program.signals[i].data = &program;
        uv_signal_start(&program.signals[i], on_signal, numbers[i]);
    }
    printf("{\"port\":%u}\n", http_port(program.http));
    fflush(stdout);
    uv_run(&program.loop, UV_RUN_DEFAULT);
    sio_server_free(&program.server);
    eio_free(&program.engine);
    http_server_free(&program.http);
    uv_run(&program.loop, UV_RUN_DEFAULT); /* what the server closes at the end */
    return 0;
}
