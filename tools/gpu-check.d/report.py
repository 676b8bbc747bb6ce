"""Writes the page of gpu-check from what its stages left: report.py FOLDER FILE. The exit status is gpu-check's."""
import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path

LAST_LINES = 40


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def commit():
    name = output_of("git", "rev-parse", "--short", "HEAD") or os.environ.get("PB_COMMIT", "unknown")
    return name + (" with changes" if output_of("git", "status", "--porcelain", "--untracked-files=no") else "")


def gpu():
    if os.environ.get("EMULATE"):
        return "emulated"
    found = output_of("nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit",
                      "--format=csv,noheader")
    return found.splitlines()[0] if found else "unknown"


def cuda():
    found = re.search(r"release ([\d.]+)", output_of("nvcc", "--version"))
    return found.group(1) if found else "unknown"


class Stage:
    """How one ended: its exit status, or `time` where it had none left."""

    def __init__(self, folder, line):
        self.name, rc, seconds = line.split()
        self.seconds = int(seconds)
        said = (folder / f"{self.name}.log").read_text(errors="replace")
        self.lines = re.sub(r"\x1b\[[\d;]*[mK]", "", said).splitlines()  # compilers' colours
        over = "**failed**: out of time"
        known = {"0": "ok", "77": "left out", "time": "**not run**: no time left", "124": over, "137": over,
                 "stopped": "**failed**: stopped by a signal"}
        self.result = known.get(rc, f"**failed**: exit status {rc}")
        self.failed = self.result.startswith("**")

    def row(self):
        last = next((line for line in reversed(self.lines) if line.strip()), "").replace("|", "\\|")
        return f"| {self.name} | {self.result} | {self.seconds} | {last[:160]} |"


def read_figures(folder):
    figures = {"problems": [], "without_lens": ""}
    for file in sorted(folder.glob("figures-*.json")):
        try:
            found = json.loads(file.read_text())
        except ValueError as error:
            figures["problems"].append(f"{file.name} cannot be read: {error}")
            continue
        figures["problems"] += found.pop("problems")
        figures["without_lens"] = found.pop("without_lens") or figures["without_lens"]
        figures |= found
    return figures


def targets(figures):
    """Rows (what, wanted, measured, met); `met` is None where nothing was measured."""
    z, units, training = (figures.get(k, {}) for k in ("z", "units", "training"))

    def at_most(what, seconds, limit, unit, scale, more=""):
        if seconds is None:
            return what, f"<= {limit} {unit}", "not measured", None
        return what, f"<= {limit} {unit}", f"{seconds * scale:.3g} {unit}{more}", seconds * scale <= limit

    def at_least(what, theirs, ours, limit, why):
        if not theirs or not ours:
            return what, f">= {limit} x", f"not measured{f': {why}' if why else ''}", None
        return what, f">= {limit} x", f"{theirs / ours:.3g} x", theirs / ours >= limit

    def first(section, unit, scale):
        return f" (the process's first: {section['first'] * scale:.3g} {unit})" if "first" in section else ""

    return [
        at_most(f"z sweep, {z.get('cells', 24)} cells", z.get("patchbay"), 6, "ms", 1e3, first(z, "ms", 1e3)),
        at_least("the same beside TransformerLens on this GPU", z.get("notebook"), z.get("patchbay"), 100,
                 figures["without_lens"]),
        at_most(f"z sweep over 30 integers, {units.get('cells', 720)} cells", units.get("patchbay"), 0.15, "s", 1,
                first(units, "s", 1)),
        at_most("training step, batch 128", training.get("patchbay"), 2, "ms", 1e3),
        at_least(f"the same beside PyTorch eager (AdamW {training.get('eager_kind', 'fused')}) on this GPU",
                 training.get("eager"), training.get("patchbay"), 3, ""),
    ]


def sections(folder):
    """What tools/bench wrote, without its head."""
    lines = []
    for name in ("z", "units", "training"):
        file = folder / f"page-{name}.md"
        if file.exists():
            text = file.read_text()
            found = text.partition("\n## ")[2].replace("\n## ", "\n### ").rstrip()
            lines += [f"### {found}", ""] if found else []
    return lines


def write(folder):
    stages = [Stage(folder, line) for line in (folder / "stages").read_text().splitlines()]
    names = [stage.name for stage in stages]
    figures = read_figures(folder)
    wanted = targets(figures) if "bench" in names else []
    lines = ["# patchbay on a GPU", "", "Written by `tools/gpu-check`.", "", f"- device: {gpu()}; nvcc {cuda()}",
             f"- date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC", f"- commit: {commit()}", ""]
    lines += ["| stage | result | seconds | its last line |", "|---|---|---|---|", *(s.row() for s in stages), ""]
    if wanted:
        lines += ["## Targets", "", "| what | target | measured | |", "|---|---|---|---|"]
        verdicts = {True: "met", False: "**missed**", None: "**open**"}
        lines += [f"| {what} | {target} | {measured} | {verdicts[met]} |" for what, target, measured, met in wanted]
        lines += ["", *(f"- {text}" for text in figures["problems"])]
        lines += ["", "## Benchmarks", "", *sections(folder)]
    roofline = folder / "roofline.md"
    if "roofline" in names and roofline.exists() and roofline.stat().st_size:
        lines += ["## Kernels and ceilings", "", roofline.read_text().rstrip(), ""]
    lines += ["## What the stages said last", ""]
    for stage in stages:
        lines += [f"### {stage.name}", "", "```text", *stage.lines[-LAST_LINES:], "```", ""]
    code = 1 if any(stage.failed for stage in stages) else 3 if any(not met for *_, met in wanted) else 0
    return "\n".join(lines).rstrip() + "\n", code


def main():
    text, code = write(Path(sys.argv[1]))
    Path(sys.argv[2]).write_text(text.replace(f"{Path.cwd()}/", ""))
    return code


sys.exit(main())
