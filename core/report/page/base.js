/* base.js: the data, elements, numbers, colours and the tooltip. Text from the data only ever becomes text nodes. */
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const run = data.run;

function fill(node, attributes, children = []) {
	for (const [name, value] of Object.entries(attributes || {})) {
		if (value === null || value === undefined || value === false)
			continue;
		if (name.startsWith("on"))
			node.addEventListener(name.slice(2), value);
		else if (name === "style" && value)
			Object.assign(node.style, value);
		else
			node.setAttribute(name, value);
	}
	node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
	return node;
}

function el(tag, attributes, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
	const space = document.getElementById("svg").namespaceURI;
	return fill(document.createElementNS(space, tag), attributes, children);
}

/* Numbers: null is NaN, infinities are texts. */
function real(value) {
	return value === null || value === undefined ? NaN : Number(value);
}

function minus(text) {
	return text.replace("-", "\u2212");
}

/* In a sentence or a table: up to `digits` significant digits. */
function say(value, digits = 4) {
	value = real(value);
	if (Number.isNaN(value))
		return "\u2013";
	if (!Number.isFinite(value))
		return value > 0 ? "\u221e" : "\u2212\u221e";
	if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7))
		return minus(value.toExponential(Math.min(digits - 1, 2)));
	return minus(String(Number(value.toPrecision(digits))));
}

function sayTime(seconds) {
	seconds = real(seconds);
	if (Number.isNaN(seconds))
		return null;
	if (seconds < 1)
		return Math.ceil(1000 * seconds) + "\u00a0ms";
	if (seconds < 10)
		return say(seconds, 2) + "\u00a0s";
	const s = Math.round(seconds), minutes = Math.floor(s / 60) % 60, hours = Math.floor(s / 3600);
	if (s < 60)
		return s + "\u00a0s";
	return hours ? hours + " h " + minutes + " min" : minutes + " min " + (s % 60) + " s";
}

function plural(count, word) {
	return count + " " + word + (count === 1 ? "" : "s");
}

/* Colours: data.colors runs from the low end over the middle to the high end. */
function colorAt(place) {
	const stops = data.colors, at = (Math.max(-1, Math.min(1, place)) + 1) / 2 * (stops.length - 1);
	const low = Math.min(Math.floor(at), stops.length - 2);
	return stops[low].map((c, i) => Math.round(c + (at - low) * (stops[low + 1][i] - c)));
}

function css(rgb) {
	return "rgb(" + rgb.join(",") + ")";
}

/* White text where it has the better contrast. */
function wantsLight(rgb) {
	const part = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
	const luminance = 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
	return 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05;
}

/* The tooltip: a title, rows of [name, value] and sentences. */
const tip = document.getElementById("tip");

function tipParts(title, rows, notes) {
	const body = rows.map(([name, value]) => el("tr", null, el("th", { scope: "row" }, name), el("td", null, value)));
	return [el("b", null, title), el("table", null, el("tbody", null, body)), ...(notes || []).map((note) => el("p", null, note))];
}

function showTip(box, title, rows, notes) {
	tip.replaceChildren(...tipParts(title, rows, notes));
	tip.hidden = false;
	const room = document.documentElement.clientWidth, size = tip.getBoundingClientRect();
	let left = box.right + 10, top = box.top + box.height / 2 - size.height / 2;
	if (left + size.width > room - 4)
		left = box.left - 10 - size.width;
	if (left < 4) {
		left = Math.max(4, Math.min(box.left, room - size.width - 4));
		top = box.bottom + 8;
		if (top + size.height > window.innerHeight)
			top = box.top - 8 - size.height;
	}
	tip.style.left = left + "px";
	tip.style.top = Math.max(4, Math.min(top, window.innerHeight - size.height - 4)) + "px";
}

function hideTip() {
	tip.hidden = true;
}

addEventListener("scroll", hideTip, { passive: true, capture: true });
addEventListener("keydown", (event) => {
	if (event.key === "Escape")
		hideTip();
});
