#!/usr/bin/python3
"""Kernel regression here and elsewhere: the same data, the same kernel and bandwidth, the answers checked, the times side by side.

    sudo apt-get install python3-torch python3-statsmodels r-base-core r-cran-kernsmooth r-cran-locfit
    dotnet build -c Release
    /usr/bin/python3 tests/TorchAttention.Benchmarks/peers/engine.py

Writes the data sets into a temporary folder, runs the benchmark executable's --engine and the peer programs on it one after another, measures every
answer against the sum over all pairs in float64, and writes the table to results/<machine>-engine.md and into the README. Takes about five minutes.
"""
import argparse
import datetime
import json
import math
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rows
from compare import HERE, REPOSITORY, built, machine_slug, processor, run, system

BEGIN, END = "<!-- engine: begin -->\n", "<!-- engine: end -->"
SEED = 0
LINES = [2_000, 5_000, 10_000, 30_000, 100_000, 1_000_000]
CUBES = [1_000, 50_000]
GRID = np.linspace(0, 5, 401)
CHECKED = 400  # queries of each work that are computed pair by pair

KERNELS = {
    "Gaussian": lambda u2: np.exp(-(u2 - u2.min(axis=1, keepdims=True)) / 2),
    "boxcar": lambda u2: (u2 <= 1).astype(float),
    "Epanechnikov": lambda u2: np.maximum(0, 1 - u2),
}

FLOAT64 = 1e-9
FLOAT32 = 1e-5
LIBTORCH = 1e-3  # it adds n float32 products up with an error that grows with n: 3e-5 at 10,000, 3e-4 at 100,000


@dataclass
class Row:
    """One program's measurement of a work."""

    system: str
    name: str
    tolerance: float | None  # in units of the range of the answers; None: an approximation that is reported and not judged


@dataclass
class Work:
    """What is computed: a kernel with one bandwidth on a data set, at its own points or on a grid. The first row is the one others are compared with."""

    data: str
    kernel: str
    h: float
    rows: list[Row]
    on_grid: bool = False

    @property
    def d(self):
        return 3 if self.data.startswith("cube") else 1

    @property
    def n(self):
        return int(self.data.split("-")[1])

    @property
    def title(self):
        shape = f"n = {self.n:,}, m = {len(GRID)}" if self.on_grid else f"n = m = {self.n:,}"
        return f"{self.kernel}, d = {self.d}, h = {self.h:g}, {shape}"


FUSED, TEXTBOOK = "libtorch, fused attention, float32", "libtorch, textbook form, float32"
NAIVE = "this library, pair by pair, float64"
WORKS = [
    Work("line-10000", "Gaussian", 1, [
        Row(FUSED, "sdpa-1d-f32-10000", LIBTORCH),
        Row(TEXTBOOK, "textbook-1d-f32-10000", LIBTORCH),
        Row("PyTorch, textbook form, float32", "pytorch-whole-10000", LIBTORCH),
        Row("PyTorch, in chunks, float32", "pytorch-chunks-10000", LIBTORCH),
    ]),
    Work("line-30000", "Gaussian", 1, [
        Row(FUSED, "sdpa-1d-f32-30000", LIBTORCH),
        Row("PyTorch, in chunks, float32", "pytorch-chunks-30000", LIBTORCH),
    ]),
    Work("line-100000", "Gaussian", 1, [Row(FUSED, "sdpa-1d-f32-100000", LIBTORCH)]),
    Work("cube-50000", "Gaussian", 0.1, [Row(FUSED, "sdpa-3d-f32-50000", LIBTORCH)]),
    Work("line-2000", "Gaussian", 0.1, [Row(NAIVE, "dense-1d-f64-2000", FLOAT64), Row("statsmodels", "statsmodels-line-2000", FLOAT64)]),
    Work("line-5000", "Gaussian", 0.1, [Row(NAIVE, "dense-1d-f64-5000", FLOAT64), Row("statsmodels", "statsmodels-line-5000", FLOAT64)]),
    Work("cube-1000", "Gaussian", 0.1, [Row(NAIVE, "dense-3d-f64-1000", FLOAT64), Row("statsmodels", "statsmodels-cube-1000", FLOAT64)]),
    Work("line-100000", "Gaussian", 0.1, [Row("R ksmooth, cut at 4 h", "ksmooth-normal", None)]),
    Work("line-1000000", "Gaussian", 0.1, [Row("R KernSmooth locpoly, binned", "locpoly-grid", None)], on_grid=True),
    Work("line-100000", "boxcar", 0.1, [Row("R ksmooth", "ksmooth-box", FLOAT64)]),
    Work("line-1000000", "Epanechnikov", 0.1, [Row("R locfit, interpolated", "locfit-epanechnikov", None)]),
]
NOTE = (
    "Off by: the largest difference from the sum over all pairs in float64, in units of the answers' range, at up to "
    f"{CHECKED} points. Not measured here: FKSUM (R; Debian has no package of it); it once took 0.32 s for a local constant fit at all of 1,000,000 points, "
    "with a kernel of its own, on a machine with two cores."
)


def generate(folder):
    """x sorted uniform on [0, 5), or uniform on [0, 1)^3; y = sum of 2 sin x + x^0.8 over the features, and noise."""
    for kind, sizes in (("line", LINES), ("cube", CUBES)):
        for n in sizes:
            random = np.random.default_rng(SEED)
            x = np.sort(random.random((n, 1)) * 5, axis=0) if kind == "line" else random.random((n, 3))
            y = (2 * np.sin(x) + x**0.8).sum(axis=1) + 0.5 * random.standard_normal(n)
            (folder / f"{kind}-{n}").mkdir(parents=True, exist_ok=True)
            rows.write(folder / f"{kind}-{n}", "x", x)
            rows.write(folder / f"{kind}-{n}", "y", y)


def exact(work, folder):
    """Returns (places, answers): some of the queries, spread evenly, and what the sum over all pairs gives there."""
    x, y = rows.read(folder, work.data, work.d)
    keys = x.reshape(-1, work.d)
    queries = GRID.reshape(-1, 1) if work.on_grid else keys
    places = np.unique(np.linspace(0, len(queries) - 1, min(CHECKED, len(queries))).astype(int))
    answers = []
    for chunk in np.array_split(queries[places], math.ceil(len(places) * work.n / 2**23)):
        squares = sum(((chunk[:, j : j + 1] - keys[:, j]) / work.h) ** 2 for j in range(work.d))
        weights = KERNELS[work.kernel](squares)
        answers.append(weights @ y / weights.sum(axis=1))
    return places, np.concatenate(answers)


def read_answers(folder, work, row, measured):
    if row.name not in measured:
        sys.exit(f"{row.system}: expected a row {row.name}, got {', '.join(sorted(measured))}")
    answers = np.fromfile(folder / measured[row.name]["answers"], dtype="<f8")
    expected = len(GRID) if work.on_grid else work.n
    if (measured[row.name]["n"], measured[row.name]["m"], len(answers)) != (work.n, expected, expected):
        sys.exit(f"{row.name}: expected n = {work.n} and {expected} answers, got n = {measured[row.name]['n']} and {len(answers)}")
    if not np.isfinite(answers).all():
        sys.exit(f"{row.name}: expected finite answers, got {answers[~np.isfinite(answers)][0]} at {np.flatnonzero(~np.isfinite(answers))[0]}")
    return answers


def check(work, folder, measured):
    """Returns how far each row is off; ends the program where one is off by more than it may be, or differs from the first by more than both may."""
    places, truth = exact(work, folder)
    scale = np.ptp(truth)
    first = read_answers(folder, work, work.rows[0], measured)
    errors = []
    for row in work.rows:
        answers = read_answers(folder, work, row, measured)
        errors.append(np.abs(answers[places] - truth).max() / scale)
        if row.tolerance is None:
            continue
        if not errors[-1] <= row.tolerance:
            sys.exit(f"{work.title}: expected {row.name} within {row.tolerance:g} of the range of the sum over all pairs, got {errors[-1]:.2g}")
        apart = np.abs(answers - first).max() / scale
        if work.rows[0].tolerance is not None and not apart <= row.tolerance + work.rows[0].tolerance:
            sys.exit(f"{work.title}: {row.name} and {work.rows[0].name} differ by {apart:.2g} of the range")
    return errors


def duration(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1 or unit == "us":
            value = seconds * factor
            return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}" if value < 100 else f"{value:,.0f} {unit}"


def table(programs, folder, load):
    ours, *peers = programs
    measured = {row["name"]: row for program in programs for row in program["rows"]}
    versions = {name: version for peer in peers for name, version in peer["versions"].items()}
    lines = [
        "# Kernel regression here and elsewhere",
        "",
        f"{processor()}, {len(os.sched_getaffinity(0))} cores; {system()}; {datetime.date.today().isoformat()}.",
        f"Here: .NET {ours['dotnet']}, TorchSharp {ours['torchsharp']}, libtorch {ours['libtorch']}.",
        f"There: {', '.join(f'{name} {version}' for name, version in versions.items())}.",
        "Medians of 3 runs after one that warms up; reading the data is not counted. "
        f"{ours['threads']} threads here and in libtorch, the faster of one and {peers[0]['threads']} in PyTorch, one in statsmodels and R, which use no more.",
        f"Load of the machine before the run: {load:.1f}.",
        "",
        "| work | system | time | ns per pair | to the first | off by |",
        "|---|---|---|---|---|---|",
    ]
    for work in WORKS:
        errors = check(work, folder, measured)
        first = measured[work.rows[0].name]["seconds"]
        for i, (row, error) in enumerate(zip(work.rows, errors)):
            it = measured[row.name]
            pair = it["seconds"] * 1e9 / it["n"] / it["m"]
            lines.append(
                f"| {work.title if i == 0 else ''} | {row.system} | {duration(it['seconds'])} | {pair:.3g} | {it['seconds'] / first:.3g} | {f'{error:.1e}' if error else '0'} |"
            )
    return "\n".join([*lines, "", NOTE, ""])


def measure(folder):
    """Runs every program on the folder and returns what each printed, this side's first."""
    commands = [
        [built("tests/TorchAttention.Benchmarks"), "--engine"],
        ["/usr/bin/python3", str(HERE / "pooling.py")],
        ["/usr/bin/python3", str(HERE / "kernreg.py")],
        ["Rscript", "--vanilla", str(HERE / "locpoly.R")],
    ]
    return [json.loads(run([*command, str(folder)])[3]) for command in commands]


def write(result, machine):
    readme = REPOSITORY / "README.md"
    text = readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"README.md: expected one {BEGIN.strip()} and one {END}")
    path = HERE.parent / "results" / f"{machine}-engine.md"
    path.write_text(result)
    before, rest = text.split(BEGIN)
    readme.write_text(before + BEGIN + result.split("\n", 1)[1].strip("\n") + "\n" + END + rest.split(END)[1])
    print(f"written to {path.relative_to(REPOSITORY)} and README.md")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", default=machine_slug(), help="the name of the results file")
    parser.add_argument("--dry", action="store_true", help="print the table and write nothing")
    parser.add_argument("--data", type=Path, help="only write the data sets into this folder, for a program to be run on by hand")
    options = parser.parse_args()
    if options.data:
        generate(options.data)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        load = os.getloadavg()[0]
        generate(folder)
        result = table(measure(folder), folder, load)
    print(result)
    if not options.dry:
        write(result, options.machine)


if __name__ == "__main__":
    main()
