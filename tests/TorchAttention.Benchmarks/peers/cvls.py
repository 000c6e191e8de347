#!/usr/bin/python3
"""The leave-one-out bandwidth in statsmodels, local constant, Gaussian, one feature: least-squares cross-validation. Prints one line of JSON.

    sudo apt-get install python3-statsmodels
    /usr/bin/python3 cvls.py FOLDER
"""
import numpy as np
import rows
import statsmodels
from statsmodels.nonparametric.kernel_regression import KernelReg

PLACES = 50


def spread(n):
    """As DataSet.Spread: some of n places."""
    return np.arange(PLACES) * n // PLACES


def measure(folder):
    for n, runs in ((2_000, 3), (5_000, 1)):
        data = f"line-{n}"
        x, y = rows.read(folder, data)
        model = None

        def choose():
            nonlocal model
            model = KernelReg(y, x, var_type="c", reg_type="lc", bw="cv_ls")
            return model.bw

        row = rows.row(folder, f"statsmodels-{data}", n, choose, runs=runs, warm_up=False)
        rows.write(folder, f"statsmodels-{data}", [*model.bw, *model.fit(x[spread(n)])[0]])
        yield row


if __name__ == "__main__":
    rows.main(__doc__, measure, {"statsmodels": statsmodels.__version__}, 1)
