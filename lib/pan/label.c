/* Labels whose noun is on no list: "Estante No. 4539...", "Locker # 4539...", "Código de acceso:
 * ...". Whatever the noun is, a word that says "number" beside it makes the digits that noun's
 * number.
 *
 * The rule not to break: in doubt a number is masked. A colon alone says nothing ("Alergias: 4539"
 * may be a card written into the wrong field), nor does a noun that could mean the card itself. */
#include <stdlib.h>

#include "pan/pan_int.h"

#define NOUN_MIN 3 /* letters: "mi no." is no label */

/* Words that say that a number follows, or that the next noun's number does. */
static const char *const markers[] = {"code", "codigo", "id",   "n",      "no",    "nr",
                                      "nro",  "num",    "nums", "number", "numero"};

// clang-format off
/* Words that leave open whose number follows; sorted (a test holds it). */
static const char *const vague[] = {
    "account", "again", "algo", "alta", "and", "anote", "anterior", "aqui", "bancaria", "banco",
    "bank", "before", "bill", "billing", "but", "cada", "client", "cliente", "cobrado", "comment",
    "complete", "con", "correct", "correcto", "customer", "dato", "datos", "del", "details", "dice",
    "dicto", "digit", "digitos", "digits", "dio", "done", "each", "entero", "ese", "esta", "este",
    "esto", "exact", "financial", "for", "from", "full", "good", "gran", "has", "have", "hello",
    "her", "here", "his", "hola", "holder", "hoy", "international", "its", "large", "las", "last",
    "linea", "listo", "long", "los", "main", "mine", "mira", "mismo", "mother", "mucho", "muestra",
    "muy", "name", "new", "nombre", "note", "nueva", "nuevo", "old", "only", "otra", "otro", "our",
    "paga", "pagar", "pago", "paid", "pan", "para", "pay", "payment", "personal", "por", "primer",
    "primera", "principal", "private", "que", "real", "same", "secret", "secreto", "segundo",
    "siguiente", "son", "sus", "telling", "tengo", "that", "the", "their", "this", "titular",
    "todo", "toma", "tome", "ultimo", "una", "unico", "uno", "usa", "usar", "use", "valid",
    "valido", "viejo", "whole", "whose", "with", "write", "wrote", "you", "your", "yours",
};
// clang-format on

#define VAGUE (sizeof(vague) / sizeof(vague[0]))

/* A word of the label, and where what stands before it ends. */
struct part {
    const char *p;
    size_t n;
    size_t rest;
    bool sign; /* '#', º or ° stands behind it */
};

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* The last word of folded[0..n), over blanks and the marks of a label; p NULL: there is none. */
static struct part part_back(const char *folded, size_t n)
{
    struct part part = {0};
    while (n > 0 && !is_letter(folded[n - 1])) {
        unsigned char c = (unsigned char)folded[--n];
        bool degree = (c == 0xba || c == 0xb0) && n > 0 && (unsigned char)folded[n - 1] == 0xc2;
        part.sign |= c == '#' || degree;
        n -= degree;
        if (!degree && strchr(" .:#=-_\"'", c) == NULL)
            return (struct part){0};
    }
    size_t start = n;
    while (start > 0 && is_letter(folded[start - 1]))
        start--;
    part.p = n > start ? folded + start : NULL;
    part.n = n - start;
    part.rest = start;
    return part;
}

static bool part_is(const struct part *part, const char *word)
{
    return part->p != NULL && strlen(word) == part->n && memcmp(part->p, word, part->n) == 0;
}

static bool is_marker(const struct part *part)
{
    for (size_t i = 0; i < sizeof(markers) / sizeof(markers[0]); i++) {
        if (part_is(part, markers[i]))
            return true;
    }
    return false;
}

static int compare(const void *key, const void *entry)
{
    const struct part *part = key;
    const char *word = *(const char *const *)entry;
    int order = strncmp(part->p, word, part->n);
    return order != 0 ? order : -(word[part->n] != '\0');
}

static bool is_noun(const struct part *part)
{
    return part->p != NULL && part->n >= NOUN_MIN && pan_word(part->p, part->n) == WORD_PLAIN &&
           bsearch(part, vague, VAGUE, sizeof(vague[0]), compare) == NULL;
}

/* "Código de acceso", "número de la muestra": the marker before the noun. */
static bool marker_is_before(const char *folded, const struct part *noun)
{
    struct part before = part_back(folded, noun->rest);
    if (part_is(&before, "la") || part_is(&before, "el"))
        before = part_back(folded, before.rest);
    if (!part_is(&before, "de") && !part_is(&before, "del"))
        return false;
    before = part_back(folded, before.rest);
    return is_marker(&before);
}

bool label_is_unknown(const char *folded, size_t n)
{
    struct part last = part_back(folded, n);
    if (last.p == NULL || last.rest + last.n == n)
        return false; /* glued to the number it may be anything */
    if (is_marker(&last)) {
        struct part noun = part_back(folded, last.rest);
        return is_noun(&noun);
    }
    return is_noun(&last) && (last.sign || marker_is_before(folded, &last));
}

bool label_words_are_sorted(void)
{
    for (size_t i = 1; i < VAGUE; i++) {
        if (strcmp(vague[i - 1], vague[i]) >= 0)
            return false;
    }
    return true;
}
