#!/usr/bin/python3
"""Kernel regression here and elsewhere: the same data, the same kernel and bandwidth, the answers checked, the times side by side.

    sudo apt-get install python3-torch python3-statsmodels r-base-core r-cran-kernsmooth r-cran-locfit
    dotnet build -c Release
    /usr/bin/python3 tests/TorchAttention.Benchmarks/peers/engine.py

Writes the data sets into a temporary folder, runs the benchmark executable's --engine and the peer programs on it one after another, measures every
answer against the sum over all pairs in float64, and writes the tables to results/<machine>-engine.md and into docs/performance.md. Takes about five minutes.
"""
import argparse
import datetime
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pages
import rows
from compare import HERE, built, machine_slug, processor, run, system

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
OURS64 = 1e-10
OURS32 = 2e-6
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
EXACT32, EXACT64 = "this library, every pair, float32", "this library, every pair, float64"
NAIVE = "this library, the textbook sum, float64"
AUTO32, LINE = "this library, auto, float32", "this library, float64"


def small(data_set):
    return Work(data_set, "Gaussian", 0.1, [
        Row(EXACT64, f"exact-{data_set}", OURS64),
        Row("this library, auto, float64", f"auto-{data_set}", OURS64),
        Row(NAIVE, f"dense-{data_set}", OURS64),
        Row("statsmodels", f"statsmodels-{data_set}", FLOAT64),
    ])


WORKS = [
    Work("line-10000", "Gaussian", 1, [
        Row(EXACT32, "exact-1d-f32-10000", OURS32),
        Row(AUTO32, "auto-1d-f32-10000", OURS32),
        Row(FUSED, "sdpa-1d-f32-10000", LIBTORCH),
        Row(TEXTBOOK, "textbook-1d-f32-10000", LIBTORCH),
        Row("PyTorch, textbook form, float32", "pytorch-whole-10000", LIBTORCH),
        Row("PyTorch, in chunks, float32", "pytorch-chunks-10000", LIBTORCH),
    ]),
    Work("line-30000", "Gaussian", 1, [
        Row(EXACT32, "exact-1d-f32-30000", OURS32),
        Row("the same with the gradient of w", "exact-1d-f32-gradient-30000", OURS32),
        Row(EXACT64, "exact-1d-f64-30000", OURS64),
        Row(FUSED, "sdpa-1d-f32-30000", LIBTORCH),
        Row("PyTorch, in chunks, float32", "pytorch-chunks-30000", LIBTORCH),
    ]),
    Work("line-100000", "Gaussian", 1, [
        Row(EXACT32, "exact-1d-f32-100000", OURS32),
        Row("the same on one thread", "exact-1d-f32-100000-one", OURS32),
        Row(FUSED, "sdpa-1d-f32-100000", LIBTORCH),
    ]),
    Work("cube-50000", "Gaussian", 0.1, [
        Row(EXACT32, "exact-3d-f32-50000", OURS32),
        Row(AUTO32, "auto-3d-f32-50000", OURS32),
        Row(FUSED, "sdpa-3d-f32-50000", LIBTORCH),
    ]),
    small("line-2000"),
    small("line-5000"),
    small("cube-1000"),
    Work("line-100000", "Gaussian", 0.1, [Row(LINE, "line-gaussian-100000", OURS64), Row("R ksmooth, cut at 4 h", "ksmooth-normal", None)]),
    Work("line-1000000", "Gaussian", 0.1, [
        Row(LINE, "line-gaussian-1000000", OURS64),
        Row("the same, points in no order", "line-gaussian-1000000-unsorted", OURS64),
    ]),
    Work("line-1000000", "Gaussian", 0.1, [
        Row("this library, by cells, float64", "line-grid", OURS64),
        Row("this library, auto, float64", "auto-grid", OURS64),
        Row("R KernSmooth locpoly, binned", "locpoly-grid", None),
    ], on_grid=True),
    Work("line-100000", "boxcar", 0.1, [Row(LINE, "line-box-100000", OURS64), Row("R ksmooth", "ksmooth-box", FLOAT64)]),
    Work("line-1000000", "Epanechnikov", 0.1, [
        Row(LINE, "line-epanechnikov-1000000", OURS64),
        Row("R locfit, interpolated", "locfit-epanechnikov", None),
    ]),
]


@dataclass
class Asked:
    """What was to be reached: a figure computed from the measured rows, and the most or the least that it may be. A row that is missing leaves it open."""

    what: str
    figure: Callable[[dict, str], float]  # the rows by name, and the kind of time: "seconds" or "processor"
    limit: float
    unit: str
    at_least: bool
    on_processor: bool = True  # whether the figure means something in processor time

    def reached(self, figure):
        return figure >= self.limit if self.at_least else figure <= self.limit


def ratio(above, below):
    """Of the times per pair of two rows."""
    return lambda it, kind: pair(it[above], kind) / pair(it[below], kind)


def pair(row, kind):
    return row[kind] * 1e9 / row["n"] / row["m"]


def growth(it, kind):
    few, many = it["growth-100000"], it["growth-10000000"]
    return many[kind] / few[kind] / (many["n"] * math.log(many["n"]) / (few["n"] * math.log(few["n"])))


ASKED = [
    Asked("every pair, d = 1, float32, n = m = 100,000: faster than libtorch's fused attention", ratio("sdpa-1d-f32-100000", "exact-1d-f32-100000"), 10, "x", True),
    Asked("the same, per pair: faster than libtorch's textbook form at 10,000", ratio("textbook-1d-f32-10000", "exact-1d-f32-100000"), 60, "x", True),
    Asked("every pair at 10,000, d = 1, float32: faster than the textbook form at 10,000", ratio("textbook-1d-f32-10000", "exact-1d-f32-10000"), 60, "x", True),
    Asked("every pair, d = 3, float32, n = m = 50,000: faster than libtorch's fused attention", ratio("sdpa-3d-f32-50000", "exact-3d-f32-50000"), 6, "x", True),
    Asked("float64 slower than float32, n = m = 30,000", ratio("exact-1d-f64-30000", "exact-1d-f32-30000"), 5, "x", False),
    Asked("with the gradient of w slower than without, n = m = 30,000", ratio("exact-1d-f32-gradient-30000", "exact-1d-f32-30000"), 1.6, "x", False),
    Asked("Gaussian at all of 1,000,000 sorted points", lambda it, kind: it["line-gaussian-1000000"][kind], 0.1, " s", False),
    Asked("Epanechnikov at all of 1,000,000 sorted points", lambda it, kind: it["line-epanechnikov-1000000"][kind], 0.1, " s", False),
    Asked("from 100,000 to 10,000,000 sorted points: growth against n log n", growth, 1.5, "x", False),
    Asked("n = m = 1,000,000 in no order, float32: peak memory beside inputs and outputs", lambda it, kind: it["memory"]["mb"], 64, " MB", False, False),
    Asked("two cores faster than one, n = m = 100,000", ratio("exact-1d-f32-100000-one", "exact-1d-f32-100000"), 1.8, "x", True, False),
]
NOTE = (
    "Off by: the largest difference from the sum over all pairs in float64, in units of the answers' range, at up to "
    f"{CHECKED} points; in brackets the bound that came with the answers, beyond rounding. Not measured here: FKSUM (R; Debian has no package of it); it once took 0.32 s for a local constant fit at all of 1,000,000 points, "
    "with a kernel of its own, on a machine with two cores."
)


def generate(folder, lines=(), cubes=()):
    """x sorted uniform on [0, 5), or uniform on [0, 1)^3; y = sum of 2 sin x + x^0.8 over the features, and noise."""
    for kind, sizes in (("line", lines), ("cube", cubes)):
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


def asked(asks, it, cores):
    """Returns the lines that lay the aims beside what was reached."""
    lines = ["| aim | limit | by the clock | by processor time | reached |", "|---|---|---|---|---|"]
    for line in asks:
        try:
            figures = [line.figure(it, "seconds")]
        except KeyError:
            lines.append(f"| {line.what} | {'at least' if line.at_least else 'at most'} {line.limit:g}{line.unit} | | | not measured |")
            continue
        if line.on_processor:
            figures.append(line.figure(it, "processor") / (cores if line.unit == " s" else 1))
        verdicts = ["yes" if line.reached(figure) else "no" for figure in figures]
        verdict = verdicts[0] if len(set(verdicts)) == 1 else f"{verdicts[0]} by the clock, {verdicts[1]} by processor time"
        shown = [f"{figure:,.0f}{line.unit}" if figure >= 1000 else f"{figure:.3g}{line.unit}" for figure in figures] + [""] * (2 - len(figures))
        lines.append(f"| {line.what} | {'at least' if line.at_least else 'at most'} {line.limit:g}{line.unit} | {shown[0]} | {shown[1]} | {verdict} |")
    return lines


def limit(ours):
    """Returns what one core can do, and how far from it the exact method is."""
    core = ours["core"]
    if core["ns_per_pair"] is None:
        return [f"One core here runs at {core['clock_ghz']:.2f} GHz and has no AVX-512."]
    one = next(row for row in ours["rows"] if row["name"] == "exact-1d-f32-100000-one")
    used = pair(one, "processor")
    cycles = 16 * core["clock_ghz"]
    return [
        "**The machine's limit.** 16 pairs in one feature and float32 take 12 AVX-512 instructions: sub, 2 mul, reduce, 5 fma, scalef, add, fma. "
        f"One core here runs at {core['clock_ghz']:.2f} GHz and takes {core['multiply_adds_per_ns'] / core['clock_ghz']:.2f} multiply-adds of that width in a "
        f"cycle: the 8 products alone are {8 / core['multiply_adds_per_ns'] / 16:.3f} ns per pair. The 12 by themselves, on keys in the first cache, took "
        f"{core['ns_per_pair']:.3f} ns ({core['ns_per_pair'] * cycles:.1f} cycles for 16 pairs), best of many bursts of a tenth of a millisecond; the exact method on one thread "
        f"took {used:.3f} ns of processor time ({used * cycles:.1f} cycles), {used / core['ns_per_pair']:.2f} times that.",
    ]


def table(programs, folder, loads):
    ours, *peers = programs
    measured = {row["name"]: row for program in programs for row in program["rows"]}
    versions = {name: version for peer in peers for name, version in peer["versions"].items()}
    lines = [
        "# Kernel regression here and elsewhere",
        "",
        f"{processor()}, {len(os.sched_getaffinity(0))} cores; {system()}; {datetime.date.today().isoformat()}.",
        f"Here: .NET {ours['dotnet']}, TorchSharp {ours['torchsharp']}, libtorch {ours['libtorch']}.",
        f"There: {', '.join(f'{name} {version}' for name, version in versions.items())}.",
        "Here and in libtorch: medians of at least 5 runs after a warm-up, in one process and by turns, so that other work on the machine falls on both alike. "
        "The others: medians of 3 runs after one that warms up. Reading the data is not counted. "
        f"{ours['threads']} threads here and in libtorch, the faster of one and {peers[0]['threads']} in PyTorch, one in statsmodels and R, which use no more.",
        f"Load of the machine (1 for each process that wants a core): {loads[0]:.1f} before the run, {loads[1]:.1f} after that of this library and libtorch, which adds "
        f"{ours['threads']} itself, {loads[2]:.1f} at the end.{' **The machine was not idle: times are too long, ratios are to be read with care.**' if loads[0] > 0.5 else ''}",
        "",
        *asked(ASKED, {row["name"]: row for row in ours["rows"]} | {"memory": {"mb": ours["memory"]["peak_mb"] - ours["memory"]["before_mb"]}}, ours["threads"]),
        "",
        "Processor time is that of all threads, for a time in seconds divided by their number: what the clock would show on an idle machine with all cores "
        "at work throughout. It counts libtorch's threads where they wait for each other.",
        "",
        *limit(ours),
        "",
        "| work | system | time | ns per pair | to the first | off by |",
        "|---|---|---|---|---|---|",
    ]
    for work in WORKS:
        errors = check(work, folder, measured)
        first = measured[work.rows[0].name]["seconds"]
        for i, (row, error) in enumerate(zip(work.rows, errors)):
            it = measured[row.name]
            bound = f" (bound {it['error_bound']:.0e})" if it.get("error_bound") else ""
            lines.append(
                f"| {work.title if i == 0 else ''} | {row.system} | {duration(it['seconds'])} | {pair(it, 'seconds'):.3g} | {it['seconds'] / first:.3g} "
                f"| {f'{error:.1e}' if error else '0'}{bound} |"
            )
    return "\n".join([*lines, "", NOTE, ""])


def measure(folder):
    """Runs every program on the folder; returns what each printed, this side's first, and the machine's load before, between and after."""
    benchmarks = built("tests/TorchAttention.Benchmarks")
    loads = [os.getloadavg()[0]]
    ours = json.loads(run([benchmarks, "--engine", str(folder)])[3])
    ours["memory"] = json.loads(run([benchmarks, "--engine-memory"])[3])
    loads.append(os.getloadavg()[0])
    peers = [["/usr/bin/python3", str(HERE / "pooling.py")], ["/usr/bin/python3", str(HERE / "kernreg.py")], ["Rscript", "--vanilla", str(HERE / "locpoly.R")]]
    programs = [ours, *(json.loads(run([*command, str(folder)])[3]) for command in peers)]
    return programs, [*loads, os.getloadavg()[0]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", default=machine_slug(), help="the name of the results file")
    parser.add_argument("--dry", action="store_true", help="print the table and write nothing")
    parser.add_argument("--data", type=Path, help="only write the data sets into this folder, for a program to be run on by hand")
    options = parser.parse_args()
    if options.data:
        generate(options.data, LINES, CUBES)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        generate(folder, LINES, CUBES)
        programs, loads = measure(folder)
        result = table(programs, folder, loads)
    print(result)
    if not options.dry:
        pages.write(f"{options.machine}-engine", result, "engine")


if __name__ == "__main__":
    main()
