/* PromQL text: what parses prints to text that parses to the same tree and prints the same; what
 * does not gives a message. */

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "query/promql/equal.h"
#include "query/promql/parser.h"
#include "query/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf format(struct str text, int *rc)
{
    struct buf out = BUF_MAX(8 << 20);
    *rc = query_format(text, ~0u, &out, NULL);
    return out;
}

/* Texts so short that matchers may stand in any order (equal.h). */
static void check_same_tree(struct str a, struct str b)
{
    enum { SHORT = 512 };
    struct ast left, right;
    if (a.n > SHORT || promql_parse(a, ~0u, &left, NULL) != 0)
        return;
    if (promql_parse(b, ~0u, &right, NULL) == 0) {
        if (!node_equal(left.root, right.root))
            abort();
        ast_done(&right);
    }
    ast_done(&left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct err err = {0};
    struct ast ast;
    int rc = promql_parse(text, ~0u, &ast, &err);
    if (rc != 0) {
        if (err.code != rc || err.message[0] == '\0')
            abort(); // an error says what is wrong
        return 0;
    }
    ast_done(&ast);

    int rc1, rc2;
    struct buf once = format(text, &rc1), twice = {0};
    if (rc1 == 0) {
        twice = format(buf_str(&once), &rc2);
        if (rc2 == ERR_INVALID || (rc2 == 0 && !str_eq(buf_str(&once), buf_str(&twice))))
            abort();
        check_same_tree(text, buf_str(&once));
    }
    buf_done(&once);
    buf_done(&twice);

    struct query_selectors selectors;
    if (query_selectors(text, &selectors, NULL) == 0)
        query_selectors_free(&selectors);
    return 0;
}
