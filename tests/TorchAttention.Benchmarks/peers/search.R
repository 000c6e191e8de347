#!/usr/bin/env Rscript
# Bandwidths chosen and curves fitted on a sorted line in R, float64. Prints one line of JSON.
#
#     sudo apt-get install r-base-core r-cran-kernsmooth r-cran-locfit
#     Rscript search.R FOLDER
#
# np: leave-one-out, local constant, Gaussian, its own way of searching; left out where it is not installed. KernSmooth's dpill is a plug-in rule and not
# leave-one-out, and its locpoly bins the data. locfit chooses no bandwidth by itself; it fits at a few points and interpolates.
suppressPackageStartupMessages({
  library(KernSmooth)
  library(locfit)
})
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "rows.R"))

packages <- c("KernSmooth", "locfit")
h <- 0.1
places <- 50

# As DataSet.Spread: some of n places, counted from 1.
spread <- function(n) (0:(places - 1)) * n %/% places + 1

if (requireNamespace("np", quietly = TRUE)) {
  packages <- c(packages, "np")
  options(np.messages = FALSE)
  for (n in c(1000L, 2000L, 5000L)) {
    data <- read_set(n)
    measure(sprintf("np-line-%d", n), n, 1L + places, function() {
      chosen <- np::npregbw(y ~ x, data = data, regtype = "lc", bwmethod = "cv.ls", ckertype = "gaussian")
      fitted <- np::npreg(chosen, exdat = data.frame(x = data$x[spread(n)]))$mean
      c(chosen$bw, fitted)
    }, runs = 1, warm_up = n < 5000L)
  }
}

many <- read_set(1000000L)
measure("dpill-line-1000000", 1000000L, 1L, function() dpill(many$x, many$y), runs = 1, warm_up = FALSE)
for (degree in 0:1) {
  measure(sprintf("locpoly-line-1000000-degree-%d", degree), 1000000L, 401L, function() {
    locpoly(many$x, many$y, drv = 0L, degree = degree, bandwidth = h, gridsize = 401L, range.x = c(0, 5))$y
  })
  # Its Gaussian is exp(-(2.5 u)^2 / 2), of standard deviation alpha / 2.5.
  measure(sprintf("locfit-line-1000000-degree-%d", degree), 1000000L, 1000000L, function() {
    fitted(locfit(y ~ x, data = many, deg = degree, kern = "gauss", alpha = c(0, 2.5 * h)))
  }, runs = 1)
}

print_rows(packages)
