/* copy.js: a figure's numbers as CSV, to the clipboard; where the browser keeps that shut, to copy by hand. */

function csvField(value) {
	const text = value === null || value === undefined || Number.isNaN(value) ? "" : String(value);
	return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
}

function csvText(rows) {
	return rows.map((row) => row.map(csvField).join(",") + "\n").join("");
}

/* The old way, which works without permission while a click is being handled. */
function copySelected(text) {
	const area = el("textarea", { style: { position: "fixed", opacity: "0" }, readonly: "" });
	const before = document.activeElement;
	area.value = text;
	document.body.append(area);
	area.select();
	let done = false;
	try {
		done = document.execCommand("copy");
	} catch (error) {
		done = false;
	}
	area.remove();
	if (before)
		before.focus({ preventScroll: true });
	return done;
}

async function copyText(text) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch (error) {
		return copySelected(text);
	}
}

/* The text itself, selected: the last resort. */
function showText(button, text) {
	const old = button.parentNode.querySelector("textarea");
	if (old)
		old.remove();
	const area = el("textarea", { class: "csv", readonly: "", rows: "8", "aria-label": "the numbers as CSV; copy them from here" });
	area.value = text;
	button.after(area);
	area.focus();
	area.select();
}

/* rows(): lists of fields, the first of them the heads. */
function makeCopy(rows, what) {
	const text = "Copy as CSV", button = el("button", { type: "button", class: "copy", "aria-label": `${text}: ${what}`, onclick: async () => {
		const csv = csvText(rows()), done = await copyText(csv);
		said.textContent = done ? "copied" : "select and copy";
		button.replaceChildren(done ? "Copied" : text);
		setTimeout(() => button.replaceChildren(text), 2000);
		if (!done)
			showText(button, csv);
	} }, text);
	const said = el("span", { class: "unseen", role: "status" });
	return [button, said];
}

/* All cells in the order of the files, with all that the page has of them. */
function sweepRows(sweep) {
	const only = sweep.estimate && sweep.estimate.only, spread = only ? ["estimate", "estimate_score"] : ["metric", "score"];
	const columns = sweep.over && !sweep.spread ? ["metric", "score"].flatMap((of, i) =>
		Object.entries(sweep.over[of]).map(([name, values]) => [spread[i] + "_" + name, values])) : Object.entries(sweep.cells);
	const cells = columns.length ? columns[0][1].map((_, cell) => [...indexOf(sweep, cell).map((i, a) => sweep.axes[a].labels[i]),
		...columns.map(([, values]) => values[cell])]) : [];
	return [[...sweep.axes.map((axis) => axis.name), ...columns.map(([name]) => name)], ...cells];
}
