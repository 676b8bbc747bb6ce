/* patterns.js: attention by layer and head, for the clean and the corrupted tokens: all heads small, one of them large. */

const ways = ["clean", "corrupted"];

/* The weight with which `query` attends to `key`. */
function patternAt(entry, way, layer, head, query, key) {
	const n = entry[way + "_tokens"].length;
	return real(entry[way][((layer * entry.n_heads + head) * n + query) * n + key]);
}

/* White is 0, the darkest blue 1; what lies after the query's position has no colour. */
function weightColor(weight) {
	return Number.isNaN(weight) ? null : colorAt(Math.min(1, Math.max(0, weight)));
}

/* One pixel a weight; the style sheet makes it larger. */
function drawThumb(entry, way, layer, head) {
	const n = entry[way + "_tokens"].length, picture = el("canvas", { width: n || 1, height: n || 1, "aria-hidden": "true" });
	const context = picture.getContext("2d");
	for (let q = 0; q < n; q++)
		for (let k = 0; k < n; k++) {
			const weight = patternAt(entry, way, layer, head, q, k);
			if (Number.isNaN(weight) || (k > q && weight === 0))
				continue;
			context.fillStyle = css(weightColor(weight));
			context.fillRect(k, q, 1, 1);
		}
	return picture;
}

/* All heads, a row for each layer: clean left, corrupted right. */
function makeHeads(entry, choose) {
	const rows = Array.from({ length: entry.n_layers }, (_, layer) => el("tr", null, el("th", { scope: "row" }, String(layer)),
		Array.from({ length: entry.n_heads }, (_, head) => el("td", null, el("button", { type: "button", class: "head", "data-head": layer + "," + head,
			"aria-label": `layer ${layer}, head ${head}`, onclick: () => choose(layer, head) }, ways.map((way) => drawThumb(entry, way, layer, head)))))));
	const numbers = Array.from({ length: entry.n_heads }, (_, head) => el("th", { scope: "col" }, String(head)));
	return el("div", { class: "scroll" }, el("table", { class: "heads" }, el("thead", null,
		el("tr", null, el("td"), el("th", { class: "axis", colspan: entry.n_heads, scope: "colgroup" }, "head")),
		el("tr", null, el("th", { class: "axis", scope: "col" }, "layer"), numbers)), el("tbody", null, rows)));
}

/* One head's matrix: queries downwards, keys across. way: clean, corrupted, or their difference. */
function makeMatrix(state, way) {
	const { entry, layer, head } = state, difference = way === "difference", tokens = entry[(difference ? "corrupted" : way) + "_tokens"],
		n = tokens.length;
	const weight = (of, q, k) => patternAt(entry, of, layer, head, q, k), numbers = n <= 12;
	const value = (q, k) => (difference ? weight("corrupted", q, k) - weight("clean", q, k) : weight(way, q, k));
	const rows = tokens.map((token, q) => el("tr", { "data-query": q }, el("th", { scope: "row", class: "line" }, token), tokens.map((_, k) => {
		const at = value(q, k), blank = Number.isNaN(at) || (k > q && at === 0), text = blank ? "" : minus(at.toFixed(2).replace(/^-(0\.00)$/, "$1"));
		return makeColored(blank ? null : difference ? colorAt(at) : weightColor(at), numbers ? text : null, {
			"data-cell": q * n + k, "data-at": q + "," + k, tabindex: q || k ? "-1" : "0",
			"aria-label": `${token} (${q}) to ${tokens[k]} (${k}): ${say(at, 3)}` }, blank ? "blank" : null);
	})));
	const layout = numbers ? columnLayout(tokens, true) : { turned: true, room: "0" };
	const tell = (cell, td) => {
		const q = Math.floor(cell / n), k = cell % n;
		state.point(q);
		showTip(td.getBoundingClientRect(), `${tokens[q]} (${q}) attends to ${tokens[k]} (${k})`, [["clean", say(weight("clean", q, k), 4)],
			["corrupted", say(weight("corrupted", q, k), 4)], ["corrupted \u2212 clean", say(weight("corrupted", q, k) - weight("clean", q, k), 4)]]);
	};
	const table = el("table", { class: "map" + (numbers ? "" : " dense"), role: "grid", "aria-label": `attention, ${way}, layer ${layer}, head ${head}`,
		onmouseleave: () => state.point(state.token) },
	el("thead", null, el("tr", null, el("td", { "aria-hidden": "true", style: { background: "none", height: 0 } }),
		tokens.map((token) => makeColumnHead(token, layout)))), el("tbody", null, rows));
	return el("div", { class: "facet" }, el("p", null, difference ? "corrupted \u2212 clean" : way),
		el("div", { class: "scroll" }, wireTable(table, tell, (cell) => state.choose(Math.floor(cell / n)))));
}

/* The tokens in a line; those the pointed one attends to are coloured. */
function makeTokenLine(state, way) {
	const tokens = state.entry[way + "_tokens"];
	return el("div", { class: "attends", "data-way": way }, el("span", { class: "way" }, way),
		tokens.map((token, i) => el("button", { type: "button", "data-token": i, onmouseenter: () => state.point(i),
			onmouseleave: () => state.point(state.token), onfocus: () => state.point(i), onclick: () => state.choose(i) }, token)));
}

function colorTokens(state, box, pointed) {
	for (const line of box.querySelectorAll(".attends"))
		line.querySelectorAll("button").forEach((button, i) => {
			const [q, k] = state.reverse ? [i, pointed] : [pointed, i], weight = patternAt(state.entry, line.dataset.way, state.layer, state.head, q, k);
			const rgb = k > q && !weight ? null : weightColor(weight);
			Object.assign(button.style, { backgroundColor: rgb ? css(rgb) : "", color: rgb ? (wantsLight(rgb) ? "#fff" : "#000") : "" });
			button.setAttribute("aria-pressed", i === state.token);
			button.classList.toggle("pointed", i === pointed);
			button.setAttribute("aria-label", `${button.textContent} (${i}): ${say(weight, 3)}`);
		});
	for (const row of box.querySelectorAll("tr[data-query]"))
		row.classList.toggle("pointed", !state.reverse && Number(row.dataset.query) === pointed);
}

function makeOneHead(state, box) {
	const turn = el("select", { onchange: () => {
		state.reverse = turn.selectedIndex === 1;
		state.point(state.token);
	} }, ["attends to", "is attended to by"].map((text, i) => el("option", { selected: state.reverse === (i === 1) ? "" : null }, text)));
	box.replaceChildren(el("h3", null, `Layer ${state.layer}, head ${state.head}`),
		el("p", { class: "tools" }, el("label", null, "the marked token ", turn), makeCopy(() => patternRows(state.entry), "attention patterns")),
		...ways.map((way) => makeTokenLine(state, way)), el("div", { class: "facets" }, [...ways, "difference"].map((way) => makeMatrix(state, way))));
	state.point(state.token);
}

function patternRows(entry) {
	const rows = [["layer", "head", "query", "key", ...ways]], n = entry.clean_tokens.length;
	entry.clean.forEach((value, i) => rows.push([Math.floor(i / (n * n * entry.n_heads)), Math.floor(i / (n * n)) % entry.n_heads,
		Math.floor(i / n) % n, i % n, value, entry.corrupted[i]]));
	return rows;
}

function makePattern(entry) {
	const box = el("div", { class: "one" }), state = { entry, token: Math.max(0, entry.clean_tokens.length - 1), reverse: false };
	const heads = makeHeads(entry, (layer, head) => {
		Object.assign(state, { layer, head });
		for (const button of heads.querySelectorAll("button"))
			button.setAttribute("aria-pressed", button.dataset.head === layer + "," + head);
		makeOneHead(state, box);
	});
	state.point = (token) => colorTokens(state, box, token);
	state.choose = (token) => state.point((state.token = token));
	if (entry.n_layers && entry.n_heads)
		heads.querySelector("button").click();
	return el("div", null, heads, box);
}

/* What one of several units or weights is called in a list. */
function entryName(entry) {
	return "unit " + entry.unit + (entry.weights ? ", " + entry.weights : "");
}

/* A list to choose from where there are several, and what `make` shows of the chosen one. */
function makeChoice(entries, label, make) {
	const box = el("div", null, make(entries[0]));
	const list = el("select", { onchange: () => box.replaceChildren(make(entries[list.selectedIndex])) },
		entries.map((entry) => el("option", null, entryName(entry))));
	return [entries.length > 1 ? el("p", { class: "tools" }, el("label", null, label + " ", list)) : null, box];
}

/* A page of many probes would grow too large. */
function makeLeftOut(count) {
	return count ? el("p", { class: "about" }, `${plural(count, "further probe")} left out, to keep the page small.`) : null;
}

function makePatterns(entries) {
	return el("section", { class: "patterns" }, el("h2", null, "Attention patterns"),
		el("p", { class: "about" }, "Each small pair is a head: left for the clean tokens, right for the corrupted ones; " +
			"the row is the token that attends, the column the one it attends to. " +
			"White is 0, dark blue 1. Choose a head to see it large; point at a token to see where it attends."), makeLeftOut(run.patterns_left_out), makeChoice(entries, "of", makePattern));
}
