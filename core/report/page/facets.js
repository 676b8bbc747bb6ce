/* facets.js: a figure's layout: which axis runs along rows and columns, the others side by side or by a slider. */

/* Up to fewFacets tables stand side by side from the start, up to mostFacets can. */
const fewFacets = 8, mostFacets = 40, mostNumbers = 25;

function restOf(view) {
	return view.sweep.axes.map((_, a) => a).filter((a) => a !== view.rows && a !== view.columns);
}

function countFacets(view) {
	return restOf(view).reduce((n, a) => n * sizeOf(view.sweep, a), 1);
}

/* What the reader can change of a figure. An axis of -1 is none. */
function newView(sweep) {
	const n = sweep.axes.length;
	/* One axis with names rather than numbers reads better downwards. */
	const down = n === 1 && sweep.axes[0].labels.some((label) => label.length > 12);
	const view = { sweep, centre: NaN, rows: down ? 0 : Math.max(-1, n - 2), columns: down ? -1 : n - 1, at: sweep.axes.map(() => 0),
		rowsBy: null, columnsBy: null, pins: [] };
	view.map = el("div", { class: "facets" });
	view.controls = el("div", { class: "tools" });
	view.legend = el("div");
	view.pinned = el("ul", { class: "pins", hidden: "", "aria-label": "pinned cells of " + sweep.name });
	layOut(view);
	return view;
}

/* After rows and columns have been chosen. */
function layOut(view) {
	view.beside = countFacets(view) <= fewFacets;
	view.numbers = sizeOf(view.sweep, view.columns) <= mostNumbers;
	view.rowsBy = view.columnsBy = null;
}

/* New content, the focus where it was. */
function refill(box, nodes) {
	const key = box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
	box.replaceChildren(...nodes.flat().filter(Boolean));
	const again = key && [...box.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key);
	if (again)
		again.focus({ preventScroll: true });
}

/* The index on every axis of each table that is shown. */
function placesOf(view) {
	let places = [view.at];
	for (const a of view.beside ? restOf(view) : [])
		places = places.flatMap((at) => view.sweep.axes[a].labels.map((_, i) => at.map((old, k) => (k === a ? i : old))));
	return places;
}

function makeFacets(view) {
	const rest = restOf(view);
	return placesOf(view).map((at) => el("div", { class: "facet" }, rest.length ? el("p", null, sayPlace(view.sweep, at, rest)) : null,
		el("div", { class: "scroll" }, makeTable(view, at))));
}

function drawView(view) {
	view.scale = scaleOf(view.sweep, view.centre);
	refill(view.map, view.scale.values.length ? [makeFacets(view)] : [el("p", null, "No cells.")]);
	refill(view.legend, [makeStripLine(view), makeLegend(view)]);
	drawPins(view);
}

function makeAxisChoice(view, role, other) {
	const axes = view.sweep.axes, list = el("select", { "data-key": role, onchange: () => {
		if (view[other] === list.selectedIndex)
			view[other] = view[role];
		view[role] = list.selectedIndex;
		layOut(view);
		drawControls(view);
		drawView(view);
	} }, axes.map((axis, a) => el("option", { selected: a === view[role] ? "" : null }, axis.name)));
	return el("label", null, role + " ", list);
}

function makeSwap(view) {
	return view.sweep.axes.length !== 2 ? null : el("button", { type: "button", onclick: () => {
		[view.rows, view.columns] = [view.columns, view.rows];
		layOut(view);
		drawControls(view);
		drawView(view);
	} }, "Swap rows and columns");
}

/* All values of the other axes at once, or one after the other. */
function makeBesideChoice(view) {
	const many = countFacets(view) > mostFacets, list = el("select", { "data-key": "beside", onchange: () => {
		view.beside = list.selectedIndex === 0;
		drawControls(view);
		drawView(view);
	} }, el("option", { disabled: many ? "" : null, selected: view.beside ? "" : null }, "side by side"),
	el("option", { selected: view.beside ? null : "" }, "by a slider"));
	return el("label", null, restOf(view).map((a) => view.sweep.axes[a].name).join(", ") + " ", list);
}

function makeSlider(view, a) {
	const axis = view.sweep.axes[a], told = el("output", null, axis.labels[view.at[a]]);
	const slider = el("input", { type: "range", min: 0, max: axis.labels.length - 1, step: 1, value: view.at[a], "data-key": "slider " + a,
		"aria-valuetext": axis.labels[view.at[a]], oninput: () => {
			view.at[a] = Number(slider.value);
			told.textContent = axis.labels[view.at[a]];
			slider.setAttribute("aria-valuetext", axis.labels[view.at[a]]);
			drawView(view);
		} });
	return el("label", { class: "slider" }, axis.name + " ", slider, " ", told);
}

function drawControls(view) {
	const axes = view.sweep.axes.length, rest = restOf(view), dense = sizeOf(view.sweep, view.columns) > mostNumbers;
	const numbers = el("input", { type: "checkbox", checked: view.numbers ? "" : null, "data-key": "numbers", onchange: () => {
		view.numbers = numbers.checked;
		drawView(view);
	} });
	refill(view.controls, [axes > 2 ? [makeAxisChoice(view, "rows", "columns"), makeAxisChoice(view, "columns", "rows")] : null,
		axes > 2 ? makeBesideChoice(view) : null, dense ? el("label", null, numbers, " numbers in the cells") : null,
		view.beside ? null : rest.map((a) => makeSlider(view, a))].flat());
	view.controls.hidden = !view.controls.childNodes.length;
}

/* The parts of a figure in which its numbers are. */
function makePicture(view) {
	drawControls(view);
	drawView(view);
	const copy = view.sweep.spread === "width" ? null : el("div", { class: "tools" }, makeCentre(view), makeSwap(view),
		makeCopy(() => sweepRows(view.sweep), view.sweep.name));
	return [view.controls, view.map, view.legend, copy, view.pinned];
}
