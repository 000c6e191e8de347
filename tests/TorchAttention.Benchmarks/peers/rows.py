"""What the peer programs in Python share: reading a data set, taking a median, and the JSON object that each program prints.

A folder holds data sets, each a folder of its own with x.f64 (n, d) row by row and y.f64 (n): raw float64, little endian. A program writes the
answers of each row beside them, in the same form, and prints one object: its versions, its threads and its rows. The benchmark executable's
--engine and locpoly.R do the same.
"""
import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import numpy as np


def read(folder, data_set, d=1):
    """Returns x (n) or (n, d), and y (n)."""
    x = np.fromfile(folder / data_set / "x.f64", dtype="<f8")
    y = np.fromfile(folder / data_set / "y.f64", dtype="<f8")
    if y.size == 0 or x.size != y.size * d:
        raise SystemExit(f"{folder / data_set}: expected x.f64 of {y.size} x {d} numbers, got {x.size}")
    return (x if d == 1 else x.reshape(-1, d)), y


def write(folder, name, answers):
    np.asarray(answers, dtype="<f8").tofile(folder / f"{name}.f64")


def median(job, runs=3, warm_up=True):
    """Returns (median seconds, median processor time of all threads, answers) of some runs, after one that warms up unless told otherwise."""
    answers, seconds, processor = job() if warm_up else None, [], []
    for _ in range(runs):
        started, used = time.perf_counter(), time.process_time()
        answers = job()
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return statistics.median(seconds), statistics.median(processor), answers


def row(folder, name, n, job, **how):
    """Measures a job that gives answers from n keys."""
    seconds, processor, answers = median(job, **how)
    write(folder, name, answers)
    m = len(answers)
    return {"name": name, "n": n, "m": m, "seconds": seconds, "processor": processor, "ns_per_pair": seconds * 1e9 / n / m, "answers": f"{name}.f64"}


def main(description, measure, versions, threads):
    """Prints the rows that measure(folder) yields."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds the data sets, receives the answers; engine.py makes one")
    folder = parser.parse_args().folder
    rows = list(measure(folder))
    print(json.dumps({"versions": {"Python": platform.python_version(), **versions}, "threads": threads, "rows": rows}))
