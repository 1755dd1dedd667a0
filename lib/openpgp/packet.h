/* OpenPGP packet framing (RFC 4880 section 4.2): bytes in, packets out, no keys.
 *
 * The rule not to break: every length comes from a hostile message, so nothing is read before it
 * was compared with what is left. */
#ifndef NEXACORE_OPENPGP_PACKET_H
#define NEXACORE_OPENPGP_PACKET_H

#include "openpgp/openpgp.h"

enum {
    PACKET_SKESK = 3,
    PACKET_COMPRESSED = 8,
    PACKET_SED = 9,
    PACKET_LITERAL = 11,
    PACKET_SEIPD = 18,
    PACKET_MDC = 19,
};

struct packet {
    unsigned tag;
    struct str body; /* borrowed from the message, or from `joined` where it came in pieces */
};

/* Takes the next packet off `*rest`. A body of partial lengths (section 4.2.2.4) is put together
 * in `joined`, which the caller owns (emptied first). False when the bytes are no whole packet. */
bool packet_next(struct str *rest, struct buf *joined, struct packet *ret);

/* Appends a new-format header (section 4.2.2). */
void packet_header(struct buf *out, unsigned tag, size_t body_len);
size_t packet_header_len(size_t body_len);

/* Splits the body of a literal packet (section 5.9). `ret_text` is borrowed from `body`. */
bool packet_literal(struct str body, struct openpgp_literal *ret, struct str *ret_text);

#endif
