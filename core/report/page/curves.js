/* curves.js: line plots: losses on a logarithmic scale, everything else on a linear one. */

const seriesColor = (i) => `var(--series-${i % 6})`;

/* About `count` round numbers from low to high. */
function roundTicks(low, high, count) {
	const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
	const step = power * ([1, 2, 5, 10].find((s) => s * power >= raw * 0.999) || 10), ticks = [];
	for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++)
		ticks.push(Number((k * step).toPrecision(12)));
	return ticks;
}

/* Powers of ten, with 2 and 5 between them where the powers are few. */
function logTicks(low, high) {
	const ticks = [], decades = Math.log10(high / low), steps = decades < 2.5 ? [1, 2, 5] : [1];
	const skip = Math.max(1, Math.ceil(decades / 6));
	for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e += 1)
		for (const s of steps)
			if (e % skip === 0 && s * 10 ** e >= low * 0.999 && s * 10 ** e <= high * 1.001)
				ticks.push(Number((s * 10 ** e).toPrecision(3)));
	return ticks;
}

/* Maps values to [from, to] of the picture; tight: no further than they reach. */
function axisOf(values, from, to, log, tight) {
	const usable = values.filter((v) => Number.isFinite(v) && (!log || v > 0));
	let low = usable.reduce((a, b) => Math.min(a, b), Infinity), high = usable.reduce((a, b) => Math.max(a, b), -Infinity);
	if (!usable.length)
		[low, high] = log ? [0.1, 1] : [0, 1];
	if (!log && !tight && low >= 0 && high <= 1 && high > 0.2)
		[low, high] = [0, 1];
	if (high - low < 1e-12 * Math.max(1, Math.abs(high)))
		[low, high] = log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
	const turn = log ? Math.log10 : (v) => v;
	const map = (v) => from + (to - from) * (turn(v) - turn(low)) / (turn(high) - turn(low));
	return { low, high, map, ticks: log ? logTicks(low, high) : roundTicks(low, high, 5), fits: (v) => Number.isFinite(v) && (!log || v > 0) };
}

/* "M x y L x y ...", broken where nothing was measured; a lone point becomes a dot. */
function curvePath(x, y, values, xs) {
	let path = "", pen = false;
	values.forEach((value, i) => {
		const usable = y.fits(value) && Number.isFinite(xs[i]);
		if (usable) {
			const next = i + 1 < values.length && y.fits(values[i + 1]), point = x.map(xs[i]).toFixed(1) + " " + y.map(value).toFixed(1);
			path += (pen ? "L" : "M") + point + (pen || next ? "" : "h.1");
		}
		pen = usable;
	});
	return path;
}

const plot = { width: 480, height: 250, left: 46, right: 472, top: 10, bottom: 216 };

function drawFrame(x, y, xLabel) {
	const parts = [];
	for (const tick of y.ticks)
		parts.push(svg("line", { class: "grid", x1: plot.left, x2: plot.right, y1: y.map(tick), y2: y.map(tick) }),
			svg("text", { x: plot.left - 7, y: y.map(tick) + 4, "text-anchor": "end" }, say(tick)));
	for (const tick of x.ticks)
		parts.push(svg("line", { class: "frame", x1: x.map(tick), x2: x.map(tick), y1: plot.bottom, y2: plot.bottom + 4 }),
			svg("text", { x: x.map(tick), y: plot.bottom + 17, "text-anchor": "middle" }, say(tick)));
	parts.push(svg("line", { class: "frame", x1: plot.left, x2: plot.right, y1: plot.bottom, y2: plot.bottom }));
	parts.push(svg("text", { x: (plot.left + plot.right) / 2, y: plot.height - 2, "text-anchor": "middle" }, xLabel));
	return parts;
}

/* Under the pointer: the values at the nearest point. */
function followPointer(picture, stage, xs, x, series) {
	const cursor = svg("line", { class: "cursor", y1: plot.top, y2: plot.bottom, visibility: "hidden" });
	picture.append(cursor);
	picture.addEventListener("pointermove", (event) => {
		const box = picture.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * plot.width;
		let near = -1;
		xs.forEach((value, i) => {
			if (Number.isFinite(value) && (near < 0 || Math.abs(x.map(value) - at) < Math.abs(x.map(xs[near]) - at)))
				near = i;
		});
		if (near < 0)
			return;
		cursor.setAttribute("x1", x.map(xs[near]));
		cursor.setAttribute("x2", x.map(xs[near]));
		cursor.setAttribute("visibility", "visible");
		const left = box.left + x.map(xs[near]) / plot.width * box.width;
		showTip({ left, right: left, top: box.top, bottom: box.bottom, height: box.height }, stage.x_label + " " + say(xs[near], 6),
			series.map((s) => [s.name, say(s.values[near], 5)]));
	});
	picture.addEventListener("pointerleave", () => {
		cursor.setAttribute("visibility", "hidden");
		hideTip();
	});
}

function lastOf(values) {
	return values.filter((value) => Number.isFinite(value)).pop();
}

function makePanel(stage, xs, series, log) {
	const all = series.flatMap((s) => s.values), x = axisOf(xs, plot.left, plot.right, false);
	const y = axisOf(all, plot.bottom, plot.top, log && all.some((v) => v > 0));
	const names = series.map((s) => s.name).join(", ");
	const picture = svg("svg", { viewBox: `0 0 ${plot.width} ${plot.height}`, role: "img", "aria-label": `${names} by ${stage.x_label}` },
		drawFrame(x, y, stage.x_label),
		series.map((s) => svg("path", { class: "curve", "stroke-linecap": "round", stroke: seriesColor(s.color),
			"stroke-dasharray": s.color > 5 ? "5 3" : null, d: curvePath(x, y, s.values, xs) })));
	followPointer(picture, stage, xs, x, series);
	const keys = series.map((s) => el("li", null, el("i", { style: { color: seriesColor(s.color), borderTopStyle: s.color > 5 ? "dashed" : "solid" } }),
		s.name + " ", el("b", null, say(lastOf(s.values), 3))));
	return el("div", { class: "panel" }, picture, el("ul", { class: "keys" }, keys));
}

function makeStage(stage) {
	const xs = stage.x.map(real), all = stage.series.map((s) => ({ name: s.name, values: s.values.map(real) }));
	const losses = all.filter((s) => /loss/i.test(s.name)), others = all.filter((s) => !/loss/i.test(s.name));
	losses.concat(others).forEach((s) => (s.color = (losses.includes(s) ? losses : others).indexOf(s)));
	const facts = [plural(stage.points, stage.points_name || "point"), stage.stopped ? "ended: " + stage.stopped : null, sayTime(stage.seconds)];
	return el("section", null, el("h3", null, stage.name), el("p", { class: "about" }, facts.filter(Boolean).join(" \u00b7 ")),
		xs.length ? el("div", { class: "panels" }, losses.length ? makePanel(stage, xs, losses, true) : null,
			others.length ? makePanel(stage, xs, others, false) : null) : null);
}
