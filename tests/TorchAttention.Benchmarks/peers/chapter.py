#!/usr/bin/python3
"""The chapter "Attention Pooling" end to end with PyTorch and matplotlib: the same work as `TorchAttention.Console train`.

Data, average pooling, nonparametric and parametric attention pooling, and six figures, each as PNG and SVG. Prints one line of JSON.

    sudo apt-get install python3-torch python3-matplotlib     # Debian 12: PyTorch 1.13, matplotlib 3.6
    /usr/bin/python3 chapter.py --out DIR                     # with figures
    /usr/bin/python3 chapter.py --no-plots                    # numbers only
    /usr/bin/python3 chapter.py --step-time                   # microseconds of one training step
"""
import argparse
import json
import os
import statistics
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

N, BATCH_SIZE, NOISE_STD, LR, EPOCHS, SEED = 50, 10, 0.5, 1.0, 5, 0


class NonlinearData:
    """x sorted uniform on [0, 5), y = 2 sin x + x^0.8 + noise; validation on an even grid, without noise."""

    def __init__(self):
        torch.manual_seed(SEED)
        self.x_train, _ = torch.sort(torch.rand(N) * 5)
        self.y_train = self.truth(self.x_train) + torch.randn(N) * NOISE_STD
        self.x_val = torch.arange(0, 5, 5.0 / N)
        self.y_val = self.truth(self.x_val)

    @staticmethod
    def truth(x):
        return 2 * torch.sin(x) + x**0.8

    def train_dataloader(self):
        return DataLoader(TensorDataset(self.x_train, self.y_train), BATCH_SIZE, shuffle=True)

    def val_dataloader(self):
        return DataLoader(TensorDataset(self.x_val, self.y_val), BATCH_SIZE, shuffle=False)


def diff(queries, keys):
    return queries.unsqueeze(1) - keys.unsqueeze(0)


def attention_pool(query_key_diffs, values):
    attention_weights = torch.softmax(-(query_key_diffs**2) / 2, dim=1)
    return torch.matmul(attention_weights, values), attention_weights


class NWKernelRegression(nn.Module):
    def __init__(self, keys, values):
        super().__init__()
        self.keys, self.values = keys, values
        self.w = nn.Parameter(torch.ones(1))
        self.attention_weights = None

    def forward(self, queries):
        y_hat, attention_weights = attention_pool(diff(queries, self.keys) * self.w, self.values)
        self.attention_weights = attention_weights.detach()
        return y_hat

    @staticmethod
    def loss(y_hat, y):
        return ((y_hat - y) ** 2 / 2).mean()

    def configure_optimizers(self):
        return torch.optim.SGD([self.w], LR)


def train_step(model, optimizer, x, y):
    loss = model.loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def fit(model, data, on_step=None, on_validation=None):
    """The book's Trainer: each epoch trains on shuffled mini-batches and then validates."""
    train, val = data.train_dataloader(), data.val_dataloader()
    optimizer = model.configure_optimizers()
    step = 0
    for epoch in range(1, EPOCHS + 1):
        model.train()
        for x, y in train:
            loss = train_step(model, optimizer, x, y).item()
            step += 1
            if on_step:
                on_step(step, epoch, loss)
        model.eval()
        with torch.no_grad():
            for x, y in val:
                loss = model.loss(model(x), y).item()
                if on_validation:
                    on_validation(epoch, loss)


class ProgressBoard:
    """The loss lines: two points of the training loss in an epoch, one of the validation loss, each the mean of its batches."""

    def __init__(self):
        self.batches = (N + BATCH_SIZE - 1) // BATCH_SIZE
        self.waiting = {"train_loss": [], "val_loss": []}
        self.lines = {"train_loss": ([], []), "val_loss": ([], [])}

    def draw(self, x, y, label, every_n):
        waiting = self.waiting[label]
        waiting.append((x, y))
        if len(waiting) == every_n:
            xs, ys = self.lines[label]
            xs.append(statistics.fmean(point[0] for point in waiting))
            ys.append(statistics.fmean(point[1] for point in waiting))
            waiting.clear()

    def on_step(self, step, _, loss):
        self.draw((step - 1) / self.batches, loss, "train_loss", max(1, self.batches // 2))

    def on_validation(self, epoch, loss):
        self.draw(epoch, loss, "val_loss", self.batches)


def draw_figures(directory, data, predictions, attentions, board):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    def save(figure, name):
        for ending in ("png", "svg"):
            figure.savefig(os.path.join(directory, f"{name}.{ending}"))
        plt.close(figure)

    def labelled(width, x_label, y_label):
        figure, axes = plt.subplots(figsize=(width, 4.4))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        return figure, axes

    os.makedirs(directory, exist_ok=True)
    for name, y_hat in predictions.items():
        figure, axes = labelled(7.2, "x", "y")
        axes.plot(data.x_val.numpy(), data.y_val.numpy(), label="Truth")
        axes.plot(data.x_val.numpy(), y_hat.numpy(), label="Pred")
        axes.plot(data.x_train.numpy(), data.y_train.numpy(), "o", alpha=0.5, label="Training")
        axes.legend()
        save(figure, name)

    for name, weights in attentions.items():
        figure, axes = labelled(5.8, "Sorted training inputs", "Sorted validation inputs")
        figure.colorbar(axes.imshow(weights.numpy(), cmap="Reds"), ax=axes)
        save(figure, f"{name}-attention")

    figure, axes = labelled(7.2, "epoch", "loss")
    for label, (xs, ys) in board.lines.items():
        axes.plot(xs, ys, label=label)
    axes.legend()
    save(figure, "loss")


def run(directory):
    started = time.perf_counter()
    data = NonlinearData()
    board = ProgressBoard()
    average = data.y_train.mean().repeat(len(data.x_val))
    nonparametric, nonparametric_attention = attention_pool(diff(data.x_val, data.x_train), data.y_train)

    model = NWKernelRegression(data.x_train, data.y_train)
    train_losses, val_losses = [], []

    def on_step(step, epoch, loss):
        train_losses.append(loss)
        board.on_step(step, epoch, loss)

    def on_validation(epoch, loss):
        val_losses.append(loss)
        board.on_validation(epoch, loss)

    fit_started = time.perf_counter()
    fit(model, data, on_step, on_validation)
    fit_ms = (time.perf_counter() - fit_started) * 1e3
    with torch.no_grad():
        predictions = {"average": average, "nonparametric": nonparametric, "parametric": model(data.x_val)}
    if directory:
        attentions = {"nonparametric": nonparametric_attention, "parametric": model.attention_weights}
        draw_figures(directory, data, predictions, attentions, board)

    return {
        "w": model.w.item(),
        "val_loss": {name: model.loss(y_hat, data.y_val).item() for name, y_hat in predictions.items()},
        "train_loss_each_step": train_losses,
        "val_loss_each_batch": val_losses,
        "training_ms": round(fit_ms, 3),
        "after_imports_ms": round((time.perf_counter() - started) * 1e3, 3),
        **versions(),
    }


def versions():
    import platform

    return {"python": platform.python_version(), "torch": torch.__version__}


# Each kind of loop trains the chapter's 25 steps from w = 1; what is timed is one step of them.
STEPS = EPOCHS * N // BATCH_SIZE


def median_step_us(prepare, seconds):
    samples = []
    for warm in (True, False):
        until = time.perf_counter() + (seconds / 4 if warm else seconds)
        samples.clear()
        while time.perf_counter() < until:
            job = prepare()
            started = time.perf_counter()
            job()
            samples.append((time.perf_counter() - started) * 1e6 / STEPS)
    return round(statistics.median(samples), 2)


def step_time(seconds):
    data = NonlinearData()
    pre_drawn = [batch for _ in range(EPOCHS) for batch in data.train_dataloader()]

    def bare():
        """Pre-drawn batches; the loss is not read."""
        model = NWKernelRegression(data.x_train, data.y_train)
        optimizer = model.configure_optimizers()

        def job():
            for x, y in pre_drawn:
                train_step(model, optimizer, x, y)

        return job

    def loader():
        """Batches from the DataLoader, shuffled anew each epoch; every step's loss is read."""
        model = NWKernelRegression(data.x_train, data.y_train)
        optimizer = model.configure_optimizers()
        train = data.train_dataloader()

        def job():
            for _ in range(EPOCHS):
                for x, y in train:
                    train_step(model, optimizer, x, y).item()

        return job

    def whole_fit():
        """The trainer's whole loop with its validation, by training step."""
        model = NWKernelRegression(data.x_train, data.y_train)
        return lambda: fit(model, data)

    default = torch.get_num_threads()
    result = {}
    for threads in ("default", "1"):
        torch.set_num_threads(default if threads == "default" else 1)
        result[threads] = {
            "bare": median_step_us(bare, seconds),
            "loader": median_step_us(loader, seconds),
            "fit": median_step_us(whole_fit, seconds),
        }
    return {"step_us": result, "default_threads": default, **versions()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="chapter-plots", help="the figures' folder")
    parser.add_argument("--no-plots", action="store_true")
    parser.add_argument("--step-time", action="store_true", help="time one training step instead")
    parser.add_argument("--seconds", type=float, default=2, help="for each kind of loop and number of threads")
    options = parser.parse_args()
    result = step_time(options.seconds) if options.step_time else run(None if options.no_plots else options.out)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
