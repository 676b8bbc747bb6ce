/* timeline.js: the curves of all training stages in a row, each stage a phase with its own axis. */

/* Where each phase lies: as wide as it is long where all count the same thing, but never too narrow to read. */
function phasesOf(stages) {
	const same = stages.every((stage) => stage.x_label === stages[0].x_label);
	const spans = stages.map((stage) => {
		const xs = stage.x.map(real).filter(Number.isFinite);
		return { stage, low: Math.min(...xs), high: Math.max(...xs), length: same ? Math.max(...xs) - Math.min(...xs) || 1 : 1 };
	});
	const longest = Math.max(...spans.map((span) => span.length)), weights = spans.map((span) => Math.max(span.length, 0.2 * longest));
	const all = weights.reduce((a, b) => a + b, 0), width = phased.right - phased.left;
	let at = phased.left;
	return spans.map((span, i) => {
		const left = at, right = (at += width * weights[i] / all);
		return { ...span, left, right, map: (x) => left + (right - left - 4) * (x - span.low) / (span.high - span.low || 1) };
	});
}

const phased = { width: 980, height: 270, left: 46, right: 972, top: 28, bottom: 232 };

function drawPhases(phases, y) {
	const parts = y.ticks.map((tick) => [svg("line", { class: "grid", x1: phased.left, x2: phased.right, y1: y.map(tick), y2: y.map(tick) }),
		svg("text", { x: phased.left - 7, y: y.map(tick) + 4, "text-anchor": "end" }, say(tick))]);
	phases.forEach((phase, i) => {
		const few = phase.right - phase.left < 130 ? 1 : 4;
		const ticks = roundTicks(phase.low, phase.high, few).filter((t) => phase.map(t) < phase.right - 12 || few === 1);
		parts.unshift(svg("rect", { class: i % 2 ? "phase odd" : "phase", x: phase.left, width: phase.right - phase.left, y: phased.top - 18,
			height: phased.bottom - phased.top + 18 }));
		parts.push(svg("line", { class: "frame", x1: phase.left, x2: phase.left, y1: phased.top - 18, y2: phased.bottom }),
			svg("text", { class: "strong", x: phase.left + 6, y: phased.top - 5 }, phase.stage.name),
			ticks.map((tick) => svg("text", { x: phase.map(tick), y: phased.bottom + 16,
				"text-anchor": phase.map(tick) - phase.left < 8 ? "start" : "middle" }, say(tick))),
			svg("text", { x: (phase.left + phase.right) / 2, y: phased.bottom + 34, "text-anchor": "middle" }, phase.stage.x_label));
	});
	return [...parts, svg("line", { class: "frame", x1: phased.left, x2: phased.right, y1: phased.bottom, y2: phased.bottom })].flat();
}

/* One panel: the series whose names are in `names`, through all phases. */
function makePhasePanel(phases, names, log) {
	const found = (phase, name) => phase.stage.series.find((s) => s.name === name);
	const all = phases.flatMap((phase) => names.flatMap((name) => (found(phase, name) ? found(phase, name).values.map(real) : [])));
	const y = axisOf(all, phased.bottom, phased.top, log && all.some((v) => v > 0));
	const picture = svg("svg", { viewBox: `0 0 ${phased.width} ${phased.height}`, role: "img",
		"aria-label": `${names.join(", ")} through ${phases.map((p) => p.stage.name).join(", ")}` },
	drawPhases(phases, y), names.flatMap((name, color) => phases.filter((phase) => found(phase, name)).map((phase) => svg("path", {
		class: "curve", "stroke-linecap": "round", stroke: seriesColor(color), "stroke-dasharray": color > 5 ? "5 3" : null,
		d: curvePath(phase, y, found(phase, name).values.map(real), phase.stage.x.map(real)) }))));
	for (const phase of phases.filter((phase) => !names.some((name) => found(phase, name))))
		picture.append(svg("text", { x: (phase.left + phase.right) / 2, y: (phased.top + phased.bottom) / 2, "text-anchor": "middle" }, "not measured"));
	picture.addEventListener("pointermove", (event) => tellPhase(event, picture, phases, names, found));
	picture.addEventListener("pointerleave", hideTip);
	const keys = names.map((name, color) => el("li", null,
		el("i", { style: { color: seriesColor(color), borderTopStyle: color > 5 ? "dashed" : "solid" } }), name));
	return el("div", { class: "panel" }, el("div", { class: "scroll" }, picture), el("ul", { class: "keys" }, keys));
}

function tellPhase(event, picture, phases, names, found) {
	const box = picture.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * phased.width;
	const phase = phases.find((p) => at >= p.left && at < p.right), xs = phase ? phase.stage.x.map(real) : [];
	if (!xs.length)
		return hideTip();
	const near = xs.reduce((best, x, i) => (Math.abs(phase.map(x) - at) < Math.abs(phase.map(xs[best]) - at) ? i : best), 0);
	const left = box.left + phase.map(xs[near]) / phased.width * box.width;
	return showTip({ left, right: left, top: box.top, bottom: box.bottom, height: box.height },
		`${phase.stage.name}, ${phase.stage.x_label} ${say(xs[near], 6)}`,
		names.filter((name) => found(phase, name)).map((name) => [name, say(found(phase, name).values[near], 5)]));
}

function stageRows(stages) {
	const names = [...new Set(stages.flatMap((stage) => stage.series.map((s) => s.name)))];
	return [["phase", "x", ...names], ...stages.flatMap((stage) => stage.x.map((x, i) => [stage.name, x, ...names.map((name) => {
		const series = stage.series.find((s) => s.name === name);
		return series ? series.values[i] : null;
	})]))];
}

function makeTraining(stages) {
	const drawn = stages.filter((stage) => stage.x.length), names = [...new Set(drawn.flatMap((stage) => stage.series.map((s) => s.name)))];
	const losses = names.filter((name) => /loss/i.test(name)), others = names.filter((name) => !/loss/i.test(name)),
		phases = drawn.length > 1 ? phasesOf(drawn) : null;
	const copy = drawn.length ? el("p", { class: "tools" }, makeCopy(() => stageRows(stages), "training curves")) : null;
	if (!phases)
		return [copy, stages.map(makeStage)];
	return [el("div", { class: "phases" }, losses.length ? makePhasePanel(phases, losses, true) : null,
		others.length ? makePhasePanel(phases, others, false) : null), copy,
		el("details", null, el("summary", null, "Each phase by itself"), stages.map(makeStage))];
}
