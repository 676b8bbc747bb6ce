/* figures.js: heat maps: colours, hovering, sorting, pins, sliders, the centre of the colours, copies. */
"use strict";

const halfOf = (values, neutral) => Math.max(1e-4 * Math.max(1, Math.abs(neutral)),
	...values.filter(Number.isFinite).map((v) => Math.abs(v - neutral)));

function checkFigure(sweep, figure, neutral) {
	const values = valuesOf(sweep), half = halfOf(values, neutral), cells = cellsOf(figure);
	check(cells.length > 0, sweep.name + " shows no cell");
	for (const td of cells) {
		const value = values[td.dataset.cell], where = `${sweep.name}, cell ${td.dataset.cell}`, text = td.textContent.replace("\u2212", "-");
		check(!Number.isNaN(value) === !td.classList.contains("none"), where + ": a missing value is hatched, another is not");
		if (Number.isFinite(value)) {
			checkColor(td, value, neutral, half, where);
			check(!text || Math.abs(Number(text) - value) <= 0.5 * Math.max(0.011, Math.abs(value) / 10), `${where} says ${text}, not ${value}`);
		}
		check(td.getAttribute("aria-label").length > 4, where + " has no name");
	}
}

test("every cell's colour matches its number", () => figures().forEach(([sweep, figure]) => checkFigure(sweep, figure, neutralOfSweep(sweep))));

test("hovering tells a cell's number and place", () => {
	for (const [sweep, figure] of figures()) {
		const cells = cellsOf(figure), values = valuesOf(sweep);
		for (const td of [cells[0], cells[Math.floor(cells.length / 2)], cells[cells.length - 1]]) {
			point(td);
			const tip = one("#tip"), value = values[td.dataset.cell],
				told = all("td", tip).map((cell) => Number(cell.textContent.replace("\u2212", "-").split(" ")[0]));
			check(!tip.hidden, sweep.name + ": nothing is told");
			check(!Number.isFinite(value) || told.some((number) => Math.abs(number - value) <= 1e-5 * Math.abs(value)),
				`${sweep.name}: ${value} is not in ${tip.textContent}`);
			const index = sweep.axes.map((axis, a) => Math.floor(td.dataset.cell / sweep.axes.slice(a + 1).reduce((n, b) => n * b.labels.length,
				1)) % axis.labels.length);
			sweep.axes.forEach((axis, a) => check(tip.textContent.includes(axis.labels[index[a]]),
				`${sweep.name}: ${axis.labels[index[a]]} is not in the tip`));
			point(td.closest("table"), "mouseleave");
			check(tip.hidden, sweep.name + ": it is told after the pointer has left");
		}
	}
});

test("the pointer reaches the cells", () => figures().forEach(([sweep, figure]) => {
	const td = cellsOf(figure)[0];
	td.scrollIntoView({ block: "center", behavior: "instant" });
	const box = td.getBoundingClientRect(), hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
	check(hit === td, `${sweep.name}: over its first cell is ${hit && hit.outerHTML.slice(0, 80)}`);
}));

test("intervals and idle patches are told", () => {
	let found = "nothing";
	for (const [sweep, figure] of figures())
		for (const td of cellsOf(figure).slice(0, 50)) {
			point(td);
			const text = one("#tip").textContent, low = sweep.over ? numberOf(sweep.over[sweep.score_defined ? "score" : "metric"].low[td.dataset.cell]) : NaN;
			if (sweep.over)
				found = check(text.includes("95 % interval") && (Number.isNaN(low) || text.includes(String(Math.abs(low)))), "no interval in " + text);
			if (td.classList.contains("idle"))
				found = check(/changed nothing here|never fired here/.test(text), "no audit in " + text);
			const still = sweep.hook && sweep.forward !== "none" && sweep.backward === "none" && sweep.cells.forward_max_change[td.dataset.cell] === 0;
			check(!still || td.classList.contains("idle"), sweep.name + ": a patch that changed nothing is not marked");
		}
	return found;
});

/* The order of the cells in one column of the first table. */
const columnCells = (figure, column) => all("tbody tr",
	one("table.map", figure)).map((row) => Number(all("td[data-cell]", row)[column].dataset.cell));

test("a click on a head sorts, another one undoes it", () => {
	let found = "nothing";
	for (const [sweep, figure] of figures().filter(([sweep]) => sweep.axes.length > 1)) {
		const values = valuesOf(sweep), heads = () => all("thead th.column button", one("table.map", figure)), before = columnCells(figure, 1);
		const falls = (cells) => cells.every((cell, i) => !i || !(values[cell] > values[cells[i - 1]]));
		heads()[1].focus();
		heads()[1].click();
		check(falls(columnCells(figure, 1)), `${sweep.name} is not sorted by its second column`);
		check(document.activeElement === heads()[1], sweep.name + ": the focus is lost");
		same(one("thead th[aria-sort]", figure) && one("thead th[aria-sort]", figure).getAttribute("aria-sort"), "descending", sweep.name + ": sort");
		checkFigure(sweep, figure, neutralOfSweep(sweep));
		heads()[1].click();
		same(String(columnCells(figure, 1)), String(before), sweep.name + " after the second click");
		const row = one("tbody th button", figure), first = () => all("tbody tr:first-child td[data-cell]",
			one("table.map", figure)).map((td) => Number(td.dataset.cell)), across = first();
		row.click();
		check(falls(first()), `${sweep.name} is not sorted by its first row`);
		one("tbody th button", figure).click();
		same(String(first()), String(across), sweep.name + " after the second click on a row");
		found = null;
	}
	return found;
});

test("keys walk and pin", () => {
	const [sweep, figure] = figures().find(([sweep]) => sweep.axes.length > 1 && valuesOf(sweep).length > 3) || [];
	if (!sweep)
		return "nothing";
	same(all("[tabindex='0']", one("table.map", figure)).length, 1, "stops of the tab key in a table");
	cellsOf(figure)[0].focus();
	press(document.activeElement, "ArrowRight");
	press(document.activeElement, "ArrowDown");
	same(document.activeElement.dataset.at, "1,1", "after right and down");
	check(!one("#tip").hidden, "a cell with the focus tells nothing");
	press(document.activeElement, "Enter");
	same(all(".pins li", figure).length, 1, "pins after Enter");
	const value = valuesOf(sweep)[document.activeElement.dataset.cell],
		told = all(".pins td", figure).map((td) => Number(td.textContent.split(" ")[0].replace("\u2212", "-")));
	check(told.some((number) => Math.abs(number - value) < 1e-4), `the pin does not tell ${value}`);
	press(document.activeElement, "ArrowUp");
	press(document.activeElement, "ArrowUp");
	same(document.activeElement.tagName, "BUTTON", "above the first row");
	cellsOf(figure)[0].click();
	same(all(".pins li", figure).length, 2, "pins after a click");
	all(".pins .close", figure).forEach(() => one(".pins .close", figure).click());
	return check(one(".pins", figure).hidden && !one("td[aria-selected='true']", figure), "pins are not put away");
});

test("sliders and the choice of axes show the right cells", () => {
	let found = "nothing";
	for (const [sweep, figure] of figures().filter(([sweep]) => sweep.axes.length > 2)) {
		const controls = one(".tools", figure), sizes = sweep.axes.map((axis) => axis.labels.length), rest = sizes.slice(0, -2).reduce((a, b) => a * b);
		const lists = () => all("select", controls), inner = sizes[sizes.length - 1] * sizes[sizes.length - 2], neutral = neutralOfSweep(sweep);
		if (!one("input[type=range]", controls))
			set(lists()[2], 1);
		same(cellsOf(figure).length, inner, sweep.name + ": cells by a slider");
		const sliders = all("input[type=range]", controls), strides = sliders.map((_, a) => sizes.slice(a + 1).reduce((x, y) => x * y));
		sliders.forEach((slider, a) => set(slider, sizes[a] - 1));
		same(Number(cellsOf(figure)[0].dataset.cell), sliders.reduce((sum, _, a) => sum + (sizes[a] - 1) * strides[a], 0),
			sweep.name + ": its last table's first cell");
		check(one(".facet p", figure).textContent.includes(sweep.axes[0].labels[sizes[0] - 1]), sweep.name + ": the title is not the slider's");
		checkFigure(sweep, figure, neutral);
		set(lists()[0], 0);
		same(all("tbody tr", one("table.map", figure)).length, sizes[0], sweep.name + ": rows along its first axis");
		checkFigure(sweep, figure, neutral);
		set(lists()[0], sizes.length - 2);
		set(lists()[2], 0);
		if (rest <= 40)
			same(cellsOf(figure).length, inner * rest, sweep.name + ": cells side by side");
		found = null;
	}
	return found;
});

test("the centre of the colours can be moved and put back", () => figures().forEach(([sweep, figure]) => {
	const box = one(".centre input", figure), neutral = neutralOfSweep(sweep);
	same(Number(box.value), neutral, sweep.name + ": centre");
	set(box, 0.25);
	checkFigure(sweep, figure, 0.25);
	one(".centre button", figure).click();
	checkFigure(sweep, figure, neutral);
	check(one(".centre button", figure).hidden, "reset is there without need");
}));

test("the score's 0 and 1 are marked", () => figures().forEach(([sweep, figure]) => {
	const legend = one(".legend", figure);
	if (sweep.score_defined && sweep.kind !== "difference" && legend)
		check(/corrupted/.test(legend.textContent) && /clean/.test(legend.textContent), `${sweep.name}: ${legend.textContent}`);
}));

test("copies hold every cell", async () => {
	let copied = null;
	Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: async (text) => (copied = text) } });
	for (const [sweep, figure] of figures()) {
		one(".copy", figure).click();
		await Promise.resolve();
		const column = sweep.over ? (sweep.score_defined ? "score_mean" : "metric_mean") : sweep.score_defined ? "score" : "metric";
		const names = copied.slice(0, copied.indexOf("\n")).split(","), values = valuesOf(sweep);
		check(copied.startsWith(sweep.axes.map((axis) => axis.name).join(",")) && names.includes(column), sweep.name + ": " + names);
		if (!sweep.axes.some((axis) => axis.labels.some((label) => /[",\n]/.test(label))) && !sweep.over && !sweep.estimate) {
			const rows = copied.trimEnd().split("\n").slice(1).map((row) => row.split(",")[names.indexOf(column)]);
			same(rows.length, values.length, sweep.name + ": rows");
			rows.forEach((text, i) => check(text === "" ? Number.isNaN(values[i]) : Number(text) === values[i], `${sweep.name}, cell ${i}: ${text}`));
		}
	}
	if (!figures().length)
		return "nothing";
	navigator.clipboard.writeText = async () => Promise.reject(new Error("no"));
	document.execCommand = () => false;
	one("figure .copy").click();
	for (let i = 0; i < 5; i++)
		await Promise.resolve();
	same(one("textarea.csv").value.split("\n").length > 1, true, "the text to copy by hand");
	return one("textarea.csv").remove();
});
