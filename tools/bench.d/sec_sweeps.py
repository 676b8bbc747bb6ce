"""Sections z, resid_pre, pattern, params: gradient patching beside both PyTorch peers."""
import contextlib
import functools

import study
from bench import Times, number, ratio, table
from program import experiment

VARIANTS = ["loop", "loop onednn", "vmap 4", "vmap 8"]
GPU_VARIANTS = ["loop", "vmap 8", "vmap 24"]
LIMIT = 2e-3  # of the metric: the optimizer's first step divides by |gradient|, which magnifies rounding


def fastest_handmade(bench, sweep):
    """The thread count and the variant of the hand-optimised loop that is fastest here."""
    tried, cells = {}, 24 if bench.on_gpu else 8
    for threads in bench.thread_counts:
        with bench.peer("handmade", threads) as peer:
            peer.call("load", str(bench.checkpoint))
            for variant in GPU_VARIANTS if bench.on_gpu else VARIANTS:
                peer.call("sweep", sweep.name, variant, cells)
                tried[threads, variant] = peer.call("sweep", sweep.name, variant, cells)["value"]["seconds"]
    return min(tried, key=tried.get)


def fastest_notebook(bench, sweep):
    """The thread count that TransformerLens is faster with, where there is a choice."""
    tried = {}
    if len(bench.thread_counts) == 1:
        return tuple(bench.thread_counts)
    for threads in bench.thread_counts:
        with bench.peer("notebook", threads) as peer:
            peer.call("load", str(bench.checkpoint))
            peer.call("sweep", sweep.name, 1)
            tried[threads,] = peer.call("sweep", sweep.name, 2)["value"]["seconds"]
    return min(tried, key=tried.get)


class Comparison:
    """One sweep on all sides."""

    def __init__(self, bench, sweep):
        self.bench, self.sweep = bench, sweep
        self.metrics, self.peak_mb, self.first = {}, {}, Times()
        self.picked = {}  # peer -> what it is fastest with: threads and, by hand, the variant

    def patchbay(self):
        sweeps = self.bench.again(self.sweep.experiment())
        done = self.bench.program.run(experiment(self.sweep.name, self.bench.checkpoint, sweeps))
        self.metrics["patchbay"], self.peak_mb["patchbay"] = done.metrics(), done.peak_mb
        for i in range(1, len(sweeps)):
            self.bench.agree(f"{self.sweep.title}, made again", done.metrics(i), done.metrics(), 0)
        self.wall = done.wall
        self.first.add(done.sweep()["seconds"])
        return done.seconds()

    def peer(self, name, process, *arguments):
        answer = process.call("sweep", self.sweep.name, *arguments)
        self.metrics[name] = answer["value"]["metrics"]
        self.peak_mb[name] = max(self.peak_mb.get(name, 0), answer["peak_mb"])
        return answer["value"]["seconds"]

    def write_figures(self, medians):
        self.bench.write_figures(self.sweep.name, {"cells": len(self.sweep.cells), "first": self.first.median,
                                                   **medians})

    def pick(self):
        if not self.bench.without_lens:
            with self.bench.surviving():
                self.picked["notebook"] = fastest_notebook(self.bench, self.sweep)
        with self.bench.surviving():
            self.picked["handmade"] = fastest_handmade(self.bench, self.sweep)

    def run(self):
        bench = self.bench
        self.write_figures({"patchbay": self.patchbay()})  # whatever becomes of the peers
        self.pick()
        sides = {"patchbay": self.patchbay}
        with contextlib.ExitStack() as stack:
            for name, (threads, *arguments) in self.picked.items():
                with bench.surviving():
                    process = stack.enter_context(bench.peer(name, threads))
                    process.call("load", str(bench.checkpoint))
                    sides[name] = functools.partial(self.peer, name, process, *arguments)
            self.times = bench.interleave(sides)
        ours = self.metrics["patchbay"]
        differences = [bench.agree(f"{self.sweep.title}, {name}", ours, self.metrics[name], LIMIT)
                       for name in self.times if name != "patchbay"]
        self.worst = f"{max(differences):.1e}" if differences else "left out"
        self.write_figures({side: times.median for side, times in self.times.items()})
        return self

    def time(self, side):
        """Of a cell, as text."""
        return self.times[side].text(len(self.sweep.cells)) if side in self.times else "left out"

    def used(self, side):
        """What a peer is fastest with, as text."""
        threads, *variant = self.picked.get(side, [""])
        return ", ".join([*variant, str(threads)])

    def ratio(self, side):
        return ratio(self.times[side], self.times["patchbay"]) if side in self.times else ""


def run(bench, names):
    done = []
    for name in names:
        bench.say(f"gradient patching: {name}")
        done.append(Comparison(bench, study.sweep_named(name)).run())
    return write(bench, done)


INTRODUCTION = """\
One integer's definition, patched, one clipped AdamW step, its twelve questions. Milliseconds per cell: median \
(least .. most) of the repeats. patchbay's are the program's own, from its results.json; the clean and the corrupted \
run that all cells share are made beforehand on every side."""
PEERS = """\
TransformerLens: what the notebook does for every cell, deepcopy, hooks, backward, clip, AdamW, questions. By hand: \
without copies, hooks and optimizer objects, the step in closed form, questions in one batch; of """
ON_CPU = """\
a loop in place, the same with oneDNN's products for the questions, and torch.func's vmap(grad) over 4 or 8 cells the \
fastest. Each peer has 1 thread or all, whichever is faster:"""
ON_GPU = """\
a loop in place and torch.func's vmap(grad) over 8 or 24 cells the fastest. A process of patchbay makes the sweep \
several times, as the peers' do; the first, which also loads the kernels to the GPU, is not among its times but by \
itself in the table below."""


def write(bench, done):
    lines = ["## Gradient patching", "", INTRODUCTION, ""]
    rows = [[c.sweep.title, len(c.sweep.cells), *map(c.time, ("patchbay", "notebook", "handmade")),
             c.ratio("notebook"), c.ratio("handmade")] for c in done]
    lines += table(["sweep", "cells", "patchbay", "TransformerLens", "PyTorch by hand", "TransformerLens / patchbay",
                    "by hand / patchbay"], rows)
    lines += [PEERS + (ON_GPU if bench.on_gpu else ON_CPU), ""]
    if bench.on_gpu:
        rows = [[c.sweep.title, number(1e3 * c.times["patchbay"].median), number(1e3 * c.first.median)] for c in done]
        lines += table(["sweep", "patchbay, ms for all cells", "the process's first, ms"], rows)
    rows = []
    for c in done:
        rate, share = bench.share_of_peak(c.times["patchbay"].median / len(c.sweep.cells))
        rows.append([c.sweep.title, c.used("notebook"), c.used("handmade"), c.worst, rate, share])
    lines += table(["sweep", "threads of TransformerLens", "by hand: variant, threads",
                    "largest difference of the metric", "patchbay, GFLOP/s", "of the peak"], rows)
    lines += [f"GFLOP/s count the floor alone, {study.floor_gflop():.2f} GFLOP per cell: a product of 12 x 3 rows "
              "with every parameter. Forward and backward pass of the patched example and the step are not counted.",
              ""]
    weights = 4e-6 * sum(study.parameters_of().values())
    rows = [[c.sweep.title] + [number(c.peak_mb[s]) if s in c.peak_mb else "left out"
                               for s in ("patchbay", "notebook", "handmade")]
            + [number(c.wall)] for c in done]
    lines += [f"Peak memory of the process in MB (the weights alone: {weights:.0f} MB; importing PyTorch with CUDA "
              "libraries takes some 500 MB by itself), and the seconds that the whole program takes with start-up, "
              "loading and report:", ""]
    return lines + table(["sweep", "patchbay", "TransformerLens", "by hand", "patchbay run, s"], rows)
