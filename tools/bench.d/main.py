"""tools/bench: patchbay beside PyTorch and TransformerLens."""
import argparse
import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
import textwrap
from pathlib import Path

import sec_activation
import sec_gemm
import sec_size
import sec_sweeps
import sec_training
import sec_units
import study
from bench import Bench
from peer import with_packages
from program import ROOT, WORK, Program, make_checkpoint

SWEEPS = [s.name for s in study.SWEEPS]
SECTIONS = ["gemm", *SWEEPS, "units", "training", "activation", "size"]
GPU_SECTIONS = ["gemm", "z", "units", "training"]


def read_options():
    p = argparse.ArgumentParser(
        prog="tools/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures patchbay beside PyTorch and TransformerLens on the same model, tokens and sweeps, "
                    "interleaved,\nchecks that the results agree, and writes docs/benchmarks.md.",
        epilog="sections: " + " ".join(SECTIONS) + " (all if none is named; on a GPU "
               + " ".join(GPU_SECTIONS) + ")\n\n"
               "Give it an otherwise idle machine: PyTorch's threads wait for each other spinning, so anything else "
               "that runs slows\nthe peers more than patchbay, and the ratios come out too high.")
    p.add_argument("sections", nargs="*", metavar="SECTION", help="what to measure")
    p.add_argument("--quick", action="store_true", help="fewer repeats, steps and sizes")
    p.add_argument("--repeats", type=int, help="measured repeats of each side (default 5, quick 2)")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)),
                   help="CPU threads (default all cores)")
    p.add_argument("--checkpoint", help="weights of the seed model (default: makes some, in 100 steps)")
    p.add_argument("--engine", default="auto", help="patchbay's engine (default auto)")
    p.add_argument("--device", default="cpu", help="where all sides compute: cpu (default), cuda, cuda:1")
    p.add_argument("--packages", help="a folder of Python packages that TransformerLens is imported from")
    p.add_argument("--build", default=str(ROOT / "build"), help="patchbay's build folder")
    p.add_argument("--limit", type=float, default=120, help="skip numbers of cells that would take more seconds")
    p.add_argument("--out", help="the page (default docs/benchmarks.md; with sections, --quick or --device "
                   "runs/bench/benchmarks.md)")
    p.add_argument("--figures", help="a file for the main figures, as JSON")
    o = p.parse_args()
    unknown = [s for s in o.sections if s not in SECTIONS]
    if unknown:
        p.error(f"there is no section `{unknown[0]}`; there are {' '.join(SECTIONS)}")
    o.repeats = o.repeats or (2 if o.quick else 5)
    whole = not o.sections and not o.quick and o.device == "cpu"
    o.out = Path(o.out) if o.out else ROOT / "docs" / "benchmarks.md" if whole else WORK / "benchmarks.md"
    o.sections = o.sections or (SECTIONS if o.device == "cpu" else GPU_SECTIONS)
    return o


def why_without_lens(packages):
    """What importing TransformerLens says; nothing where all is well."""
    done = subprocess.run([sys.executable, "-c", "import transformer_lens"], env=os.environ | with_packages(packages),
                          capture_output=True, text=True)
    said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return f"TransformerLens cannot be imported: {said[-1]}" if done.returncode else ""


def version_of(package, folder):
    """A package's version; of the interpreter's own where it is not in the folder."""
    for found in importlib.metadata.distributions(name=package, path=[folder, *sys.path] if folder else sys.path):
        return found.version
    return "of an unknown version"


def cpu_model():
    with open("/proc/cpuinfo") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(names)} cores"


def head(bench, options, load):
    """What was measured, where, and with what."""
    packages = [("PyTorch", "torch")] + ([] if bench.without_lens else [("TransformerLens", "transformer-lens")])
    versions = ", ".join(f"{label} {version_of(name, bench.packages)}" for label, name in packages)
    sizes = ", ".join(f"{k} {v}" for k, v in study.SIZES.items())
    return [
        "# Benchmarks", "",
        "Written by `tools/bench`, which measures patchbay and its peers interleaved, on the same model, tokens and "
        "sweeps, and fails where their results differ. Ratios carry over to other machines, times do not.", "",
        f"- date: {datetime.date.today().isoformat()}",
        f"- machine: {cpu_model()}; {bench.threads} threads; load average at the start {load:.2f}",
        *([f"- device: {bench.program.described}; PyTorch's products are in float32 (TF32 off), clocks wait for the "
           "device; peak memory is the host's"] if bench.on_gpu else []),
        *([f"- {bench.without_lens}; its column is left out"] if bench.without_lens else []),
        f"- versions: patchbay {bench.program.version()}, {versions}, Python {platform.python_version()}",
        f"- command: `{' '.join(['tools/bench', *sys.argv[1:]])}`",
        f"- model: {sizes}; {sum(study.parameters_of().values()) * 1e-6:.1f} M parameters; "
        f"weights {'given' if options.checkpoint else 'after 100 steps of arithmetic'}; integer {study.UNIT}",
        f"- repeats: {bench.repeats} of each side, in turn, after one that is not counted; medians", ""]


def wrapped(lines):
    """Text at most 118 columns wide; tables as they are."""
    for line in lines:
        indent = "  " if line.startswith("- ") else ""
        yield from [line] if line[:1] in ("", "|", "#") else textwrap.wrap(
            line, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def write(bench, options, lines):
    options.out.write_text("\n".join(wrapped(lines)).rstrip() + "\n")
    bench.save()


def main():
    options = read_options()
    load = os.getloadavg()[0]
    program = Program(options.build, options.threads, options.engine, options.device)
    needs_weights = any(s in options.sections for s in [*SWEEPS, "units", "activation"])
    checkpoint = Path(options.checkpoint).resolve() if options.checkpoint else \
        make_checkpoint(program, 100) if needs_weights else None
    bench = Bench(program, checkpoint, options)
    if bench.on_gpu and any(s in options.sections for s in [*SWEEPS, "training", "activation"]):
        bench.without_lens = why_without_lens(options.packages)
    if load > 0.5:
        bench.say(f"the load average is {load:.1f}: something else is running, the ratios will be too high")
    lines = []
    for name, section in (("gemm", sec_gemm.run), ("sweeps", None), ("units", sec_units.run),
                          ("training", sec_training.run), ("activation", sec_activation.run), ("size", sec_size.run)):
        sweeps = [s for s in SWEEPS if s in options.sections] if name == "sweeps" else []
        with bench.surviving():
            if sweeps:
                lines += sec_sweeps.run(bench, sweeps)
            elif name in options.sections:
                bench.say(name)
                lines += section(bench)
        if bench.on_gpu:
            write(bench, options, head(bench, options, load) + lines)  # a later section may fail
    write(bench, options, head(bench, options, load) + lines)
    print(f"{options.out}")
    for text in bench.problems:
        print(f"problem: {text}", file=sys.stderr)
    return bool(bench.problems)


sys.exit(main())
