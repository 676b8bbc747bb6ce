/* convert.c: elements of any stored type as float or double. */
#include <math.h>
#include <string.h>

#include "ckpt/ckpt.h"

static double half_to_double(uint16_t bits)
{
	int exponent = bits >> 10 & 31, fraction = bits & 1023;
	double magnitude = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
			   : exponent	  ? ldexp(1024 + fraction, exponent - 25)
					  : ldexp(fraction, -24);
	return bits & 0x8000 ? -magnitude : magnitude;
}

static double bfloat_to_double(uint16_t bits)
{
	uint32_t wide = (uint32_t)bits << 16;
	float value;
	memcpy(&value, &wide, sizeof value);
	return (double)value;
}

/* Tensors of a file need not be aligned for their type: each element is copied out. */
#define CONVERT(ctype, expression)                                                                                     \
	for (int64_t i = 0; i < tensor->count; i++) {                                                                  \
		ctype v;                                                                                               \
		memcpy(&v, source + (size_t)i * sizeof v, sizeof v);                                                   \
		if (dtype == PB_F32)                                                                                   \
			((float *)dst)[i] = (float)(expression);                                                       \
		else                                                                                                   \
			((double *)dst)[i] = (double)(expression);                                                     \
	}                                                                                                              \
	break

void pb_ckpt_convert(const struct pb_ckpt_tensor *tensor, enum pb_dtype dtype, void *dst)
{
	const unsigned char *source = tensor->data;
	switch (tensor->dtype) {
	case PB_CKPT_F32: CONVERT(float, v);
	case PB_CKPT_F64: CONVERT(double, v);
	case PB_CKPT_F16: CONVERT(uint16_t, half_to_double(v));
	case PB_CKPT_BF16: CONVERT(uint16_t, bfloat_to_double(v));
	case PB_CKPT_I64: CONVERT(int64_t, v);
	case PB_CKPT_I32: CONVERT(int32_t, v);
	case PB_CKPT_I16: CONVERT(int16_t, v);
	case PB_CKPT_I8: CONVERT(int8_t, v);
	case PB_CKPT_U8: CONVERT(uint8_t, v);
	case PB_CKPT_BOOL: CONVERT(uint8_t, v != 0);
	case PB_CKPT_TEXT: break; /* not a number */
	}
}
