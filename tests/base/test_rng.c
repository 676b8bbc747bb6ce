/* test_rng.c: Philox4x32-10 against its published vectors; moments, independence, fair shuffles. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "support/support.h"

/* Random123's kat_vectors for philox4x32 10: counter, key, expected. */
static const struct {
	uint32_t counter[4], key[2], expected[4];
} vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static uint64_t join(const uint32_t low_high[2])
{
	return low_high[0] | (uint64_t)low_high[1] << 32;
}

START_TEST(philox_gives_the_published_vectors)
{
	uint32_t words[4];
	pb_philox(join(vectors[_i].key), join(vectors[_i].counter + 2), join(vectors[_i].counter), words);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(words[i], vectors[_i].expected[i]);
}
END_TEST

START_TEST(draw_is_the_first_two_words_low_first)
{
	ck_assert_uint_eq(pb_random(0, 0, 0), 0xe169c58d6627e8d5u);
	ck_assert(pb_random_uniform(0, 0, 0) == (double)(0xe169c58d6627e8d5u >> 11) / 9007199254740992.0);
}
END_TEST

START_TEST(seed_stream_and_counter_all_matter)
{
	uint64_t base = pb_random(1, 2, 3);
	for (int bit = 0; bit < 64; bit++) {
		uint64_t flip = (uint64_t)1 << bit;
		ck_assert_uint_ne(pb_random(1 ^ flip, 2, 3), base);
		ck_assert_uint_ne(pb_random(1, 2 ^ flip, 3), base);
		ck_assert_uint_ne(pb_random(1, 2, 3 ^ flip), base);
	}
}
END_TEST

START_TEST(uniform_has_its_moments_and_fills_its_bins)
{
	enum { N = 200000, BINS = 64 };
	int bins[BINS] = {0};
	double sum = 0, squares = 0, lagged = 0, before = 0.5, chi = 0;
	for (uint64_t i = 0; i < N; i++) {
		double u = pb_random_uniform(7, 11, i);
		ck_assert(u >= 0 && u < 1);
		bins[(int)(u * BINS)]++;
		sum += u;
		squares += u * u;
		lagged += (u - 0.5) * (before - 0.5);
		before = u;
	}
	for (int i = 0; i < BINS; i++)
		chi += pow(bins[i] - (double)N / BINS, 2) / ((double)N / BINS);
	/* Five standard deviations each. */
	ck_assert_double_eq_tol(sum / N, 0.5, 5 * sqrt(1.0 / 12 / N));
	ck_assert_double_eq_tol(squares / N, 1.0 / 3, 5 * sqrt(4.0 / 45 / N));
	ck_assert_double_eq_tol(lagged / N, 0, 5.0 / 12 / sqrt(N));
	ck_assert_double_lt(chi, BINS - 1 + 5 * sqrt(2.0 * (BINS - 1)));
}
END_TEST

START_TEST(normal_has_its_moments_and_tails)
{
	enum { N = 200000 };
	double m[5] = {0}, lagged = 0, before = 0;
	int beyond = 0;
	for (uint64_t i = 0; i < N; i++) {
		double x = pb_random_normal(3, 5, i);
		ck_assert(isfinite(x));
		for (int k = 1; k <= 4; k++)
			m[k] += pow(x, k) / N;
		beyond += fabs(x) > 1.959964;
		lagged += x * before / N;
		before = x;
	}
	ck_assert_double_eq_tol(m[1], 0, 5 / sqrt(N));
	ck_assert_double_eq_tol(m[2], 1, 5 * sqrt(2.0 / N));
	ck_assert_double_eq_tol(m[3], 0, 5 * sqrt(15.0 / N));
	ck_assert_double_eq_tol(m[4], 3, 5 * sqrt(96.0 / N));
	ck_assert_double_eq_tol(beyond / (double)N, 0.05, 5 * sqrt(0.05 * 0.95 / N));
	ck_assert_double_eq_tol(lagged, 0, 5 / sqrt(N));
}
END_TEST

START_TEST(normal_is_box_muller_of_the_block)
{
	uint32_t w[4];
	pb_philox(9, 8, 7, w);
	double u = (double)(join(w) >> 11) + 1, v = (double)(join(w + 2) >> 11);
	double expected = sqrt(-2 * log(u * 0x1p-53)) * cos(2 * acos(-1.0) * v * 0x1p-53);
	ck_assert_double_eq_tol(pb_random_normal(9, 8, 7), expected, 1e-12);
}
END_TEST

START_TEST(shuffle_is_a_permutation_and_a_pure_function)
{
	int64_t a[257], b[257];
	int seen[257] = {0}, fixed = 0;
	for (int i = 0; i < 257; i++)
		a[i] = b[i] = i;
	pb_random_shuffle(1, 2, a, 257);
	pb_random_shuffle(1, 2, b, 257);
	ck_assert_mem_eq(a, b, sizeof a);
	for (int i = 0; i < 257; i++) {
		seen[a[i]]++;
		fixed += a[i] == i;
	}
	for (int i = 0; i < 257; i++)
		ck_assert_int_eq(seen[i], 1);
	ck_assert_int_lt(fixed, 10);
	int64_t c[257];
	for (int i = 0; i < 257; i++)
		c[i] = i;
	pb_random_shuffle(1, 3, c, 257);
	ck_assert_mem_ne(a, c, sizeof a);
	pb_random_shuffle(1, 2, c, 0);
	pb_random_shuffle(1, 2, NULL, 0);
	int64_t one = 5;
	pb_random_shuffle(1, 2, &one, 1);
	ck_assert_int_eq(one, 5);
}
END_TEST

/* Every item lands in every place equally often; that of 5! orders each comes up finds Sattolo's mistake too. */
START_TEST(shuffle_is_unbiased)
{
	enum { N = 5, ROUNDS = 60000, ORDERS = 120 };
	int places[N][N] = {{0}}, orders[3125] = {0}, distinct = 0;
	double chi = 0;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		int64_t items[N] = {0, 1, 2, 3, 4};
		int code = 0;
		pb_random_shuffle(99, round, items, N);
		for (int i = 0; i < N; i++) {
			places[i][items[i]]++;
			code = code * N + (int)items[i];
		}
		orders[code]++;
	}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			ck_assert_double_eq_tol(places[i][j], ROUNDS / N, 5 * sqrt(ROUNDS * 0.2 * 0.8));
	for (int i = 0; i < 3125; i++) {
		if (!orders[i])
			continue;
		distinct++;
		chi += pow(orders[i] - (double)ROUNDS / ORDERS, 2) / ((double)ROUNDS / ORDERS);
	}
	ck_assert_int_eq(distinct, ORDERS);
	ck_assert_double_lt(chi, ORDERS - 1 + 5 * sqrt(2.0 * (ORDERS - 1)));
}
END_TEST

START_TEST(streams_are_fnv1a_of_their_names)
{
	ck_assert_uint_eq(pb_random_stream(""), 0xcbf29ce484222325u);
	ck_assert_uint_eq(pb_random_stream("a"), 0xaf63dc4c8601ec8cu);
	ck_assert_uint_eq(pb_random_stream("foobar"), 0x85944171f73967e8u);
	ck_assert_uint_ne(pb_random_stream("\xff"), pb_random_stream("\x7f"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rng");
	TCase *tests = tcase_create("rng");
	tcase_add_loop_test(tests, philox_gives_the_published_vectors, 0, sizeof vectors / sizeof *vectors);
	tcase_add_test(tests, draw_is_the_first_two_words_low_first);
	tcase_add_test(tests, seed_stream_and_counter_all_matter);
	tcase_add_test(tests, uniform_has_its_moments_and_fills_its_bins);
	tcase_add_test(tests, normal_has_its_moments_and_tails);
	tcase_add_test(tests, normal_is_box_muller_of_the_block);
	tcase_add_test(tests, shuffle_is_a_permutation_and_a_pure_function);
	tcase_add_test(tests, shuffle_is_unbiased);
	tcase_add_test(tests, streams_are_fnv1a_of_their_names);
	suite_add_tcase(suite, tests);
	return pb_test_run(suite, NULL);
}
