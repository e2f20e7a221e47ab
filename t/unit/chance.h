#ifndef CHANCE_H
#define CHANCE_H

#include <stdlib.h>
#include <apr.h>

/*
 * Chance that can be repeated: a failing test tells its seed, and TAI_TEST_SEED runs it again, as
 * one more seed behind the fixed ones. TAI_TEST_STEPS says how long a random run is.
 */
static const apr_uint64_t chance_fixed[] = {1, 20260728, APR_UINT64_C(0x9e3779b97f4a7c15)};

#define CHANCE_FIXED (int)(sizeof(chance_fixed) / sizeof(chance_fixed[0]))

/* @return how many seeds there are */
static inline int chance_seeds(void)
{
    return CHANCE_FIXED + (getenv("TAI_TEST_SEED") != NULL);
}

static inline apr_uint64_t chance_seed(int i)
{
    return i < CHANCE_FIXED ? chance_fixed[i] : strtoull(getenv("TAI_TEST_SEED"), NULL, 0);
}

/* @return TAI_TEST_STEPS, or what is usual */
static inline int chance_steps(int usual)
{
    const char *steps = getenv("TAI_TEST_STEPS");

    return steps != NULL ? atoi(steps) : usual;
}

/* SplitMix64 (Steele, Lea and Flood 2014). */
static inline apr_uint64_t chance_next(apr_uint64_t *state)
{
    apr_uint64_t z = *state += APR_UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * APR_UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * APR_UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* @return 0 to n - 1 */
static inline apr_uint64_t chance_below(apr_uint64_t *state, apr_uint64_t n)
{
    return chance_next(state) % n;
}

/* @return low to high, both included */
static inline apr_uint64_t chance_between(apr_uint64_t *state, apr_uint64_t low, apr_uint64_t high)
{
    return low + chance_below(state, high - low + 1);
}

#endif
