/* units.js: a value per unit before and after: a scatter plot, means by set, and a table to sort. */

const square = { size: 340, left: 40, right: 330, top: 10, bottom: 298 };

function makeScatter(table, units, sets) {
	const values = units.flatMap((u) => [u.before, u.after]);
	const x = axisOf(values, square.left, square.right, false), y = axisOf(values, square.bottom, square.top, false);
	const picture = svg("svg", { viewBox: `0 0 ${square.size} ${square.size}`, role: "img",
		"aria-label": `${table.metric} of each unit, ${table.label_before} against ${table.label_after}` });
	for (const tick of x.ticks)
		picture.append(svg("line", { class: "grid", x1: square.left, x2: square.right, y1: y.map(tick), y2: y.map(tick) }),
			svg("line", { class: "grid", y1: square.top, y2: square.bottom, x1: x.map(tick), x2: x.map(tick) }),
			svg("text", { x: square.left - 6, y: y.map(tick) + 4, "text-anchor": "end" }, say(tick)),
			svg("text", { x: x.map(tick), y: square.bottom + 16, "text-anchor": "middle" }, say(tick)));
	picture.append(svg("line", { class: "frame", x1: x.map(x.low), y1: y.map(x.low), x2: x.map(x.high), y2: y.map(x.high), "stroke-dasharray": "3 3" }),
		svg("text", { x: (square.left + square.right) / 2, y: square.size - 6, "text-anchor": "middle" }, table.label_before),
		svg("text", { x: -(square.top + square.bottom) / 2, y: 10, transform: "rotate(-90)", "text-anchor": "middle" }, table.label_after));
	units.forEach((u, i) => {
		if (!Number.isFinite(u.before) || !Number.isFinite(u.after))
			return;
		const dot = svg("circle", { cx: x.map(u.before), cy: y.map(u.after), r: i === table.selected ? 6 : 4, fill: seriesColor(sets.indexOf(u.set)),
			"fill-opacity": 0.75, stroke: i === table.selected ? "var(--ink)" : "none", "stroke-width": 2 });
		dot.addEventListener("mouseenter", () => showTip(dot.getBoundingClientRect(), u.name + (u.set ? " (" + u.set + ")" : ""),
			[[table.label_before, say(u.before)], [table.label_after, say(u.after)]]));
		dot.addEventListener("mouseleave", hideTip);
		picture.append(dot);
	});
	const keys = sets.map((set, i) => el("li", null, el("i", { class: "dot", style: { color: seriesColor(i) } }), set));
	return el("div", { class: "scatter" }, picture, el("ul", { class: "keys" }, keys));
}

/* In a column: the same number of decimals throughout. */
function writerOf(units) {
	const greatest = units.flatMap((u) => [u.before, u.after]).filter(Number.isFinite).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
	const decimals = greatest >= 100 ? 1 : greatest >= 10 ? 2 : 3;
	return (value) => (Number.isFinite(value) && greatest < 1e6 ? minus(value.toFixed(decimals).replace(/^-([0.]*)$/, "$1")) : say(value));
}

function mean(values) {
	const known = values.filter(Number.isFinite);
	return known.reduce((sum, v) => sum + v, 0) / known.length;
}

function makeMeans(table, units, sets) {
	const write = writerOf(units), rows = sets.map((set) => {
		const own = units.filter((u) => u.set === set), before = mean(own.map((u) => u.before)), after = mean(own.map((u) => u.after));
		return el("tr", null, el("th", { scope: "row" }, set), el("td", { class: "n" }, String(own.length)), el("td", { class: "n" }, write(before)),
			el("td", { class: "n" }, write(after)), el("td", { class: "n" }, write(after - before)));
	});
	const heads = [["set", ""], ["units", "n"], [table.label_before + ", mean", "n"], [table.label_after + ", mean", "n"], ["change", "n"]];
	return el("div", { class: "scroll" }, el("table", { class: "plain" },
		el("thead", null, el("tr", null, heads.map(([text, cls]) => el("th", { class: cls, scope: "col" }, text)))), el("tbody", null, rows)));
}

/* The values of each unit; clicks on heads sort. */
function makeUnitTable(table, units) {
	const write = writerOf(units), number = (key, text) => ({ text, number: true, of: (unit) => unit[key], show: (unit) => write(unit[key]) });
	const columns = [{ text: "unit", of: (unit) => unit.name, show: (unit) => unit.name + (unit.chosen ? " \u2190" : "") },
		{ text: "set", of: (unit) => unit.set, show: (unit) => unit.set }, number("before", table.label_before), number("after", table.label_after),
			number("change", "change")];
	return makeSortedTable(columns, units, "values per unit");
}

function unitCsv(table, units) {
	return [["unit", "set", table.label_before, table.label_after, "selected"],
		...units.map((u) => [u.name, u.set, u.before, u.after, Number(u.chosen)])];
}

function makeUnits(table) {
	const units = table.units.map((u, at) => ({ chosen: at === table.selected, name: u.name, set: u.set || "", before: real(u.before),
		after: real(u.after), change: real(u.after) - real(u.before) }));
	const sets = [...new Set(units.map((u) => u.set))], chosen = units[table.selected];
	const title = el("h3", null, table.metric + ": " + table.label_before + " and " + table.label_after);
	if (!units.length)
		return el("section", null, title, el("p", null, "No units."));
	const about = plural(units.length, "unit") + (chosen ? `; selected: ${chosen.name}, from ${say(chosen.before)} to ${say(chosen.after)}` : "") + ".";
	return el("section", null, title, el("p", { class: "about" }, about), makeMeans(table, units, sets),
		el("p", { class: "tools" }, makeCopy(() => unitCsv(table, units), table.metric + " of each unit")),
			el("div", { class: "beside", style: { marginTop: "1.5rem" } },
		makeScatter(table, units, sets), makeUnitTable(table, units)));
}
