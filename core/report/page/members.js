/* members.js: a sweep over several units (or seeds): the mean or one of them, and beside it the width of the mean's interval. */

/* The sweep as a heat map of the interval's width, from 0 up. */
function widthOf(sweep) {
	const over = sweep.over, width = (spread) => spread.high.map((high, i) => real(high) - real(spread.low[i]));
	const cells = { ...sweep.cells, score: width(over.score), metric: width(over.metric) };
	return { ...sweep, spread: "width", cells: { ...cells, estimate_score: cells.score, estimate: cells.metric }, neutral: 0, metric_clean: 0,
		metric_corrupted: 0 };
}

/* One member's own table; it is shown on the colours of the mean where both are scores. */
function memberOf(sweep, member) {
	return { ...sweep, spread: "member", cells: member.cells, metric_clean: member.metric_clean, metric_corrupted: member.metric_corrupted,
		score_defined: member.score_defined };
}

function memberName(sweep, member) {
	return sweep.over.what + " " + member.name + (member.set ? " (" + member.set + ")" : "");
}

/* The column that a heat map shows. */
function shownColumn(sweep) {
	const exact = sweep.score_defined ? "score" : "metric";
	return sweep.estimate && sweep.estimate.only ? (sweep.score_defined ? "estimate_score" : "estimate") : exact;
}

/* Rows of a tooltip that a mean has and a single number has not. */
function spreadRows(sweep, cell) {
	if (!sweep.over || sweep.spread === "member")
		return [];
	const shown = sweep.score_defined ? "score" : "metric", spread = sweep.over[shown], at = (key) => say(spread[key][cell], 6);
	const rows = [["95 % interval", at("low") + " .. " + at("high")], ["standard deviation", at("std")], [sweep.over.what + "s", at("count")]];
	return sweep.spread === "width" ? [["mean " + (shown === "score" ? shown : sweep.metric), at("mean")], ...rows] : rows;
}

/* The mean, with a list to choose a member from, and the width. */
function makeMembers(view) {
	const sweep = view.sweep, over = sweep.over, mean = "mean of " + plural(over.n, over.what), about = el("p", { class: "about" });
	const show = (i) => {
		view.sweep = i < 0 ? sweep : memberOf(sweep, over.members[i]);
		about.textContent = i < 0 ? "" : ends(view.sweep);
		drawView(view);
	};
	const list = el("select", { "aria-label": "what is shown of " + sweep.name, onchange: (event) => show(Number(event.target.value)) },
		el("option", { value: "-1" }, mean), over.members.map((member, i) => el("option", { value: i }, memberName(sweep, member))));
	return el("div", { class: "beside members" }, el("div", null, el("p", null, list), makePicture(view), about),
		el("div", null, el("p", null, "width of the mean\u2019s 95 % interval"), makePicture(newView(widthOf(sweep)))));
}

/* Several probes in a table: what a report of one unit says in a section. */
function makeProbes(probes) {
	if (!probes || !probes.length)
		return null;
	const metric = run.sweeps.length ? run.sweeps[0].metric : "metric", weights = probes.some((p) => p.weights), sets = probes.some((p) => p.set);
	const heads = [["unit"], sets ? ["set"] : null, weights ? ["weights"] : null, ["clean"], ["corrupted"], [metric + ", base weights", "n"],
		["after the clean update", "n"], ["after the corrupted one", "n"]].filter(Boolean);
	const rows = probes.map((p) => el("tr", null, el("th", { scope: "row" }, p.unit), sets ? el("td", null, p.set || "") : null,
		weights ? el("td", null, p.weights || "") : null, el("td", null, makeTokens(p.clean, p.corrupted)),
			el("td", null, makeTokens(p.corrupted, p.clean)),
		[p.metric_before, p.metric_clean, p.metric_corrupted].map((value) => el("td", { class: "n" }, say(value, 5)))));
	return el("section", null, el("h2", null, "Probes"), el("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "probes" },
		el("table", { class: "plain" }, el("thead", null, el("tr", null, heads.map(([text, cls]) => el("th", { scope: "col", class: cls }, text)))),
			el("tbody", null, rows))));
}
