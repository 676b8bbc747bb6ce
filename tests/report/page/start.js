/* start.js: comes before the page's own scripts: what goes wrong in them is a failure, and so is a word on the console. */
"use strict";
const faults = [], outcomes = [], cases = [];
addEventListener("error", (event) => faults.push("error: " + event.message));
addEventListener("unhandledrejection", (event) => faults.push("rejected: " + event.reason));
addEventListener("securitypolicyviolation", (event) => faults.push("blocked: " + event.blockedURI));
for (const level of ["error", "warn", "log"])
	console[level] = (...words) => faults.push(level + ": " + words.join(" "));

function check(ok, what) {
	if (!ok)
		throw new Error(what);
}

function same(got, wanted, what) {
	check(Object.is(got, wanted), `${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
}

/* Each case stands for itself; a page that has nothing to try it on says so by returning "nothing". */
function test(name, body) {
	cases.push([name, body]);
}

async function runCases() {
	for (const [name, body] of cases) {
		try {
			const said = await body();
			outcomes.push((said === "nothing" ? "NONE " : "PASS ") + name);
		} catch (error) {
			outcomes.push("FAIL " + name + ": " + error.message);
		}
	}
	outcomes.push(...faults.map((fault) => "FAIL nothing goes wrong: " + fault), "END " + cases.length);
	const list = document.createElement("pre");
	list.id = "outcomes";
	list.textContent = "\n" + outcomes.join("\n") + "\n";
	document.body.append(list);
	if (parent !== window)
		parent.postMessage(list.textContent, "*");
}

/* What a reader does. */
const one = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const point = (node, type = "mouseover") => node.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true }));
const press = (node, key) => node.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

function set(control, value) {
	if (control.tagName === "SELECT")
		control.selectedIndex = value;
	else
		control.value = value;
	control.dispatchEvent(new Event("input", { bubbles: true }));
	control.dispatchEvent(new Event("change", { bubbles: true }));
}

/* The data as it stands in the page, read without the page's help. */
let reported = null;
const report = () => (reported = reported || JSON.parse(document.getElementById("data").textContent));
const numberOf = (value) => (value === null || value === undefined ? NaN : Number(value));

function valuesOf(sweep) {
	const only = sweep.estimate && sweep.estimate.only, kind = sweep.score_defined ? "score" : "metric";
	return sweep.cells[only ? (kind === "score" ? "estimate_score" : "estimate") : kind].map(numberOf);
}

function neutralOfSweep(sweep) {
	return sweep.score_defined ? numberOf(sweep.neutral) : numberOf(sweep.metric_corrupted);
}

/* [sweep, its figure], of all that have cells. */
function figures() {
	return report().run.sweeps.map((sweep, i) => [sweep, document.getElementById("sweep-" + i)]).filter(([sweep]) => valuesOf(sweep).length);
}

const cellsOf = (figure) => all("td[data-cell]", one(".facets", figure));

/* The colour of a value by the 25 colours of the data, from -half over the neutral value to half. */
function colorFor(value, neutral, half) {
	const stops = report().colors, at = (Math.max(-1, Math.min(1, (value - neutral) / half)) + 1) / 2 * (stops.length - 1), low = Math.floor(at);
	const [a, b] = [stops[low], stops[Math.min(low + 1, stops.length - 1)]];
	return a.map((c, i) => c + (at - low) * (b[i] - c));
}

/* Whether a cell has the colour of its number; by less than a step of a channel. */
function checkColor(td, value, neutral, half, where) {
	const got = getComputedStyle(td).backgroundColor.match(/[\d.]+/g).map(Number), wanted = colorFor(value, neutral, half);
	check(got.slice(0, 3).every((c, i) => Math.abs(c - wanted[i]) <= 1), `${where}: ${value} is ${got}, not ${wanted}`);
	if (value > neutral + 0.02 * half)
		check(got[2] > got[0], `${where}: ${value} is above ${neutral} and not blue: ${got}`);
	if (value < neutral - 0.02 * half)
		check(got[0] > got[2], `${where}: ${value} is below ${neutral} and not red: ${got}`);
}
