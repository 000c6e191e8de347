#!/usr/bin/python3
"""Kernel regression on one's own data here and elsewhere: bandwidths chosen by leave-one-out, curves fitted at all points, the answers checked.

    sudo apt-get install python3-scipy python3-statsmodels r-base-core r-cran-kernsmooth r-cran-locfit
    dotnet build -c Release
    /usr/bin/python3 tests/TorchAttention.Benchmarks/peers/regression.py

Writes the data sets into a temporary folder, runs the benchmark executable's --regression, the peer programs and the console's fit and predict on them one
after another, judges every answer by sums of its own, and writes the tables to results/<machine>-regression.md and into docs/performance.md. Takes about
four minutes on an idle machine.
"""
import argparse
import datetime
import json
import math
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pages
import rows
from compare import HERE, built, machine_slug, processor, run, system
from cvls import spread
from engine import GRID, Asked, asked, duration, generate
from scipy.optimize import minimize_scalar
from scipy.signal import fftconvolve

LINES = [1_000, 2_000, 5_000, 50_000, 1_000_000]
CUBES = [20_000]
FIXED = 0.1
CHECKED = 200  # points of each fit that are computed pair by pair
PROCESSES = 7
QUERIES = 1_000

# What a chosen bandwidth may differ by from a peer's, unless its leave-one-out error is no larger.
SAME_BANDWIDTH = 1e-3

# Measured once on another machine with two cores: Debian has no package of these.
FKSUM_SEARCH, FKSUM_FITS = 3.1, (0.32, 0.58)
NP = {1_000: 0.48, 5_000: 8.9}

OURS = "this library"
SEARCHES = {
    "line-2000": {OURS: "search-line-2000", "statsmodels": "statsmodels-line-2000", "np": "np-line-2000"},
    "line-5000": {OURS: "search-line-5000", "statsmodels": "statsmodels-line-5000", "np": "np-line-5000"},
    "line-1000000": {OURS: "search-line-1000000"},
    "cube-20000": {OURS: "search-cube-20000"},
}
FITS = {
    degree: {
        OURS: f"fit-line-1000000-degree-{degree}",
        "R locfit, interpolated": f"locfit-line-1000000-degree-{degree}",
        f"R KernSmooth locpoly, binned, at {len(GRID)} points": f"locpoly-line-1000000-degree-{degree}",
    }
    for degree in (0, 1)
}


def faster(theirs, ours):
    return lambda it, kind: it[theirs][kind] / it[ours][kind]


def faster_than_np(it, kind):
    """np's time on this machine where it is installed, and else the one that was measured elsewhere."""
    return it["np-line-5000"][kind] / it["search-line-5000"][kind] if "np-line-5000" in it else NP[5_000] / it["search-line-5000"]["seconds"]


def seconds(name):
    return lambda it, kind: it[name][kind]


def asks(has_np):
    fit = "fit at all of 1,000,000 points"
    return [
        Asked("leave-one-out bandwidth, n = 2,000, Gaussian, d = 1: faster than statsmodels", faster("statsmodels-line-2000", "search-line-2000"), 500, "x", True),
        Asked(f"the same, n = 5,000: faster than np{'' if has_np else f', {NP[5_000]} s elsewhere'}", faster_than_np, 1000, "x", True, has_np),
        Asked(f"the same, n = 1,000,000: faster than FKSUM, {FKSUM_SEARCH} s elsewhere", lambda it, kind: FKSUM_SEARCH / it["search-line-1000000"][kind], 3, "x", True, False),
        *(
            Asked(f"{fit}, local {name}: faster than FKSUM, {FKSUM_FITS[degree]} s elsewhere", lambda it, kind, degree=degree: FKSUM_FITS[degree] / it[FITS[degree][OURS]][kind], 3, "x", True, False)
            for degree, name in enumerate(("constant", "linear"))
        ),
        Asked("leave-one-out bandwidths, d = 3, n = 20,000", seconds("search-cube-20000"), 5, " s", False, False),
        Asked("`fit` on a CSV of 50,000 rows, the whole process with pictures", seconds("console-fit"), 3, " s", False, False),
        Asked(f"`predict` of {QUERIES:,} rows, the whole process", seconds("console-predict"), 0.25, " s", False, False),
    ]


def features(data_set):
    return 3 if data_set.startswith("cube") else 1


def pairs(queries, keys, bandwidths, chunk=2**23):
    """Yields (slice of the queries, distances in bandwidths by feature) for chunks of all pairs."""
    step = max(1, chunk // len(keys))
    for first in range(0, len(queries), step):
        part = slice(first, min(first + step, len(queries)))
        yield part, [(queries[part, j : j + 1] - keys[:, j]) / bandwidths[j] for j in range(len(bandwidths))]


def exact(queries, keys, y, bandwidths, degree=0):
    """The values of a fit by the sums over all pairs."""
    answers = np.empty(len(queries))
    for part, u in pairs(queries, keys, bandwidths):
        weights = np.exp(-sum(uj**2 for uj in u) / 2)
        sums, means = weights.sum(axis=1), weights @ y
        if degree == 1:
            positions, squares, products = (weights * u[0]).sum(axis=1), (weights * u[0] ** 2).sum(axis=1), (weights * u[0]) @ y
            sums, means = sums * squares - positions**2, squares * means - positions * products
        answers[part] = means / sums
    return answers


def leave_one_out(x, y, bandwidths):
    """The mean square of what is left of each value by a fit to the others, by the sums over all pairs."""
    total = 0.0
    for part, u in pairs(x, x, bandwidths):
        weights = np.exp(-sum(uj**2 for uj in u) / 2)
        weights[np.arange(part.stop - part.start), np.arange(part.start, part.stop)] = 0
        total += ((y[part] - weights @ y / weights.sum(axis=1)) ** 2).sum()
    return total / len(y)


def leave_one_out_on_a_line(x, y, h, cells=2**18):
    """The same for very many points in one feature, within a part in 1e6: through a grid that is a thousand times finer than h."""
    width = (x[-1] - x[0]) / cells
    if h < 500 * width:
        sys.exit(f"expected a bandwidth of at least {500 * width:g}, got {h:g}: the grid is too coarse for it")
    at = (x - x[0]) / width
    cell = np.minimum(at.astype(int), cells - 1)
    part = at - cell
    reach = math.ceil(8 * h / width)
    kernel = np.exp(-((np.arange(-reach, reach + 1) * width / h) ** 2) / 2)
    sums = []
    for values in (np.ones_like(y), y):
        grid = np.bincount(cell, (1 - part) * values, cells + 1) + np.bincount(cell + 1, part * values, cells + 1)
        smooth = fftconvolve(grid, kernel, mode="same")
        sums.append((1 - part) * smooth[cell] + part * smooth[cell + 1] - values)
    return ((y - sums[1] / sums[0]) ** 2).mean()


def numbers(folder, it, name):
    answers = np.fromfile(folder / it[name]["answers"], dtype="<f8")
    if not np.isfinite(answers).all():
        sys.exit(f"{name}: expected finite answers, got {answers[~np.isfinite(answers)][0]}")
    return answers


def near(what, expected, got, tolerance):
    if not abs(got - expected) <= tolerance * abs(expected):
        sys.exit(f"{what}: expected {expected} within a part of {tolerance:g}, got {got}")


def check_search(folder, it, data_set, systems):
    """Returns {system: (bandwidths, leave-one-out error)}; ends the program where an answer of this library is wrong, or worse than a peer's."""
    d = features(data_set)
    x, y = rows.read(folder, data_set, d)
    x = x.reshape(-1, d)
    answers = {name: numbers(folder, it, row) for name, row in systems.items() if row in it}
    ours = answers[OURS]
    many = len(y) > 100_000
    error = (lambda h: leave_one_out_on_a_line(x[:, 0], y, h[0])) if many else (lambda h: leave_one_out(x, y, h))
    judged = {name: (answer[:d], error(answer[:d])) for name, answer in answers.items()}
    h, least = judged[OURS]
    near(f"{data_set}: the leave-one-out error that came with h = {h}", least, ours[d], 1e-6 if many else 1e-9)
    if many:
        best = minimize_scalar(lambda log: error([math.exp(log)]), bounds=np.log(h[0]) + np.array([-0.7, 0.7]), method="bounded", options={"xatol": 1e-4})
        judged["the least by a finer grid"] = (np.exp([best.x]), best.fun)
    elif len(answers) == 1:
        for factor in (0.95, 1.05):
            if error(factor * h) < least:
                sys.exit(f"{data_set}: the leave-one-out error at {factor} h is less than at h = {h}")
    for name, (theirs, error_there) in judged.items():
        apart = np.abs(h / theirs - 1).max()
        if apart > SAME_BANDWIDTH and least > error_there * (1 + 1e-9):
            sys.exit(f"{data_set}: expected the bandwidths {theirs} of {name} within {SAME_BANDWIDTH:g} or a smaller leave-one-out error than {error_there}, got {h} and {least}")
    places = spread(len(y))
    span = np.ptp(ours[d + 1 :])
    for name, answer in answers.items():
        fitted = answer[-len(places) :]
        off = np.abs(fitted - exact(x[places], x, y, judged[name][0])).max() / span
        if not off <= 1e-9:
            sys.exit(f"{data_set}: expected the fitted values of {name} within 1e-9 of the sums over all pairs at its h, got {off:.2g}")
        apart = np.abs(fitted - ours[d + 1 :]).max() / span
        if not apart <= 1e-2:
            sys.exit(f"{data_set}: the fitted values of {OURS} and {name} differ by {apart:.2g} of their range")
    return judged


def check_fit(folder, it, degree):
    """Returns {system: how far it is off at most}; ends the program where this library is off."""
    x, y = rows.read(folder, "line-1000000")
    errors = {}
    for name, row in FITS[degree].items():
        answers = numbers(folder, it, row)
        queries = GRID if len(answers) == len(GRID) else x
        places = np.unique(np.linspace(0, len(queries) - 1, CHECKED).astype(int))
        truth = exact(queries[places].reshape(-1, 1), x.reshape(-1, 1), y, [FIXED], degree)
        errors[name] = np.abs(answers[places] - truth).max() / np.ptp(truth)
    if not errors[OURS] <= 1e-9:
        sys.exit(f"degree {degree}: expected fitted values within 1e-9 of the sums over all pairs, got {errors[OURS]:.2g}")
    return errors


def write_csv(path, **columns):
    with path.open("w") as file:
        file.write(",".join(columns) + "\n")
        file.writelines(",".join(map(repr, row)) + "\n" for row in zip(*(column.tolist() for column in columns.values())))


def median_process(command, folder=None):
    figures = []
    for _ in range(PROCESSES + 1):
        if folder:
            shutil.rmtree(folder, ignore_errors=True)  # a run refuses the folder of another one
        figures.append(run(command))
    figures = figures[1:]  # the first warms the file cache
    return {"seconds": statistics.median(figure[0] for figure in figures), "processor": statistics.median(figure[1] for figure in figures), "mb": max(figure[2] for figure in figures)}


def measure_console(folder):
    """Returns the rows of whole processes; none where the console has no such commands."""
    console = built("src/TorchAttention.Console")
    help_text = run([console, "--help"])[3]
    if not all(any(line.split()[:1] == [command] for line in help_text.splitlines()) for command in ("fit", "predict")):
        print("the console has no fit and predict: not measured", file=sys.stderr)
        return {}
    x, y = rows.read(folder, "line-50000")
    data, queries, model, answers = (folder / name for name in ("data.csv", "queries.csv", "model.safetensors", "answers.csv"))
    write_csv(data, x=x, y=y)
    write_csv(queries, x=np.random.default_rng(1).random(QUERIES) * 5)
    fit = median_process([console, "fit", "--data", str(data), "--x", "x", "--y", "y", "--model", str(model), "--out", str(folder / "pictures")], folder / "pictures")
    predict = median_process([console, "predict", "--model", str(model), "--data", str(queries), "--out", str(answers)])
    pictures = [path for path in (folder / "pictures").rglob("*") if path.suffix in (".png", ".svg") and path.stat().st_size]
    if not pictures:
        sys.exit(f"fit: expected pictures in {folder / 'pictures'}, got none")
    predicted = answers.read_text().splitlines()
    if len(predicted) != QUERIES + 1:
        sys.exit(f"predict: expected a heading and {QUERIES} lines, got {len(predicted)}")
    return {"console-fit": fit | {"pictures": len(pictures)}, "console-predict": predict}


def measure(folder):
    """Runs every program; returns (what this side printed, the rows by name, versions, the machine's load before and after)."""
    loads = [os.getloadavg()[0]]
    ours = json.loads(run([built("tests/TorchAttention.Benchmarks"), "--regression", str(folder)])[3])
    console = measure_console(folder)
    peers = [json.loads(run([*command, str(folder)])[3]) for command in (["/usr/bin/python3", str(HERE / "cvls.py")], ["Rscript", "--vanilla", str(HERE / "search.R")])]
    it = {row["name"]: row for program in (ours, *peers) for row in program["rows"]} | console
    versions = {name: version for peer in peers for name, version in peer["versions"].items()}
    return ours, it, versions, [*loads, os.getloadavg()[0]]


def table(folder, ours, it, versions, loads):
    has_np = "np-line-5000" in it
    lines = [
        "# Kernel regression on one's own data, here and elsewhere",
        "",
        f"{processor()}, {len(os.sched_getaffinity(0))} cores; {system()}; {datetime.date.today().isoformat()}.",
        f"Here: .NET {ours['dotnet']}. There: {', '.join(f'{name} {version}' for name, version in versions.items())}.",
        "Here: medians of at least 5 runs after a warm-up, in one process; of whole processes, medians of "
        f"{PROCESSES}. There: medians of 3 runs, or one where it takes long; one thread. Reading the data is not counted, but in whole processes.",
        f"Load of the machine (1 for each process that wants a core): {loads[0]:.1f} before the run, {loads[1]:.1f} after it."
        f"{' **The machine was not idle: times are too long, ratios are to be read with care.**' if loads[0] > 0.5 else ''}",
        "",
        *asked(asks(has_np), it, ours["threads"]),
        "",
        "| bandwidth by leave-one-out, Gaussian, local constant | system | time | to the first | h | leave-one-out error |",
        "|---|---|---|---|---|---|",
    ]
    for data_set, systems in SEARCHES.items():
        first = it[systems[OURS]]["seconds"]
        title = f"d = {features(data_set)}, n = {int(data_set.split('-')[1]):,}"
        for name, (h, error) in check_search(folder, it, data_set, systems).items():
            row = it.get(systems.get(name))
            times = f"{duration(row['seconds'])} | {row['seconds'] / first:,.3g}" if row else " | "
            lines.append(f"| {title} | {name} | {times} | {', '.join(f'{hj:.6g}' for hj in h)} | {error:.9g} |")
            title = ""
    dpill = it["dpill-line-1000000"]
    lines.append(f"| d = 1, n = 1,000,000, by a plug-in rule instead | R KernSmooth dpill, binned | {duration(dpill['seconds'])} | {dpill['seconds'] / it['search-line-1000000']['seconds']:.3g} | {numbers(folder, it, 'dpill-line-1000000')[0]:.6g} | |")
    lines += ["", f"| fit, Gaussian, d = 1, h = {FIXED:g}, n = 1,000,000 | system | time | to the first | off by |", "|---|---|---|---|---|"]
    for degree, name in enumerate(("local constant", "local linear")):
        first = it[FITS[degree][OURS]]["seconds"]
        for i, (peer, error) in enumerate(check_fit(folder, it, degree).items()):
            row = it[FITS[degree][peer]]
            lines.append(f"| {'' if i else f'{name}, at all points'} | {peer} | {duration(row['seconds'])} | {row['seconds'] / first:.3g} | {error:.1e} |")
    if "console-fit" in it:
        lines += ["", "| whole process | time | processor time | peak memory |", "|---|---|---|---|"]
        lines += [f"| {name} | {duration(row['seconds'])} | {duration(row['processor'])} | {row['mb']:.0f} MB |" for name, row in (("`fit`", it["console-fit"]), ("`predict`", it["console-predict"]))]
    lines += [
        "",
        f"The error of each bandwidth is computed by this script, from all pairs, for a million points through a grid a thousand times finer than h; off by: as in the table above, at {CHECKED} points. "
        f"Not measured here: FKSUM (R; Debian has no package of it), which took {FKSUM_FITS[0]} and {FKSUM_FITS[1]} s for the fits at a million points, local constant and local linear, and "
        f"{FKSUM_SEARCH} s for a leave-one-out bandwidth with its fit on a grid, with a kernel of its own, on another run on a machine with two cores"
        + ("." if has_np else f"; np (R; not in this Debian), which took {NP[1_000]} s at n = 1,000 and {NP[5_000]} s at n = 5,000 there."),
        "",
    ]
    return "\n".join(lines)


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
        result = table(folder, *measure(folder))
    print(result)
    if not options.dry:
        pages.write(f"{options.machine}-regression", result, "regression")


if __name__ == "__main__":
    main()
