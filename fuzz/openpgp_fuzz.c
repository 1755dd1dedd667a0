/* Fuzzing lib/openpgp: whole messages, and (because no fuzzer guesses an MDC) the packet and
 * literal parsers on their own and a message sealed around the input. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "openpgp/openpgp.h"
#include "openpgp/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void walk_packets(struct str rest)
{
    CLEANUP(buf_free) struct buf joined = BUF_MAX(1 << 20);
    struct packet packet;
    struct openpgp_literal literal;
    struct str text;
    size_t before = rest.n;
    while (packet_next(&rest, &joined, &packet)) {
        if (rest.n >= before)
            abort(); /* each packet takes at least its header */
        before = rest.n;
        packet_literal(packet.body, &literal, &text);
    }
}

static void round_trip(struct openpgp_key *key, struct str input)
{
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(2 * OPENPGP_PLAIN_MAX);
    CLEANUP(buf_free) struct buf out = BUF_SECRET(OPENPGP_PLAIN_MAX);
    struct openpgp_literal literal;
    struct str name = {input.p, input.n < OPENPGP_NAME_MAX ? input.n : OPENPGP_NAME_MAX};
    if (openpgp_seal(key, NULL, name, input, &sealed))
        return;
    if (openpgp_open(key, NULL, buf_str(&sealed), &out, &literal) ||
        !str_eq(buf_str(&out), input) ||
        !str_eq((struct str){literal.name, literal.name_len}, name))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct openpgp_key *key;
    if (!key)
        key = openpgp_key_new(
            STR("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
    struct str input = {(const char *)data, n};
    CLEANUP(buf_free) struct buf out = BUF_SECRET(OPENPGP_PLAIN_MAX);
    struct openpgp_literal literal;
    (void)openpgp_open(key, NULL, input, &out, &literal);
    walk_packets(input);
    round_trip(key, input);
    return 0;
}
