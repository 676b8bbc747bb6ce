/* gemm_shuffle.h: fused multiply-add, and how to transpose blocks of vectors. */
#ifndef PBK_GEMM_SHUFFLE_H
#define PBK_GEMM_SHUFFLE_H

#include "vector.h"

/* Rows of A that lie together when packed: a third of a tile's. */
#if defined(__AVX512F__)
enum { GROUP = 4 };
#else
enum { GROUP = 2 };
#endif

/* a*b + c. Spelled out where there is an instruction for it: what a compiler contracts may differ from loop to
 * loop. */
static ALWAYS_INLINE vector multiply_add(vector a, vector b, vector c)
{
#if defined(__AVX512F__)
	return sizeof(real) == 4 ? (vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c)
				 : (vector)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
	return sizeof(real) == 4 ? (vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c)
				 : (vector)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
	return a * b + c;
#endif
}

static ALWAYS_INLINE vector broadcast(real x)
{
	return x - (vector){0};
}

/* In words that the preprocessor understands: elements of a vector, and of 16 bytes, which shuffles do not cross
 * cheaply. */
#define SIZE_float  4
#define SIZE_double 8
#define ELEMENTS    (VECTOR_SIZE / PBK_JOIN(SIZE, PBK_REAL))
#define LANE        (16 / PBK_JOIN(SIZE, PBK_REAL))

/* Lists of the elements that a shuffle of two vectors takes: `f` maps each of the result to one of the sources'. */
#if ELEMENTS == 16
#define LIST(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15)
#elif ELEMENTS == 8
#define LIST(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)
#elif ELEMENTS == 4
#define LIST(f) f(0), f(1), f(2), f(3)
#else
#define LIST(f) f(0), f(1)
#endif
#define LANE_LOW(l)  ((l) / LANE * LANE + (l) % LANE / 2 + (l) % 2 * ELEMENTS) /* interleaved, within 16 bytes */
#define LANE_HIGH(l) (LANE_LOW(l) + LANE / 2)
#define LANE_EVEN(l) ((l) / LANE * 2 * LANE + (l) % LANE) /* every other 16 bytes */
#define LANE_ODD(l)  (LANE_EVEN(l) + LANE)
#define FULL_LOW(l)  ((l) / 2 + (l) % 2 * ELEMENTS) /* interleaved */
#define FULL_HIGH(l) (FULL_LOW(l) + ELEMENTS / 2)

#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLE(a, b, f) __builtin_shufflevector(a, b, LIST(f))
#endif
#endif
#ifndef SHUFFLE
#define SHUFFLE(a, b, f) __builtin_shuffle(a, b, (__typeof__((a) < (b))){LIST(f)})
#endif

/* x[i] lane j <-> x[j] lane i. */
static ALWAYS_INLINE void transpose(vector x[WIDTH])
{
	vector y[WIDTH];
	for (int size = LANE; size > 1; size /= 2) {
#pragma GCC unroll 16
		for (int i = 0; i < WIDTH / 2; i++) {
			const int from = i / (LANE / 2) * LANE + i % (LANE / 2);
			y[2 * i] = SHUFFLE(x[from], x[from + LANE / 2], LANE_LOW);
			y[2 * i + 1] = SHUFFLE(x[from], x[from + LANE / 2], LANE_HIGH);
		}
		memcpy(x, y, sizeof y);
	}
	/* Now x[g*LANE + c] holds, for each q, rows g*LANE .. of column q*LANE + c. */
#if ELEMENTS > LANE
	for (int groups = WIDTH / LANE; groups > 1; groups /= 2) {
#pragma GCC unroll 16
		for (int i = 0; i < WIDTH / 2; i++) {
			const int from = i / LANE * 2 * LANE + i % LANE;
			y[i] = SHUFFLE(x[from], x[from + LANE], LANE_EVEN);
			y[i + WIDTH / 2] = SHUFFLE(x[from], x[from + LANE], LANE_ODD);
		}
		memcpy(x, y, sizeof y);
	}
#endif
}

/* x[i], of GROUP vectors, becomes the vectors of [WIDTH][GROUP]. */
static ALWAYS_INLINE void interleave(vector x[GROUP])
{
	vector y[GROUP];
	for (int size = GROUP; size > 1; size /= 2) {
#pragma GCC unroll 4
		for (int i = 0; i < GROUP / 2; i++) {
			y[2 * i] = SHUFFLE(x[i], x[i + GROUP / 2], FULL_LOW);
			y[2 * i + 1] = SHUFFLE(x[i], x[i + GROUP / 2], FULL_HIGH);
		}
		memcpy(x, y, sizeof y);
	}
}

/* `count` rows of `size` elements, `ld` apart, as `most` vectors; what is missing is 0. */
static ALWAYS_INLINE void load_rows(const int most, const real *x, int64_t ld, int64_t count, int64_t size,
				    vector rows[])
{
	real part[WIDTH * WIDTH];
	if (count < most && size >= WIDTH) {
#pragma GCC unroll 16
		for (int i = 0; i < most; i++, x += ld)
			rows[i] = i < count ? load(x) : (vector){0};
		return;
	}
	if (size < WIDTH) {
		memset(part, 0, (size_t)(most * WIDTH) * sizeof *part);
		for (int i = 0; i < most && i < count; i++)
			memcpy(part + i * WIDTH, x + i * ld, (size_t)size * sizeof *part);
		x = part;
		ld = WIDTH;
	}
#pragma GCC unroll 16
	for (int i = 0; i < most; i++, x += ld)
		rows[i] = load(x);
}

#endif
