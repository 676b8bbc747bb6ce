"""Runs patchbay, the program itself, and reads its run folder."""
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import study

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "runs" / "bench"


class Run:
    """One finished run: `results` as in results.json, wall time and peak memory of the whole process."""

    def __init__(self, folder, wall, peak_mb):
        self.results = json.loads((folder / "results.json").read_text())
        self.wall, self.peak_mb = wall, peak_mb

    def sweep(self, i=0):
        return self.results["sweeps"][i]

    def metrics(self, i=0):
        """The metric of each cell, in the order of the cells."""
        return self.sweep(i)["cells"]["metric"]

    def seconds(self):
        """Of the sweep, as the program itself measured it: where it was made again, the median of the later ones."""
        seconds = [s["seconds"] for s in self.results["sweeps"]]
        return statistics.median(seconds[1:] or seconds)

    def stage(self):
        """The last one."""
        return self.results["stages"][-1]

    def device(self):
        """As the run's environment describes it."""
        return dict(self.results["environment"])["device"]


class Program:
    def __init__(self, build, threads, engine, device="cpu"):
        self.binary = Path(build).resolve() / "core" / "patchbay"
        self.threads, self.engine, self.device = threads, engine, device
        self.plugins = Path(build).resolve() / "plugins"
        self.described = device  # by the last run

    def version(self):
        return subprocess.run([self.binary, "--version"], capture_output=True, text=True).stdout.split()[1]

    def command(self, experiment, command="run"):
        """The command line of one experiment, whose file is written as JSON, which is YAML too."""
        WORK.mkdir(parents=True, exist_ok=True)
        file = WORK / f"{experiment['name']}.yaml"
        file.write_text(json.dumps(experiment, indent=1) + "\n")
        return [str(self.binary), command, str(file)]

    def environment(self):
        # The interpreter's own settings for its libraries are not the program's.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "MKL_"))}
        return kept | {"PATCHBAY_PLUGIN_PATH": f"{WORK}:{self.plugins}"}

    def accepts(self, experiment):
        """Whether this program knows every key of the experiment; the second value is what it says if not."""
        done = subprocess.run(self.command(experiment, "check"), env=self.environment(), cwd=ROOT,
                              capture_output=True, text=True)
        return done.returncode == 0, (done.stdout + done.stderr).strip()

    def run(self, experiment, *options, device=None, folder=WORK / "run"):
        shutil.rmtree(folder, ignore_errors=True)
        command = self.command(experiment) + ["--quiet", "--out", str(folder), "--engine", self.engine,
                                              "--device", device or self.device, "--threads", str(self.threads),
                                              *options]
        started = time.perf_counter()
        child = subprocess.Popen(command, env=self.environment(), cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(command)}: exit status {child.returncode}")
        done = Run(folder, wall, usage.ru_maxrss / 1024)
        self.described = done.device()
        return done


def experiment(name, checkpoint, sweeps, **more):
    """The probe of one integer with some sweeps."""
    update = study.UPDATE | {"optimizer": "adamw"}
    return {"name": name, "model": {"load": str(checkpoint)}, "data": {"plugin": "oocl", "mod": study.MOD},
            "probe": {"unit": str(study.UNIT)}, "update": update,
            "metric": {"plugin": "correct_logit", "of": "logit"}, "sweeps": sweeps} | more


def make_checkpoint(program, steps):
    """A checkpoint of the seed model after a few steps of arithmetic, made by the program."""
    made = WORK / ("initial" if not steps else "trained")
    shutil.rmtree(made, ignore_errors=True)
    optimizer = {"kind": "adamw", "lr": 3e-4 if steps else 0.0, "betas": [0.9, 0.98], "weight_decay": 0.1,
                 "max_grad_norm": 1.0, "warmup_steps": 20}
    stage = {"name": "start", "split": "arithmetic", "steps": max(steps, 1), "batch_size": 128,
             "optimizer": optimizer, "save": "model"}
    program.run({"name": made.name, "seed": 42, "model": study.SIZES, "data": {"plugin": "oocl", "mod": study.MOD},
                 "train": [stage]})
    shutil.move(WORK / "run", made)
    return made / "checkpoints" / "model.safetensors"
