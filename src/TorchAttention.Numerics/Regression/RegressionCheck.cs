using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression;

/// <summary>Checks what a regression is given before any work is done.</summary>
internal static class RegressionCheck
{
    private const double LeastRange = 1e-100;
    private const double MostRange = 1e100;
    private const double Rounding = 1e-9;

    // Each copy is an example like any other.
    private const int MostCopies = 100_000_000;

    public static void Options(KernelRegressionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options.Kernel, nameof(options));
        ArgumentNullException.ThrowIfNull(options.Bandwidth, nameof(options));
        PoolingCheck.Shared(options.NoNeighbour, options.Threads);
        ArgumentNullException.ThrowIfNull(options.Degrees, nameof(options));
        foreach (KernelRegressionOptions one in options.Degrees.Count == 0 ? [options] : options.Degrees.Select(options.For))
        {
            Polynomial(one);
        }

        if (options.Device is string device && !DeviceName.IsKnown(device))
        {
            throw new ArgumentException($"Expected a device ({DeviceName.All}), got '{device}'.", nameof(options));
        }

        if (!Enum.IsDefined(options.Precision))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Precision, "Expected one of the precisions.");
        }

        if (!Enum.IsDefined(options.WeightsAre))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.WeightsAre, "Expected one of the meanings of weights.");
        }

        foreach ((double least, double most) in options.SearchBounds ?? [])
        {
            if (!(least > 0 && most > least && double.IsFinite(most)))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(options), (least, most), "Expected positive bounds, the least below the largest.");
            }
        }
    }

    /// <summary>Checks that a polynomial in so many features has no more terms than are fitted.</summary>
    public static void Terms(KernelRegressionOptions options, int features)
    {
        if (options.TooManyTerms(features) is int terms)
        {
            throw new ArgumentException(
                $"Expected a polynomial of at most {LocalPolynomials.MostTerms} terms, got the degree {options.Degree} in {features} "
                + $"features, which has {terms}.", nameof(options));
        }
    }

    /// <summary>How many examples keys are of.</summary>
    public static int Count(ReadOnlySpan<double> x, int features)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        return !x.IsEmpty && x.Length % features == 0 ? x.Length / features
            : throw new ArgumentException($"Expected keys (n, {features}) of at least one example, got {x.Length} numbers.", nameof(x));
    }

    public static void WeightsFor(int count, ReadOnlySpan<double> weights)
    {
        if (!weights.IsEmpty && weights.Length != count)
        {
            throw new ArgumentException($"Expected a weight for each of {count} examples, got {weights.Length}.", nameof(weights));
        }
    }

    public static void Data(ReadOnlySpan<double> x, ReadOnlySpan<double> y, int features, ReadOnlySpan<double> weights)
    {
        int count = Count(x, features);
        if (y.IsEmpty || y.Length % count != 0)
        {
            throw new ArgumentException($"Expected values (n, v) for {count} examples, got {y.Length} numbers.", nameof(y));
        }

        WeightsFor(count, weights);
        PoolingCheck.Finite(x, features, nameof(x));
        PoolingCheck.Finite(y, y.Length / count, nameof(y));
        Ranges(x, features, isX: true);
        Ranges(y, y.Length / count, isX: false);
        PoolingCheck.Finite(weights, 1, nameof(weights));
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            sum += weights[i] >= 0
                ? weights[i]
                : throw new ArgumentException($"Expected weights of at least 0, got {weights[i]} for example {i}.", nameof(weights));
        }

        if (!weights.IsEmpty && !(sum > 0 && double.IsFinite(sum)))
        {
            throw new RegressionDataException(
                RegressionProblem.Weights, "weights whose sum is positive and finite", $"{sum}", nameof(weights));
        }
    }

    /// <summary>Checks that the squares of keys in bandwidths are numbers, and of different keys not 0.</summary>
    public static void Bandwidths(double[] bandwidths, SmootherData data, SmoothingKernel kernel)
    {
        for (int j = 0; j < bandwidths.Length; j++)
        {
            double widest = data.MostBandwidth(j, kernel.Support);
            if (bandwidths[j] > widest * (1 + Rounding))
            {
                throw SmootherData.TooWide(bandwidths[j], widest, j);
            }

            (double least, double most) = data.RangeOf(j);
            Bandwidth(bandwidths[j], most - least, j);
        }
    }

    /// <summary>Checks the periods of features, and that the kernel has an end for them.</summary>
    public static void Periods(KernelRegressionOptions options, int features)
    {
        IReadOnlyList<double> periods = options.Periods;
        ArgumentNullException.ThrowIfNull(periods, nameof(options));
        if (periods.Count == 0)
        {
            return;
        }

        if (periods.Count != features)
        {
            throw new ArgumentException(
                $"Expected a period for each of {features} features or none, got {periods.Count}.", nameof(options));
        }

        foreach (double period in periods)
        {
            if (!(period > 0))
            {
                throw new ArgumentOutOfRangeException(nameof(options), period, "Expected periods above 0.");
            }
        }

        if (double.IsInfinity(options.Kernel.Support) && options.Kernel != SmoothingKernel.Gaussian)
        {
            throw new ArgumentException(
                $"Expected the Gaussian or a kernel that ends for features that repeat, got {options.Kernel.Name}.", nameof(options));
        }
    }

    /// <summary>Checks what a share of the examples goes with.</summary>
    public static void Share(KernelRegressionOptions options, int features)
    {
        string? other = !options.Bandwidth.IsShare ? null
            : features != 1 ? $"{features} features"
            : options.Periods.Any(double.IsFinite) ? "a period"
            : options.LeaveOutTies ? "ties left out together"
            : null;
        if (other is not null)
        {
            throw new ArgumentException(
                $"Expected one feature, without a period, and examples left out one by one for a share of the examples, got {other}.",
                nameof(options));
        }
    }

    /// <summary>Checks what weights of residuals go with.</summary>
    public static void Robust(KernelRegressionOptions options, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.RobustIterations, nameof(options));
        if (options.RobustIterations > 0 && columns != 1)
        {
            throw new ArgumentException(
                $"Expected one column of values for robust iterations, by whose residuals examples are weighted, got {columns}.",
                nameof(options));
        }
    }

    /// <summary>Refuses weights of residuals where they are not kept.</summary>
    public static void NotRobust(KernelRegressionOptions options, string what)
    {
        if (options.RobustIterations > 0)
        {
            throw new ArgumentException($"Expected no robust iterations {what}, got {options.RobustIterations}.", nameof(options));
        }
    }

    /// <summary>Refuses a share where rows are not at hand to find the nearest of.</summary>
    public static void NoShare(Bandwidth bandwidth)
    {
        if (bandwidth.IsShare)
        {
            throw new ArgumentException(
                $"Expected bandwidths in the units of the features in one pass, got {bandwidth}.", nameof(bandwidth));
        }
    }

    /// <summary>Checks that a share is as many examples as the degree needs.</summary>
    public static void FewestOfShare(KernelRegressionOptions options, int examples)
    {
        // A search leaves one out.
        int fewest = NearestKeys.FewestFor(options.Degree) + (options.Bandwidth.Rule is null ? 0 : 1);
        int count = options.Bandwidth.Rule is null ? NearestKeys.CountFor(options.Bandwidth.Values[0], examples) : examples;
        if (count < fewest)
        {
            throw new RegressionDataException(
                RegressionProblem.NoBandwidth,
                $"a share of at least {fewest} examples for the degree {options.Degree}",
                $"{count} of {examples}",
                "options");
        }
    }

    /// <summary>Checks a bandwidth beside the range of a feature's keys.</summary>
    public static void Bandwidth(double h, double range, int feature)
    {
        if (range > 0 && !(range / h is >= LeastRange and <= MostRange))
        {
            throw new RegressionDataException(
                RegressionProblem.Range, $"a bandwidth from {LeastRange * range:G3} to {MostRange * range:G3}", $"{h}", "options")
            {
                Feature = feature,
            };
        }
    }

    public static void Prediction(PredictionOptions options, int features)
    {
        if (!(options.Level is > 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Level, "Expected a level between 0 and 1.");
        }

        if (!Enum.IsDefined(options.Interval))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Interval, "Expected one of the kinds of intervals.");
        }

        if (options.IsSimultaneous && features != 1)
        {
            throw new ArgumentException($"Expected one feature for a simultaneous band, got {features}.", nameof(options));
        }
    }

    /// <summary>The place of each copy of examples that stand for as many as their frequencies say; none where weights are none.</summary>
    public static int[] Copies(KernelRegressionOptions? options, ReadOnlySpan<double> weights)
    {
        if (options?.WeightsAre != WeightMeaning.Frequencies || weights.IsEmpty)
        {
            return [];
        }

        double total = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            total += weights[i] == Math.Floor(weights[i])
                ? weights[i]
                : throw new ArgumentException(
                    $"Expected whole numbers as frequencies, got {weights[i]:R} for example {i}.", nameof(weights));
        }

        if (total > MostCopies)
        {
            throw new RegressionDataException(
                RegressionProblem.TooMany, $"frequencies of at most {MostCopies} examples together", $"{total}", nameof(weights));
        }

        int[] copies = new int[(int)total];
        for (int i = 0, end = 0; i < weights.Length; i++)
        {
            copies.AsSpan(end, (int)weights[i]).Fill(i);
            end += (int)weights[i];
        }

        return copies;
    }

    /// <summary>The weights divided by their mean; none where all are the same.</summary>
    public static double[] OfMeanOne(ReadOnlySpan<double> weights)
    {
        if (weights.IsEmpty || !weights.ContainsAnyExcept(weights[0]))
        {
            return [];
        }

        double[] scaled = weights.ToArray();
        double mean = 0;
        foreach (double weight in scaled)
        {
            mean += weight / scaled.Length;
        }

        for (int i = 0; i < scaled.Length; i++)
        {
            scaled[i] /= mean;
        }

        return scaled;
    }

    private static void Polynomial(KernelRegressionOptions options)
    {
        if (options.Degree is < 0 or > KernelRegressionOptions.MostDegree)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.Degree, $"Expected a degree from 0 to {KernelRegressionOptions.MostDegree}.");
        }

        if (options.Ridge is double ridge && !(ridge >= 0 && double.IsFinite(ridge)))
        {
            throw new ArgumentOutOfRangeException(nameof(options), ridge, "Expected a ridge of at least 0, and finite.");
        }

        if (options is { Degree: 0, Ridge: > 0 })
        {
            throw new ArgumentException(
                $"Expected no ridge with the degree 0, got {options.Ridge}: a mean has no slope that it could hold.", nameof(options));
        }
    }

    // Squares of differences, and their ratios, must be numbers.
    private static void Ranges(ReadOnlySpan<double> numbers, int columns, bool isX)
    {
        for (int j = 0; j < columns; j++)
        {
            (double least, double most) = SmootherData.RangeOf(numbers, j, columns);
            if (most > least && !(most - least is >= LeastRange and <= MostRange))
            {
                throw new RegressionDataException(
                    RegressionProblem.Range, $"a range from {LeastRange} to {MostRange}", $"{most - least}: other units would do", isX
                        ? "x"
                        : "y")
                {
                    Feature = isX ? j : null,
                    ValueColumn = isX ? null : j,
                };
            }
        }
    }
}
