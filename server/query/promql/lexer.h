/* PromQL text to tokens. */
#ifndef TELLTALE_QUERY_PROMQL_LEXER_H
#define TELLTALE_QUERY_PROMQL_LEXER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum token {
    TOKEN_END,
    TOKEN_ERROR,
    TOKEN_IDENTIFIER,
    TOKEN_METRIC_IDENTIFIER, /* with a colon: a metric's name only */
    TOKEN_NUMBER,
    TOKEN_DURATION,
    TOKEN_STRING,
    TOKEN_LEFT_PAREN,
    TOKEN_RIGHT_PAREN,
    TOKEN_LEFT_BRACE,
    TOKEN_RIGHT_BRACE,
    TOKEN_LEFT_BRACKET,
    TOKEN_RIGHT_BRACKET,
    TOKEN_COMMA,
    TOKEN_COLON,
    TOKEN_EQUAL, /* = of a matcher */
    TOKEN_NOT_REGEX,
    TOKEN_EQUAL_REGEX,
    TOKEN_AT,

    TOKEN_OPERATORS, /* not a token: binary operators follow */
    TOKEN_ADD,
    TOKEN_SUB,
    TOKEN_MUL,
    TOKEN_DIV,
    TOKEN_MOD,
    TOKEN_POW,
    TOKEN_ATAN2,
    TOKEN_EQUAL_EQUAL,
    TOKEN_NOT_EQUAL, /* also a matcher's */
    TOKEN_GREATER,
    TOKEN_LESS,
    TOKEN_GREATER_EQUAL,
    TOKEN_LESS_EQUAL,
    TOKEN_TRIM_UPPER, /* </ */
    TOKEN_TRIM_LOWER, /* >/ */
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_UNLESS,

    TOKEN_AGGREGATORS, /* not a token: aggregation operators follow */
    TOKEN_AVG,
    TOKEN_BOTTOMK,
    TOKEN_COUNT,
    TOKEN_COUNT_VALUES,
    TOKEN_GROUP,
    TOKEN_LIMITK,
    TOKEN_LIMIT_RATIO,
    TOKEN_MAX,
    TOKEN_MIN,
    TOKEN_QUANTILE,
    TOKEN_STDDEV,
    TOKEN_STDVAR,
    TOKEN_SUM,
    TOKEN_TOPK,

    TOKEN_KEYWORDS, /* not a token: keywords follow */
    TOKEN_ANCHORED,
    TOKEN_BOOL,
    TOKEN_BY,
    TOKEN_FILL, /* this and its kin only before a parenthesis; otherwise a name */
    TOKEN_FILL_LEFT,
    TOKEN_FILL_RIGHT,
    TOKEN_GROUP_LEFT,
    TOKEN_GROUP_RIGHT,
    TOKEN_IGNORING,
    TOKEN_OFFSET,
    TOKEN_ON,
    TOKEN_SMOOTHED,
    TOKEN_WITHOUT,

    TOKEN_FUNCTION_WORDS, /* not a token: names of functions in times follow */
    TOKEN_START_WORD,     /* start, as in @ start() */
    TOKEN_END_WORD,
    TOKEN_STEP_WORD, /* step, as in [step()] */
    TOKEN_RANGE_WORD,
    TOKEN_MIN_OF_WORD,
    TOKEN_MAX_OF_WORD,
    TOKEN_KINDS
};

static inline bool token_is_operator(enum token t)
{
    return t > TOKEN_OPERATORS && t < TOKEN_AGGREGATORS;
}

static inline bool token_is_comparison(enum token t)
{
    return t >= TOKEN_EQUAL_EQUAL && t <= TOKEN_LESS_EQUAL;
}

static inline bool token_is_set_operator(enum token t)
{
    return t >= TOKEN_AND && t <= TOKEN_UNLESS;
}

static inline bool token_is_aggregator(enum token t)
{
    return t > TOKEN_AGGREGATORS && t < TOKEN_KEYWORDS;
}

static inline bool token_is_keyword(enum token t)
{
    return t > TOKEN_KEYWORDS && t < TOKEN_FUNCTION_WORDS;
}

static inline bool token_is_function_word(enum token t)
{
    return t > TOKEN_FUNCTION_WORDS;
}

/* The word or sign of operators, aggregators and keywords; "" for other tokens. */
struct str token_text(enum token t);

/* How the message of an error shows what was found there. */
enum lex_shown {
    SHOW_NOTHING,
    SHOW_CHARACTER,  /* 'x' */
    SHOW_TEXT,       /* "x" */
    SHOW_CODE_POINT, /* U+0078 'x' */
};

struct lexeme {
    enum token token;
    struct str text;     /* as written; of an error: what was found, empty at the end of input */
    uint32_t start, end; /* bytes of the input */
    const char *message; /* of an error; "%" stands for what was found */
    enum lex_shown shown;
};

/* A value: a copy is a place to come back to. */
struct lexer {
    struct str input;
    size_t at;
    int parens;       /* open ones */
    bool braces;      /* inside { }: words are label names */
    bool brackets;    /* inside [ ]: a colon is a token */
    bool before_time; /* in brackets, no number was seen yet */
    bool colon;       /* in brackets, a colon was seen */
    bool any_time;    /* a number was seen in these brackets or in earlier ones */
};

/* Skips white space and comments and reads one token. After the end it gives TOKEN_END again. */
struct lexeme lexer_next(struct lexer *l);

/* Describes a token for "unexpected …" messages; of an error, the message. */
struct buf;
void lexeme_describe(struct buf *out, const struct lexeme *x);

/* What the files of the lexer share. */
char lexer_char(const struct lexer *l, size_t at); /* NUL behind the end */
struct lexeme lexer_token(struct lexer *l, enum token token, size_t start);

/* An error at `start` about the `n` bytes from `found` on. Nothing is read behind it. */
struct lexeme lexer_error(struct lexer *l, size_t start, const char *message, enum lex_shown shown,
                          size_t found, size_t n);

/* Bytes of the character at `at`: 0 at the end, 1 for what is no UTF-8. */
size_t lexer_char_length(const struct lexer *l, size_t at);

/* lex_literal.c */
struct lexeme lexer_number(struct lexer *l);
struct lexeme lexer_string(struct lexer *l);

#endif
