/* sweep.js: one figure per sweep: what was patched, the picture, what 0 and 1 are. */

/* What was patched, in one sentence. */
function describe(sweep) {
	if (sweep.kind === "difference")
		return ["The one run\u2019s less the other\u2019s, cell by cell."];
	if (!sweep.hook)
		return ["Gradients of the named parameters come from the clean example, those of all others from the corrupted one."];
	const parts = [], kind = sweep.kind.charAt(0).toUpperCase() + sweep.kind.slice(1);
	parts.push(kind + " patching of ", el("code", null, sweep.hook), " by ", el("code", null, sweep.setter || ""));
	if (names(sweep.base))
		parts.push(" on the " + sweep.base + " example");
	for (const way of ["forward", "backward"])
		if (names(sweep[way]))
			parts.push(", " + way + " from ", el("b", null, sweep[way]));
	if (names(sweep.gradient) && sweep.kind === "gradient")
		parts.push(", gradient mode ", el("code", null, sweep.gradient));
	parts.push(".");
	return parts;
}

/* What 0 and 1 are, or why there is no score. */
function ends(sweep) {
	const after = sweep.kind === "activation" ? ["in the corrupted run", "in the clean run"] : ["after the corrupted update", "after the clean update"];
	if (sweep.kind === "difference")
		return `Difference of the ${sweep.score_defined ? "score" : sweep.metric}; 0: the same in both runs.`;
	if (!sweep.score_defined)
		return `Both ends give the same ${sweep.metric} (${say(sweep.metric_clean)}), so there is no score. Shown is the ${sweep.metric} itself.`;
	return `Score 0: ${sweep.metric} ${after[0]}, ${say(sweep.metric_corrupted)}. Score 1: ${after[1]}, ${say(sweep.metric_clean)}.`;
}

function caption(sweep) {
	if (!sweep.over)
		return ends(sweep);
	const each = sweep.score_defined ? ` Each ${sweep.over.what}\u2019s score is measured between its own ends; on average, ` : " ";
	return `Mean of ${plural(sweep.over.n, sweep.over.what)} with its 95 % interval (percentile bootstrap).${each}${ends(sweep).replace(/^Score 0/, sweep.score_defined ? "score 0" : "Score 0")}`;
}

function farthest(sweep, scale) {
	const best = strongest(scale), known = scale.values.some((value) => !Number.isNaN(value));
	if (best < 0)
		return known ? ` No cell differs from ${say(scale.neutral)}, where nothing happens.` : "";
	return ` Farthest from no change: ${placeName(sweep, best) || "the one cell"}, ${sayCell(scale, scale.values[best])}.`;
}

/* Too wide for half of the page. */
function isWide(sweep) {
	const columns = sweep.axes.length ? sweep.axes[sweep.axes.length - 1].labels.length : 1;
	if (sweep.over || sweep.estimate && !sweep.estimate.only)
		return true;
	return sweep.axes.length > 2 || columns > 8 || sweep.axes.some((axis) => axis.labels.some((label) => label.length > 20));
}

function makeSweep(sweep, i) {
	const time = sweep.kind === "difference" ? null : sayTime(sweep.seconds), count = sweep.axes.reduce((n, axis) => n * axis.labels.length, 1), view = newView(sweep);
	const cells = plural(count, "cell") + (sweep.over ? ` for each of ${plural(sweep.over.n, sweep.over.what)}` : "");
	const picture = sweep.over ? makeMembers(view) : makePicture(view), guess = sweep.estimate && !sweep.estimate.only ? makeEstimate(view) : null;
	return el("figure", { id: "sweep-" + i, class: isWide(sweep) ? "wide" : null }, el("h3", null, sweep.name),
		el("p", { class: "about" }, describe(sweep), " " + cells + (time ? " in " + time : "") + "."),
		sweep.notes.map((note) => el("p", { class: "note" }, withCode(note))),
		guess && !sweep.over ? el("div", { class: "beside" }, el("div", { class: "mapped" }, picture), guess) : picture,
		el("figcaption", null, caption(sweep) + farthest(sweep, scaleOf(sweep)) + (sweep.estimate && sweep.estimate.only ? " " + sayEnds(sweep) : "")),
		sweep.over ? guess : null);
}
