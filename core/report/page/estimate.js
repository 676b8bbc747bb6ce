/* estimate.js: first-order estimates against exact values, what each parameter contributes, and angles between gradients. */

/* One dot a cell; on the dashed line the estimate is right. */
function makeEstimate(view) {
	const sweep = view.sweep, estimate = sweep.estimate, scored = sweep.score_defined, what = scored ? "score" : sweep.metric;
	const exact = (scored ? sweep.cells.score : sweep.cells.metric).map(real);
	const guess = (scored ? sweep.cells.estimate_score : sweep.cells.estimate).map(real);
	const x = axisOf(exact, square.left, square.right, false), y = axisOf(guess, square.bottom, square.top, false);
	const low = Math.max(x.low, y.low), high = Math.min(x.high, y.high);
	const picture = svg("svg", { viewBox: `0 0 ${square.size} ${square.size}`, role: "img",
		"aria-label": `${what} of each cell, exact and estimated to first order` });
	for (const tick of x.ticks)
		picture.append(svg("line", { class: "grid", y1: square.top, y2: square.bottom, x1: x.map(tick), x2: x.map(tick) }),
			svg("text", { x: x.map(tick), y: square.bottom + 16, "text-anchor": "middle" }, say(tick)));
	for (const tick of y.ticks)
		picture.append(svg("line", { class: "grid", x1: square.left, x2: square.right, y1: y.map(tick), y2: y.map(tick) }),
			svg("text", { x: square.left - 6, y: y.map(tick) + 4, "text-anchor": "end" }, say(tick)));
	if (low < high)
		picture.append(svg("line", { class: "frame", x1: x.map(low), y1: y.map(low), x2: x.map(high), y2: y.map(high), "stroke-dasharray": "3 3" }));
	picture.append(svg("text", { x: (square.left + square.right) / 2, y: square.size - 6, "text-anchor": "middle" }, "exact " + what),
		svg("text", { x: -(square.top + square.bottom) / 2, y: 10, transform: "rotate(-90)", "text-anchor": "middle" }, "estimated " + what));
	exact.forEach((value, cell) => {
		if (!Number.isFinite(value) || !Number.isFinite(guess[cell]))
			return;
		const dot = svg("circle", { class: "point", cx: x.map(value), cy: y.map(guess[cell]), r: 4, fill: seriesColor(0), "fill-opacity": 0.6,
			onmouseenter: () => showTip(dot.getBoundingClientRect(), placeName(sweep, cell) || sweep.name,
				[["exact", say(value, 6)], ["estimated", say(guess[cell], 6)]]), onmouseleave: hideTip, onclick: () => togglePin(view, cell) });
		picture.append(dot);
	});
	const correlation = Number.isNaN(real(estimate.correlation)) ? "" : `, correlation ${real(estimate.correlation).toFixed(3)}`;
	return el("details", { open: true }, el("summary", null, "First-order estimate" + correlation),
		el("p", { class: "about" }, sayEnds(sweep)), el("div", { class: "scatter" }, picture));
}

/* How far the ends are from their own estimates tells how far an update is from a small one. */
function sayEnds(sweep) {
	const e = sweep.estimate, one = (name, exact, guess) => `${name} ${say(guess)} (exact ${say(exact)})`;
	const measured = e.only ? "First-order estimates: no cell was measured. " : "";
	if (Number.isNaN(real(e.clean)))
		return `${measured}Estimates go out from the base run's ${sweep.metric}, ${say(e.before)}.`;
	return `${measured}Before an update the ${sweep.metric} is ${say(e.before)}; estimated after it: ` +
		one("clean", sweep.metric_clean, e.clean) + ", " + one("corrupted", sweep.metric_corrupted, e.corrupted) + ".";
}

/* The mean over units, parameter by parameter, in the model's order. */
function meanParts(parts) {
	const sums = new Map();
	for (const part of parts) {
		const sum = sums.get(part.parameter) || { name: part.parameter, clean: 0, corrupted: 0, n: 0 };
		sum.clean += real(part.clean);
		sum.corrupted += real(part.corrupted);
		sum.n++;
		sums.set(part.parameter, sum);
	}
	return [...sums.values()].map((sum) => ({ name: sum.name, clean: sum.clean / sum.n, corrupted: sum.corrupted / sum.n }));
}

function makeParts(parts) {
	const rows = meanParts(parts), units = new Set(parts.map((part) => part.unit)).size;
	const finite = rows.flatMap((row) => [row.clean, row.corrupted]).filter(Number.isFinite), range = [Math.min(0, ...finite), Math.max(0, ...finite)];
	const bar = (value) => makeBar({ neutral: 0 }, value, range, [0]);
	const apart = (row) => Math.abs(row.clean - row.corrupted);
	const strongest = rows.filter((row) => Number.isFinite(apart(row))).sort((a, b) => apart(b) - apart(a)).slice(0, 3);
	const cell = (value) => el("td", { style: { background: "none", color: "inherit", textAlign: "right" } }, say(value, 3));
	const body = rows.map((row) => el("tr", null, el("th", { scope: "row", class: "line" }, row.name), cell(row.clean), bar(row.clean),
		cell(row.corrupted), bar(row.corrupted)));
	const heads = ["parameter", "clean", "", "corrupted", ""].map((text) => el("th", { scope: "col", class: "axis" }, text));
	const about = `What each parameter's update does to the ${run.sweeps.length ? run.sweeps[0].metric : "metric"}, to first order` +
		`${units > 1 ? `, mean over ${units} units` : ""}. The two updates differ most in ` +
		strongest.map((row) => `${row.name} (${say(row.clean - row.corrupted, 3)})`).join(", ") + ".";
	const csv = () => [["parameter", "clean", "corrupted"], ...rows.map((row) => [row.name, row.clean, row.corrupted])];
	return el("section", null, el("h3", null, "Which parameters carry the change"), el("p", { class: "about" }, about),
		el("p", { class: "tools" }, makeCopy(csv, "contribution of each parameter")),
		el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "contribution of each parameter" },
			el("table", { class: "map small" }, el("thead", null, el("tr", null, heads)), el("tbody", null, body))));
}

function cosineTable(similarity, values) {
	const n = similarity.examples.length, labels = similarity.examples.map((e) => e.label);
	const cell = (a, b) => {
		const value = values[a * n + b], known = Number.isFinite(value), rgb = known ? colorAt(value) : null;
		return makeColored(rgb, known ? minus(value.toFixed(2)) : "\u2013", { "data-cell": a * n + b, "data-at": a + "," + b,
			tabindex: a || b ? "-1" : "0", "aria-label": `${labels[a]}, ${labels[b]}: ${say(value, 3)}` });
	};
	const tell = (cell, td) => showTip(td.getBoundingClientRect(), "cosine " + say(values[cell], 6),
		[Math.floor(cell / n), cell % n].map((i) => [labels[i], similarity.examples[i].text]));
	return wireTable(el("table", { class: "map", role: "grid", "aria-label": "cosines of gradients" },
		el("thead", null, el("tr", null, el("td", { "aria-hidden": "true", style: { background: "none" } }), columnHeads({ labels }, false))),
		el("tbody", null, labels.map((label, a) => el("tr", null, el("th", { scope: "row", class: "line" }, label), labels.map((_, b) => cell(a, b)))))),
			tell);
}

function cosineRows(similarity, tables) {
	const labels = similarity.examples.map((e) => e.label), n = labels.length, parameters = ["all", ...similarity.parameters];
	return [["parameter", "a", "b", "cosine"], ...tables.flatMap((values, p) => values.map((value, i) =>
		[parameters[p], labels[Math.floor(i / n)], labels[i % n], value]))];
}

function makeSimilarity(similarity) {
	const tables = [similarity.cosine, ...similarity.cosine_by_parameter].map((values) => values.map(real));
	const box = el("div", { class: "scroll" }, cosineTable(similarity, tables[0]));
	const choice = el("select", { onchange: () => box.replaceChildren(cosineTable(similarity, tables[choice.selectedIndex])) },
		["all parameters", ...similarity.parameters].map((name) => el("option", null, name)));
	const about = `Cosine of the angle between the gradients of ${similarity.loss}, of any two examples, by the weights before an update.`;
	return el("section", null, el("p", { class: "about" }, about),
		el("p", { class: "tools" }, el("label", null, "of ", choice), makeCopy(() => cosineRows(similarity, tables), "cosines")), box);
}
