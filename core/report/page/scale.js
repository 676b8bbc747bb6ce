/* scale.js: the numbers of a figure: which one is shown of each cell, where it falls on the colours, how it is written. */

/* As scale.c does it; `centre` replaces the neutral value where it is a number. */
function scaleOf(sweep, centre = NaN) {
	const defined = sweep.score_defined, only = sweep.estimate && sweep.estimate.only;
	const columns = only ? ["estimate_score", "estimate"] : ["score", "metric"];
	const values = sweep.cells[columns[defined ? 0 : 1]].map(real);
	const neutral = Number.isFinite(centre) ? centre : neutralOf(sweep), rounding = 1e-4 * Math.max(1, Math.abs(neutral));
	let half = rounding, greatest = 0;
	for (const value of values.filter(Number.isFinite)) {
		half = Math.max(half, Math.abs(value - neutral));
		greatest = Math.max(greatest, Math.abs(value));
	}
	let decimals = 2;
	if (greatest > 0 && greatest < 0.1)
		decimals = greatest < 1e-4 ? -1 : 1 - Math.floor(Math.log10(greatest));
	const place = (value) => Math.max(-1, Math.min(1, (value - neutral) / half));
	return { values, neutral, half, decimals, place, flat: half <= rounding,
		name: (sweep.spread === "width" ? "width, " : "") + (only ? "estimated " : "") + (defined ? "score" : sweep.metric) };
}

/* Without a score the two ends coincide, and either is where nothing happened. */
function neutralOf(sweep) {
	let neutral = real(sweep.neutral);
	if (!sweep.score_defined)
		neutral = Number.isFinite(real(sweep.metric_corrupted)) ? real(sweep.metric_corrupted) : real(sweep.metric_clean);
	return Number.isFinite(neutral) ? neutral : 0;
}

/* What the score's 0 and 1 are called; nothing where there is no score. */
function marksOf(sweep) {
	return sweep.score_defined && sweep.spread !== "width" && sweep.kind !== "difference" ? [[0, "corrupted"], [1, "clean"]] : [];
}

function sayCell(scale, value) {
	const size = Math.abs(value);
	if (Number.isNaN(value))
		return "nan";
	if (!Number.isFinite(value))
		return value > 0 ? "\u221e" : "\u2212\u221e";
	if (value === 0 && scale.decimals < 0)
		return "0";
	if (scale.decimals < 0 || size >= 99999.5)
		return minus(value.toExponential(1));
	const text = value.toFixed(size >= 99.95 ? 0 : size >= 10 ? 1 : scale.decimals);
	return minus(/^-[0.]*$/.test(text) ? text.slice(1) : text);
}

/* The index of cell `cell` on each axis, row-major; and back. */
function indexOf(sweep, cell) {
	const index = [];
	for (let a = sweep.axes.length - 1; a >= 0; a--) {
		const n = sweep.axes[a].labels.length;
		index[a] = cell % n;
		cell = Math.floor(cell / n);
	}
	return index;
}

function cellOf(sweep, index) {
	return index.reduce((cell, i, a) => cell * sweep.axes[a].labels.length + i, 0);
}

function sizeOf(sweep, axis) {
	return axis < 0 ? 1 : sweep.axes[axis].labels.length;
}

/* A label that is written from right to left must not turn the sentence around it. */
function isolate(label) {
	return /[\u0590-\u08ff\ufb1d-\ufefc]/.test(label) ? "\u2068" + label + "\u2069" : label;
}

/* "layer 3, pos alias(71) (1)": where a place is on the given axes. */
function sayPlace(sweep, index, axes) {
	return axes.map((a) => isolate(sweep.axes[a].name) + " " + isolate(sweep.axes[a].labels[index[a]])).join(", ");
}

function placeName(sweep, cell) {
	return sayPlace(sweep, indexOf(sweep, cell), sweep.axes.map((_, a) => a));
}

/* The cell farthest from where nothing happens; -1 when none is. */
function strongest(scale) {
	let best = -1;
	scale.values.forEach((value, cell) => {
		const far = Math.abs(value - scale.neutral);
		if (!scale.flat && Number.isFinite(far) && (best < 0 || far > Math.abs(scale.values[best] - scale.neutral)))
			best = cell;
	});
	return best;
}
