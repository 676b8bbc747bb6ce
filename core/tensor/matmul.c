/* matmul.c: how far a device's products are from those in double precision. */
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/status.h"
#include "tensor/tensor.h"

enum { ROWS = 64, TERMS = 512, COLUMNS = 64 };

static void draw(const char *stream, int64_t count, float *ret_values)
{
	for (int64_t i = 0; i < count; i++)
		ret_values[i] = (float)pb_random_normal(1, pb_random_stream(stream), (uint64_t)i);
}

/* The largest error as a share of the root of the mean square. */
static double error_of(const float *a, const float *b, const float *c)
{
	double worst = 0.0, squares = 0.0;
	for (int i = 0; i < ROWS; i++)
		for (int j = 0; j < COLUMNS; j++) {
			double want = 0.0;
			for (int k = 0; k < TERMS; k++)
				want += (double)a[i * TERMS + k] * (double)b[k * COLUMNS + j];
			worst = fmax(worst, fabs((double)c[i * COLUMNS + j] - want));
			squares += want * want;
		}
	return worst / sqrt(squares / (ROWS * COLUMNS));
}

int pb_device_matmul_error(struct pb_device *device, double *ret_error)
{
	const struct pbk_table *k = pb_kernels(device, PB_F32);
	struct pb_pool pool;
	struct pb_view a, b, c;
	float *host = malloc((ROWS * TERMS + TERMS * COLUMNS + ROWS * COLUMNS) * sizeof *host);
	if (!host)
		return pb_fail_nomem(ROWS * TERMS * sizeof *host, "a product");
	float *host_b = host + ROWS * TERMS, *host_c = host_b + TERMS * COLUMNS;
	draw("matmul/a", ROWS * TERMS, host);
	draw("matmul/b", TERMS * COLUMNS, host_b);
	pb_pool_init(&pool, device);
	int rc = pb_tensor_new(&pool, PB_F32, 2, (int64_t[]){ROWS, TERMS}, &a);
	if (!rc)
		rc = pb_tensor_new(&pool, PB_F32, 2, (int64_t[]){TERMS, COLUMNS}, &b);
	if (!rc)
		rc = pb_tensor_new(&pool, PB_F32, 2, (int64_t[]){ROWS, COLUMNS}, &c);
	if (!rc) {
		k->upload(device->context, a.data, host, ROWS * TERMS * sizeof *host);
		k->upload(device->context, b.data, host_b, TERMS * COLUMNS * sizeof *host);
		k->gemm(device->context, false, false, ROWS, COLUMNS, TERMS, 1.0, a.data, TERMS, b.data, COLUMNS, 0.0,
			c.data, COLUMNS);
		k->download(device->context, host_c, c.data, ROWS * COLUMNS * sizeof *host);
		rc = pb_device_status(device);
	}
	if (!rc)
		*ret_error = error_of(host, host_b, host_c);
	pb_pool_finish(&pool);
	free(host);
	return rc;
}
