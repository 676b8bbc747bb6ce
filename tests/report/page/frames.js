/* frames.js: opens one page after the other, each as wide as it is to be tried, and gathers what they say. */
"use strict";
const list = document.getElementById("outcomes");

function open(i) {
	const [name, width] = pages[i], frame = document.createElement("iframe");
	frame.width = width;
	frame.height = 800;
	frame.src = name + "/test.html";
	onmessage = (event) => {
		list.textContent += `PAGE ${name}, ${width} wide` + event.data;
		frame.remove();
		if (i + 1 < pages.length)
			open(i + 1);
	};
	document.body.append(frame);
}

open(0);
