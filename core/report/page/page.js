/* page.js: the page from top to bottom. */

function makeHeader() {
	const facts = ["patchbay " + (run.version || ""), run.date ? run.date.replace("T", " ").replace("Z", " UTC") : null, sayTime(run.seconds)];
	return el("header", null, el("p", { class: "eyebrow" }, facts.filter(Boolean).join(" \u00b7 ")), el("h1", null, run.name || "run"),
		run.question ? el("p", { class: "question" }, run.question) : null);
}

/* Each sweep in one line, with its strongest cell. */
function makeOverview() {
	const rows = run.sweeps.map((sweep, i) => {
		const scale = scaleOf(sweep), best = strongest(scale), known = scale.values.some((v) => !Number.isNaN(v));
		const link = el("th", { scope: "row" }, el("a", { href: "#sweep-" + i }, sweep.name));
		if (best < 0)
			return el("tr", null, link, el("td", null), el("td", null, known ? "no cell differs from no change" : "no values"));
		const rgb = colorAt(scale.place(scale.values[best]));
		const chip = el("span", { class: "chip", style: { backgroundColor: css(rgb), color: wantsLight(rgb) ? "#fff" : "#000" } },
			sayCell(scale, scale.values[best]));
		return el("tr", null, link, el("td", { class: "n" }, chip), el("td", null, placeName(sweep, best) || "the one cell"));
	});
	const heads = [["sweep", ""], ["score", "n"], ["cell farthest from no change", ""]]
		.map(([text, cls]) => el("th", { scope: "col", class: cls }, text));
	return rows.length ? el("div", { class: "scroll" }, el("table", { class: "plain" }, el("thead", null, el("tr", null, heads)),
		el("tbody", null, rows))) : null;
}

/* Tokens of both examples; those that differ stand out. */
function makeTokens(text, other) {
	const tokens = (text || "").split(/\s+/).filter(Boolean), others = (other || "").split(/\s+/).filter(Boolean);
	return el("span", { class: "tokens" }, tokens.map((token, i) => el("span", { class: token === others[i] ? null : "differs" }, token)));
}

/* Where the three values of the metric lie; the score is the place between two of them. */
function makeLine(probe) {
	const points = [["after corrupted update", real(probe.metric_corrupted), css(colorAt(-0.75))],
		["base weights", real(probe.metric_before), "var(--soft)"],
		["after clean update", real(probe.metric_clean), css(colorAt(0.75))]].filter((p) => Number.isFinite(p[1]));
	const low = Math.min(...points.map((p) => p[1])), high = Math.max(...points.map((p) => p[1]));
	if (points.length < 2 || !(high > low))
		return null;
	points.sort((a, b) => a[1] - b[1]);
	const map = (v) => 90 + 420 * (v - low) / (high - low);
	const picture = svg("svg", { viewBox: "0 0 600 100", role: "img", "aria-label": points.map((p) => p[0] + " " + say(p[1])).join(", ") },
		svg("line", { class: "frame", x1: 90, x2: 510, y1: 50, y2: 50 }));
	points.forEach(([name, value, color], i) => {
		const above = i % 2 === 1;
		picture.append(svg("circle", { cx: map(value), cy: 50, r: 6, fill: color }),
			svg("text", { class: "strong", x: map(value), y: above ? 37 : 74, "text-anchor": "middle" }, say(value)),
			svg("text", { x: map(value), y: above ? 19 : 92, "text-anchor": "middle" }, name));
	});
	return el("div", { class: "line" }, picture);
}

function makeProbe(probe) {
	const metric = run.sweeps.length ? run.sweeps[0].metric : "metric", number = (value) => el("td", { class: "n" }, say(value, 5));
	const rows = [["base weights", probe.metric_before, NaN, NaN],
		["after the clean update", probe.metric_clean, probe.loss_clean, probe.grad_norm_clean],
		["after the corrupted update", probe.metric_corrupted, probe.loss_corrupted, probe.grad_norm_corrupted]]
		.filter(([, ...values]) => values.some((value) => Number.isFinite(real(value)))); // no update was made where only activations are patched
	const heads = ["", metric, "loss of the example", "gradient norm"].map((text, i) => el("th", { scope: "col", class: i ? "n" : null }, text));
	return el("section", null, el("h2", null, "Probe " + (probe.unit || "")),
		el("dl", { class: "probe" }, el("dt", null, "clean"), el("dd", null, makeTokens(probe.clean, probe.corrupted)),
			el("dt", null, "corrupted"), el("dd", null, makeTokens(probe.corrupted, probe.clean))),
		makeLine(probe),
		el("div", { class: "scroll" }, el("table", { class: "plain" }, el("thead", null, el("tr", null, heads)),
			el("tbody", null, rows.map(([name, ...values]) => el("tr", null, el("th", { scope: "row" }, name), values.map(number)))))));
}

function makeSection(title, parts) {
	return parts.length ? el("section", null, el("h2", null, title), parts) : null;
}

function makeDetails() {
	const pairs = run.environment.map(([name, value]) => el("tr", null, el("th", { scope: "row" }, name), el("td", null, value)));
	return makeSection("Configuration and environment", [
		run.config ? el("details", null, el("summary", null, "Resolved experiment file"), el("pre", null, run.config)) : null,
		pairs.length ? el("details", null, el("summary", null, "Environment"),
			el("div", { class: "scroll" }, el("table", { class: "plain" }, el("tbody", null, pairs)))) : null,
	].filter(Boolean));
}

/* The parts of the page that this run has, as links. */
function makeContents(sections) {
	const named = sections.filter((section) => section.querySelector("h2"));
	named.forEach((section, i) => (section.id = section.id || "part-" + i));
	return named.length > 2 ? el("nav", { "aria-label": "parts of this report" },
		named.map((section) => el("a", { href: "#" + section.id }, section.querySelector("h2").textContent))) : null;
}

const sections = [
	run.probe ? makeProbe(run.probe) : makeProbes(run.probes),
	makeSection("Sweeps", run.sweeps.length ? [el("div", { class: "figures" }, run.sweeps.map(makeSweep))] : []),
	run.patterns && run.patterns.length ? makePatterns(run.patterns) : null,
	run.updates && run.updates.length ? makeUpdates(run.updates) : null,
	run.similarity ? makeSection("Similarity of gradients", [makeSimilarity(run.similarity)]) : null,
	makeSection("Drill-down", (run.drilldown || []).map(makeDrill)),
	run.parts ? makeSection("First-order estimate", [makeParts(run.parts)]) : null,
	makeSection("Training", run.stages.length ? makeTraining(run.stages).flat().filter(Boolean) : []),
	makeSection("Units", run.units.map(makeUnits)), makeDetails(),
].filter(Boolean);

document.getElementById("page").append(...[makeHeader(), makeNotes(), makeOverview(), makeContents(sections), ...sections].filter(Boolean));

/* On paper everything is open. */
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => (details.open = true)));
