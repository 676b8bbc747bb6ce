/* notes.js: the audit, before any number is read. */

function allNotes() {
	const notes = run.notes.map((note) => [null, note]);
	run.sweeps.forEach((sweep, i) => sweep.notes.filter((note) => !run.notes.some((other) => other.includes(note)))
		.forEach((note) => notes.push([[sweep.name, i], note])));
	return notes;
}

/* What stands between backquotes is from the experiment file. */
function withCode(text) {
	return text.split("`").map((part, i, parts) => (i % 2 && i + 1 < parts.length ? el("code", null, part) : (i % 2 ? "`" : "") + part));
}

/* Said only where it was looked for and is so in every cell. */
function makeAllClear() {
	const patched = run.sweeps.filter((sweep) => sweep.hook && sweep.cells.forward_fired && ["forward", "backward"].some((way) => names(sweep[way])));
	const idle = patched.some((sweep) => sweep.cells.metric.some((value, cell) => !Number.isNaN(real(value)) && idleWays(sweep, cell).length));
	return patched.length && !idle ? el("p", { class: "about" }, "Audit: every patch took place and changed something.") : null;
}

function makeNotes() {
	const notes = allNotes(), few = notes.length < 9 ? notes.length : 6;
	if (!notes.length)
		return makeAllClear();
	const items = notes.map(([sweep, note]) => el("li", { class: "note" },
		sweep ? [el("a", { href: "#sweep-" + sweep[1] }, sweep[0]), ": "] : el("b", null, "Note. "), withCode(note)));
	const rest = items.splice(few);
	return el("section", { "aria-label": "audit" }, el("p", { class: "lead" }, "Audit: know this before you read the numbers"),
		el("ul", { class: "notes" }, items),
		rest.length ? el("details", null, el("summary", null, plural(rest.length, "more note")), el("ul", { class: "notes" }, rest)) : null);
}
