#include "tell.h"
#include "describe.h"
#include "output.h"

#include <signal.h>
#include <unistd.h>
#include <apr_strings.h>

#define PATIENCE_S 1 /* before a word is said */

static void say_waiting(int signal_number)
{
    static const char text[] = "taictl: waiting until every node has followed\n";

    (void)signal_number;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
        return; /* nobody reads it, then */
    }
}

static void expect_patience(void)
{
    struct sigaction action = {.sa_handler = say_waiting, .sa_flags = SA_RESTART};

    if (isatty(STDERR_FILENO) && sigaction(SIGALRM, &action, NULL) == 0) {
        alarm(PATIENCE_S);
    }
}

const char *taictl_tell(const taictl_t *run, tai_store_t *store, tai_told_t *told)
{
    const char *text = NULL;
    tai_change_e outcome;

    expect_patience();
    outcome = tai_node_tell(NULL, store, run->pool, told, &text);
    alarm(0);
    return outcome == TAI_CHANGE_DONE ? NULL : text;
}

json_t *taictl_told(const tai_told_t *told, apr_pool_t *p)
{
    json_t *nodes = tai_describe_told(told);

    json_object_set_new(nodes, "silent_nodes", tai_describe_names(told->silent_nodes, p));
    return nodes;
}

const char *taictl_told_text(const tai_told_t *told, apr_pool_t *p)
{
    const char *text;

    if (told->of == 0) {
        return "no node is running";
    }
    text = apr_psprintf(p, "in force on %d of %d node%s", told->applied, told->of,
                        told->of == 1 ? "" : "s");
    if (told->silent == 0) {
        return text;
    }
    return apr_pstrcat(p, text, "; ", tai_describe_silent(told, p), NULL);
}

int taictl_print_told(const taictl_t *run, tai_store_t *store, json_t *object, const char *sentence)
{
    tai_told_t told;
    const char *text = taictl_tell(run, store, &told);

    if (text != NULL) {
        json_decref(object);
        return taictl_fail(apr_pstrcat(run->pool, taictl_printable(sentence, run->pool),
                                       "; it is not known whether this is in force on every node: ",
                                       text, "; do it again to find out", NULL));
    }
    json_object_set_new(object, "nodes", taictl_told(&told, run->pool));
    return taictl_print_done(
        run, object,
        apr_pstrcat(run->pool, sentence, "; ", taictl_told_text(&told, run->pool), NULL));
}
