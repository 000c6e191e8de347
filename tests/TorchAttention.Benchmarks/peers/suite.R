# R's loess, locfit and mgcv on the draws that `--suite draws FOLDER` wrote: Rscript suite.R FOLDER
# Beside each file the fits at its fresh places and those of the design: mean, standard error, that of the noise, degrees of freedom.
suppressMessages({ library(locfit); library(mgcv) })

folder <- commandArgs(TRUE)[1]
shares <- function(n, least) exp(seq(log(max(0.05, least / n)), log(1), length = 20))

# The least of a criterion over fits, those that cannot be made left out.
best <- function(fits, criterion) {
  fits <- Filter(Negate(is.null), lapply(fits, function(fit) tryCatch(suppressWarnings(fit()), error = function(e) NULL)))
  fits[[which.min(sapply(fits, function(fit) { value <- criterion(fit); if (is.finite(value)) value else Inf }))]]
}

by_loess <- function(data, at, least, degree) {
  n <- nrow(data)
  kind <- if (n <= 500) "exact" else "approximate"
  fit <- best(lapply(least, function(span) function() loess(
    y ~ x, data, span = span, degree = degree, statistics = kind,
    control = loess.control(surface = if (n <= 500) "direct" else "interpolate", trace.hat = kind))),
    function(fit) sum(fit$residuals^2) / fit$n / (1 - fit$trace.hat / fit$n)^2)
  found <- predict(fit, data.frame(x = at), se = TRUE)
  list(found$fit, found$se.fit, found$residual.scale, found$df)
}

by_locfit <- function(data, at) {
  fit <- best(lapply(shares(nrow(data), 6), function(share) function() locfit(y ~ lp(x, nn = share), data = data, maxk = 1000)),
    function(fit) gcv(fit)["gcv"])
  found <- predict(fit, data.frame(x = at), se.fit = TRUE)
  list(found$fit, found$se.fit, found$residual.scale, nrow(data) - fit$dp["df1"])
}

by_gam <- function(data, at, most) {
  places <- length(unique(data$x))
  fit <- gam(y ~ s(x, k = min(most, places - 1, nrow(data) %/% 2)), data = data, method = "REML")
  found <- predict(fit, data.frame(x = at), se.fit = TRUE)
  list(as.numeric(found$fit), as.numeric(found$se.fit), sqrt(fit$sig2), fit$df.residual)
}

for (file in list.files(folder, "^[0-9]+-[0-9]+\\.csv$", full.names = TRUE)) {
  rows <- read.csv(file)
  data <- rows[rows$part == "example", ]
  at <- rows$x[rows$part != "example"]
  # loess does not go beyond its rows.
  within <- pmin(pmax(at, min(data$x)), max(data$x))
  fits <- list(
    "loess" = function() by_loess(data, within, 0.75, 2),
    "loess, span by GCV" = function() by_loess(data, within, shares(nrow(data), 5), 2),
    "locfit, nn by GCV" = function() by_locfit(data, at),
    "gam, k = 10" = function() by_gam(data, at, 10),
    "gam, k = 40" = function() by_gam(data, at, 40))
  found <- do.call(rbind, lapply(names(fits), function(name) {
    fit <- suppressWarnings(fits[[name]]())
    data.frame(fit = name, mean = fit[[1]], se = fit[[2]], noise = fit[[3]], df = fit[[4]])
  }))
  write.table(found, sub("csv$", "fits.csv", file), sep = ";", row.names = FALSE)
}
