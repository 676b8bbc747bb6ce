/* color.c: the diverging scale, and what a terminal makes of a colour. */
#include <math.h>

#include "report/draw.h"

/* Each arm from the middle outwards. Both have the same perceptual lightness (Oklab's) at the same distance, so that
 * neither direction looks stronger than it is. */
static const unsigned char red[][3] = {{247, 247, 247}, {252, 214, 203}, {251, 174, 154}, {241, 130, 111},
                                       {218, 83, 71},   {177, 44, 44},   {124, 23, 30}};
static const unsigned char blue[][3] = {{247, 247, 247}, {207, 226, 247}, {161, 200, 242}, {114, 171, 230},
                                        {71, 138, 206},  {39, 102, 170},  {24, 67, 122}};
enum { STEPS = sizeof red / sizeof *red - 1 };

void pb_color_diverging(double t, int ret_rgb[3])
{
	const unsigned char(*arm)[3] = t < 0 ? red : blue;
	double at = isnan(t) ? 0 : fmin(1, fabs(t)) * STEPS;
	int low = at >= STEPS ? STEPS - 1 : (int)at;
	for (int i = 0; i < 3; i++)
		ret_rgb[i] = (int)lround(arm[low][i] + (at - low) * (arm[low + 1][i] - arm[low][i]));
}

/* Relative luminance, 0 .. 1, as defined for contrast on the web. */
static double luminance(const int rgb[3])
{
	static const double weight[] = {0.2126, 0.7152, 0.0722};
	double sum = 0;
	for (int i = 0; i < 3; i++) {
		double c = rgb[i] / 255.0;
		sum += weight[i] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
	}
	return sum;
}

bool pb_color_wants_white(const int rgb[3])
{
	double l = luminance(rgb);
	return 1.05 / (l + 0.05) > (l + 0.05) / 0.05;
}

static int distance(const int a[3], int r, int g, int b)
{
	return (a[0] - r) * (a[0] - r) + (a[1] - g) * (a[1] - g) + (a[2] - b) * (a[2] - b);
}

/* Nearest level of the 6 x 6 x 6 cube: 0, 95, 135, ..., 255. */
static int level(int value)
{
	return value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
}

int pb_color_256(const int rgb[3])
{
	static const int levels[] = {0, 95, 135, 175, 215, 255};
	int r = level(rgb[0]), g = level(rgb[1]), b = level(rgb[2]);
	int mean = (rgb[0] + rgb[1] + rgb[2]) / 3, step = mean < 8 ? 0 : mean > 238 ? 23 : (mean - 3) / 10;
	int grey = 8 + 10 * step;
	if (distance(rgb, grey, grey, grey) < distance(rgb, levels[r], levels[g], levels[b]))
		return 232 + step;
	return 16 + 36 * r + 6 * g + b;
}
