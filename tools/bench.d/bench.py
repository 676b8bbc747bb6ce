"""What all sections share: options, interleaved repeats, checks of agreement, tables."""
import contextlib
import json
import os
import statistics
import sys
import time
from pathlib import Path

import study
from peer import Peer, PeerFailed


class Times:
    """Seconds of one side's repeats."""

    def __init__(self):
        self.all = []

    def add(self, seconds):
        self.all.append(seconds)

    @property
    def median(self):
        return statistics.median(self.all)

    def text(self, divide=1):
        """Median and range in ms, of one cell where there are `divide` of them."""
        low, mid, high = (1e3 * f(self.all) / divide for f in (min, statistics.median, max))
        return f"{number(mid)} ({number(low)} .. {number(high)})"


def number(x):
    """Three significant digits, or all digits before the point."""
    if x == 0:
        return "0"
    return f"{x:.0f}" if abs(x) >= 100 else f"{x:.3g}" if abs(x) >= 1e-3 else f"{x:.1e}"


def ratio(other, ours):
    return f"{number(other.median / ours.median)} x"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows] + [""]


class Bench:
    def __init__(self, program, checkpoint, options):
        self.program, self.checkpoint = program, checkpoint
        self.quick, self.threads, self.repeats = options.quick, options.threads, options.repeats
        self.limit, self.packages = options.limit, options.packages
        self.device, self.on_gpu = options.device, options.device != "cpu"
        self.without_lens = ""  # why TransformerLens is left out
        self.problems = []  # what makes the whole bench fail: results that differ, PyTorch's peers that fail
        self.peak = {}  # threads -> GFLOP/s, by the section gemm
        self.figures = {}  # what --figures writes: section -> name -> number
        self.figures_file = options.figures
        # Threads that a peer is tried with.
        self.thread_counts = {self.threads} if self.on_gpu else {1, self.threads}
        # How often a process makes a sweep: its kernels are loaded to a GPU as they are first called.
        self.rounds = 4 if self.on_gpu else 1

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)

    def peer(self, kind, threads):
        device = "cpu" if os.environ.get("PB_GPU_CHECK_EMULATE") else self.device
        return Peer(kind, threads, device, self.packages if kind == "notebook" else None)

    @contextlib.contextmanager
    def surviving(self):
        """What is inside goes as far as its peer does. A GPU's machine may be without a TransformerLens that works."""
        try:
            yield
        except PeerFailed as failure:
            self.say(str(failure))
            if failure.kind == "notebook":
                self.without_lens = str(failure)
            if failure.kind != "notebook" or not self.on_gpu:
                self.problems.append(str(failure))

    def write_figures(self, section, figures):
        """Takes a section's figures, and writes them at once: what comes behind may fail or take too long."""
        self.figures[section] = figures
        self.save()

    def save(self):
        if self.figures_file:
            said = self.figures | {"problems": self.problems, "without_lens": self.without_lens}
            new = Path(f"{self.figures_file}.new")
            new.write_text(json.dumps(said, indent=1) + "\n")
            new.replace(self.figures_file)

    def again(self, sweep):
        """A sweep as often as a process makes it."""
        return [sweep | {"name": f"{sweep['name']} {i}" if i else sweep["name"]} for i in range(self.rounds)]

    def interleave(self, sides):
        """Calls each side's function once a repeat, in turn, first once for each unmeasured; name -> Times. A peer that
        fails is not among them."""
        times = {name: Times() for name in sides}
        for repeat in range(self.repeats + 1):
            for name in list(times):
                seconds = None
                with self.surviving():
                    seconds = sides[name]()
                if seconds is None:
                    del times[name]
                elif repeat:
                    times[name].add(seconds)
        return times

    def agree(self, what, ours, theirs, limit, relative=False):
        """The largest difference; one above the limit makes the whole bench fail."""
        if len(ours) != len(theirs):
            raise SystemExit(f"{what}: {len(ours)} numbers against {len(theirs)}")
        worst = max(abs(a - b) / (abs(b) if relative else 1) for a, b in zip(ours, theirs))
        if not worst <= limit:
            self.problems.append(f"{what}: the results differ by {worst:.2g}, more than {limit:g}")
        return worst

    def check(self, what, value, limit):
        """A value above the limit makes the whole bench fail."""
        if not value <= limit:
            self.problems.append(f"{what}: {value:.2g}, more than {limit:.2g}")

    def share_of_peak(self, seconds_per_cell, sizes=None):
        """GFLOP/s by the floor's FLOPs alone, and their share of the measured peak."""
        rate = study.floor_gflop(sizes) / seconds_per_cell
        peak = self.peak.get(self.threads)
        return number(rate), f"{100 * rate / peak:.0f} %" if peak else "not measured"
