/* What a request costs: a server with a trivial handler, on the loop and on a lane.
 *
 * usage: http_bench [SECONDS [CONNECTIONS]]
 * Forks a server and asks it over keep-alive connections from this process; prints requests per
 * second and the server's own CPU time (user + system, all threads) for each request. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http.h"

enum { CONNECTIONS_MAX = 512 };

static const char hello_text[] = "{\"hello\":\"world\",\"answer\":42}";

static struct problem *on_lane(struct http_request *rq, struct http_response *rs)
{
    (void)rq;
    buf_add(&rs->body, hello_text, sizeof(hello_text) - 1);
    return NULL;
}

static struct problem *on_loop(struct http_request *rq, struct http_response *rs)
{
    buf_add(&rs->body, hello_text, sizeof(hello_text) - 1);
    http_reply(rq, rs);
    return NULL;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/lane/:id", on_lane, .lane = HTTP_FAST},
    {HTTP_GET, "/loop/:id", on_loop, .lane = HTTP_ON_LOOP},
};

static void on_drained(void *loop)
{
    uv_stop(loop);
}

static struct http_server *server;

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    http_drain(server, 1000, on_drained, signal->loop);
}

static int serve(int port_fd)
{
    uv_loop_t *loop = uv_default_loop();
    struct http_config config = {
        .listen = "127.0.0.1:0", .lanes = {4, 1, 1}, .lane_queue = {1024, 16, 16}};
    struct problem *p = http_server_new(loop, &config, &server);
    if (!p)
        p = http_routes_add(server, routes, 2);
    if (!p)
        p = http_start(server);
    if (p) {
        fprintf(stderr, "%s\n", p->detail);
        return 1;
    }
    uv_signal_t term;
    uv_signal_init(loop, &term);
    uv_signal_start(&term, on_signal, SIGTERM);
    unsigned port = http_port(server);
    if (write(port_fd, &port, sizeof(port)) != sizeof(port))
        return 1;
    uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}

static int connect_to(unsigned port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        exit(1);
    return fd;
}

/* Asks on every connection, then reads every answer; one answer is one packet here. */
static uint64_t ask(unsigned port, const char *path, unsigned connections, unsigned seconds)
{
    int fds[CONNECTIONS_MAX];
    char request[512], answer[4096];
    int n = snprintf(request, sizeof(request),
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer "
                     "0123456789012345678901234567890123456789\r\nAccept: application/json\r\n"
                     "Accept-Encoding: gzip, deflate, br\r\nUser-Agent: http_bench\r\n\r\n",
                     path);
    for (unsigned i = 0; i < connections; i++)
        fds[i] = connect_to(port);
    uint64_t count = 0;
    int64_t end = clock_mono_us() + (int64_t)seconds * 1000000;
    while (clock_mono_us() < end) {
        for (unsigned i = 0; i < connections; i++)
            if (send(fds[i], request, (size_t)n, 0) != n)
                exit(1);
        for (unsigned i = 0; i < connections; i++)
            if (recv(fds[i], answer, sizeof(answer), 0) < 12 || memcmp(answer + 9, "200", 3) != 0)
                exit(1);
        count += connections;
    }
    for (unsigned i = 0; i < connections; i++)
        close(fds[i]);
    return count;
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void measure(const char *name, const char *path, unsigned connections, unsigned seconds)
{
    int port_pipe[2];
    unsigned port;
    if (pipe(port_pipe) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0)
        _exit(serve(port_pipe[1]));
    if (read(port_pipe[0], &port, sizeof(port)) != sizeof(port))
        exit(1);
    uint64_t count = ask(port, path, connections, seconds);
    struct rusage usage;
    int status;
    kill(child, SIGTERM);
    wait4(child, &status, 0, &usage);
    double cpu = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    printf("%-5s %4u connections: %8.0f requests/s, %6.2f us CPU each (%.2f user), %ld KiB\n", name,
           connections, (double)count / seconds, cpu * 1e6 / (double)count,
           seconds_of(usage.ru_utime) * 1e6 / (double)count, usage.ru_maxrss);
    close(port_pipe[0]);
    close(port_pipe[1]);
}

int main(int argc, char **argv)
{
    uint64_t seconds = 3, connections = 64;
    if ((argc > 1 && !str_u64(str_of(argv[1]), 60, &seconds)) ||
        (argc > 2 && !str_u64(str_of(argv[2]), CONNECTIONS_MAX, &connections)) || seconds == 0 ||
        connections == 0) {
        fprintf(stderr, "usage: http_bench [SECONDS [CONNECTIONS]]\n");
        return 2;
    }
    measure("loop", "/loop/7", (unsigned)connections, (unsigned)seconds);
    measure("lane", "/lane/7", (unsigned)connections, (unsigned)seconds);
    measure("loop", "/loop/7", 1, (unsigned)seconds);
    measure("lane", "/lane/7", 1, (unsigned)seconds);
    return 0;
}
