#!/usr/bin/python3
"""TorchAttention beside PyTorch: the whole chapter as a process, and one training step.

Build first, then run from anywhere:

    dotnet build -c Release
    /usr/bin/python3 tests/TorchAttention.Benchmarks/peers/compare.py

`train` of the built console and chapter.py run alternately, both with figures; time, processor time and peak memory are the kernel's
account of each process. Both must give the same w. The table goes to results/<machine>.md and into docs/performance.md.
"""
import argparse
import datetime
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pages
from pages import HERE, REPOSITORY

PICTURES = ["average", "nonparametric", "nonparametric-attention", "parametric", "parametric-attention", "loss"]


def built(project):
    found = sorted((REPOSITORY / project).glob(f"bin/Release/net*/*/{Path(project).name}"))
    if not found:
        sys.exit(f"{project} is not built; run: dotnet build -c Release")
    return str(found[-1])


def run(command):
    """Runs a command and returns (wall s, processor s, peak MB, its standard output)."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"exit code {process.returncode}: {' '.join(command)}")
        output.seek(0)
        return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.read().decode()


def check_pictures(folder):
    files = [folder / f"{name}.{ending}" for name in PICTURES for ending in ("png", "svg")]
    missing = [file.name for file in files if not file.is_file() or file.stat().st_size == 0]
    if missing:
        sys.exit(f"{folder}: missing {', '.join(missing)}")


def train_ours(console, scratch):
    folder = scratch / "ours"
    shutil.rmtree(folder, ignore_errors=True)
    *figures, _ = run([console, "train", "--out", str(folder), "--quiet"])
    check_pictures(folder / "plots")
    return figures, json.loads((folder / "summary.json").read_text())


def train_pytorch(scratch):
    folder = scratch / "pytorch"
    shutil.rmtree(folder, ignore_errors=True)
    *figures, output = run(["/usr/bin/python3", str(HERE / "chapter.py"), "--out", str(folder)])
    check_pictures(folder)
    return figures, json.loads(output)


def whole_process(console, runs):
    ours, pytorch = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for i in range(runs + 1):
            our_figures, our_answer = train_ours(console, Path(scratch))
            their_figures, their_answer = train_pytorch(Path(scratch))
            if not math.isclose(our_answer["w"], their_answer["w"], rel_tol=1e-6):
                sys.exit(f"the answers differ: w = {our_answer['w']} here, {their_answer['w']} in PyTorch")
            for name, loss in their_answer["val_loss"].items():
                if not math.isclose(our_answer["estimators"][name]["val_loss"], loss, rel_tol=1e-5):
                    sys.exit(f"the answers differ: validation loss of {name} {our_answer['estimators'][name]['val_loss']} here, {loss} in PyTorch")
            if i > 0:  # the first of each warms the file cache
                ours.append(our_figures)
                pytorch.append(their_figures)
    return ours, pytorch, our_answer["w"]


def step_times(benchmarks, runs):
    ours, pytorch = [], []
    for _ in range(runs):
        ours.append(json.loads(run([benchmarks, "--step-time"])[3]))
        pytorch.append(json.loads(run(["/usr/bin/python3", str(HERE / "chapter.py"), "--step-time"])[3]))
    return ours, pytorch


def row(name, ours, theirs, digits, unit):
    a, b = statistics.median(ours), statistics.median(theirs)
    return f"| {name} | {a:.{digits}f} {unit} | {b:.{digits}f} {unit} | {a / b:.2f} |"


def processor():
    try:
        text = Path("/proc/cpuinfo").read_text()
        model = re.search(r"model name\s*: (.*)", text).group(1)
        return f"{model}{', AVX-512' if 'avx512f' in text else ', AVX2' if 'avx2' in text else ''}"
    except (OSError, AttributeError):
        return platform.processor() or platform.machine()


def system():
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release().split('-')[0]}"
    except OSError:
        return platform.platform()


def table(ours, pytorch, w, our_steps, their_steps):
    here, there = our_steps[0], their_steps[0]
    cores = len(os.sched_getaffinity(0))
    lines = [
        "# The chapter here and in PyTorch",
        "",
        f"{processor()}, {cores} cores; {system()}; {datetime.date.today().isoformat()}.",
        f"Here: .NET {here['dotnet']}, TorchSharp {here['torchsharp']}, libtorch {here['libtorch']}.",
        f"There: Python {there['python']}, PyTorch {there['torch']}, matplotlib {matplotlib_version()}.",
        f"Medians of {len(ours)} runs of each, taken alternately after one warm-up; both learn w = {w:.6f}.",
        "",
        "| the whole process, twelve picture files included | TorchAttention | PyTorch | ratio |",
        "|---|---|---|---|",
        row("time", [r[0] for r in ours], [r[0] for r in pytorch], 2, "s"),
        row("processor time, all cores", [r[1] for r in ours], [r[1] for r in pytorch], 2, "s"),
        row("peak memory", [r[2] for r in ours], [r[2] for r in pytorch], 0, "MB"),
        "",
        f"Spread of the time (least to most): {spread(ours)} s here, {spread(pytorch)} s there.",
        "",
        "| one training step, 10 x 50 | TorchAttention | PyTorch | ratio |",
        "|---|---|---|---|",
    ]
    kinds = [
        ("bare", "forward, backward, SGD step"),
        ("loader", "the same with shuffled batches from the loader, each loss read"),
        ("fit", "the trainer's whole loop with its validation, by training step"),
    ]
    for threads in ("1", "default"):
        label = "1 thread" if threads == "1" else f"default threads ({here['default_threads']} here, {there['default_threads']} there)"
        for kind, name in kinds:
            values = [[answer["step_us"][threads][kind] for answer in answers] for answers in (our_steps, their_steps)]
            lines.append(row(f"{name}; {label}", *values, 0, "us"))
    lines += ["", f"Medians of {len(our_steps)} processes of each, taken alternately; each process's own figure is the median over 2 s.", ""]
    return "\n".join(lines)


def spread(runs):
    walls = [r[0] for r in runs]
    return f"{min(walls):.2f} to {max(walls):.2f}"


def matplotlib_version():
    code = "import importlib.metadata as m; print(m.version('matplotlib'))"
    return subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def machine_slug():
    name = re.sub(r"\(r\)|\(tm\)|cpu|processor|@.*", " ", processor().lower())
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") + f"-{len(os.sched_getaffinity(0))}-cores"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="whole processes of each")
    parser.add_argument("--step-runs", type=int, default=3, help="processes of each for the training step")
    parser.add_argument("--machine", default=machine_slug(), help="the name of the results file")
    parser.add_argument("--dry", action="store_true", help="print the table and write nothing")
    options = parser.parse_args()

    console, benchmarks = built("src/TorchAttention.Console"), built("tests/TorchAttention.Benchmarks")
    result = table(*whole_process(console, options.runs), *step_times(benchmarks, options.step_runs))
    print(result)
    if not options.dry:
        pages.write(options.machine, result, "figures")


if __name__ == "__main__":
    main()
