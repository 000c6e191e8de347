using System.Runtime.CompilerServices;
using TorchAttention.Numerics.Kernels;

namespace TorchAttention.Numerics.Regression;

/// <summary>What a search makes small.</summary>
internal sealed class BandwidthCriterion(SmoothingKernel kernel, int degree, BandwidthRule rule, Bandwidth bandwidth, bool leaveOutTies, int? threads, CancellationToken cancellationToken)
{
    // Relative to the variance of the values: the square of what the engine's sums are off by at most.
    private const double Rounding = 1e-20;
    private const double LeastMeanSquare = 1e-300;

    private readonly Smoother _smoother = new(kernel, degree, threads, cancellationToken);

    /// <summary>Whether it jumps from one bandwidth to the next, and has no slope that says where it falls.</summary>
    public bool HasJumps => kernel.HasJump;

    /// <summary>Whether it has a kink wherever a neighbour comes within reach, and many valleys where data are few.</summary>
    public bool IsRough => !double.IsInfinity(kernel.Support);

    /// <summary>The |u| from which on a neighbour weighs nothing.</summary>
    public double Support => kernel.Support;

    /// <summary>How many fits it takes.</summary>
    public int Fits => rule == BandwidthRule.KFold ? bandwidth.Folds : 1;

    /// <summary>Whether it is a logarithm, of which differences count, not ratios.</summary>
    public bool IsLogarithm => rule == BandwidthRule.AICc;

    /// <summary>Whether it can be estimated on an even grid.</summary>
    public bool AllowsGrid => rule != BandwidthRule.KFold && !leaveOutTies;

    /// <summary>The same criterion, computed without other threads.</summary>
    public BandwidthCriterion OnOneThread() => new(kernel, degree, rule, bandwidth, leaveOutTies, 1, cancellationToken);

    /// <summary>Ends a search that was stopped.</summary>
    public void ThrowIfCancelled() => cancellationToken.ThrowIfCancellationRequested();

    /// <summary>Runs parts of a search on the threads that it may have.</summary>
    public void ForEach(int count, Action<int> run) => new Engine.Work(Math.Min(threads ?? Environment.ProcessorCount, Environment.ProcessorCount), null, cancellationToken).ForEach(count, run);

    /// <summary>The data as the criterion is to see it.</summary>
    public SmootherData Prepare(SmootherData data) => leaveOutTies && rule == BandwidthRule.LeaveOneOut ? data.TiesTogether() : data;

    /// <summary>The criterion for bandwidths; infinite where they are not admissible.</summary>
    /// <param name="data">The data.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="isSingle">Whether float32 will do.</param>
    public double At(SmootherData data, double[] bandwidths, bool isSingle = false)
    {
        if (rule == BandwidthRule.KFold)
        {
            return Folds(data, bandwidths);
        }

        bool leaveOut = rule == BandwidthRule.LeaveOneOut;
        Smoother.Fit fit = isSingle ? _smoother.At<float>(data, bandwidths, leaveOut, leaveOutTies) : _smoother.At<double>(data, bandwidths, leaveOut, leaveOutTies);
        return !fit.IsAdmissible ? double.PositiveInfinity
            : leaveOut ? Floored(data, MeanSquare(data, fit))
            : OfFit(data, Diagnostics.SquaresOf(data, fit) / data.TotalWeight, Diagnostics.Trace(data, fit));
    }

    /// <summary>The criterion for a bandwidth as an even grid sees it; minus infinity where that is less than nothing.</summary>
    /// <param name="grid">The examples on the grid.</param>
    /// <param name="h">The bandwidth.</param>
    public double At(LineGrid grid, double h)
    {
        (double squares, double trace) = grid.At(kernel, degree, h, rule == BandwidthRule.LeaveOneOut);
        if (squares < 0)
        {
            return double.NegativeInfinity;
        }

        return rule switch
        {
            BandwidthRule.LeaveOneOut => squares / grid.TotalWeight,
            BandwidthRule.AICc => Diagnostics.AICcOf(squares / grid.TotalWeight, trace, grid.Examples),
            _ => Diagnostics.GcvOf(squares / grid.TotalWeight, trace, grid.Examples),
        };
    }

    /// <summary>One feature: the bandwidth up to which more examples have no neighbour but themselves than may.</summary>
    /// <param name="data">The data.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double LeastAdmissible(SmootherData data)
    {
        if (rule == BandwidthRule.KFold || double.IsInfinity(kernel.Support))
        {
            return 0;
        }

        var toNearest = new List<double>();
        int last = -1;
        double toLast = double.PositiveInfinity;
        for (int i = 0; i <= data.Count; i++)
        {
            bool isEnd = i == data.Count;
            if (!isEnd && data.WeightAt(i) == 0)
            {
                continue;
            }

            double toNext = isEnd || last < 0 ? double.PositiveInfinity : data.Keys[i] - data.Keys[last];
            if (last >= 0)
            {
                toNearest.Add(Math.Min(toLast, toNext));
            }

            (last, toLast) = (i, toNext);
        }

        toNearest.Sort();
        return toNearest[^(Math.Min(data.MostAlone, toNearest.Count - 1) + 1)] / kernel.Support;
    }

    /// <summary>The score of a fit whose errors are nothing but rounding: no other is less.</summary>
    /// <param name="data">The data.</param>
    public double LeastScore(SmootherData data) => IsLogarithm ? Math.Log(RoundingOf(data)) : RoundingOf(data);

    /// <summary>A score of values in units in those of the values themselves.</summary>
    /// <param name="score">The score.</param>
    /// <param name="unit">The unit.</param>
    public double InUnits(double score, double unit) => IsLogarithm ? score + (2 * Math.Log(unit)) : score * unit * unit;

    /// <summary>The criterion and its derivatives by the logarithms of the bandwidths.</summary>
    /// <param name="data">The data.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="gradient">Where the derivatives go (d).</param>
    /// <param name="isSingle">Whether float32 will do.</param>
    public double WithGradient(SmootherData data, double[] bandwidths, double[] gradient, bool isSingle) => rule switch
    {
        BandwidthRule.KFold => Folds(data, bandwidths, gradient),
        BandwidthRule.LeaveOneOut => LeavingOutWithGradient(data, bandwidths, gradient, isSingle),
        _ => OfFitWithGradient(data, bandwidths, gradient, isSingle),
    };

    private double LeavingOutWithGradient(SmootherData data, double[] bandwidths, double[] gradient, bool isSingle)
    {
        double[] byLog = new double[data.Values.Length * data.Features];
        Smoother.Fit fit = isSingle ? _smoother.LeavingOutWithGradient<float>(data, bandwidths, byLog) : _smoother.LeavingOutWithGradient<double>(data, bandwidths, byLog);
        if (!fit.IsAdmissible)
        {
            return double.PositiveInfinity;
        }

        return MeanOf(data, Squares(data, fit.WithoutOwn, byLog, gradient), gradient);
    }

    // A mean of squares and its derivatives from sums; where it is nothing but rounding it has none.
    private static double MeanOf(SmootherData data, double squares, double[] gradient)
    {
        double mean = squares / data.TotalWeight;
        double floored = Floored(data, mean);
        for (int j = 0; j < gradient.Length; j++)
        {
            gradient[j] = floored > mean ? 0 : gradient[j] / data.TotalWeight;
        }

        return floored;
    }

    // Errors up to this are rounding, and no bandwidth's are better than another's.
    private static double RoundingOf(SmootherData data) => Math.Max(Rounding * data.Variance, LeastMeanSquare);

    private static double Floored(SmootherData data, double meanSquare) => double.IsFinite(meanSquare) ? Math.Max(meanSquare, RoundingOf(data)) : double.PositiveInfinity;

    private double OfFit(SmootherData data, double meanSquare, double trace) =>
        meanSquare <= RoundingOf(data) ? LeastScore(data)
        : rule == BandwidthRule.AICc ? Diagnostics.AICcOf(meanSquare, trace, data.Examples)
        : Diagnostics.GcvOf(meanSquare, trace, data.Examples);

    // With R the mean square of the residuals and t = tr H: GCV = R / (1 - t/n)^2 and AICc = ln R + 1 + 2 (t + 1) / (n - t - 2).
    private double OfFitWithGradient(SmootherData data, double[] bandwidths, double[] gradient, bool isSingle)
    {
        double[] byLog = new double[data.Values.Length * data.Features];
        double[] traceByLog = new double[data.Features];
        Smoother.Fit fit = isSingle ? _smoother.WithGradient<float>(data, bandwidths, byLog, traceByLog) : _smoother.WithGradient<double>(data, bandwidths, byLog, traceByLog);
        if (!fit.IsAdmissible)
        {
            return double.PositiveInfinity;
        }

        double n = data.Examples;
        double trace = Diagnostics.Trace(data, fit);
        double mean = MeanOf(data, Squares(data, fit.Fitted, byLog, gradient), gradient);
        if (mean <= RoundingOf(data))
        {
            return LeastScore(data);
        }

        bool isAICc = rule == BandwidthRule.AICc;
        double score = OfFit(data, mean, trace);
        double left = isAICc ? n - trace - 2 : n - trace;
        for (int j = 0; j < gradient.Length; j++)
        {
            double relative = gradient[j] / mean;
            gradient[j] = isAICc ? relative + (2 * (n - 1) / (left * left) * traceByLog[j]) : score * (relative + (2 / left * traceByLog[j]));
        }

        return score;
    }

    // The sum of the squares that a prediction of each place is off by, and its derivatives.
    private static double Squares(SmootherData data, double[] predicted, double[] byLog, double[] gradient)
    {
        Array.Clear(gradient);
        double sum = 0;
        for (int i = 0; i < predicted.Length; i++)
        {
            double residual = data.Values[i] - predicted[i];
            double weight = data.WeightAt(i / data.Columns);
            sum += weight * residual * residual;
            for (int j = 0; j < gradient.Length; j++)
            {
                gradient[j] -= 2 * weight * residual * byLog[(i * gradient.Length) + j];
            }
        }

        for (int i = 0; i < data.Squares.Length; i++)
        {
            sum += data.Squares[i];
        }

        return sum;
    }

    // Of examples at one place, left out one at a time, each is as far from the others as from the fit, times 1 / (1 - H).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double MeanSquare(SmootherData data, Smoother.Fit fit)
    {
        double sum = 0;
        for (int i = 0; i < data.Count; i++)
        {
            double left = 1 - fit.Leverage[i];
            double within = data.SquaresAt(i);
            sum += within == 0 ? 0 : leaveOutTies ? within : within / (left * left);
            for (int c = 0; c < data.Columns; c++)
            {
                double residual = data.Values[(i * data.Columns) + c] - fit.WithoutOwn[(i * data.Columns) + c];
                sum += data.WeightAt(i) * residual * residual;
            }
        }

        return sum / data.TotalWeight;
    }

    private double Folds(SmootherData data, double[] bandwidths, double[]? gradient = null)
    {
        double sum = 0;
        int alone = 0;
        double[] slopes = new double[data.Features];
        double[] slopesOfFold = new double[gradient is null ? 0 : data.Features];
        int[] fold = FoldsOf(data, bandwidth.Folds, bandwidth.Seed);
        for (int k = 0; k < Math.Min(bandwidth.Folds, data.Count); k++)
        {
            SmootherData others = data.Take([.. Enumerable.Range(0, data.Count).Where(i => fold[i] != k)]);
            SmootherData held = data.Take([.. Enumerable.Range(0, data.Count).Where(i => fold[i] == k)]);
            double[] predicted = new double[held.Values.Length];
            double[] byLog = new double[gradient is null ? 0 : held.Values.Length * data.Features];
            alone += _smoother.Predict(others, held.Keys, bandwidths, predicted, byLog);
            if (alone > data.MostAlone)
            {
                return double.PositiveInfinity;
            }

            sum += Squares(held, predicted, byLog, slopesOfFold);
            for (int j = 0; j < slopesOfFold.Length; j++)
            {
                slopes[j] += slopesOfFold[j];
            }
        }

        slopes.AsSpan(0, slopesOfFold.Length).CopyTo(gradient);
        return MeanOf(data, sum, gradient ?? []);
    }

    // The fold of each example: as even as can be, dealt by a seed.
    private static int[] FoldsOf(SmootherData data, int folds, int seed)
    {
        int[] dealt = [.. Enumerable.Range(0, data.Count).Select(i => i % folds)];
        new Random(seed).Shuffle(dealt);
        int[] fold = new int[data.Count];
        foreach ((int i, int place) in data.OrderOfItsOwn().Index())
        {
            fold[place] = dealt[i];
        }

        return fold;
    }
}
