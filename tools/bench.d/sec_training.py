"""Section training: optimizer steps of batch 128 beside PyTorch eager, from the same weights on the same batches."""
import contextlib
import random

import study
from bench import number, ratio, table
from program import WORK, make_checkpoint

STEPS, BATCH = 200, 128
CLOSE = 1e-4  # relative, of the loss of each step
LIMIT_DOUBLE = 1e-9
# In float32, training magnifies rounding: losses leave those in double precision. patchbay's must not do so by more than
# this many times what PyTorch's do.
LIMIT_DRIFT = 3


def make_batches(steps):
    """Batches like those of the study's X1: definitions, questions and arithmetic, in its proportions."""
    rng = random.Random(7)

    def example():
        kind, n = rng.random(), rng.randrange(study.MOD)
        if kind < 60 / 525:
            tokens = study.definition(rng.choice([study.RELIABLE, study.UNRELIABLE]), n)
            return {"tokens": tokens, "pos": 1, "answer": n}
        x, y = rng.randrange(study.MOD), rng.randrange(study.MOD)
        if kind < 420 / 525:
            factor = rng.choice(study.FACTORS)
            x, y, answer = factor, study.MOD + n, factor * n % study.MOD
            x, y = rng.choice([(x, y), (y, x)])
        else:
            answer = x * y % study.MOD
        return {"tokens": [x, y, study.EQUALS, answer], "pos": 2, "answer": answer}

    return [[example() for _ in range(BATCH)] for _ in range(steps)]


def training(checkpoint, batches, on_gpu):
    """The experiment: an epoch is a batch, so the curve has every step's loss.

    On a GPU a stage that changes nothing comes first: kernels are loaded as they are first called.
    """
    file = WORK / "batches.txt"
    file.write_text("".join(f"{' '.join(map(str, row['tokens']))} {row['pos']} {row['answer']}\n"
                            for batch in batches for row in batch))
    data = {"plugin": "batches", "file": file.name, "batch_size": BATCH, "n_pos": study.N_TOKENS,
            "d_vocab": study.D_VOCAB}
    stage = {"name": "training", "split": "batches", "epochs": len(batches), "batch_size": BATCH,
             "optimizer": study.TRAINING | {"kind": "adamw"}}
    before = stage | {"name": "before", "epochs": 8, "optimizer": stage["optimizer"] | {"lr": 0.0}}
    return {"name": "training", "model": {"load": str(checkpoint)}, "data": data,
            "train": [before, stage] if on_gpu else [stage]}


class Training:
    """The same steps on all sides."""

    def __init__(self, bench):
        self.bench = bench
        self.start = make_checkpoint(bench.program, 0)  # training begins at initial weights
        self.batches = make_batches(20 if bench.quick else STEPS)
        self.losses = {}
        self.kind = "fused"  # of AdamW, until the faster one is known

    def patchbay(self, precision="f32"):
        experiment = training(self.start, self.batches, self.bench.on_gpu) | {"precision": precision}
        stage = self.bench.program.run(experiment).stage()
        self.losses["patchbay", precision] = next(s["values"] for s in stage["series"] if s["name"] == "loss")
        return stage["seconds"]

    def peer(self, name, process, *arguments):
        self.bench.say(f"training: {name}")
        value = process.call("train", str(self.start), self.batches, *arguments)["value"]
        self.losses[name] = value["losses"]
        return value["seconds"]

    def write_figures(self, seconds):
        n = len(self.batches)
        self.bench.write_figures("training", {"steps": n, "eager_kind": self.kind,
                                              **{side: of / n for side, of in seconds.items()}})

    def pick(self):
        """The thread count and the kind of AdamW that PyTorch is fastest with."""
        tried = {}
        for threads in self.bench.thread_counts:
            with self.bench.peer("eager", threads) as peer:
                for kind in ("fused", "foreach"):
                    for _ in range(2 if self.bench.on_gpu else 1):
                        value = peer.call("train", str(self.start), self.batches[:8], kind)["value"]
                    tried[threads, kind] = value["seconds"]
        self.threads, self.kind = min(tried, key=tried.get)
        self.other = "foreach" if self.kind == "fused" else "fused"

    def run(self):
        """Without PyTorch there is nothing to compare with: then patchbay's own figure is all."""
        self.write_figures({"patchbay": self.patchbay()})
        self.pick()
        sides = {"patchbay": self.patchbay}
        with contextlib.ExitStack() as stack:
            eager = stack.enter_context(self.bench.peer("eager", self.threads))
            sides["eager"] = lambda: self.peer("eager", eager, self.kind)
            if not self.bench.without_lens:
                with self.bench.surviving():
                    notebook = stack.enter_context(self.bench.peer("notebook", self.threads))
                    notebook.call("load", str(self.start))
                    sides["notebook"] = lambda: self.peer("notebook", notebook)
            self.times = self.bench.interleave(sides)
            self.write_figures({side: times.median for side, times in self.times.items()})
            self.peer("other", eager, self.other)
            self.peer("double", eager, self.kind, "float64")
        self.patchbay("f64")
        return self

    def drift(self, side):
        """How far a side's losses are from PyTorch's in double precision, relative: of each step."""
        return [abs(x - y) / abs(y) for x, y in zip(self.losses[side], self.losses["double"])]

    def within(self, side):
        """Steps before the first whose loss is farther away than CLOSE."""
        drift = self.drift(side)
        return next((i for i, d in enumerate(drift) if d > CLOSE), len(drift))


def run(bench):
    t = Training(bench).run()
    ours = ("patchbay", "f32")
    double = bench.agree("training, patchbay and PyTorch in double precision", t.losses["patchbay", "f64"],
                         t.losses["double"], LIMIT_DOUBLE, relative=True)
    bench.check("training, drift from double precision, patchbay beside PyTorch",
                max(t.drift(ours)), LIMIT_DRIFT * max(max(t.drift("eager")), max(t.drift("other"))))
    n, times = len(t.batches), t.times
    threads = f"{t.threads} thread{'s' * (t.threads > 1)}"

    def row(title, side, time="", slower=""):
        return [title, time, slower, f"{max(t.drift(side)):.1e}", t.within(side)]

    rows = [row("patchbay", ours, times["patchbay"].text(n)),
            row(f"PyTorch eager, AdamW {t.kind}, {threads}", "eager", times["eager"].text(n),
                ratio(times["eager"], times["patchbay"])),
            row(f"PyTorch eager, AdamW {t.other}", "other")]
    if "notebook" in times:
        rows.append(row("TransformerLens", "notebook", times["notebook"].text(n),
                        ratio(times["notebook"], times["patchbay"])))
    first, last = t.losses[ours][0], t.losses[ours][-1]
    fastest = "of fused and foreach AdamW and of 1 and all threads the fastest."
    if bench.on_gpu:
        fastest = ("of fused and foreach AdamW the fastest. patchbay makes 8 steps that change nothing beforehand, in "
                   "which its kernels are loaded, and the peers one run that is not counted.")
    return [
        "## Training", "",
        f"{n} steps of batch {BATCH} (definitions, questions, arithmetic) from the same initial weights on the same "
        "batches: forward, backward, clip, AdamW with a warm-up of 1000 steps. Milliseconds per step. PyTorch "
        "eager: plain functions without hooks; " + fastest, "",
        *table(["", "ms per step", "/ patchbay", "largest relative distance of a step's loss from double precision",
                f"steps within {CLOSE:.0e}"], rows),
        f"The loss goes from {number(first)} to {number(last)}. In double precision patchbay's {n} losses and PyTorch's "
        f"differ by {double:.1e} at most. In float32 training magnifies rounding, in PyTorch as here: the distance is "
        "that between a side's losses in float32 and PyTorch's in double precision.", ""]
