#!/usr/bin/python3
"""Gaussian attention pooling in PyTorch, float32, h = 1: the textbook form, whole and in chunks. Prints one line of JSON.

Debian's PyTorch is older than scaled_dot_product_attention; the fused form is measured in libtorch, by the benchmark executable's --engine.

    sudo apt-get install python3-torch
    /usr/bin/python3 pooling.py FOLDER
"""
import os

import rows
import torch

# Weights at a time: they then stay in the cache, which is several times faster than the whole matrix. The best of 2^17 to 2^24.
CHUNK = 2**19
CORES = len(os.sched_getaffinity(0))


def pool(queries, keys, values):
    attention_weights = torch.softmax(-((queries.unsqueeze(1) - keys.unsqueeze(0)) ** 2) / 2, dim=1)
    return torch.matmul(attention_weights, values)


def in_chunks(queries, keys, values):
    return torch.cat([pool(chunk, keys, values) for chunk in queries.split(max(1, CHUNK // len(keys)))])


def measure(folder):
    for n, form, job in ((10_000, "whole", pool), (10_000, "chunks", in_chunks), (30_000, "chunks", in_chunks)):
        x, y = rows.read(folder, f"line-{n}")
        x, y = torch.from_numpy(x - x.mean()).float(), torch.from_numpy(y).float()
        yield min((one(folder, f"pytorch-{form}-{n}", n, threads, job, x, y) for threads in {1, CORES}), key=lambda row: row["seconds"])


def one(folder, name, n, threads, job, x, y):
    """Where other processes keep the cores busy, threads that wait for each other can cost far more than they compute; the faster count stands."""
    torch.set_num_threads(threads)
    with torch.no_grad():
        return rows.row(folder, name, n, lambda: job(x, x, y).numpy())


if __name__ == "__main__":
    rows.main(__doc__, measure, {"PyTorch": torch.__version__}, CORES)
