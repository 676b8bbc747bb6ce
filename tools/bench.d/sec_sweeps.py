"""Sections z, resid_pre, pattern, params: gradient patching beside both PyTorch peers."""
import study
from bench import number, ratio, table
from peer import Peer
from program import experiment

VARIANTS = ["loop", "loop onednn", "vmap 4", "vmap 8"]
LIMIT = 2e-3  # of the metric: the optimizer's first step divides by |gradient|, which magnifies rounding


def fastest_handmade(bench, sweep):
    """The variant and thread count of the hand-optimised loop that is fastest here."""
    tried = {}
    for threads in {1, bench.threads}:
        with Peer("handmade", threads, keep_memory=True) as peer:
            peer.call("load", str(bench.checkpoint))
            for variant in VARIANTS:
                peer.call("sweep", sweep.name, variant, 8)
                tried[threads, variant] = peer.call("sweep", sweep.name, variant, 8)["value"]["seconds"]
    return min(tried, key=tried.get)


def fastest_notebook(bench, sweep):
    """The thread count that TransformerLens is faster with."""
    tried = {}
    for threads in {1, bench.threads}:
        with Peer("notebook", threads) as peer:
            peer.call("load", str(bench.checkpoint))
            peer.call("sweep", sweep.name, 1)
            tried[threads] = peer.call("sweep", sweep.name, 2)["value"]["seconds"]
    return min(tried, key=tried.get)


class Comparison:
    """One sweep on all sides."""

    def __init__(self, bench, sweep):
        self.bench, self.sweep = bench, sweep
        self.metrics, self.peak_mb = {}, {}

    def patchbay(self):
        done = self.bench.program.run(experiment(self.sweep.name, self.bench.checkpoint, [self.sweep.experiment()]))
        self.metrics["patchbay"], self.peak_mb["patchbay"] = done.metrics(), done.peak_mb
        self.wall = done.wall
        return done.seconds()

    def peer(self, name, *arguments):
        answer = self.processes[name].call("sweep", self.sweep.name, *arguments)
        self.metrics[name] = answer["value"]["metrics"]
        self.peak_mb[name] = max(self.peak_mb.get(name, 0), answer["peak_mb"])
        return answer["value"]["seconds"]

    def run(self):
        bench = self.bench
        self.threads, self.variant = fastest_handmade(bench, self.sweep)
        self.notebook_threads = fastest_notebook(bench, self.sweep)
        with Peer("notebook", self.notebook_threads) as notebook, \
                Peer("handmade", self.threads, keep_memory=True) as handmade:
            self.processes = {"notebook": notebook, "handmade": handmade}
            for process in self.processes.values():
                process.call("load", str(bench.checkpoint))
            self.times = bench.interleave({"patchbay": self.patchbay, "notebook": lambda: self.peer("notebook"),
                                           "handmade": lambda: self.peer("handmade", self.variant)})
        ours = self.metrics["patchbay"]
        self.worst = max(bench.agree(f"{self.sweep.title}, {name}", ours, self.metrics[name], LIMIT)
                         for name in self.processes)
        return self


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
without copies, hooks and optimizer objects, the step in closed form, questions in one batch; of a loop in place, \
the same with oneDNN's products for the questions, and torch.func's vmap(grad) over 4 or 8 cells the fastest. Each \
peer has 1 thread or all, whichever is faster:"""


def write(bench, done):
    lines = ["## Gradient patching", "", INTRODUCTION, ""]
    rows = []
    for c in done:
        n, t = len(c.sweep.cells), c.times
        rows.append([c.sweep.title, n, t["patchbay"].text(n), t["notebook"].text(n), t["handmade"].text(n),
                     ratio(t["notebook"], t["patchbay"]), ratio(t["handmade"], t["patchbay"])])
    lines += table(["sweep", "cells", "patchbay", "TransformerLens", "PyTorch by hand", "TransformerLens / patchbay",
                    "by hand / patchbay"], rows)
    lines += [PEERS, ""]
    rows = []
    for c in done:
        rate, share = bench.share_of_peak(c.times["patchbay"].median / len(c.sweep.cells))
        rows.append([c.sweep.title, c.notebook_threads, f"{c.variant}, {c.threads}", f"{c.worst:.1e}", rate, share])
    lines += table(["sweep", "threads of TransformerLens", "by hand: variant, threads",
                    "largest difference of the metric", "patchbay, GFLOP/s", "of the peak"], rows)
    lines += [f"GFLOP/s count the floor alone, {study.floor_gflop():.2f} GFLOP per cell: a product of 12 x 3 rows "
              "with every parameter. Forward and backward pass of the patched example and the step are not counted.",
              ""]
    weights = 4e-6 * sum(study.parameters_of().values())
    rows = [[c.sweep.title] + [number(c.peak_mb[s]) for s in ("patchbay", "notebook", "handmade")]
            + [number(c.wall)] for c in done]
    lines += [f"Peak memory of the process in MB (the weights alone: {weights:.0f} MB; importing PyTorch with CUDA "
              "libraries takes some 500 MB by itself), and the seconds that the whole program takes with start-up, "
              "loading and report:", ""]
    return lines + table(["sweep", "patchbay", "TransformerLens", "by hand", "patchbay run, s"], rows)
