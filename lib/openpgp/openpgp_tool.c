/* openpgp_tool seal NAME | open: one message on stdin and stdout, hex for the sealed form.
 *
 * The passphrase comes from OPENPGP_PASSPHRASE, never from argv. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/crypt.h"
#include "openpgp/openpgp.h"

static void read_all(struct buf *in)
{
    size_t n;
    do {
        char *room = buf_room(in, 4096);
        n = room ? fread(room, 1, 4096, stdin) : 0;
        in->len += n;
    } while (n > 0);
}

static struct problem *run_seal(struct openpgp_key *key, struct str name, struct str in,
                                struct buf *out)
{
    CLEANUP(buf_free) struct buf sealed = BUF_MAX(OPENPGP_PLAIN_MAX + OPENPGP_OVERHEAD);
    TRY(openpgp_seal(key, NULL, name, in, &sealed));
    hex_add(out, sealed.data, sealed.len);
    return NULL;
}

static struct problem *run_open(struct openpgp_key *key, struct str in, struct buf *out)
{
    CLEANUP(buf_free) struct buf message = BUF_MAX(2 * OPENPGP_PLAIN_MAX);
    in = str_trim(in);
    char *room = buf_room(&message, in.n / 2);
    if (!room || !hex_read(in, room, in.n / 2))
        return problem_new(NULL, PROBLEM_BAD_REQUEST, "not hex");
    message.len = in.n / 2;
    struct openpgp_literal literal;
    TRY(openpgp_open(key, NULL, buf_str(&message), out, &literal));
    fprintf(stderr, "%c %s\n", literal.type, literal.name);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *passphrase = getenv("OPENPGP_PASSPHRASE");
    bool seal = argc == 3 && str_eq(str_of(argv[1]), STR("seal"));
    if (!passphrase || (!seal && (argc != 2 || !str_eq(str_of(argv[1]), STR("open"))))) {
        fprintf(stderr, "usage: OPENPGP_PASSPHRASE=... openpgp_tool seal NAME | open\n");
        return 2;
    }
    CLEANUP(openpgp_key_free) struct openpgp_key *key = openpgp_key_new(str_of(passphrase));
    CLEANUP(buf_free) struct buf in = BUF_SECRET(4U * OPENPGP_PLAIN_MAX);
    CLEANUP(buf_free) struct buf out = BUF_SECRET(4U * OPENPGP_PLAIN_MAX);
    read_all(&in);
    struct problem *p = seal ? run_seal(key, str_of(argv[2]), buf_str(&in), &out)
                             : run_open(key, buf_str(&in), &out);
    if (p) {
        fprintf(stderr, "%s (%s)\n", p->detail, p->cause);
        return 1;
    }
    fwrite(out.data, 1, out.len, stdout);
    return 0;
}
