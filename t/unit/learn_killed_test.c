#include <signal.h>
#include "chance.h"
#include "nodes.h"

/* Who is killed while he stores what he has learned leaves the table's lock to another, who mends
 * it first: what was half stored is never found. */

#define CHILDREN 3
#define KILLS    60
#define ANSWERS  40

typedef struct stage_t {
    tai_segment_t *segment;
    answer_t answers[ANSWERS];
    apr_uint64_t learned;
    int stop;
} stage_t;

static int learn_again_and_again(void *data)
{
    stage_t *stage = data;
    int i = 0;

    while (!__atomic_load_n(&stage->stop, __ATOMIC_RELAXED)) {
        if (learn(stage->segment, &stage->answers[i++ % ANSWERS]) != APR_SUCCESS) {
            return 1;
        }
        __atomic_fetch_add(&stage->learned, 1, __ATOMIC_RELAXED);
    }
    return 0;
}

/* Each when all together have come a bit further. */
static void kill_some(stage_t *stage, pid_t *pids)
{
    apr_uint64_t chance = chance_seed(0);

    for (int kills = 0; kills < KILLS; kills++) {
        const apr_uint64_t until = stage->learned + chance_below(&chance, 500);
        const int who = (int)chance_below(&chance, CHILDREN);

        while (__atomic_load_n(&stage->learned, __ATOMIC_RELAXED) < until) {
            sched_yield();
        }
        kill(pids[who], SIGKILL);
        ck_assert_int_eq(waitpid(pids[who], NULL, 0), pids[who]);
        pids[who] = in_child(learn_again_and_again, stage);
    }
}

/* Records that differ in their digests alone, each of which says so in its name. */
static void make_answers(stage_t *stage)
{
    const tai_key_issue_t issue = created(usual);
    const answer_t one = asked(stage->segment, digest_of(issue.key));

    for (int i = 0; i < ANSWERS; i++) {
        const char *name = apr_psprintf(pool, "key_%d", i);

        stage->answers[i] = one;
        stage->answers[i].key = digest_from(digest_of(name));
        stage->answers[i].record = apr_pmemdup(pool, one.record, sizeof(*one.record));
        stage->answers[i].record->key = stage->answers[i].key;
        stage->answers[i].record->id = name;
    }
}

static void check_answers(stage_t *stage)
{
    tai_records_t *records = tai_segment_records(stage->segment);
    tai_record_copy_t copy;

    for (int i = 0; i < ANSWERS; i++) {
        if (tai_records_find(records, &stage->answers[i].key, &copy)) {
            ck_assert_str_eq(copy.record.id, apr_psprintf(pool, "key_%d", i));
        }
    }
}

START_TEST(whoever_comes_next_mends_it)
{
    stage_t *stage = shared_block(sizeof(*stage));
    tai_records_usage_t usage;
    pid_t pids[CHILDREN];
    int i;

    stage->segment = registered_node(LEASE_MS);
    sync_node(stage->segment);
    make_answers(stage);
    sync_node(stage->segment);
    for (i = 0; i < ANSWERS; i++) {
        stage->answers[i].version = tai_node_version(stage->segment);
    }
    for (i = 0; i < CHILDREN; i++) {
        pids[i] = in_child(learn_again_and_again, stage);
    }
    kill_some(stage, pids);
    __atomic_store_n(&stage->stop, 1, __ATOMIC_RELAXED);
    for (i = 0; i < CHILDREN; i++) {
        child_succeeds(pids[i]);
    }

    ck_assert_int_eq(learn(stage->segment, &stage->answers[0]), APR_SUCCESS);
    ck_assert_int_eq(is_remembered(stage->segment, &stage->answers[0]), 1);
    ck_assert_uint_eq(tai_records_check(tai_segment_records(stage->segment)), 0);
    check_answers(stage);
    /* some died amid it, or this has shown nothing */
    tai_records_usage(tai_segment_records(stage->segment), &usage);
    ck_assert_uint_gt(usage.torn, 0);
}
END_TEST

static void add(TCase *tests)
{
    with_acme(tests);
    tcase_add_test(tests, whoever_comes_next_mends_it);
}

int main(void)
{
    return unit_run("killed while learning", add);
}
