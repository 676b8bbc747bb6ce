/* sort.js: the order of a figure's rows and columns, and tables that are sorted by a click on a head. */

/* Numbers before names, what is missing last, whatever the direction. */
function compare(a, b, down) {
	const way = down ? -1 : 1;
	if (typeof a === "string")
		return way * a.localeCompare(b, "en", { numeric: true });
	return (Number.isNaN(a) ? 1 : 0) - (Number.isNaN(b) ? 1 : 0) || (a === b ? 0 : way * (a - b)) || 0;
}

/* The indices along `axis`: as they are, or by the values that they have at the place of the head that was clicked. */
function orderAlong(view, axis, across, sort) {
	const order = Array.from({ length: sizeOf(view.sweep, axis) }, (_, i) => i);
	if (!sort || axis < 0)
		return order;
	const at = [...(view.beside ? sort.at : view.at)];
	if (across >= 0)
		at[across] = sort.by;
	const values = order.map((i) => {
		at[axis] = i;
		return view.scale.values[cellOf(view.sweep, at)];
	});
	return order.sort((a, b) => compare(values[a], values[b], true) || a - b);
}

/* Whether this head is the one that was clicked; side by side it is so in one table only. */
function isSortedBy(view, which, by, at) {
	const sort = view[which];
	return Boolean(sort) && sort.by === by && (!view.beside || restOf(view).every((a) => sort.at[a] === at[a]));
}

/* The first click sorts, greatest first; the second one undoes it. */
function toggleSort(view, which, by, at) {
	view[which] = isSortedBy(view, which, by, at) ? null : { by, at: [...at] };
	drawView(view);
}

function sortHint(which, sorted) {
	return (sorted ? "undo the order of " : "put in order the ") + (which === "rowsBy" ? "rows" : "columns");
}

/* columns: {text, of(row), show(row): a node or text, number: bool}. Clicks: upwards, downwards, as it was. */
function makeSortedTable(columns, rows, label) {
	const body = el("tbody"), heads = columns.map((column) => el("th", { scope: "col", class: column.number ? "n" : column.cls || null },
		column.of ? el("button", { type: "button", onclick: () => turn(column) }, column.text) : column.text));
	const makeRow = (row) => el("tr", { class: row.chosen ? "chosen" : null }, columns.map((column, i) =>
		el(i ? "td" : "th", { scope: i ? null : "row", class: column.number ? "n" : column.cls || null }, column.show(row))));
	let by = null, down = false;
	function turn(column) {
		const first = Boolean(column.number); // of numbers the greatest are asked for first
		[by, down] = by !== column ? [column, first] : down === first ? [column, !first] : [null, false];
		heads.forEach((head) => head.removeAttribute("aria-sort"));
		if (by)
			heads[columns.indexOf(by)].setAttribute("aria-sort", down ? "descending" : "ascending");
		draw();
	}
	function draw() {
		const order = by ? [...rows].sort((a, b) => compare(by.of(a), by.of(b), down)) : rows;
		body.replaceChildren(...order.map(makeRow));
	}
	draw();
	return el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": label },
		el("table", { class: "plain" }, el("thead", null, el("tr", null, heads)), body));
}
