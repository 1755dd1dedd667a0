/* Load for a Socket.IO server: N WebSocket clients in one process, on epoll, without a library.
 *
 * usage: socketio_load PORT PID COMMAND [ARGS]     PID: the server's, for its memory and CPU time
 *   idle N                connects N clients and lets them sit
 *   spaced N EVENTS GAP   then one broadcast every GAP ms
 *   burst N EVENTS SLOW   then EVENTS broadcasts at once, while SLOW more clients do not read
 *   floor N EVENTS GAP    no server: what N bare send() calls on loopback cost each (PORT, PID: 0)
 * Prints one JSON line. Rule: clients answer pings, read everything and check that `seq` runs on;
 * what the server spends is read from /proc/PID, so the load's own cost is in no figure. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { PER_ADDRESS = 10000, AT_ONCE = 200, ROOM = 65536, KEPT = 512 };

struct client {
    int fd;
    int state; /* 0 HTTP, 1 open awaited, 2 CONNECT awaited, 3 connected */
    bool deaf;
    uint64_t skip; /* bytes of the present frame still to pass over */
    unsigned kept; /* of a head cut in two */
    uint8_t head[KEPT];
    uint64_t seq, got;
};

static struct client *clients;
static size_t client_count, connected, failed, complete;
static uint64_t wanted, delivered, disorder;
static int epoll, port, pid;
static char room[ROOM + KEPT];

static double cpu_s(void)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    unsigned long user = 0, kernel = 0;
    if (!at ||
        sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
        return 0;
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* What the scheduler counted, in nanoseconds: finer than the ticks of stat. */
static double run_s(void)
{
    char path[64];
    unsigned long long ns = 0;
    snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%llu", &ns) != 1)
            ns = 0;
        fclose(file);
    }
    return ns ? (double)ns / 1e9 : cpu_s();
}

static long memory_kb(const char *what)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, what, strlen(what)) == 0)
            kb = strtol(line + strlen(what), NULL, 10);
    if (file)
        fclose(file);
    return kb;
}

static void text_send(struct client *c, const char *text)
{
    uint8_t frame[160] = {0x81};
    size_t n = strlen(text);
    frame[1] = (uint8_t)(0x80 | n); /* the mask is 0: allowed, and nothing to compute */
    memcpy(frame + 6, text, n);
    if (write(c->fd, frame, n + 6) < 0)
        failed++;
}

static void event_in(struct client *c, const char *text, size_t n)
{
    static const char mark[] = "42[\"tick\",{\"seq\":";
    size_t m = sizeof(mark) - 1;
    if (n < m || memcmp(text, mark, m) != 0)
        return;
    uint64_t seq = strtoull(text + m, NULL, 10);
    disorder += c->seq != 0 && seq != c->seq + 1;
    c->seq = seq;
    delivered++;
    if (++c->got == wanted)
        complete++;
}

static void frame_in(struct client *c, const char *text, size_t n)
{
    if (c->state == 1 && n && text[0] == '0') {
        c->state = 2;
        text_send(c, "40");
    } else if (c->state == 2 && n > 1 && text[0] == '4' && text[1] == '0') {
        c->state = 3;
        connected++;
        if (c->deaf)
            epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
    } else if (n && text[0] == '2') {
        text_send(c, "3");
    } else {
        event_in(c, text, n);
    }
}

/* Frames of a server are unmasked; only the first bytes of a payload are looked at. */
static void bytes_in(struct client *c, char *at, size_t n)
{
    while (n > 0) {
        if (c->skip) {
            size_t pass = c->skip < n ? (size_t)c->skip : n;
            c->skip -= pass, at += pass, n -= pass;
            continue;
        }
        size_t head = n < 2                           ? 2
                      : ((uint8_t)at[1] & 127) < 126  ? 2
                      : ((uint8_t)at[1] & 127) == 126 ? 4
                                                      : 10;
        uint64_t length = 0;
        if (n >= head) {
            length = (uint8_t)at[1] & 127;
            if (head > 2)
                for (size_t i = 2, k = (length = 0); i < head; i++, k++)
                    length = length << 8 | (uint8_t)at[i];
        }
        size_t look = length < 120 ? (size_t)length : 120;
        if (n < head || n < head + look) {
            memcpy(c->head, at, n);
            c->kept = (unsigned)n;
            return;
        }
        frame_in(c, at + head, look);
        c->skip = length - look;
        at += head + look, n -= head + look;
    }
}

static void client_end(struct client *c)
{
    epoll_ctl(epoll, EPOLL_CTL_DEL, c->fd, NULL);
    close(c->fd);
    c->fd = -1;
    failed++;
}

static void readable(struct client *c)
{
    memcpy(room, c->head, c->kept);
    ssize_t n = read(c->fd, room + c->kept, ROOM);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        client_end(c);
        return;
    }
    char *at = room;
    size_t all = (size_t)n + c->kept;
    c->kept = 0;
    if (c->state == 0) {
        char *end = memmem(room, all, "\r\n\r\n", 4);
        if (!end) {
            c->kept = (unsigned)(all < KEPT ? all : KEPT);
            memcpy(c->head, room, c->kept);
            return;
        }
        c->state = 1;
        all -= (size_t)(end + 4 - room);
        at = end + 4;
    }
    bytes_in(c, at, all);
}

static void turn(int wait_ms)
{
    struct epoll_event events[512];
    int n = epoll_wait(epoll, events, 512, wait_ms);
    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;
        if (c->fd >= 0)
            readable(c);
    }
}

static void client_open(struct client *c, size_t i)
{
    static const char request[] =
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(i / PER_ADDRESS));
    int one = 1, small = 8192;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->deaf)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
        connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
        write(c->fd, request, sizeof(request) - 1) < 0) {
        perror("connect");
        exit(1);
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void all_open(size_t count, size_t deaf)
{
    client_count = count + deaf;
    clients = mem_zero(client_count, sizeof(*clients));
    for (size_t i = 0; i < client_count; i++) {
        clients[i].deaf = i >= count;
        client_open(&clients[i], i);
        while (i + 1 > connected + failed + AT_ONCE)
            turn(100);
    }
    int64_t end = clock_mono_us() + 120000000;
    while (connected + failed < client_count && clock_mono_us() < end)
        turn(100);
}

static void idle_for(int64_t us)
{
    for (int64_t end = clock_mono_us() + us; clock_mono_us() < end;)
        turn(50);
}

/* The least any server can spend on this machine now: one send() a client, nothing else. */
static int floor_run(size_t n, size_t events, unsigned gap_ms)
{
    enum { FRAME = 260 };
    char frame[FRAME] = {0};
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    int *fds = mem_zero(n, sizeof(int));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) < 0)
        return 1;
    pid_t reader = fork();
    if (reader == 0) {
        epoll = epoll_create1(0);
        for (size_t i = 0; i < n; i++) {
            struct epoll_event event = {.events = EPOLLIN};
            event.data.fd = socket(AF_INET, SOCK_STREAM, 0);
            if (connect(event.data.fd, (struct sockaddr *)&at, sizeof(at)) < 0)
                _exit(1);
            fcntl(event.data.fd, F_SETFL, O_NONBLOCK);
            epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        }
        for (;;) {
            struct epoll_event events_[512];
            int ready = epoll_wait(epoll, events_, 512, -1);
            for (int i = 0; i < ready; i++)
                if (read(events_[i].data.fd, room, ROOM) == 0)
                    _exit(0);
        }
    }
    for (size_t i = 0; i < n; i++) {
        fds[i] = accept(listener, NULL, NULL);
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    pid = getpid();
    usleep(200000);
    double before_s = run_s();
    for (size_t e = 0; e < events; e++, usleep(gap_ms * 1000))
        for (size_t i = 0; i < n; i++)
            failed += send(fds[i], frame, FRAME, MSG_DONTWAIT | MSG_NOSIGNAL) != FRAME;
    printf("{\"sendUs\":%.2f,\"failed\":%zu}\n", (run_s() - before_s) * 1e6 / (double)(n * events),
           failed);
    free(fds);
    return 0; /* the reader sees the end and goes */
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[3], "floor") == 0)
        return floor_run(strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10),
                         (unsigned)strtoul(argv[6], NULL, 10));
    if (argc < 5) {
        fprintf(stderr, "usage: socketio_load PORT PID idle|spaced|burst N [EVENTS GAP|SLOW]\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    port = (int)strtol(argv[1], NULL, 10);
    pid = (int)strtol(argv[2], NULL, 10);
    const char *command = argv[3];
    size_t n = strtoul(argv[4], NULL, 10), last = argc > 6 ? strtoul(argv[6], NULL, 10) : 0;
    bool burst = strcmp(command, "burst") == 0, spaced = strcmp(command, "spaced") == 0;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    long before_kb = memory_kb("VmRSS:");
    double before_s = run_s();
    int64_t started = clock_mono_us();
    all_open(n, burst ? last : 0);
    double connect_s = run_s() - before_s, connect_wall = (double)(clock_mono_us() - started) / 1e6;
    idle_for(1000000);
    long idle_kb = memory_kb("VmRSS:") - before_kb;
    printf("{\"clients\":%zu,\"failed\":%zu,\"rssBeforeKb\":%ld,\"rssPerConnection\":%.0f,"
           "\"connectUs\":%.1f,\"connectsPerSecond\":%.0f",
           connected, failed, before_kb, (double)idle_kb * 1024 / (double)client_count,
           connect_s * 1e6 / (double)client_count, (double)client_count / connect_wall);
    if (burst || spaced) {
        char go[120];
        wanted = strtoul(argv[5], NULL, 10);
        snprintf(go, sizeof(go), "42[\"go\",{\"n\":%llu,\"size\":200,\"gap\":%zu}]",
                 (unsigned long long)wanted, spaced ? last : 0);
        before_s = run_s();
        started = clock_mono_us();
        text_send(&clients[0], go);
        int64_t end = clock_mono_us() + 120000000;
        while (complete < n && clock_mono_us() < end)
            turn(100);
        double took = (double)(clock_mono_us() - started) / 1e6;
        double spent = run_s() - before_s;
        printf(",\"delivered\":%llu,\"complete\":%zu,\"disorder\":%llu,\"cpuPerDeliveryUs\":%.2f,"
               "\"deliveriesPerSecond\":%.0f,\"peakKb\":%ld",
               (unsigned long long)delivered, complete, (unsigned long long)disorder,
               spent * 1e6 / (double)delivered, (double)delivered / took, memory_kb("VmHWM:"));
    }
    printf("}\n");
    free(clients);
    return 0;
}
