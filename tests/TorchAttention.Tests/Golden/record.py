"""Records further trainings from PyTorch as pytorch_more.json, beside this file.

    python3 tests/TorchAttention.Tests/Golden/record.py

Needs PyTorch 1.13 or later (Debian: python3-torch). The problem, the model and the training loop are those of the chapter "Attention Pooling"
of Dive into Deep Learning (d2l.ai); pytorch_parametric.json, which has the chapter's own settings, was recorded the same way.
"""
import json
import pathlib

import torch
from torch.utils.data import DataLoader, TensorDataset


def truth(x):
    return 2 * torch.sin(x) + x**0.8


def pool(diffs, values):
    weights = torch.softmax(-(diffs**2) / 2, dim=1)
    if values.dim() == 1:
        return weights @ values
    return torch.bmm(weights.unsqueeze(1), values.unsqueeze(-1)).reshape(-1)


def record(n, batch_size, epochs, lr, seed, noise_std, leave_one_out=False, gradient_clip_val=0.0):
    torch.manual_seed(seed)
    x, _ = torch.sort(torch.rand(n) * 5)
    y = truth(x) + torch.randn(n) * noise_std
    x_val = torch.arange(0, 5, 5.0 / n)
    y_val = truth(x_val)
    train = DataLoader(TensorDataset(x, y, torch.arange(n)), batch_size, shuffle=True)
    val = DataLoader(TensorDataset(x_val, y_val), batch_size)
    w = torch.ones(1, requires_grad=True)
    sgd = torch.optim.SGD([w], lr)
    widths, losses, val_losses = [], [], []
    for _ in range(epochs):
        for xb, yb, index in train:
            if leave_one_out:
                keep = torch.ones(len(index), n, dtype=torch.bool)
                keep[torch.arange(len(index)), index] = False
                keys = x.repeat(len(index), 1)[keep].reshape(len(index), n - 1)
                values = y.repeat(len(index), 1)[keep].reshape(len(index), n - 1)
                y_hat = pool((xb.reshape(-1, 1) - keys) * w, values)
            else:
                y_hat = pool((xb.reshape(-1, 1) - x.reshape(1, -1)) * w, y)
            loss = ((y_hat - yb) ** 2 / 2).mean()
            sgd.zero_grad()
            loss.backward()
            if gradient_clip_val > 0:
                norm = torch.sqrt(torch.sum(w.grad**2))
                if norm > gradient_clip_val:
                    w.grad[:] *= gradient_clip_val / norm
            sgd.step()
            losses.append(loss.item())
            widths.append(w.item())
        with torch.no_grad():
            val_losses.append([
                ((pool((xb.reshape(-1, 1) - x.reshape(1, -1)) * w, y) - yb) ** 2 / 2).mean().item() for xb, yb in val
            ])
    with torch.no_grad():
        y_hat = pool((x_val.reshape(-1, 1) - x.reshape(1, -1)) * w, y)
    return {
        "n": n, "batch_size": batch_size, "epochs": epochs, "lr": lr, "seed": seed, "noise_std": noise_std,
        "leave_one_out": leave_one_out, "gradient_clip_val": gradient_clip_val,
        "n_val": len(x_val), "w_after_each_step": widths, "train_loss_each_step": losses, "val_loss_each_batch": val_losses,
        "y_hat_every_tenth": y_hat[::10].tolist(),
    }


if __name__ == "__main__":
    runs = [
        record(n=53, batch_size=10, epochs=3, lr=1.0, seed=2, noise_std=0.5),
        record(n=7, batch_size=3, epochs=4, lr=0.1, seed=3, noise_std=1.0),
        record(n=49, batch_size=10, epochs=2, lr=1.0, seed=4, noise_std=0.0),
        record(n=61, batch_size=10, epochs=2, lr=1.0, seed=11, noise_std=0.5),
        record(n=11, batch_size=11, epochs=6, lr=2.0, seed=5, noise_std=0.1),
        record(n=20, batch_size=64, epochs=6, lr=1.0, seed=6, noise_std=0.5),
        record(n=1000, batch_size=100, epochs=3, lr=1.0, seed=123456789, noise_std=0.5),
        record(n=50, batch_size=10, epochs=5, lr=1.0, seed=2**40 + 1, noise_std=1.0),
        record(n=50, batch_size=10, epochs=3, lr=1.0, seed=8, noise_std=0.5, gradient_clip_val=0.05),
        record(n=50, batch_size=10, epochs=5, lr=0.5, seed=9, noise_std=0.5, leave_one_out=True),
        record(n=23, batch_size=5, epochs=5, lr=0.5, seed=10, noise_std=1.0, leave_one_out=True),
    ]
    target = pathlib.Path(__file__).with_name("pytorch_more.json")
    target.write_text("[\n" + ",\n".join(json.dumps(run | {"produced_by": f"PyTorch {torch.__version__}, float32, CPU"}) for run in runs) + "\n]\n")
