/* heatmap.js: one table of coloured numbers. Keys walk through it, hovering tells, a click pins a cell or sorts by a head. */

/* Arrow keys walk from cell to cell of one table, heads included; Tab leaves it. */
function walk(event) {
	const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
	const from = event.target.closest("[data-at]");
	if (!step || !from)
		return;
	const [row, column] = from.dataset.at.split(",").map(Number);
	const to = from.closest("table").querySelector(`[data-at="${row + step[0]},${column + step[1]}"]`);
	event.preventDefault();
	if (to) {
		from.tabIndex = -1;
		to.tabIndex = 0;
		to.focus();
	}
}

/* tell(cell, td): the tooltip of that cell; press(cell): a click on it, or Enter. For tables whose cells have data-cell. */
function wireTable(table, tell, press) {
	const cellAt = (event) => event.target.closest("td[data-cell]");
	const show = (event) => {
		const td = cellAt(event);
		if (td)
			tell(Number(td.dataset.cell), td);
		else
			hideTip();
	};
	return fill(table, { onmouseover: show, onmouseleave: hideTip, onfocusin: show, onfocusout: hideTip,
		onclick: press && ((event) => cellAt(event) && press(Number(cellAt(event).dataset.cell))),
		onkeydown: (event) => {
			const td = cellAt(event);
			walk(event);
			if (press && td && (event.key === "Enter" || event.key === " ")) {
				event.preventDefault();
				press(Number(td.dataset.cell));
			}
		} });
}

/* A cell's background; null where there is none. */
function colorOf(scale, value) {
	return Number.isNaN(value) ? null : css(colorAt(scale.place(value)));
}

/* A coloured cell of any table; `text` null: no room for one. */
function makeColored(rgb, text, attributes, cls) {
	const classes = [rgb ? (wantsLight(rgb) ? "light" : "") : "none", cls || ""].filter(Boolean).join(" ");
	return el("td", { class: classes || null, style: rgb ? { backgroundColor: css(rgb) } : null, ...attributes }, text);
}

function makeCell(view, cell, row, column) {
	const { sweep, scale } = view, value = scale.values[cell], title = placeName(sweep, cell), text = sayCell(scale, value),
		idle = isIdle(sweep, cell, value);
	const name = (title ? title + ": " : "") + scale.name + " " + text + (idle ? ", the patch changed nothing" : "");
	return makeColored(Number.isNaN(value) ? null : colorAt(scale.place(value)), view.numbers ? text : null,
		{ "data-cell": cell, "data-at": row + "," + column,
		"data-key": "cell " + cell, tabindex: row || column ? "-1" : "0", "aria-label": name, "aria-selected": "false" }, idle ? "idle" : null);
}

/* The label of a row or column as a button that sorts by it. */
function makeSortButton(view, which, by, at, label, place) {
	return el("button", { type: "button", tabindex: "-1", "data-at": place, "data-key": [which, by, at].join(" "),
		title: sortHint(which, isSortedBy(view, which, by, at)), onclick: () => toggleSort(view, which, by, at) }, label);
}

/* All columns equally wide; turned when there are many long ones; wrapped early where tables need the room. */
function columnLayout(labels, tight) {
	const longest = Math.max(0, ...labels.map((label) => label.length)), turned = labels.length > 8 && longest > 5;
	const width = turned ? 2.2 : Math.max(3.3, Math.min(tight ? 4.4 : 8, 0.6 * longest + 0.6));
	return { turned, room: `min(${width}em, 17vw)` };
}

function makeColumnHead(label, layout, content, attributes) {
	return el("th", { scope: "col", class: layout.turned ? "column turned" : "column", style: { minWidth: layout.room }, ...attributes },
		el("span", { style: layout.turned ? null : { maxWidth: layout.room } }, content || label));
}

function columnHeads(axis, tight) {
	const layout = columnLayout(axis.labels, tight);
	return axis.labels.map((label) => makeColumnHead(label, layout));
}

/* Where cells are narrow, all heads are turned. */
function viewColumnHeads(view, at, order) {
	const axis = view.sweep.axes[view.columns], sorts = view.rows >= 0;
	const layout = view.numbers ? columnLayout(axis.labels, view.sweep.axes.length > 2) : { turned: true, room: "0" };
	return order.map((c, k) => makeColumnHead(axis.labels[c], layout,
		sorts ? makeSortButton(view, "rowsBy", c, at, axis.labels[c], "-1," + k) : null,
		{ "aria-sort": sorts && isSortedBy(view, "rowsBy", c, at) ? "descending" : null }));
}

/* The name of the only axis sorts its values. */
function axisName(view, axis, which, at) {
	const name = view.sweep.axes[axis].name;
	return view.sweep.axes.length > 1 ? name : makeSortButton(view, which, -1, at, name, "-1,0");
}

function makeTableHead(view, at, columns) {
	const { sweep, rows } = view, blank = { "aria-hidden": "true", style: { background: "none", height: 0 } };
	const sorted = (which) => (sweep.axes.length === 1 && isSortedBy(view, which, -1, at) ? "descending" : null);
	const corner = rows >= 0 ? el("th", { class: "axis corner", scope: "col", "aria-sort": sorted("rowsBy") },
		axisName(view, rows, "rowsBy", at)) : null;
	if (view.columns < 0)
		return el("thead", null, corner ? el("tr", null, corner, el("td", { "aria-hidden": "true", style: { background: "none" } }),
			makeBarMarks(view)) : null);
	return el("thead", null, el("tr", null, corner ? el("td", blank) : null,
		el("th", { class: "axis", colspan: columns.length, scope: "colgroup", "aria-sort": sorted("columnsBy") },
			axisName(view, view.columns, "columnsBy", at))),
	el("tr", null, corner, viewColumnHeads(view, at, columns)));
}

function makeRowHead(view, at, r, place) {
	const label = view.sweep.axes[view.rows].labels[r], sorts = view.columns >= 0;
	return el("th", { scope: "row", class: label.length <= 30 ? "line" : null,
		"aria-sort": sorts && isSortedBy(view, "columnsBy", r, at) ? "descending" : null },
		sorts ? makeSortButton(view, "columnsBy", r, at, label, place) : label);
}

/* The table at one place on the axes that are neither rows nor columns. */
function makeTable(view, at) {
	const { sweep, rows, columns } = view, across = orderAlong(view, columns, rows, view.columnsBy),
		bars = columns < 0 && rows >= 0 ? barsOf(view) : null;
	const body = orderAlong(view, rows, columns, view.rowsBy).map((r, k) => {
		const cells = across.map((c) => cellOf(sweep, at.map((i, a) => (a === rows ? r : a === columns ? c : i))));
		return el("tr", null, rows >= 0 ? makeRowHead(view, at, r, k + ",-1") : null, cells.map((cell, c) => makeCell(view, cell, k, c)),
			bars ? bars(cells[0]) : null);
	});
	const cls = "map" + (view.numbers ? (across.length > 12 ? " small" : "") : " dense");
	const tell = (cell, td) => showTip(td.getBoundingClientRect(), placeName(sweep, cell) || sweep.name, tipRows(sweep, cell), cellNotes(sweep, cell));
	return wireTable(el("table", { class: cls, role: "grid", "aria-label": [sweep.name, sayPlace(sweep, at, restOf(view))].filter(Boolean).join(", ") },
		makeTableHead(view, at, across), el("tbody", null, body)), tell, (cell) => togglePin(view, cell));
}
