using System.Runtime.CompilerServices;

namespace TorchAttention.Numerics.Regression;

/// <summary>What a search makes small.</summary>
internal sealed class BandwidthCriterion(SmoothingKernel kernel, int degree, BandwidthRule rule, Bandwidth bandwidth, bool leaveOutTies, int? threads, CancellationToken cancellationToken)
{
    private readonly Smoother _smoother = new(kernel, degree, threads, cancellationToken);

    /// <summary>Whether the criterion's derivatives come with it.</summary>
    public bool HasGradient => rule == BandwidthRule.LeaveOneOut && degree == 0 && !leaveOutTies;

    /// <summary>Whether its derivatives come with it and say where it falls.</summary>
    public bool HasSlope => HasGradient && !kernel.HasJump;

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
        double score = !fit.IsAdmissible ? double.PositiveInfinity
            : leaveOut ? MeanSquare(data, fit)
            : rule == BandwidthRule.AICc ? Diagnostics.AICcOf(data, fit)
            : Diagnostics.GcvOf(data, fit);
        return double.IsNaN(score) ? double.PositiveInfinity : score;
    }

    /// <summary>The criterion for a bandwidth as an even grid sees it.</summary>
    /// <param name="grid">The examples on the grid.</param>
    /// <param name="h">The bandwidth.</param>
    public double At(LineGrid grid, double h)
    {
        (double squares, double trace) = grid.At(kernel, degree, h, rule == BandwidthRule.LeaveOneOut);
        double score = rule switch
        {
            BandwidthRule.LeaveOneOut => squares / grid.TotalWeight,
            BandwidthRule.AICc => Diagnostics.AICcOf(squares / grid.TotalWeight, trace, grid.Examples),
            _ => Diagnostics.GcvOf(squares / grid.TotalWeight, trace, grid.Examples),
        };
        return double.IsNaN(score) ? double.PositiveInfinity : score;
    }

    /// <summary>One feature: the bandwidth up to which an example has no neighbour but itself, where that rules a bandwidth out.</summary>
    /// <param name="data">The data.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double LeastAdmissible(SmootherData data)
    {
        double most = 0;
        if (rule != BandwidthRule.LeaveOneOut || double.IsInfinity(kernel.Support))
        {
            return most;
        }

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
            most = last < 0 ? most : Math.Max(most, Math.Min(toLast, toNext));
            (last, toLast) = (i, toNext);
        }

        return most / kernel.Support;
    }

    /// <summary>The leave-one-out criterion and its derivatives by the logarithms of the bandwidths.</summary>
    /// <param name="data">The data.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="gradient">Where the derivatives go (d).</param>
    /// <param name="isSingle">Whether float32 will do.</param>
    public double WithGradient(SmootherData data, double[] bandwidths, double[] gradient, bool isSingle)
    {
        double[] byLog = new double[data.Values.Length * data.Features];
        Smoother.Fit fit = isSingle ? _smoother.WithGradient<float>(data, bandwidths, byLog) : _smoother.WithGradient<double>(data, bandwidths, byLog);
        if (!fit.IsAdmissible)
        {
            return double.PositiveInfinity;
        }

        Array.Clear(gradient);
        double sum = 0;
        for (int i = 0; i < data.Values.Length; i++)
        {
            double residual = data.Values[i] - fit.WithoutOwn[i];
            double weight = data.WeightAt(i / data.Columns);
            sum += weight * residual * residual;
            for (int j = 0; j < gradient.Length; j++)
            {
                gradient[j] -= 2 * weight * residual * byLog[(i * gradient.Length) + j];
            }
        }

        double total = data.TotalWeight;
        for (int j = 0; j < gradient.Length; j++)
        {
            gradient[j] /= total;
        }

        return sum / total;
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

    private double Folds(SmootherData data, double[] bandwidths)
    {
        double sum = 0;
        int[] fold = FoldsOf(data.Count, bandwidth.Folds, bandwidth.Seed);
        for (int k = 0; k < Math.Min(bandwidth.Folds, data.Count); k++)
        {
            SmootherData others = data.Take([.. Enumerable.Range(0, data.Count).Where(i => fold[i] != k)]);
            SmootherData held = data.Take([.. Enumerable.Range(0, data.Count).Where(i => fold[i] == k)]);
            double[] predicted = new double[held.Values.Length];
            int without = kernel.Pool(
                new Engine.PoolingInput<double> { Queries = held.Keys, Keys = others.Keys, Values = others.Values, Bandwidths = bandwidths, SampleWeights = others.Weights },
                new Engine.PoolingOutput<double> { Values = predicted },
                new Engine.PoolingOptions { Degree = degree, Threads = threads },
                null,
                cancellationToken).WithoutNeighbour.Count;
            if (without > 0)
            {
                return double.PositiveInfinity;
            }

            for (int i = 0; i < predicted.Length; i++)
            {
                double residual = held.Values[i] - predicted[i];
                sum += held.WeightAt(i / held.Columns) * residual * residual;
            }
        }

        return sum / data.TotalWeight;
    }

    /// <summary>The fold of each example: as even as can be, dealt by a seed.</summary>
    public static int[] FoldsOf(int count, int folds, int seed)
    {
        int[] fold = [.. Enumerable.Range(0, count).Select(i => i % folds)];
        new Random(seed).Shuffle(fold);
        return fold;
    }
}
