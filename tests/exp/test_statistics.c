/* test_statistics.c: mean, standard deviation and bootstrap against numbers from elsewhere. */
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/status.h"
#include "exp/statistics.h"
#include "support/support.h"

static struct pb_bootstrap bootstrap;

static void setup(void)
{
	pb_bootstrap_init(&bootstrap, 42);
}

static void teardown(void)
{
	pb_bootstrap_finish(&bootstrap);
}

static struct pb_result_spread spread(const double *values, size_t n)
{
	struct pb_result_spread r;
	ck_assert_ok(pb_bootstrap_spread(&bootstrap, values, n, &r));
	return r;
}

static void near(double got, double want)
{
	ck_assert_msg(fabs(got - want) <= 1e-12, "%.17g, not %.17g", got, want);
}

/* 2, 4, 4, 4, 5, 5, 7, 9: squares about the mean 5 add up to 32. */
START_TEST(by_hand)
{
	struct pb_result_spread r = spread((const double[]){2, 4, 4, 4, 5, 5, 7, 9}, 8);
	ck_assert_int_eq(r.count, 8);
	near(r.mean, 5);
	near(r.std, sqrt(32.0 / 7));
	ck_assert(r.low > 3 && r.low < 5 && r.high > 5 && r.high < 7);
}
END_TEST

START_TEST(what_is_not_finite_does_not_count)
{
	struct pb_result_spread r = spread((const double[]){NAN, 1, INFINITY, 2, 6, -INFINITY}, 6);
	struct pb_result_spread same = spread((const double[]){1, 2, 6}, 3);
	ck_assert_int_eq(r.count, 3);
	near(r.mean, 3);
	near(r.std, sqrt(7));
	ck_assert(r.low == same.low && r.high == same.high);
}
END_TEST

START_TEST(too_few)
{
	struct pb_result_spread one = spread((const double[]){3.5}, 1), none = spread((const double[]){NAN}, 1);
	ck_assert_int_eq(one.count, 1);
	ck_assert(one.mean == 3.5 && isnan(one.std) && isnan(one.low) && isnan(one.high));
	ck_assert_int_eq(none.count, 0);
	ck_assert(isnan(none.mean) && isnan(none.std) && isnan(none.low) && isnan(none.high));
}
END_TEST

/* A quarter of the resamples is the one value twice, a quarter the other: both ends are beyond 2.5 %. */
START_TEST(interval_of_two_goes_from_one_to_the_other)
{
	struct pb_result_spread r = spread((const double[]){-1, 3}, 2);
	ck_assert(r.low == -1 && r.high == 3);
	r = spread((const double[]){0.1, 0.1, 0.1, 0.1}, 4);
	near(r.low, 0.1);
	near(r.high, 0.1);
	near(r.std, 0);
}
END_TEST

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* As the header has it, and percentiles as numpy's default has them: place 0.025 * 1999 = 49.975. */
START_TEST(interval_is_the_documented_one)
{
	enum { N = 7, B = 2000 };
	static const double values[N] = {0.3, -1.2, 0.8, 2.5, 0.1, 0.9, -0.4};
	static double means[B];
	ck_assert_int_eq(PB_BOOTSTRAP_RESAMPLES, B);
	for (uint64_t b = 0; b < B; b++) {
		double sum = 0;
		for (uint64_t k = 0; k < N; k++)
			sum += values[(pb_random(42, pb_random_stream("bootstrap"), b * 4294967296u + k) >> 32) * N >>
				      32];
		means[b] = sum / N;
	}
	qsort(means, B, sizeof *means, compare);
	struct pb_result_spread r = spread(values, N);
	near(r.low, means[49] + 0.975 * (means[50] - means[49]));
	near(r.high, means[1949] + 0.025 * (means[1950] - means[1949]));
}
END_TEST

START_TEST(the_seed_decides)
{
	static const double values[] = {0.3, -1.2, 0.8, 2.5, 0.1, 0.9, -0.4, 1.7, 1.1};
	struct pb_result_spread first = spread(values, 9), again, other;
	spread(values, 5); /* another number of values between */
	again = spread(values, 9);
	ck_assert(first.low == again.low && first.high == again.high);
	pb_bootstrap_finish(&bootstrap);
	pb_bootstrap_init(&bootstrap, 43);
	other = spread(values, 9);
	ck_assert(first.low != other.low && first.mean == other.mean);
	ck_assert(fabs(first.low - other.low) < 0.2);
}
END_TEST

/* Of samples of 20 from a normal distribution, the interval holds the true mean in 88 to 96 of 100: the percentile
 * bootstrap is known to be a little narrow there. */
START_TEST(interval_covers)
{
	int held = 0;
	for (uint64_t i = 0; i < 400; i++) {
		double values[20];
		for (uint64_t k = 0; k < 20; k++)
			values[k] = pb_random_normal(7, i, k);
		struct pb_result_spread r = spread(values, 20);
		held += r.low <= 0 && r.high >= 0;
	}
	ck_assert_msg(held >= 352 && held <= 384, "%d of 400", held);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("statistics");
	TCase *tc = tcase_create("statistics");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, by_hand);
	tcase_add_test(tc, what_is_not_finite_does_not_count);
	tcase_add_test(tc, too_few);
	tcase_add_test(tc, interval_of_two_goes_from_one_to_the_other);
	tcase_add_test(tc, interval_is_the_documented_one);
	tcase_add_test(tc, the_seed_decides);
	tcase_add_test(tc, interval_covers);
	suite_add_tcase(suite, tc);
	return pb_test_run(suite, NULL);
}
