/* updates.js: how far the two updates move each parameter: dots on one axis, and the numbers in a table to sort. */

const measures = [["relative", "relative to the weight\u2019s norm", (u, i, way) => real(u[way][i]) / real(u.weight[i])],
	["norm", "norm of the change", (u, i, way) => real(u[way][i])],
	["per element", "root mean square of the elements", (u, i, way) => real(u[way][i]) / Math.sqrt(real(u.elements[i]))]];

const marked = [...ways, "difference"];

function updateRows(update, measure) {
	return update.params.map((name, i) => ({ name, elements: real(update.elements[i]), weight: real(update.weight[i]),
		clean: measure(update, i, "clean"), corrupted: measure(update, i, "corrupted"), difference: measure(update, i, "difference") }));
}

/* From 0, or by powers of ten where the sizes differ by more than that shows. */
function updateAxis(rows) {
	const sizes = rows.flatMap((row) => marked.map((way) => row[way])).filter((v) => Number.isFinite(v) && v > 0);
	const low = sizes.reduce((a, b) => Math.min(a, b), Infinity), high = sizes.reduce((a, b) => Math.max(a, b), 0);
	const log = sizes.length > 1 && high / low > 30, turn = log ? Math.log10 : (v) => v;
	const from = log ? turn(low / 1.5) : 0, to = log ? turn(high * 1.5) : 1.05 * high || 1;
	const ticks = log ? logTicks(low / 1.5, high * 1.5) : roundTicks(0, to, 4), map = (v) => (v > 0 || !log ? 100 * (turn(v) - from) / (to - from) : 0);
	const apart = ticks.filter((tick, i) => !log || Math.log10(tick) % 1 === 0 || high / low < 100 && i % 2 === 0);
	return { ticks: apart, map };
}

/* Corrupted is a ring around clean's disc, the difference a diamond: they differ without their colours too. */
function makeDots(row, axis) {
	const box = el("span", { class: "dots", "aria-hidden": "true" }), fits = marked.filter((way) => Number.isFinite(row[way]));
	box.append(...axis.ticks.map((tick) => el("b", { style: { left: axis.map(tick) + "%" } })));
	const places = fits.map((way) => axis.map(row[way]));
	if (fits.length > 1)
		box.append(el("s", { style: { left: Math.min(...places) + "%", width: Math.max(...places) - Math.min(...places) + "%" } }));
	box.append(...fits.map((way) => el("i", { class: way, style: { left: axis.map(row[way]) + "%" } })));
	return box;
}

function makeDotHead(axis) {
	return el("span", { class: "dots ticks" }, axis.ticks.map((tick) => el("span", { style: { left: axis.map(tick) + "%" } }, say(tick, 3))));
}

function makeUpdateTable(update, measure) {
	const rows = updateRows(update, measure[2]), axis = updateAxis(rows),
		number = (key, text) => ({ text, number: true, of: (row) => row[key], show: (row) => say(row[key], 3) });
	const columns = [{ text: "parameter", cls: "name", of: (row) => row.name, show: (row) => el("code", null, row.name) },
		{ text: makeDotHead(axis), cls: "dotted", show: (row) => makeDots(row, axis) }, number("clean", "clean"), number("corrupted", "corrupted"),
		number("difference", "difference"), number("weight", "weight\u2019s norm"),
			{ ...number("elements", "elements"), show: (row) => sayCount(row.elements) }];
	return makeSortedTable(columns, rows, "size of each parameter\u2019s update");
}

function updateCsv(update) {
	const columns = ["elements", "weight", ...marked];
	return [["parameter", ...columns], ...update.params.map((name, i) => [name, ...columns.map((column) => update[column][i])])];
}

/* The parameters that no update reaches are worth a word. */
function sayStill(update) {
	const still = ways.map((way) => [way, update.params.filter((_, i) => real(update[way][i]) === 0)]).filter(([, list]) => list.length);
	return still.map(([way, list]) => ` The ${way} update leaves ` + (list.length > 3 ? plural(list.length, "parameter") : list.join(", ")) +
		(list.length > 1 ? " as they were." : " as it was.")).join("");
}

function makeUpdate(update) {
	const rows = updateRows(update, measures[0][2]), box = el("div", null, makeUpdateTable(update, measures[0]));
	const list = el("select", { onchange: () => box.replaceChildren(makeUpdateTable(update, measures[list.selectedIndex])) },
		measures.map(([, text]) => el("option", null, text)));
	const strongest = [...rows].filter((row) => Number.isFinite(row.difference)).sort((a, b) => b.difference - a.difference).slice(0, 3);
	const most = strongest.map((row) => `${row.name} (${say(row.difference, 2)})`).join(", ");
	const about = most && `Relative to their size, the two updates differ most in ${most}.`;
	return el("div", { class: "updates" }, el("p", { class: "about" }, about + sayStill(update)),
		el("div", { class: "tools" }, el("label", null, "show the size ", list), makeCopy(() => updateCsv(update), "sizes of the updates"),
			el("ul", { class: "keys" }, marked.map((way) => el("li", null, el("i", { class: "mark " + way }), way)))), box);
}

function makeUpdates(entries) {
	return el("section", null, el("h2", null, "Size of the updates"),
		el("p", { class: "about" }, "How far the clean and the corrupted update move each parameter (Euclidean norm of the change), " +
			"and how far apart they leave it (difference: norm of clean \u2212 corrupted)."), makeLeftOut(run.updates_left_out), makeChoice(entries, "of", makeUpdate));
}
