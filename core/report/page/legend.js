/* legend.js: the ramp of a figure's colours, with the score's 0 and 1, and the control that moves its centre. */

function makeRamp(sweep, scale) {
	const upward = sweep.spread === "width", low = upward ? 0 : scale.neutral - scale.half, high = scale.neutral + scale.half;
	const colors = upward ? data.colors.slice((data.colors.length - 1) / 2) : data.colors;
	const stops = colors.map((rgb, i) => css(rgb) + " " + 100 * i / (colors.length - 1) + "%");
	const ticks = el("div", { class: "ticks" }), taken = [], marks = new Map(marksOf(sweep));
	const add = (value, name, cls) => {
		const exact = 100 * (value - low) / (high - low), at = Math.max(0, Math.min(100, exact));
		if (Math.abs(exact - at) > 0.5 || taken.some((other) => Math.abs(other - at) < (name ? 14 : 10)))
			return false;
		taken.push(at);
		const edge = at < 6 ? "first" : at > 94 ? "last" : "";
		ticks.append(el("span", { class: (cls || edge) + (marks.has(value) ? " mark" : ""), style: { left: at + "%" } }, sayCell(scale, value),
			name ? el("br") : null, name));
		return true;
	};
	const middle = scale.neutral === neutralOf(sweep) ? "no change" : "centre";
	if (!upward)
		add(scale.neutral, marks.has(scale.neutral) ? `${marks.get(scale.neutral)}, ${middle}` : middle);
	const unnamed = [...marks].filter(([value, name]) => value !== scale.neutral && !add(value, name));
	add(low, null, "first");
	add(high, null, "last");
	return el("div", { class: "legend", "aria-hidden": "true" },
		el("div", { class: "ramp", style: { background: `linear-gradient(to right, ${stops.join(", ")})` } }), ticks, makeBeyond(unnamed, low, high));
}

/* An end of the score that lies outside the colours, or too near to a mark to be written there. */
function makeBeyond(unnamed, low, high) {
	const texts = unnamed.map(([value, name]) => (value < low ? `off the scale: \u25c2 ${value}, ${name}` : value > high
		? `off the scale: ${value}, ${name} \u25b8` : `too near to another mark: ${value}, ${name}`));
	return texts.length ? el("p", { class: "beyond" }, texts.join("; ")) : null;
}

function makeLegend(view) {
	const idle = view.scale.values.some((value, cell) => isIdle(view.sweep, cell, value));
	return [view.scale.flat ? null : makeRamp(view.sweep, view.scale),
		idle ? el("p", { class: "key" }, el("i", { class: "idle" }), " the patch changed nothing in this cell") : null];
}

/* A number box and a button back to where nothing happens. */
function makeCentre(view) {
	const box = el("input", { type: "number", step: "any", value: neutralOf(view.sweep), "aria-label": "centre of the colours of " + view.sweep.name });
	const back = el("button", { type: "button", hidden: "", onclick: () => {
		box.value = neutralOf(view.sweep);
		turn();
		box.focus();
	} }, "reset");
	const turn = () => {
		const centre = box.value === "" ? NaN : Number(box.value), own = neutralOf(view.sweep);
		view.centre = centre === own ? NaN : centre;
		back.hidden = !Number.isFinite(view.centre);
		drawView(view);
	};
	box.addEventListener("input", turn);
	return el("span", { class: "centre" }, el("label", null, "white at ", box), " ", back);
}
