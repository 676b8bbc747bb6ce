/* cell.js: what is known of one cell: in the tooltip, pinned under the figure, and in words where a patch did nothing. */

const names = (text) => Boolean(text) && text !== "none";

/* Which of the patches of this sweep did nothing in this cell, and why. */
function idleWays(sweep, cell) {
	const cells = sweep.cells, idle = [];
	if (!cells.forward_fired || sweep.spread === "width")
		return idle;
	for (const way of ["forward", "backward"].filter((way) => names(sweep[way]) && sweep.hook)) {
		if (!cells[way + "_fired"][cell])
			idle.push(`The ${way} hook never fired here.`);
		else if (real(cells[way + "_max_change"][cell]) === 0)
			idle.push(`The ${way} patch changed nothing here.`);
	}
	return idle;
}

/* Nothing that was to be patched was. A cell without a number was not measured at all. */
function isIdle(sweep, cell, value) {
	const wanted = ["forward", "backward"].filter((way) => names(sweep[way])).length;
	return !Number.isNaN(value) && wanted > 0 && idleWays(sweep, cell).length === wanted;
}

function cellNotes(sweep, cell) {
	const notes = idleWays(sweep, cell), cut = sweep.cells.graph_cut;
	if (cut && cut[cell] && sweep.spread !== "width")
		notes.push(`The graph was cut here: ${plural(real(sweep.cells.params_without_grad[cell]), "parameter")} got no gradient.`);
	return notes;
}

function tipRows(sweep, cell) {
	const at = (column) => (sweep.cells[column] ? real(sweep.cells[column][cell]) : NaN), times = (n) => (n === 1 ? "once" : n ? n + " times" : "never");
	const rows = [], only = sweep.estimate && sweep.estimate.only;
	if (sweep.spread === "width")
		return [["width", say(at(shownColumn(sweep)), 6)], ...spreadRows(sweep, cell), ["cell", indexText(sweep, cell)]];
	if (sweep.score_defined && !only)
		rows.push(["score", say(at("score"), 6)]);
	if (!only)
		rows.push([sweep.metric, say(at("metric"), 6) + (sweep.unit ? " " + sweep.unit : "")]);
	if (sweep.estimate)
		rows.push(["estimated " + (sweep.score_defined ? "score" : sweep.metric), say(at(sweep.score_defined ? "estimate_score" : "estimate"), 6)]);
	rows.push(...spreadRows(sweep, cell), ["cell", indexText(sweep, cell)]);
	for (const [column, name] of [["loss", "loss"], ["grad_norm", "gradient norm"]])
		if (!Number.isNaN(at(column)))
			rows.push([name, say(at(column), 6)]);
	for (const way of ["forward", "backward"].filter((way) => names(sweep[way]) && sweep.cells.forward_fired && sweep.hook)) {
		rows.push([way + " hook fired", times(at(way + "_fired"))]);
		if (at(way + "_fired") > 0)
			rows.push([way + " patch, largest change", say(at(way + "_max_change"), 4)]);
	}
	return rows;
}

/* Its number in the files, from 0, and its index on each axis. */
function indexText(sweep, cell) {
	return sweep.axes.length > 1 ? cell + " (" + indexOf(sweep, cell).join(", ") + ")" : String(cell);
}

/* Cells that stay under the figure until they are put away. */
function togglePin(view, cell) {
	view.pins = view.pins.includes(cell) ? view.pins.filter((other) => other !== cell) : [...view.pins, cell];
	drawPins(view);
}

function makePin(view, cell) {
	const title = placeName(view.sweep, cell) || view.sweep.name, color = colorOf(view.scale, view.scale.values[cell]);
	const close = () => {
		togglePin(view, cell);
		const td = view.map.querySelector(`td[data-cell="${cell}"]`);
		if (td)
			td.focus({ preventScroll: true });
		hideTip();
	};
	return el("li", { style: { borderTopColor: color || "var(--rule)" } },
		el("button", { type: "button", class: "close", "aria-label": "put away " + title, onclick: close }, "\u00d7"),
		...tipParts(title, tipRows(view.sweep, cell), cellNotes(view.sweep, cell)));
}

function drawPins(view) {
	view.pinned.replaceChildren(...view.pins.map((cell) => makePin(view, cell)));
	view.pinned.hidden = !view.pins.length;
	for (const td of view.map.querySelectorAll("td[data-cell]"))
		td.setAttribute("aria-selected", view.pins.includes(Number(td.dataset.cell)));
}
