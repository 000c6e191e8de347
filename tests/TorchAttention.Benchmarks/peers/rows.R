# What the peer programs in R share: reading a data set, taking a median, and the JSON object that each program prints; what rows.py is in Python.

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 1) stop("expected the folder that holds the data sets")
folder <- arguments[1]

read_numbers <- function(path) readBin(path, "double", n = file.size(path) / 8, size = 8, endian = "little")

read_set <- function(n) {
  set <- file.path(folder, sprintf("line-%d", n))
  data <- list(x = read_numbers(file.path(set, "x.f64")), y = read_numbers(file.path(set, "y.f64")))
  if (length(data$x) != n || length(data$y) != n) stop(sprintf("%s: expected %d numbers, got %d and %d", set, n, length(data$x), length(data$y)))
  data
}

rows <- character()

# The median of some runs, after one that warms up unless told otherwise.
measure <- function(name, n, m, job, runs = 3, warm_up = TRUE) {
  answers <- if (warm_up) job()
  times <- replicate(runs, {
    started <- Sys.time()
    used <- proc.time()
    answers <<- job()
    c(as.numeric(Sys.time() - started, units = "secs"), sum((proc.time() - used)[1:2]))
  })
  if (length(answers) != m) stop(sprintf("%s: expected %d answers, got %d", name, m, length(answers)))
  writeBin(as.double(answers), file.path(folder, paste0(name, ".f64")), size = 8, endian = "little")
  rows <<- c(rows, sprintf('{"name": "%s", "n": %d, "m": %d, "seconds": %.6g, "processor": %.6g, "answers": "%s.f64"}', name, n, m, median(times[1, ]), median(times[2, ]), name))
}

# Prints the rows and the versions of R and of these packages.
print_rows <- function(packages) {
  versions <- sprintf('"%s": "%s"', c("R", packages), c(as.character(getRversion()), vapply(packages, function(name) as.character(packageVersion(name)), "")))
  cat(sprintf('{"versions": {%s}, "threads": 1, "rows": [%s]}\n', paste(versions, collapse = ", "), paste(rows, collapse = ", ")))
}
