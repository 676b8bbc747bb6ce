/* drill.js: from the whole model to the smallest set of parameters that keeps a share of the score. */

function sayCount(n) {
	return String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/* In a column: the same number of decimals throughout. */
function sayScore(value) {
	return Math.abs(real(value)) < 1e3 ? minus(real(value).toFixed(3)) : say(value);
}

/* Of all parameters: two digits, however small. */
function sayPart(drill, n) {
	return say(100 * n / drill.parameters, 2) + "\u00a0%";
}

function makeDrillTable(heads, rows) {
	return el("div", { class: "scroll" }, el("table", { class: "plain" },
		el("thead", null, el("tr", null, heads.map(([text, cls]) => el("th", { scope: "col", class: cls }, text)))), el("tbody", null, rows)));
}

/* A set's terms; one may break between them, and inside none. */
function makeDrillSet(set) {
	return el("code", null, set.split(" + ").flatMap((term, i) => [i ? " + " : null, el("span", { style: { whiteSpace: "nowrap" } }, term)]));
}

/* The path, further in the further down the tree. */
function makeDrillSteps(drill) {
	const rows = drill.steps.map((step) => el("tr", null,
		el("th", { scope: "row", style: { paddingLeft: 0.4 + 1.2 * step.level + "rem" } }, step.level ? makeDrillSet(step.set) : "the whole model"),
		el("td", { class: "n" }, sayScore(step.score)), el("td", { class: "n" }, sayCount(step.parameters)),
		el("td", { class: "n" }, sayPart(drill, step.parameters)), el("td", { class: "n" }, sayCount(step.cells))));
	return makeDrillTable([["gradients of", ""], ["score", "n"], ["parameters", "n"], ["of all", "n"], ["cells so far", "n"]], rows);
}

function drillRows(drill) {
	return [["level", "set", "score", "parameters", "cells"],
		...drill.steps.map((step) => [step.level, step.set, step.score, step.parameters, step.cells])];
}

function makeDrillParts(drill) {
	const rows = drill.parts.map((part) => el("tr", null, el("th", { scope: "row" }, el("code", null, part.name)),
		el("td", { class: "n" }, sayCount(part.parameters)), el("td", { class: "n" }, sayScore(part.without))));
	return el("details", null, el("summary", null, plural(drill.parts.length, "part") + " of the set, and the score without each"),
		makeDrillTable([["part", ""], ["parameters", "n"], ["score without it", "n"]], rows));
}

function makeDrill(drill) {
	const last = drill.steps[drill.steps.length - 1], other = drill.base === "clean" ? "corrupted" : "clean";
	const title = say(100 * drill.share) + "\u00a0% of the score" + (drill.weights ? " (" + drill.weights + ")" : "");
	const note = drill.note ? el("p", { class: "note" }, el("b", null, "Note. "), drill.note) : null;
	if (!last)
		return el("section", null, el("h3", null, title), note);
	const about = [`Gradients of the set from the ${other} example, of all other parameters from the ${drill.base} one`,
		drill.units > 1 ? `; mean score of ${drill.units} units. ` : ". ", plural(drill.cells, "cell"), ", ", sayTime(drill.seconds), "."];
	return el("section", { style: { marginBottom: "2.5rem" } }, el("h3", null, title), el("p", { class: "about" }, about), note, makeDrillSteps(drill),
		el("p", { class: "tools" }, makeCopy(() => drillRows(drill), "drill-down")),
		el("p", { style: { marginTop: "1rem" } }, `${sayCount(last.parameters)} of ${sayCount(drill.parameters)} parameters (${sayPart(drill, last.parameters)}). To sweep it, with `,
			el("code", null, "setter: params"), ":"),
		el("pre", { style: { whiteSpace: "pre-wrap" } }, `sets: {found: "${last.set}"}`), makeDrillParts(drill));
}
