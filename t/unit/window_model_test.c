#include "core/window.h"
#include "chance.h"
#include "unit.h"

/*
 * The window against a log of everything it admitted, kept without any thrift: a plain array. What
 * has to hold, with clocks that go backwards from call to call and a limit that is changed:
 *
 *   never more than N in any interval of length W;
 *   with N of 32 and less, the very answers of the log;
 *   above, nothing refused that the log would have let pass a slot of W / 31 earlier;
 *   wait and reset exact to the millisecond;
 *   never more than 32 buckets;
 *   what was taken back at once was never there.
 */

#define FEW   TAI_WINDOW_BUCKETS
#define MANY  100000u
#define STEPS 1000000

static const struct {
    apr_uint32_t least; /* N is one of least to most */
    apr_uint32_t most;
    int changing; /* N changes while the window lives */
} runs[] = {
    {1, 1, 0},         {2, 5, 0},       {6, FEW - 1, 0}, {FEW, FEW, 0}, {FEW + 1, FEW + 1, 0},
    {FEW + 2, 100, 0}, {1000, 5000, 0}, {MANY, MANY, 0}, {1, FEW, 1},   {FEW + 1, 2000, 1},
    {1, 100, 1},       {1, MANY, 1},
};

static const apr_uint32_t window_ms[] = {TAI_WINDOW_MIN_MS, 1001,     1023,      60000,
                                         3600000,           86400000, 604800000, 2592000000u - 7,
                                         TAI_WINDOW_MAX_MS};

typedef struct model_t {
    tai_window_t window;
    tai_limit_t limit;
    apr_uint64_t now;  /* the furthest clock */
    apr_uint64_t *log; /* times of all admissions */
    size_t logged;
    apr_uint64_t newest; /* time of the latest admission, taken back or not */
    int run;
    int step;
    int refused; /* how often */
    apr_uint64_t seed;
    apr_uint64_t chance;
} model_t;

/* Millions of these: libcheck writes to a file at each assertion, so it only hears of the bad. */
#define HOLDS(m, truth)        \
    do {                       \
        if (!(truth)) {        \
            broken(m, #truth); \
        }                      \
    } while (0)

static void broken(const model_t *m, const char *what)
{
    ck_abort_msg("TAI_TEST_SEED=%" APR_UINT64_T_FMT " run %d step %d N %u W %u: %s", m->seed,
                 m->run, m->step, m->limit.max, m->limit.window_ms, what);
}

/* Callers race: one whose clock is behind judges by the time of the latest admission. */
static apr_uint64_t own_time(const model_t *m, apr_uint64_t now)
{
    return m->newest > now ? m->newest : now;
}

/* Where the admissions begin that are younger than so many milliseconds. */
static size_t younger(const model_t *m, apr_uint64_t now, apr_uint64_t age_ms)
{
    size_t low = 0, high = m->logged;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (now - m->log[middle] >= age_ms) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low;
}

static size_t counted(const model_t *m, apr_uint64_t now, apr_uint64_t age_ms)
{
    return m->logged - younger(m, now, age_ms);
}

/* N of 32 and less: what the log says, to the millisecond. */
static void check_exact(const model_t *m, apr_uint64_t now, const tai_window_view_t *view)
{
    const apr_uint64_t width = m->limit.window_ms;
    const size_t oldest = younger(m, own_time(m, now), width);
    const size_t count = m->logged - oldest;

    HOLDS(m, view->counted == count);
    HOLDS(m, view->reset_ms == (count > 0 ? m->log[oldest] + width - now : 0));
    HOLDS(m, view->wait_ms ==
                 (count < m->limit.max ? 0 : m->log[oldest + count - m->limit.max] + width - now));
}

/* N above 32: a bucket stays for what its slot holds, which is less than W / 31 longer. */
static void check_slots(const model_t *m, apr_uint64_t now, const tai_window_view_t *view)
{
    const apr_uint64_t slot = (m->limit.window_ms + 30) / 31;

    HOLDS(m, view->counted <= counted(m, own_time(m, now), m->limit.window_ms + slot - 1));
}

/* The times that a client is told hold if nothing else happens. */
static void check_times(const model_t *m, apr_uint64_t now, const tai_window_view_t *view)
{
    tai_window_view_t later;

    if (view->wait_ms > 0) {
        tai_window_test(&m->window, &m->limit, now + view->wait_ms - 1, &later);
        HOLDS(m, later.wait_ms == 1);
        tai_window_test(&m->window, &m->limit, now + view->wait_ms, &later);
        HOLDS(m, later.wait_ms == 0);
    }
    if (view->reset_ms > 0) {
        tai_window_test(&m->window, &m->limit, now + view->reset_ms - 1, &later);
        HOLDS(m, later.counted == view->counted);
        tai_window_test(&m->window, &m->limit, now + view->reset_ms, &later);
        HOLDS(m, later.counted < view->counted);
    }
}

static void check_view(const model_t *m, apr_uint64_t now, const tai_window_view_t *view)
{
    HOLDS(m, view->counted >= counted(m, own_time(m, now), m->limit.window_ms));
    HOLDS(m, (view->wait_ms == 0) == (view->counted < m->limit.max));
    HOLDS(m, (view->reset_ms == 0) == (view->counted == 0));
    if (runs[m->run].most <= FEW) {
        check_exact(m, now, view);
    }
    if (runs[m->run].least > FEW) {
        check_slots(m, now, view);
    }
    check_times(m, now, view);
}

static void admit(model_t *m, apr_uint64_t now)
{
    tai_window_view_t view, tested;

    tai_window_test(&m->window, &m->limit, now, &view);
    tai_window_admit(&m->window, &m->limit, now);
    tai_window_admitted(&m->window, &m->limit, now, &view);
    tai_window_test(&m->window, &m->limit, now, &tested);
    HOLDS(m, view.counted == tested.counted);
    HOLDS(m, view.wait_ms == tested.wait_ms && view.reset_ms == tested.reset_ms);
    now = own_time(m, now);
    m->log[m->logged++] = m->newest = now;
    HOLDS(m, counted(m, now, m->limit.window_ms) <= m->limit.max);
    HOLDS(m, (m->window.ring & 0xff) <= TAI_WINDOW_BUCKETS);
    HOLDS(m, m->window.ring >> 8 < TAI_WINDOW_BUCKETS);
}

/* The admission just made was refused by somebody else after all. */
static void refund(model_t *m)
{
    tai_window_refund(&m->window, m->window.newest);
    m->logged--;
}

/* How far the clock moves before the next call: mostly so that the limit is just reached. */
static apr_uint64_t pace(model_t *m, const tai_window_view_t *last)
{
    const apr_uint64_t width = m->limit.window_ms;
    const apr_uint64_t kind = chance_below(&m->chance, 64 + 4 * (apr_uint64_t)m->limit.max);

    switch (kind) {
    case 0:
        return chance_below(&m->chance, width + 1);
    case 1:
        return chance_below(&m->chance, 5 * width);
    case 2:
        return chance_below(&m->chance, APR_UINT64_C(1) << 34);
    case 3:
        return last->wait_ms;
    case 4:
        return last->wait_ms - (last->wait_ms > 0);
    case 5:
        return last->reset_ms;
    case 6:
        return last->reset_ms - (last->reset_ms > 0);
    case 7:
        return APR_UINT32_MAX - 2 + chance_below(&m->chance, 5);
    default:
        return kind % 3 == 0 ? 0
                             : (chance_below(&m->chance, 2 * width) +
                                chance_below(&m->chance, m->limit.max)) /
                                   m->limit.max;
    }
}

/* The clock that this caller has read, which may be an old one by now. */
static apr_uint64_t callers_time(model_t *m)
{
    const apr_uint64_t kind = chance_below(&m->chance, 32);

    if (kind > 1) {
        return m->now;
    }
    return m->now - chance_below(&m->chance, kind == 0 ? 5 : m->limit.window_ms);
}

static apr_uint32_t some_limit(model_t *m)
{
    const apr_uint32_t least = runs[m->run].least, most = runs[m->run].most;
    const apr_uint32_t some = (apr_uint32_t)chance_between(&m->chance, least, most);

    /* a low one as often as a high one */
    return m->step % 2 == 0 ? some : least + (some - least) % 8;
}

static void step(model_t *m, tai_window_view_t *view)
{
    apr_uint64_t now;

    if (runs[m->run].changing && chance_below(&m->chance, 100) == 0) {
        m->limit.max = some_limit(m);
    }
    m->now += pace(m, view);
    now = callers_time(m);
    tai_window_test(&m->window, &m->limit, now, view);
    check_view(m, now, view);
    m->refused += view->wait_ms > 0;
    /* now and then another limit of the same request refuses it */
    if (view->wait_ms == 0 && chance_below(&m->chance, 16) != 0) {
        admit(m, now);
        if (chance_below(&m->chance, 8) == 0) {
            refund(m);
        }
    }
}

/* A new window of another width. Its clock starts where 32 bits of it may soon run over. */
static void start(model_t *m)
{
    m->window = (tai_window_t){0};
    m->logged = 0;
    m->newest = 0;
    m->limit.max = some_limit(m);
    m->limit.window_ms = window_ms[chance_below(&m->chance, ROWS(window_ms))];
    m->now = (APR_UINT64_C(4) << 32) - chance_below(&m->chance, m->limit.window_ms);
}

START_TEST(as_the_log_says)
{
    const int run = _i % ROWS(runs);
    const apr_uint64_t seed = chance_seed(_i / ROWS(runs));
    const int steps = chance_steps(STEPS), life = 2000 + 8 * (int)runs[run].most;
    model_t m = {.run = run, .seed = seed, .chance = seed + (apr_uint64_t)run};
    tai_window_view_t view = {0};

    m.log = calloc((size_t)steps, sizeof(*m.log));
    for (m.step = 0; m.step < steps; m.step++) {
        if (m.step % life == 0) {
            start(&m);
        }
        step(&m, &view);
    }
    /* a run that never met its limit has shown nothing, unless it was cut short */
    HOLDS(&m, m.refused > 0 || steps < STEPS);
    free(m.log);
}
END_TEST

static void add(TCase *tests)
{
    tcase_set_timeout(tests, 0);
    tcase_add_loop_test(tests, as_the_log_says, 0, ROWS(runs) * chance_seeds());
}

int main(void)
{
    return unit_run("window against its log", add);
}
