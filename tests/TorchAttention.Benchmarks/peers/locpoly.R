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

h <- 0.1
arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 1) stop("usage: Rscript locpoly.R FOLDER")
folder <- arguments[1]

read_numbers <- function(path) readBin(path, "double", n = file.size(path) / 8, size = 8, endian = "little")

read_set <- function(n) {
  set <- file.path(folder, sprintf("line-%d", n))
  data <- list(x = read_numbers(file.path(set, "x.f64")), y = read_numbers(file.path(set, "y.f64")))
  if (length(data$x) != n || length(data$y) != n) stop(sprintf("%s: expected %d numbers, got %d and %d", set, n, length(data$x), length(data$y)))
  data
}

rows <- character()

measure <- function(name, n, m, job) {
  answers <- job()
  seconds <- median(replicate(3, {
    started <- Sys.time()
    answers <<- job()
    as.numeric(Sys.time() - started, units = "secs")
  }))
  if (length(answers) != m) stop(sprintf("%s: expected %d answers, got %d", name, m, length(answers)))
  writeBin(as.double(answers), file.path(folder, paste0(name, ".f64")), size = 8, endian = "little")
  rows <<- c(rows, sprintf('{"name": "%s", "n": %d, "m": %d, "seconds": %.6g, "answers": "%s.f64"}', name, n, m, seconds, name))
}

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

cat(sprintf(
  '{"versions": {"R": "%s", "KernSmooth": "%s", "locfit": "%s"}, "threads": 1, "rows": [%s]}\n',
  getRversion(), packageVersion("KernSmooth"), packageVersion("locfit"), paste(rows, collapse = ", ")
))
