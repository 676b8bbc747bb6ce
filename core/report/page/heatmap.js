/* heatmap.js: one figure per sweep: rows and columns of coloured numbers, facets side by side, the legend. */

/* What is shown of each cell, where it falls on the colours, and how the axes are laid out. As scale.c does it. */
function scaleOf(sweep) {
	const defined = sweep.score_defined, only = sweep.estimate && sweep.estimate.only;
	const columns = only ? ["estimate_score", "estimate"] : ["score", "metric"];
	const values = sweep.cells[columns[defined ? 0 : 1]].map(real);
	let neutral = real(sweep.neutral);
	if (!defined)
		neutral = Number.isFinite(real(sweep.metric_corrupted)) ? real(sweep.metric_corrupted) : real(sweep.metric_clean);
	if (!Number.isFinite(neutral))
		neutral = 0;
	const rounding = 1e-4 * Math.max(1, Math.abs(neutral));
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

/* The index of cell `cell` on each axis, row-major. */
function indexOf(sweep, cell) {
	const index = [];
	for (let a = sweep.axes.length - 1; a >= 0; a--) {
		const n = sweep.axes[a].labels.length;
		index[a] = cell % n;
		cell = Math.floor(cell / n);
	}
	return index;
}

function placeName(sweep, cell, axes = sweep.axes.length) {
	return indexOf(sweep, cell).slice(0, axes).map((i, a) => sweep.axes[a].name + " " + sweep.axes[a].labels[i]).join(", ");
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

function tipRows(sweep, cell) {
	const at = (column) => (sweep.cells[column] ? real(sweep.cells[column][cell]) : NaN), times = (n) => (n === 1 ? "once" : n ? n + " times" : "never");
	const rows = [], only = sweep.estimate && sweep.estimate.only;
	if (sweep.spread === "width")
		return [["width", say(at(shownColumn(sweep)), 6)], ...spreadRows(sweep, cell)];
	if (sweep.score_defined && !only)
		rows.push(["score", say(at("score"), 6)]);
	if (!only)
		rows.push([sweep.metric, say(at("metric"), 6) + (sweep.unit ? " " + sweep.unit : "")]);
	if (sweep.estimate)
		rows.push(["estimated " + (sweep.score_defined ? "score" : sweep.metric), say(at(sweep.score_defined ? "estimate_score" : "estimate"), 6)]);
	rows.push(...spreadRows(sweep, cell));
	if (!Number.isNaN(at("loss")))
		rows.push(["loss", say(at("loss"), 6)]);
	if (!Number.isNaN(at("grad_norm")))
		rows.push(["gradient norm", say(at("grad_norm"), 6)]);
	if (!sweep.cells.forward_fired)
		return rows;
	for (const way of ["forward", "backward"]) {
		rows.push([way + " hook fired", times(at(way + "_fired"))]);
		if (at(way + "_fired") > 0)
			rows.push(["largest change", say(at(way + "_max_change"), 4)]);
	}
	rows.push(["graph cut", sweep.cells.graph_cut[cell] ? "yes" : "no"]);
	rows.push(["parameters without gradient", say(at("params_without_grad"), 6)]);
	return rows;
}

/* Arrow keys walk from cell to cell of one table; Tab leaves it. */
function walk(event) {
	const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
	const from = event.target.closest("td[data-at]");
	if (!step || !from)
		return;
	const [row, column] = from.dataset.at.split(",").map(Number);
	const to = from.closest("table").querySelector(`td[data-at="${row + step[0]},${column + step[1]}"]`);
	event.preventDefault();
	if (to) {
		from.tabIndex = -1;
		to.tabIndex = 0;
		to.focus();
	}
}

function makeCell(sweep, scale, cell, row, column) {
	const value = scale.values[cell], title = placeName(sweep, cell), text = sayCell(scale, value);
	const name = (title ? title + ": " : "") + scale.name + " " + text;
	const show = (event) => showTip(event.currentTarget.getBoundingClientRect(), title || sweep.name, tipRows(sweep, cell));
	const attributes = { "data-at": row + "," + column, tabindex: row || column ? "-1" : "0", "aria-label": name,
		onmouseenter: show, onmouseleave: hideTip, onfocus: show, onblur: hideTip };
	if (Number.isNaN(value))
		return el("td", { class: "none", ...attributes }, text);
	const rgb = colorAt(scale.place(value));
	return el("td", { class: wantsLight(rgb) ? "light" : null, style: { backgroundColor: css(rgb) }, ...attributes }, text);
}

/* A bar from the neutral value to this one, beside the cells of a strip that runs downwards. */
function makeBar(scale, value) {
	const finite = scale.values.filter(Number.isFinite), marks = scale.name.endsWith("score") ? [0, 1] : [scale.neutral];
	const low = Math.min(...finite, ...marks), high = Math.max(...finite, ...marks);
	const share = (x) => 100 * (x - low) / (high - low || 1);
	const bar = el("span", { class: "bar" });
	if (Number.isFinite(value)) {
		const from = Math.min(share(value), share(scale.neutral)), to = Math.max(share(value), share(scale.neutral));
		bar.append(el("i", { style: { left: from + "%", width: `max(1px, ${to - from}%)`,
			backgroundColor: css(colorAt(0.75 * Math.sign(value - scale.neutral))) } }));
	}
	bar.append(...marks.map((mark) => el("b", { style: { left: share(mark) + "%" } })));
	return el("td", { class: "barred", "aria-hidden": "true" }, bar);
}

/* Columns' labels, all equally wide; turned when there are many long ones; wrapped early where facets need the room. */
function columnHeads(axis, facets) {
	const longest = Math.max(0, ...axis.labels.map((label) => label.length)), turned = axis.labels.length > 8 && longest > 5;
	const width = turned ? 2.2 : Math.max(3.3, Math.min(facets ? 4.4 : 8, 0.6 * longest + 0.6));
	const room = `min(${width}em, 17vw)`;
	return axis.labels.map((label) => el("th", { scope: "col", class: turned ? "column turned" : "column", style: { minWidth: room } },
		el("span", { style: turned ? null : { maxWidth: room } }, label)));
}

/* One table: cells first .. first + rows * columns. */
function makeTable(sweep, scale, rowAxis, columnAxis, first, bars) {
	const rows = rowAxis ? rowAxis.labels : [null], columns = columnAxis ? columnAxis.labels.length : 1;
	const head = el("thead"), body = el("tbody");
	if (columnAxis) {
		head.append(el("tr", null, rowAxis ? el("td", { "aria-hidden": "true", style: { background: "none", height: 0 } }) : null,
			el("th", { class: "axis", colspan: columns, scope: "colgroup" }, columnAxis.name)));
		head.append(el("tr", null, rowAxis ? el("th", { class: "axis corner" }, rowAxis.name) : null, columnHeads(columnAxis, sweep.axes.length > 2)));
	} else if (rowAxis) {
		head.append(el("tr", null, el("th", { class: "axis corner" }, rowAxis.name)));
	}
	rows.forEach((label, r) => {
		const cells = Array.from({ length: columns }, (_, c) => makeCell(sweep, scale, first + r * columns + c, r, c));
		body.append(el("tr", null, label === null ? null : el("th", { scope: "row", class: label.length <= 30 ? "line" : null }, label), cells,
			bars ? makeBar(scale, scale.values[first + r]) : null));
	});
	return el("table", { class: columns > 12 ? "map small" : "map", onkeydown: walk }, head, body);
}

function makeFacets(sweep, scale) {
	const axes = sweep.axes, n = axes.length, size = (a) => (a >= 0 && a < n ? axes[a].labels.length : 1);
	/* One axis with names rather than numbers reads better downwards. */
	const down = n === 1 && axes[0].labels.some((label) => label.length > 12);
	const rowAxis = down ? axes[0] : axes[n - 2], columnAxis = down ? null : axes[n - 1];
	const each = size(n - 1) * size(n - 2), box = el("div", { class: "facets" });
	for (let first = 0; first < scale.values.length; first += each) {
		const title = n > 2 ? el("p", null, placeName(sweep, first, n - 2)) : null;
		box.append(el("div", { class: "facet" }, title,
			el("div", { class: "scroll" }, makeTable(sweep, scale, rowAxis, columnAxis, first, down))));
	}
	return box;
}

function makeLegend(sweep, scale) {
	const upward = sweep.spread === "width", low = upward ? 0 : scale.neutral - scale.half, high = scale.neutral + scale.half;
	const colors = upward ? data.colors.slice((data.colors.length - 1) / 2) : data.colors;
	const stops = colors.map((rgb, i) => css(rgb) + " " + 100 * i / (colors.length - 1) + "%");
	const ticks = el("div", { class: "ticks" }), taken = [];
	const add = (value, name, cls) => {
		const at = 100 * (value - low) / (high - low);
		if (at < 0 || at > 100 || taken.some((other) => Math.abs(other - at) < 14))
			return;
		taken.push(at);
		const edge = at < 6 ? "first" : at > 94 ? "last" : null;
		ticks.append(el("span", { class: cls || edge, style: { left: at + "%" } }, sayCell(scale, value), name ? el("br") : null, name));
	};
	const ends = sweep.score_defined && !upward ? { 0: "corrupted", 1: "clean" } : {};
	if (!upward)
		add(scale.neutral, ends[scale.neutral] ? ends[scale.neutral] + ", no change" : "no change");
	for (const end of Object.keys(ends).map(Number))
		add(end, ends[end]);
	add(low, null, "first");
	add(high, null, "last");
	return el("div", { class: "legend", "aria-hidden": "true" },
		el("div", { class: "ramp", style: { background: `linear-gradient(to right, ${stops.join(", ")})` } }), ticks);
}

/* What was patched, in one sentence. */
function describe(sweep) {
	if (!sweep.hook)
		return ["Gradients of the named parameters come from the clean example, those of all others from the corrupted one."];
	const is = (text) => text && text !== "none", parts = [];
	const kind = sweep.kind.charAt(0).toUpperCase() + sweep.kind.slice(1);
	parts.push(kind + " patching of ", el("code", null, sweep.hook), " by ", el("code", null, sweep.setter || ""));
	if (is(sweep.base))
		parts.push(" on the " + sweep.base + " example");
	for (const way of ["forward", "backward"])
		if (is(sweep[way]))
			parts.push(", " + way + " from ", el("b", null, sweep[way]));
	if (is(sweep.gradient) && sweep.kind === "gradient")
		parts.push(", gradient mode ", el("code", null, sweep.gradient));
	parts.push(".");
	return parts;
}

/* What 0 and 1 are, or why there is no score. */
function ends(sweep) {
	const after = sweep.kind === "activation" ? ["in the corrupted run", "in the clean run"] : ["after the corrupted update", "after the clean update"];
	if (!sweep.score_defined)
		return `Both ends give the same ${sweep.metric} (${say(sweep.metric_clean)}), so there is no score. Shown is the ${sweep.metric} itself.`;
	return `Score 0: ${sweep.metric} ${after[0]}, ${say(sweep.metric_corrupted)}. Score 1: ${after[1]}, ${say(sweep.metric_clean)}.`;
}

function caption(sweep) {
	if (!sweep.over)
		return ends(sweep);
	const each = sweep.score_defined ? ` Each ${sweep.over.what}\u2019s score is measured between its own ends; on average, ` : " ";
	return `Mean of ${plural(sweep.over.n, sweep.over.what)} with its 95 % interval (percentile bootstrap).${each}${ends(sweep).replace(/^Score 0/, sweep.score_defined ? "score 0" : "Score 0")}`;
}

function makeSweep(sweep, i) {
	const scale = scaleOf(sweep), best = strongest(scale);
	const known = scale.values.some((value) => !Number.isNaN(value));
	const far = best < 0 ? (known ? ` No cell differs from ${say(scale.neutral)}, where nothing happens.` : "") : ` Farthest from no change: ${placeName(sweep, best) || "the one cell"}, ${sayCell(scale, scale.values[best])}.`;
	const time = sayTime(sweep.seconds), cells = plural(scale.values.length, "cell") + (sweep.over ? ` for each of ${plural(sweep.over.n, sweep.over.what)}` : "");
	const columns = sweep.axes.length ? sweep.axes[sweep.axes.length - 1].labels.length : 1;
	const wide = sweep.over || sweep.axes.length > 2 || columns > 8 || sweep.axes.some((axis) => axis.labels.some((label) => label.length > 20));
	return el("figure", { id: "sweep-" + i, class: wide ? "wide" : null }, el("h3", null, sweep.name),
		el("p", { class: "about" }, describe(sweep), " " + cells + (time ? " in " + time : "") + "."),
		sweep.notes.map((note) => el("p", { class: "note" }, note)),
		sweep.over ? makeMembers(sweep) : makePicture(sweep),
		el("figcaption", null, caption(sweep) + far + (sweep.estimate && sweep.estimate.only ? " " + sayEnds(sweep) : "")),
		sweep.estimate && !sweep.estimate.only ? makeEstimate(sweep) : null);
}
