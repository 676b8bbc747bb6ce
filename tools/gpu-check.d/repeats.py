"""The same sweep and the same training on the device again: the same bits; and the sweep beside the CPU's."""
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bench.d"))

import study  # noqa: E402
from program import Program, experiment, make_checkpoint  # noqa: E402

LIMIT = 2e-3  # of the metric, as in tools/bench
FOLDER = Path(os.environ["WORK"])
RUNS = FOLDER / "repeats"
STEPS = 3 if os.environ["EMULATE"] else 50
failed = False


def same(what, files):
    global failed
    different = [f.parent.parent.name for f in files[1:] if f.read_bytes() != files[0].read_bytes()]
    failed |= bool(different)
    print(f"{what}: " + (f"OTHER BITS in {', '.join(different)}" if different else f"{len(files)} times the same bits"),
          flush=True)


def sweeps(program, checkpoint):
    global failed
    z = experiment("repeats", checkpoint, [study.sweep_named("z").experiment()])
    runs = {name: program.run(z, *options, folder=RUNS / name) for name, options in
            (("first", ()), ("second", ()), ("third", ()), ("batch-5", ("--batch", "5")))}
    same("z by layer and head, once with --batch 5", [RUNS / name / "sweeps" / "z.csv" for name in runs])
    cpu = program.run(z, device="cpu", folder=RUNS / "cpu")
    worst = max(abs(a - b) for a, b in zip(runs["first"].metrics(), cpu.metrics()))
    failed |= not worst <= LIMIT
    print(f"largest difference of the metric from the CPU's: {worst:.2g} (at most {LIMIT:g})", flush=True)


def trainings(program):
    stage = {"name": "training", "split": "arithmetic", "steps": STEPS, "batch_size": 128, "save": "model",
             "optimizer": study.UPDATE | {"kind": "adamw"}}
    training = {"name": "repeats-training", "seed": 42, "model": study.SIZES, "train": [stage],
                "data": {"plugin": "oocl", "mod": study.MOD}}
    names = ["training-1", "training-2"]
    for name in names:
        program.run(training, folder=RUNS / name)
    same(f"weights after {STEPS} steps", [RUNS / name / "checkpoints" / "model.safetensors" for name in names])


def main():
    program = Program(os.environ["BUILD"], len(os.sched_getaffinity(0)), "auto", "cuda")
    print(f"weights for all of it, after {2 * STEPS} steps", flush=True)
    checkpoint = FOLDER / "model.safetensors"
    shutil.copy(make_checkpoint(program, 2 * STEPS), checkpoint)
    sweeps(program, checkpoint)
    trainings(program)


main()
sys.exit(failed)
