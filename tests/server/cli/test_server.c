/* The whole server in one process: started, asked, reloaded, stopped, started again. */
#include "cli/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/time.h"
#include "net/client.h"
#include "support/check.h"

/* SHA-256 of "one" and "two". */
#define ONE "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define TWO "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"

static char dir[64], file[128];
static struct config_source source;

static int setup(void **state)
{
    (void)state;
    memcpy(dir, "/tmp/telltale-cli-XXXXXX", 25);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(file, sizeof file, "%s/t.yml", dir);
    source = (struct config_source){.file = file};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command);
}

static void write_config(const char *more)
{
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    assert_true(fprintf(f,
                        "http: {address: '127.0.0.1:0'}\n"
                        "otlp: {http: {address: off}, grpc: {address: off}}\n"
                        "storage: {path: %s/data, retention: {metrics: forever}}\n"
                        "log: {level: error}\n%s\n",
                        dir, more) > 0);
    assert_int_equal(fclose(f), 0);
}

static void write_user(const char *token_sha256)
{
    char text[256];
    (void)snprintf(text, sizeof text,
                   "auth: {users: [{name: u, token_sha256: %s, rights: [admin]}]}", token_sha256);
    write_config(text);
}

static void no_quit(void)
{
}

static int try_start(struct server **out, struct err *err)
{
    struct config *config = NULL;
    if (config_load(&source, &config, NULL, err) != 0)
        fail_msg("%s", err->message);
    return server_start(config, &source, no_quit, out, err);
}

/* The status of one request; the answer's body in `body` when it is not NULL. */
static int ask(struct server *s, const char *token, const char *path, const char *post,
               struct buf *body)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};
    const struct http_client_options options = {.bearer_token = token};
    struct http_client *client = NULL;
    struct http_answer answer = {0};
    struct err err = {0};
    char url[512];
    (void)snprintf(url, sizeof url, "%s%s", server_url(s), path);
    const struct http_call call = {.method = post ? "POST" : "GET",
                                   .url = url,
                                   .headers = json,
                                   .body = str_c(post),
                                   .timeout_ms = 10000,
                                   .max_body_bytes = 1 << 20};
    assert_int_equal(http_client_new(&options, &client, &err), 0);
    if (http_client_call(client, &call, &answer, &err) != 0)
        fail_msg("%s: %s", path, err.message);
    if (body)
        buf_put_str(body, buf_str(&answer.body));
    buf_done(&answer.body);
    http_client_free(client);
    return answer.status;
}

/* Waits for the replay: /-/ready turns from 503 to 200. */
static struct server *started(void)
{
    struct server *s = NULL;
    struct err err = {0};
    if (try_start(&s, &err) != 0)
        fail_msg("%s", err.message);
    int64_t deadline = time_now_mono_ns() + 20 * NS_PER_S;
    while (ask(s, NULL, "/-/ready", NULL, NULL) != 200)
        assert_true(time_now_mono_ns() < deadline);
    return s;
}

static void stop(struct server *s)
{
    struct err err = {0};
    if (server_stop(s, &err) != 0)
        fail_msg("%s", err.message);
}

static void test_a_reload_changes_users_and_a_wrong_file_changes_nothing(void **state)
{
    (void)state;
    static const char path[] = "/api/v1/query?query=1";
    struct err err = {0};
    write_user(ONE);
    struct server *s = started();
    assert_int_equal(ask(s, "one", path, NULL, NULL), 200);
    assert_int_equal(ask(s, "two", path, NULL, NULL), 401);

    write_user(TWO);
    assert_int_equal(server_reload(s, &err), 0);
    assert_int_equal(ask(s, "one", path, NULL, NULL), 401);
    assert_int_equal(ask(s, "two", path, NULL, NULL), 200);

    write_config("scrape_configs: [{job_nam: a}]");
    assert_int_equal(server_reload(s, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "t.yml:5:19: scrape_configs[0].job_nam: unknown key; did "
                                        "you mean job_name?"));
    assert_int_equal(ask(s, "two", path, NULL, NULL), 200);
    assert_int_equal(ask(s, NULL, path, NULL, NULL), 401);
    struct buf body = BUF_MAX(1 << 20);
    assert_int_equal(ask(s, "two", "/api/v1/status/runtimeinfo", NULL, &body), 200);
    assert_true(str_find(buf_str(&body), STR("\"reloadConfigSuccess\":false")) < body.n);
    buf_done(&body);
    stop(s);
}

static void test_what_was_sent_is_there_after_a_restart(void **state)
{
    (void)state;
    static const char point[] =
        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"kept\",\"gauge\":{"
        "\"dataPoints\":[{\"asDouble\":4.5,\"timeUnixNano\":\"1700000000000000000\"}]}}]}]}]}";
    write_config("");
    struct server *s = started();
    assert_int_equal(ask(s, NULL, "/v1/metrics", point, NULL), 200);
    stop(s);
    for (int restart = 0; restart < 2; restart++) {
        struct buf body = BUF_MAX(1 << 20);
        s = started();
        assert_int_equal(ask(s, NULL, "/api/v1/query?query=kept&time=1700000000", NULL, &body),
                         200);
        check_str(buf_str(&body),
                  "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{"
                  "\"metric\":{\"__name__\":\"kept\"},\"value\":[1700000000,\"4.5\"]}]}}");
        buf_done(&body);
        stop(s);
    }
}

static void test_a_second_server_on_the_same_data_is_refused(void **state)
{
    (void)state;
    struct server *second = NULL;
    struct err err = {0};
    write_config("");
    struct server *s = started();
    assert_int_equal(try_start(&second, &err), ERR_BUSY);
    assert_non_null(strstr(err.message, dir));
    assert_int_equal(ask(s, NULL, "/-/ready", NULL, NULL), 200);
    stop(s);
}

static void test_an_address_in_use_is_named(void **state)
{
    (void)state;
    struct server *second = NULL;
    struct err err = {0};
    char address[64], data[96];
    write_config("");
    struct server *s = started();
    (void)snprintf(address, sizeof address, "http.address=%s", server_url(s) + 7);
    (void)snprintf(data, sizeof data, "storage.path=%s/other", dir);
    const char *sets[] = {address, data};
    source.sets = sets;
    source.n_sets = 2;
    assert_int_equal(try_start(&second, &err), ERR_IO);
    assert_non_null(strstr(err.message, server_url(s) + 7));
    stop(s);
}

int main(void)
{
#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(test_a_reload_changes_users_and_a_wrong_file_changes_nothing),
        IN_A_DIRECTORY(test_what_was_sent_is_there_after_a_restart),
        IN_A_DIRECTORY(test_a_second_server_on_the_same_data_is_refused),
        IN_A_DIRECTORY(test_an_address_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
