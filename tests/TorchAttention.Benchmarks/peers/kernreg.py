#!/usr/bin/python3
"""Local constant kernel regression in statsmodels, Gaussian, float64, at a fixed bandwidth, fitted at all of its points. Prints one line of JSON.

    sudo apt-get install python3-statsmodels
    /usr/bin/python3 kernreg.py FOLDER
"""
import rows
import statsmodels
from statsmodels.nonparametric.kernel_regression import KernelReg

H = 0.1


def measure(folder):
    for data_set, n, d in (("line-2000", 2_000, 1), ("line-5000", 5_000, 1), ("cube-1000", 1_000, 3)):
        x, y = rows.read(folder, data_set, d)
        model = KernelReg(y, x, var_type="c" * d, reg_type="lc", bw=[H] * d)
        yield rows.row(folder, f"statsmodels-{data_set}", n, lambda: model.fit()[0])


if __name__ == "__main__":
    rows.main(__doc__, measure, {"statsmodels": statsmodels.__version__}, 1)
