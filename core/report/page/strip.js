/* strip.js: one axis: its values as a line under the strip, or as bars beside it, with intervals and the score's 0 and 1. */

/* The mean's interval of a cell, or null. */
function intervalOf(sweep, cell) {
	if (!sweep.over || sweep.spread)
		return null;
	const spread = sweep.over[sweep.score_defined ? "score" : "metric"], ends = [real(spread.low[cell]), real(spread.high[cell])];
	return ends.every(Number.isFinite) ? ends : null;
}

/* What a strip's values are drawn between: all of them, their intervals and the marks. */
function rangeOf(view) {
	const { sweep, scale } = view, marks = marksOf(sweep).map(([value]) => value);
	const all = [...scale.values.filter(Number.isFinite), ...(marks.length ? marks : [scale.neutral]),
		...scale.values.flatMap((_, cell) => intervalOf(sweep, cell) || [])];
	return all.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
}

/* A bar from the neutral value to this one, beside the cells of a strip that runs downwards. */
function makeBar(scale, value, range, marks, interval) {
	const [low, high] = range, share = (x) => 100 * (x - low) / (high - low || 1), bar = el("span", { class: "bar" });
	if (Number.isFinite(value)) {
		const from = Math.min(share(value), share(scale.neutral)), to = Math.max(share(value), share(scale.neutral));
		bar.append(el("i", { style: { left: from + "%", width: `max(1px, ${to - from}%)`,
			backgroundColor: css(colorAt(0.75 * Math.sign(value - scale.neutral))) } }));
	}
	bar.append(...marks.map((mark) => el("b", { style: { left: share(mark) + "%" } })));
	if (interval)
		bar.append(el("s", { style: { left: share(interval[0]) + "%", width: share(interval[1]) - share(interval[0]) + "%" } }));
	return el("td", { class: "barred", "aria-hidden": "true" }, bar);
}

/* What the lines through the bars are. */
function makeBarMarks(view) {
	const [low, high] = rangeOf(view), share = (value) => 100 * (value - low) / (high - low || 1);
	const named = marksOf(view.sweep).map(([value, name]) => el("span", { class: share(value) < 20 ? "first" : share(value) > 80 ? "last" : null,
		style: { left: share(value) + "%" } }, value + " " + name));
	return el("td", { class: "barred", "aria-hidden": "true" }, el("span", { class: "bar marks" }, named));
}

/* For the bars of one figure: cell -> bar. */
function barsOf(view) {
	const marks = marksOf(view.sweep).map(([value]) => value), range = rangeOf(view);
	return (cell) => makeBar(view.scale, view.scale.values[cell], range, marks.length ? marks : [view.scale.neutral], intervalOf(view.sweep, cell));
}

/* Labels under the line; slanted where they would touch, some left out where they still would. */
function lineLabels(axis, order, x, bottom) {
	const longest = Math.max(...axis.labels.map((label) => label.length)), room = order.length > 1 ? x(1) - x(0) : 400;
	const slanted = longest * 6.5 > room, skip = Math.max(1, Math.ceil((slanted ? 13 : 0) / room));
	return { height: slanted ? 22 + 4.6 * longest : 22, nodes: order.map((i, k) => k % skip ? null : svg("text", slanted
		? { "text-anchor": "end", transform: `translate(${x(k) + 4} ${bottom + 14}) rotate(-45)` }
		: { "text-anchor": "middle", x: x(k), y: bottom + 17 }, axis.labels[i])).filter(Boolean) };
}

function drawPoints(view, order, x, y) {
	const { sweep, scale } = view, parts = [], values = order.map((i) => scale.values[i]);
	if (!view.columnsBy)
		parts.push(svg("path", { class: "curve", stroke: "var(--soft)", d: curvePath({ map: (k) => x(k) }, y, values, order.map((_, k) => k)) }));
	order.forEach((cell, k) => {
		const interval = intervalOf(sweep, cell);
		if (interval)
			parts.push(svg("path", { class: "frame", d: `M${x(k)} ${y.map(interval[0])}V${y.map(interval[1])}m-4 0h8M${x(k) - 4} ${y.map(interval[0])}h8` }));
		if (!Number.isFinite(scale.values[cell]))
			return;
		const show = () => showTip(dot.getBoundingClientRect(), placeName(sweep, cell), tipRows(sweep, cell), cellNotes(sweep, cell));
		const dot = svg("circle", { class: "point", cx: x(k), cy: y.map(scale.values[cell]), r: order.length > 60 ? 3 : 5,
			fill: colorOf(scale, scale.values[cell]),
			"data-point": cell, onmouseenter: show, onmouseleave: hideTip, onclick: () => togglePin(view, cell) });
		parts.push(dot);
	});
	return parts;
}

/* The line of a sweep over one axis that runs along the columns. */
function makeStripLine(view) {
	const { sweep, scale } = view, finite = scale.values.filter(Number.isFinite);
	if (sweep.axes.length !== 1 || view.rows >= 0 || finite.length < 2)
		return null;
	const order = orderAlong(view, 0, -1, view.columnsBy), n = order.length, top = 12, bottom = 150, left = 46, right = 472;
	const x = (k) => left + (right - left) * (k + 0.5) / n, [low, high] = rangeOf(view), spare = 0.06 * (high - low || 1);
	const y = axisOf([low - spare, high + spare], bottom, top, false, true), labels = lineLabels(sweep.axes[0], order, x, bottom);
	const named = marksOf(sweep).map(([value, name]) => [y.map(value), name]);
	const lines = y.ticks.map((tick) => [svg("line", { class: "grid", x1: left, x2: right, y1: y.map(tick), y2: y.map(tick) }),
		svg("text", { x: left - 7, y: y.map(tick) + 4, "text-anchor": "end" }, say(tick))]);
	const marks = named.map(([at, name]) => [svg("line", { class: "mark", x1: left, x2: right, y1: at, y2: at }),
		svg("text", { class: "on", x: right, y: at - 4, "text-anchor": "end" }, name)]);
	const picture = svg("svg", { viewBox: `0 0 480 ${bottom + labels.height + 14}`, role: "img",
		"aria-label": `${scale.name} by ${sweep.axes[0].name}` }, lines, marks,
		svg("line", { class: "frame", x1: left, x2: right, y1: bottom, y2: bottom }), labels.nodes,
		svg("text", { x: (left + right) / 2, y: bottom + labels.height + 12, "text-anchor": "middle" }, sweep.axes[0].name), drawPoints(view, order, x, y));
	return el("div", { class: "stripline" }, picture);
}
