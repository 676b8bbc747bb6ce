/* rest.js: patterns, updates, tables, the audit, and what holds of the whole page. */
"use strict";

test("a line stands under a strip, with all its numbers", () => {
	let found = "nothing";
	for (const [sweep, figure] of figures().filter(([sweep]) => sweep.axes.length === 1 && sweep.axes[0].labels.every((label) => label.length <= 12))) {
		const finite = valuesOf(sweep).filter(Number.isFinite).length;
		same(all(".stripline circle", figure).length, finite > 1 ? finite : 0, sweep.name + ": points");
		found = null;
	}
	return found;
});

test("attention patterns: colours, hovering, tokens", () => {
	const entries = report().run.patterns || [];
	if (!entries.length)
		return "nothing";
	const entry = entries[0], n = entry.clean_tokens.length, section = one(".patterns"), heads = all("button.head", section), at = 1 * n * n;
	same(heads.length, entry.n_layers * entry.n_heads, "heads");
	const pixel = one("canvas", heads[1]).getContext("2d").getImageData(0, n - 1, 1, 1).data, wanted = colorFor(entry.clean[at + (n - 1) * n], 0, 1);
	check(wanted.every((c, i) => Math.abs(c - pixel[i]) <= 1), `the small picture has ${pixel}, not ${wanted}`);
	heads[1].click();
	same(heads[1].getAttribute("aria-pressed"), "true", "the chosen head");
	for (const [m, way] of ["clean", "corrupted"].entries()) {
		const cells = all("td[data-cell]", all("table.map", section)[m]);
		same(cells.length, n * n, way + ": cells");
		cells.forEach((td, i) => i % n <= Math.floor(i / n) && checkColor(td, entry[way][at + i], 0, 1, `${way}, weight ${i}`));
	}
	point(one(`td[data-cell="${n * n - 1}"]`, section));
	const text = one("#tip").textContent, last = entry.clean[at + n * n - 1];
	check(text.includes(String(Number(last.toPrecision(4)))) && text.includes(entry.clean_tokens[n - 1]), `${last} is not in ${text}`);
	const tokens = all(".attends[data-way=clean] button", section);
	tokens[1].dispatchEvent(new MouseEvent("mouseenter"));
	const rgb = getComputedStyle(tokens[0]).backgroundColor.match(/\d+/g).map(Number), row = colorFor(entry.clean[at + n], 0, 1);
	check(row.every((c, i) => Math.abs(c - rgb[i]) <= 1), `the second token attends to the first: ${rgb}, not ${row}`);
	return check(one("tr.pointed", section).dataset.query === "1", "the pointed token's row is not marked");
});

/* A table's column falls, then rises, then is as it was. */
function checkSorting(table, column) {
	const texts = () => all("tbody tr", table).map((row) => row.children[column].textContent), before = texts();
	const numbers = () => texts().map((text) => Number(text.replace("\u2212", "-").replace(/\u202f/g, ""))).filter((v) => !Number.isNaN(v));
	const head = all("thead th", table)[column], button = one("button", head);
	button.click();
	check(numbers().every((v, i, list) => !i || v <= list[i - 1]), "not from the greatest down: " + texts());
	same(head.getAttribute("aria-sort"), "descending", "sort");
	button.click();
	check(numbers().every((v, i, list) => !i || v >= list[i - 1]), "not from the least up: " + texts());
	button.click();
	same(String(texts()), String(before), "after the third click");
}

test("sizes of the updates: a row for each parameter, sorted by a click", () => {
	const update = (report().run.updates || [])[0];
	if (!update)
		return "nothing";
	const table = one(".updates table");
	same(all("tbody tr", table).length, update.params.length, "parameters");
	const shown = Number(one("tbody tr", table).children[2].textContent), wanted = update.clean[0] / update.weight[0];
	check(Math.abs(shown - wanted) <= 0.01 * wanted, `${shown}, not ${wanted}`);
	checkSorting(table, 2);
	set(one(".updates select"), 1);
	return checkSorting(one(".updates table"), 3);
});

test("units are sorted by a click", () => {
	const table = one("[aria-label='values per unit'] table");
	return table ? checkSorting(table, 4) : "nothing";
});

test("phases of training are named in the curves", () => {
	const stages = report().run.stages.filter((stage) => stage.x.length), texts = all(".phases text").map((text) => text.textContent);
	if (stages.length < 2)
		return "nothing";
	stages.forEach((stage) => check(texts.includes(stage.name), stage.name + " is not in the picture"));
	return null;
});

test("the audit is on top", () => {
	const notes = [...report().run.notes, ...report().run.sweeps.flatMap((sweep) => sweep.notes)], section = one("[aria-label=audit]");
	return notes.length ? check(section.textContent.includes(notes[0].replace(/`/g, "")), "the first note is not there") : "nothing";
});

test("controls, pictures and tables have names", () => {
	for (const node of all("button, select, input"))
		check(node.textContent.trim() || node.getAttribute("aria-label") || node.closest("label"), "no name: " + node.outerHTML.slice(0, 120));
	for (const node of all("main svg, table[role=grid]"))
		check(node.getAttribute("aria-label"), "no name: " + node.outerHTML.slice(0, 120));
	const ids = all("[id]").map((node) => node.id);
	same(new Set(ids).size, ids.length, "different ids");
});

test("nothing is wider than the page, labels are whole", () => {
	const wide = all("main *").filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest(".scroll, pre, .unseen"));
	check(document.documentElement.scrollWidth <= innerWidth, `width ${document.documentElement.scrollWidth} in ${innerWidth}: ` +
		wide.slice(0, 3).map((node) => node.outerHTML.slice(0, 80)).join(" "));
	for (const head of all(".map tbody th, .map thead th.column span"))
		check(head.scrollWidth <= head.clientWidth + 2 || !head.clientWidth, `${head.textContent}: ${head.scrollWidth} in ${head.clientWidth}`);
});

test("nothing is asked of the network", () => {
	const asked = performance.getEntriesByType("resource").map((entry) => entry.name);
	same(asked.join(" "), "", "requests");
});

runCases();
