#!/usr/bin/env Rscript
# Kernel regression on a sorted line in R, float64, h = 0.1. Prints one line of JSON.
#
#     sudo apt-get install r-base-core r-cran-kernsmooth r-cran-locfit
#     Rscript locpoly.R FOLDER
#
# KernSmooth::locpoly bins the data linearly, Gaussian of standard deviation h. stats::ksmooth is exact: a box of half-width h, and a Gaussian that it
# cuts at 4 h. locfit fits at a few points, Epanechnikov on [-h, h], and interpolates between them.
suppressPackageStartupMessages({
  library(KernSmooth)
  library(locfit)
})
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "rows.R"))

h <- 0.1

many <- read_set(1000000L)
measure("locpoly-grid", 1000000L, 401L, function() {
  locpoly(many$x, many$y, drv = 0L, degree = 0, bandwidth = h, gridsize = 401L, range.x = c(0, 5))$y
})
measure("locfit-epanechnikov", 1000000L, 1000000L, function() {
  fitted(locfit(y ~ x, data = many, deg = 0, kern = "epan", alpha = c(0, h)))
})

some <- read_set(100000L)
measure("ksmooth-box", 100000L, 100000L, function() {
  ksmooth(some$x, some$y, "box", bandwidth = 2 * h, x.points = some$x)$y
})
measure("ksmooth-normal", 100000L, 100000L, function() {
  # Its bandwidth puts the kernel's quartiles at a quarter of it.
  ksmooth(some$x, some$y, "normal", bandwidth = 4 * qnorm(0.75) * h, x.points = some$x)$y
})

print_rows(c("KernSmooth", "locfit"))
