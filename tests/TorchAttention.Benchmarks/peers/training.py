#!/usr/bin/python3
"""Training here and in PyTorch: a step with everything on, an epoch over many keys, the cost of checkpoints.

    sudo apt-get install python3-torch
    dotnet build -c Release
    /usr/bin/python3 tests/TorchAttention.Benchmarks/peers/training.py

A step "with everything on" is one of the chapter's (10 x 50) with its share of shuffling and validation, gradient clipping, a cosine schedule, early stopping that
keeps the best weights, a row of metrics for every step and epoch, and a checkpoint every second. Here it is the console's: the difference between two runs of
different lengths, so that the start does not count. There it is a loop in one warm process. An epoch over 100,000 keys in mini-batches of 1,024 is timed whole
here; in PyTorch over a few mini-batches, in chunks of the size that is fastest there, the first of them unmeasured, and multiplied. The two learn the same w in
these steps. Results go to results/<machine>-training.md and into docs/performance.md.
"""
import argparse
import copy
import csv
import datetime
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pages
import torch
from chapter import BATCH_SIZE, LR, N, NonlinearData, NWKernelRegression
from compare import built, machine_slug, processor, run, system

EPOCHS = (400, 4_400)
RUNS = 5
KEYS, BATCH = 100_000, 1_024
CHUNKS = [4, 16, 64, 256, 1_024]
MEASURED_BATCHES = 8
OPTIONS = ["--clip", "10", "--schedule", "cosine", "--patience", "1000000", "--checkpoint-seconds", "1", "--no-plots", "--quiet"]


def our_step(console, scratch):
    """Seconds of a step: what the longer of two runs takes more, by its more steps."""
    times = []
    for length in EPOCHS:
        folder = Path(scratch) / f"ours-{length}-{time.monotonic_ns()}"
        wall, *_ = run([console, "train", "--epochs", str(length), "--out", str(folder), *OPTIONS])
        times.append(wall)
    return (times[1] - times[0]) / ((EPOCHS[1] - EPOCHS[0]) * N / BATCH_SIZE)


def pytorch_step(scratch, epochs=400):
    """Seconds of a step of the same loop in PyTorch."""
    torch.set_num_threads(1)
    data = NonlinearData()
    model = NWKernelRegression(data.x_train, data.y_train)
    optimizer = torch.optim.SGD([model.w], LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * N // BATCH_SIZE)
    train, val = data.train_dataloader(), data.val_dataloader()
    best, best_state, saved = float("inf"), None, time.perf_counter()
    with open(Path(scratch) / "steps.csv", "w", newline="") as steps, open(Path(scratch) / "epochs.csv", "w", newline="") as rows:
        step_rows, epoch_rows = csv.writer(steps), csv.writer(rows)
        started, step = time.perf_counter(), 0
        for epoch in range(1, epochs + 1):
            model.train()
            total = 0.0
            for x, y in train:
                loss = model.loss(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                norm = torch.nn.utils.clip_grad_norm_([model.w], 10)
                optimizer.step()
                schedule.step()
                step += 1
                value = loss.item()
                total += value * len(x)
                step_rows.writerow([step, epoch, value, model.w.item(), optimizer.param_groups[0]["lr"], norm.item()])
                if time.perf_counter() - saved >= 1:
                    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "step": step}, Path(scratch) / "checkpoint.pt")
                    saved = time.perf_counter()
            model.eval()
            with torch.no_grad():
                val_loss = sum(model.loss(model(x), y).item() * len(x) for x, y in val) / len(data.x_val)
            if val_loss < best:
                best, best_state = val_loss, copy.deepcopy(model.state_dict())
            epoch_rows.writerow([epoch, total / N, val_loss, model.w.item()])
        return (time.perf_counter() - started) / step


def pytorch_epoch():
    """Seconds of an epoch, the size of its chunks, and w after the measured mini-batches."""
    best = (float("inf"), None)
    for threads in (1, os.cpu_count()):
        torch.set_num_threads(threads)
        for chunk in CHUNKS:
            best = min(best, (many_keys(chunk, batches=1), (chunk, threads)))
    chunk, threads = best[1]
    torch.set_num_threads(threads)
    return many_keys(chunk, MEASURED_BATCHES) * KEYS / BATCH, chunk, threads


def many_keys(chunk, batches):
    """Seconds of a mini-batch, the first not counted."""
    x = torch.linspace(0, 5, KEYS + 1)[:KEYS]
    y = 2 * torch.sin(x) + x**0.8
    x, y = (x - x.mean()) / x.std(unbiased=False), (y - y.mean()) / y.std(unbiased=False)
    w = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([w], 1.0)
    order = torch.randperm(KEYS)
    started = None
    for batch in range(batches + 1):
        started = time.perf_counter() if batch == 1 else started
        chosen = order[batch * BATCH : (batch + 1) * BATCH]
        optimizer.zero_grad()
        for part in chosen.split(chunk):
            scores = -(((x[part].unsqueeze(1) - x.unsqueeze(0)) * w) ** 2) / 2
            y_hat = torch.softmax(scores, dim=1) @ y
            (((y_hat - y[part]) ** 2 / 2).sum() / len(chosen)).backward()
        optimizer.step()
    return (time.perf_counter() - started) / batches


def table(ours, steps, epoch):
    our_step_us, their_step_us = (statistics.median(times) * 1e6 for times in steps)
    their_epoch, chunk, threads = epoch
    rows = [
        ("a step of the chapter with everything on", f"{our_step_us:.0f} us", f"{their_step_us:.0f} us", their_step_us / our_step_us, 2),
        (f"an epoch, {KEYS:,} keys, mini-batches of {BATCH:,}", f"{ours['epoch_seconds']:.2f} s", f"{their_epoch:.1f} s", their_epoch / ours["epoch_seconds"], 30),
    ]
    lines = ["| training | TorchAttention | PyTorch | faster | aim | reached |", "|---|---|---|---|---|---|"]
    lines += [f"| {name} | {mine} | {theirs} | {ratio:.1f}x | {aim}x | {'yes' if ratio >= aim else 'no'} |" for name, mine, theirs, ratio, aim in rows]
    lines += [
        "",
        "| a checkpoint every second | takes more time by the clock | by processor time | a step waits for its copy | writing it, beside the steps | aim | reached |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, key in (("the chapter's training", "checkpoints_chapter"), (f"{KEYS:,} keys", "checkpoints_many_keys")):
        cost = ours[key]
        clock, processors = ([ratio - 1 for ratio in cost[kind]] for kind in ("clock", "processor"))
        reached = [name for name, (_, median, _) in (("by the clock", clock), ("by processor time", processors)) if median <= 0.02]
        spread = [f"{median:+.1%} ({low:+.1%} to {high:+.1%})" for low, median, high in (clock, processors)]
        lines.append(
            f"| {name} | {spread[0]} | {spread[1]} | {cost['wait_seconds'] * 1e3:.2f} ms | {cost['write_seconds'] * 1e3:.1f} ms | 2% | "
            f"{'yes' if len(reached) == 2 else f'{reached[0]} only' if reached else 'no'} |"
        )
    lines += [
        "",
        f"PyTorch's epoch: {MEASURED_BATCHES} mini-batches in chunks of {chunk} queries with {threads} threads, the fastest of {', '.join(map(str, CHUNKS))} and of one and all threads, times "
        f"{KEYS / BATCH:.1f}. Here the epoch's peak was {ours['epoch_memory_mb']:.0f} MB above what the data and the process take; the matrix of one mini-batch alone would be {KEYS * BATCH * 4 / 1e6:.0f} MB.",
    ]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="print only")
    dry = parser.parse_args().dry
    console, program = built("src/TorchAttention.Console"), built("tests/TorchAttention.Benchmarks")
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        ours_steps, pytorch_steps = [], []
        our_step(console, scratch)
        for _ in range(RUNS):
            ours_steps.append(our_step(console, scratch))
            pytorch_steps.append(pytorch_step(scratch))
    epoch = pytorch_epoch()
    ours = json.loads(run([program, "--training"])[-1].strip().splitlines()[-1])
    spread = ", ".join(f"{min(t) * 1e6:.0f} to {max(t) * 1e6:.0f} us {where}" for t, where in ((ours_steps, "here"), (pytorch_steps, "there")))
    lines = [
        f"{processor()}; {system()}; {datetime.date.today()}.",
        f"Here: .NET {ours['dotnet']}, libtorch {ours['libtorch']}. There: Python {sys.version.split()[0]}, PyTorch {torch.__version__}.",
        f"Steps: medians of {RUNS} runs of each, taken alternately ({spread}); one thread. Checkpoints: medians and quartiles of the ratios of 20 pairs of runs of 3 s, with and without, by turns. "
        f"Load of the machine before the run: {load_before:.1f}.",
        "",
        *table(ours, (ours_steps, pytorch_steps), epoch),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if not dry:
        pages.write(f"{machine_slug()}-training", f"# Training\n\n{text}", "training")


if __name__ == "__main__":
    main()
