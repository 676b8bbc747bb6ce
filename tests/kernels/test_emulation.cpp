/* test_emulation.cpp: the emulated device itself: threads, barriers, shuffles, and what it does not let pass. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cuda_runtime.h"

extern "C" {
#include "support/support.h"
}

namespace
{

constexpr unsigned ALL = 0xffffffffu;
#ifdef PBK_TSAN
constexpr bool races_show = true;
#else
constexpr bool races_show = false;
#endif

void set_order(bool reverse)
{
	setenv("PBK_EMULATION_ORDER", reverse ? "reverse" : "", 1);
}

START_TEST(every_thread_runs_once)
{
	static int runs[3][2][5][70];
	set_order(_i);
	pbk_emulate(dim3(5, 2, 3), 70, nullptr, [] {
		ck_assert(blockDim.x == 70 && gridDim.x == 5 && gridDim.y == 2 && gridDim.z == 3);
		runs[blockIdx.z][blockIdx.y][blockIdx.x][threadIdx.x]++;
	});
	for (int i = 0; i < 3 * 2 * 5 * 70; i++)
		ck_assert_int_eq((&runs[0][0][0][0])[i], 1);
}
END_TEST

START_TEST(neighbours_are_apart_in_reverse)
{
	static unsigned order[60];
	static int n;
	set_order(true);
	for (unsigned blocks = 8; blocks < 60; blocks++) {
		n = 0;
		pbk_emulate(dim3(blocks), 1, nullptr, [] { order[n++] = blockIdx.x; });
		ck_assert_int_eq(n, static_cast<int>(blocks));
		for (int i = 1; i < n; i++)
			ck_assert(order[i] + 1 != order[i - 1] && order[i] != order[i - 1] + 1);
	}
}
END_TEST

/* Each block adds to what all share, by which the last one knows itself, and sees what the others have written. */
struct shared {
	int written[64], seen, runs[64][96];
	unsigned ticket;
} shared;

void sum_of_all(bool fences)
{
	__shared__ bool last;
	shared.runs[blockIdx.x][threadIdx.x]++;
	if (threadIdx.x == 1)
		shared.written[blockIdx.x] = static_cast<int>(blockIdx.x);
	__syncthreads();
	if (!threadIdx.x) {
		if (fences)
			__threadfence();
		last = atomicAdd(&shared.ticket, 1u) == gridDim.x - 1;
		if (fences)
			__threadfence();
	}
	__syncthreads();
	if (threadIdx.x == 2 && last)
		for (unsigned b = 0; b < gridDim.x; b++)
			shared.seen += shared.written[b];
}

START_TEST(blocks_at_once)
{
	char text[8];
	snprintf(text, sizeof text, "%d", _i);
	setenv("PBK_EMULATION_BLOCKS", text, 1);
	for (unsigned launch = 1; launch < 60; launch++) {
		shared = {};
		set_order(launch % 2);
		pbk_emulate(dim3(launch), 3 + launch % 90, nullptr, [] { sum_of_all(true); });
		ck_assert_int_eq(shared.seen, static_cast<int>(launch * (launch - 1) / 2));
		for (unsigned b = 0; b < 64; b++)
			for (unsigned t = 0; t < 96; t++)
				ck_assert_int_eq(shared.runs[b][t], b < launch && t < 3 + launch % 90);
	}
}
END_TEST

int race_free, racing;

void swap_in_warp(bool meets)
{
	__shared__ int values[32];
	values[threadIdx.x] = 1;
	if (meets)
		__syncwarp();
	if (values[threadIdx.x ^ 1])
		atomicAdd(&race_free, 1);
}

const struct {
	std::function<void()> thread;
	bool races;
} accesses[] = {
	{[] { sum_of_all(true); }, false},
	{[] { sum_of_all(false); }, true},
	{[] { atomicAdd(&race_free, 1); }, false},
	{[] { racing = 1; }, true},
	{[] { racing += !threadIdx.x; }, true},
	{[] { swap_in_warp(true); }, false},
	{[] { swap_in_warp(false); }, true},
};

START_TEST(races_are_seen)
{
	setenv("PBK_EMULATION_BLOCKS", "2", 1);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		pbk_emulate(dim3(6), 32, nullptr, accesses[_i].thread);
		_exit(0); /* with another code, ThreadSanitizer's, if there were races */
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && (WEXITSTATUS(status) != 0) == accesses[_i].races);
}
END_TEST

/* Each block turns its part of x around, `rounds` times; threads beyond `n` have left before the barriers. */
void turn(int *x, int n, int rounds)
{
	__shared__ int part[256];
	const int at = static_cast<int>(threadIdx.x);
	int *mine = x + static_cast<int>(blockIdx.x) * n;
	if (at >= n)
		return;
	for (int round = 0; round < rounds; round++) {
		part[at] = mine[at];
		__syncthreads();
		mine[at] = part[n - 1 - at];
		__syncthreads();
	}
}

START_TEST(barriers_order_memory_of_a_block)
{
	int x[4 * 200];
	set_order(_i);
	for (int i = 0; i < 800; i++)
		x[i] = i;
	pbk_emulate(dim3(4), 256, nullptr, [&] { turn(x, 200, 3); });
	for (int i = 0; i < 800; i++)
		ck_assert_int_eq(x[i], i / 200 * 200 + 199 - i % 200);
}
END_TEST

/* Without the barrier in the middle each order sees something else, and both are wrong. */
START_TEST(missing_barrier_is_seen_in_one_order_or_the_other)
{
	static int seen[2][64];
	for (int reverse = 0; reverse < 2; reverse++) {
		__shared__ int part[64];
		memset(part, 0, sizeof part);
		set_order(reverse);
		pbk_emulate(dim3(1), 64, nullptr, [&] {
			part[threadIdx.x] = 1;
			seen[reverse][threadIdx.x] = part[63 - threadIdx.x];
		});
	}
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(seen[0][i] + seen[1][i], 1);
}
END_TEST

/* Each round: write, barrier, read. Without a second barrier a warp that is ahead writes before the others have read. */
START_TEST(barrier_missing_between_rounds_is_seen)
{
	static int wrong;
	set_order(_i);
	pbk_emulate(dim3(1), 128, nullptr, [] {
		__shared__ int part[4];
		for (int round = 0; round < 2; round++) {
			const int mine = __shfl_sync(ALL, round, 0);
			if (threadIdx.x % 32 == 0)
				part[threadIdx.x / 32] = mine;
			__syncthreads();
			wrong += part[0] + part[1] + part[2] + part[3] != 4 * round;
		}
	});
	ck_assert_int_gt(wrong, 0);
}
END_TEST

START_TEST(shuffles_move_values_within_a_warp)
{
	static double by_xor[96], by_lane[96], from_below[96];
	set_order(_i);
	pbk_emulate(dim3(1), 96, nullptr, [] {
		const double mine = threadIdx.x + 0.5;
		by_xor[threadIdx.x] = __shfl_xor_sync(ALL, mine, 5);
		by_lane[threadIdx.x] = __shfl_sync(ALL, mine, 7);
		from_below[threadIdx.x] = __shfl_down_sync(ALL, mine, 4);
	});
	for (int i = 0; i < 96; i++) {
		const int warp = i / 32 * 32;
		ck_assert_double_eq(by_xor[i], (i ^ 5) + 0.5);
		ck_assert_double_eq(by_lane[i], warp + 7 + 0.5);
		ck_assert_double_eq(from_below[i], (i % 32 + 4 < 32 ? i + 4 : i) + 0.5);
	}
}
END_TEST

/* A sum by shuffles, and by shared memory across warps; every thread has it. */
START_TEST(sum_over_a_block)
{
	static float sum[2][128];
	set_order(_i);
	pbk_emulate(dim3(2), 128, nullptr, [] {
		__shared__ float part[4];
		float x = static_cast<float>(threadIdx.x) * static_cast<float>(blockIdx.x + 1);
		for (int distance = 16; distance; distance /= 2)
			x += __shfl_xor_sync(ALL, x, distance);
		if (threadIdx.x % 32 == 0)
			part[threadIdx.x / 32] = x;
		__syncthreads();
		sum[blockIdx.x][threadIdx.x] = part[0] + part[1] + part[2] + part[3];
	});
	for (int i = 0; i < 256; i++)
		ck_assert_float_eq(sum[i / 128][i % 128], static_cast<float>(i / 128 + 1) * 8128);
}
END_TEST

/* Half a warp may shuffle among itself while the other half does something else. */
START_TEST(lanes_of_the_mask_are_enough)
{
	static int got[32];
	set_order(_i);
	pbk_emulate(dim3(1), 32, nullptr, [] {
		const int lane = static_cast<int>(threadIdx.x);
		if (lane < 16)
			got[lane] = __shfl_xor_sync(0xffffu, lane, 1);
		__syncthreads();
		if (lane >= 16)
			got[lane] = __shfl_xor_sync(0xffff0000u, lane, 2);
	});
	for (int i = 0; i < 32; i++)
		ck_assert_int_eq(got[i], i ^ (i < 16 ? 1 : 2));
}
END_TEST

START_TEST(atomics_return_what_was_there)
{
	static int total;
	static unsigned long long largest, before;
	pbk_emulate(dim3(3), 40, nullptr, [] {
		atomicAdd(&total, 2);
		atomicAdd(&before, atomicMax(&largest, threadIdx.x) / 40);
	});
	ck_assert_int_eq(total, 240);
	ck_assert(largest == 39 && before == 0);
}
END_TEST

/* In a process of its own: does it end by abort, with this text on stderr? */
void expect_abort(void (*kernel)(), unsigned block, const char *text)
{
	char said[512] = "";
	int ends[2], status;
	ck_assert_int_eq(pipe(ends), 0);
	const pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (!child) {
		dup2(ends[1], STDERR_FILENO);
		pbk_emulate(dim3(1), block, nullptr, kernel);
		_exit(0);
	}
	close(ends[1]);
	for (size_t length = 0; length < sizeof said - 1;) {
		const ssize_t n = read(ends[0], said + length, sizeof said - 1 - length);
		if (n <= 0)
			break;
		length += static_cast<size_t>(n);
	}
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %d, \"%s\"", status, said);
	ck_assert_msg(strstr(said, text) != NULL, "\"%s\" does not say \"%s\"", said, text);
}

START_TEST(barrier_in_two_places_aborts)
{
	set_order(_i);
	expect_abort(
		[] {
			if (threadIdx.x < 32)
				__syncthreads();
			else
				__syncthreads();
		},
		64, "waits at another barrier than the others");
}
END_TEST

START_TEST(shuffle_with_missing_lanes_aborts)
{
	set_order(_i);
	expect_abort(
		[] {
			if (threadIdx.x != 5)
				__shfl_xor_sync(ALL, 1, 1);
		},
		64, "waits for threads that do not come");
	expect_abort([] { __shfl_xor_sync(ALL, 1, 1); }, 40, "waits for threads that do not come");
	expect_abort(
		[] {
			if (threadIdx.x < 16)
				__syncwarp();
			__syncthreads();
		},
		32, "waits for threads that do not come");
}
END_TEST

START_TEST(block_of_too_many_threads_aborts)
{
	expect_abort([] {}, 1025, "too many threads");
	expect_abort([] {}, 0, "too many threads");
}
END_TEST

START_TEST(memory_starts_as_nan)
{
	void *memory = nullptr;
	ck_assert_int_eq(cudaMalloc(&memory, 80), cudaSuccess);
	const float *floats = static_cast<float *>(memory);
	const double *doubles = static_cast<double *>(memory);
	for (int i = 0; i < 10; i++)
		ck_assert(std::isnan(floats[i]) && std::isnan(doubles[i]));
	ck_assert_int_eq(cudaFree(memory), cudaSuccess);
	ck_assert_int_eq(cudaFree(nullptr), cudaSuccess);
	ck_assert_int_eq(cudaMalloc(&memory, SIZE_MAX), cudaErrorMemoryAllocation);
}
END_TEST

} // namespace

int main()
{
	Suite *suite = suite_create("emulation");
	TCase *tcase = tcase_create("emulation");
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, every_thread_runs_once, 0, 2);
	tcase_add_test(tcase, neighbours_are_apart_in_reverse);
	tcase_add_loop_test(tcase, blocks_at_once, 1, 5);
	tcase_add_loop_test(tcase, barriers_order_memory_of_a_block, 0, 2);
	if (races_show) {
		tcase_add_loop_test(tcase, races_are_seen, 0, sizeof accesses / sizeof *accesses);
	} else {
		tcase_add_test(tcase, missing_barrier_is_seen_in_one_order_or_the_other);
		tcase_add_loop_test(tcase, barrier_missing_between_rounds_is_seen, 0, 2);
	}
	tcase_add_loop_test(tcase, shuffles_move_values_within_a_warp, 0, 2);
	tcase_add_loop_test(tcase, sum_over_a_block, 0, 2);
	tcase_add_loop_test(tcase, lanes_of_the_mask_are_enough, 0, 2);
	tcase_add_test(tcase, atomics_return_what_was_there);
	tcase_add_loop_test(tcase, barrier_in_two_places_aborts, 0, 2);
	tcase_add_loop_test(tcase, shuffle_with_missing_lanes_aborts, 0, 2);
	tcase_add_test(tcase, block_of_too_many_threads_aborts);
	tcase_add_test(tcase, memory_starts_as_nan);
	return pb_test_run(suite, NULL);
}
