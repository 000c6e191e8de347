using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// Examples of numbers and levels, taken apart by their combination of levels: the weights of one combination all have the same factor, so
/// that the sums over each, times that factor, are the sums over all.
/// </summary>
internal sealed class MixedData
{
    private readonly Combination[] _combinations;
    private readonly int[] _placeInOwn;
    private readonly int[] _combinationOf;

    /// <param name="numbers">The numbers and values, in the order that they are summed in.</param>
    /// <param name="levels">Levels (n, c), in the same order.</param>
    /// <param name="categories">The categories (c).</param>
    public MixedData(SmootherData numbers, int[] levels, IReadOnlyList<Category> categories)
    {
        (Numbers, Levels, Categories) = (numbers, levels, categories);
        int c = categories.Count;
        _placeInOwn = new int[numbers.Count];
        _combinationOf = new int[numbers.Count];
        var rows = new List<List<int>>();
        var places = new Dictionary<string, int>();
        for (int i = 0; i < numbers.Count; i++)
        {
            string key = string.Join(' ', levels.AsSpan(i * c, c).ToArray());
            if (!places.TryGetValue(key, out int k))
            {
                places.Add(key, k = rows.Count);
                rows.Add([]);
            }

            (_combinationOf[i], _placeInOwn[i]) = (k, rows[k].Count);
            rows[k].Add(i);
        }

        _combinations = [.. rows.Select(own => new Combination(
            levels.AsSpan(own[0] * c, c).ToArray(), numbers.Take([.. own]).Samples<double>()))];
    }

    public SmootherData Numbers { get; }

    public int[] Levels { get; }

    public IReadOnlyList<Category> Categories { get; }

    /// <summary>Some of the examples.</summary>
    public MixedData Take(int[] rows)
    {
        int c = Categories.Count;
        return new MixedData(Numbers.Take(rows), [.. rows.SelectMany(i => Levels.AsSpan(i * c, c).ToArray())], Categories);
    }

    /// <summary>The sums over all examples at some queries.</summary>
    /// <param name="kernel">The kernel of the numbers.</param>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="levels">Their levels (m, c); -1 where all levels count alike.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="lambdas">lambda (c).</param>
    /// <param name="leavesOut">Whether the queries are the examples, and each is left out of its own sums.</param>
    /// <param name="threads">The most threads at work.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public MixedSums At(
        SmoothingKernel kernel, double[] queries, int[] levels, double[] bandwidths, double[] lambdas, bool leavesOut, int? threads,
        CancellationToken cancellationToken)
    {
        int m = queries.Length / Numbers.Features;
        int c = Categories.Count;
        var sums = new MixedSums(m);
        double[] mean = new double[m];
        double[] logWeight = new double[m];
        double[] neighbours = new double[m];
        int[] leftOut = new int[leavesOut ? m : 0];
        var widths = new PoolingWidths { Bandwidths = bandwidths };
        var options = new PoolingOptions { Threads = threads };
        double[][] logRatios = [.. Categories.Select((category, j) => Enumerable.Range(0, category.Levels.Count)
            .Select(steps => Math.Log(category.Ratio(steps, lambdas[j]))).ToArray())];
        for (int k = 0; k < _combinations.Length; k++)
        {
            for (int i = 0; i < leftOut.Length; i++)
            {
                leftOut[i] = _combinationOf[i] == k ? _placeInOwn[i] : -1;
            }

            (int[] own, Samples<double> samples) = _combinations[k];
            var output = new PoolingOutput<double> { Values = mean, LogWeightSum = logWeight, EffectiveNeighbours = neighbours };
            kernel.Pool(samples, widths, queries, output, leftOut, options, null, cancellationToken);
            if (Numbers.Weights.Length > 0)
            {
                using var weighted = new LocalPolynomials(kernel, samples, bandwidths, 0, 0, threads, isLasting: false);
                weighted.At(
                    queries, new PoolingOutput<double> { Values = mean, EffectiveNeighbours = neighbours }, NoNeighbourPolicy.NaN, leftOut,
                    null, cancellationToken);
            }

            for (int i = 0; i < m; i++)
            {
                double log = logWeight[i];
                for (int j = 0; j < c; j++)
                {
                    int level = levels[(i * c) + j];
                    log += level < 0 ? 0 : logRatios[j][Math.Abs(level - own[j])];
                }

                sums.Add(i, log, mean[i], neighbours[i]);
            }
        }

        return sums;
    }

    /// <summary>The fit at every example.</summary>
    public Smoother.Fit Fit(
        SmoothingKernel kernel, double[] bandwidths, double[] lambdas, int? threads, CancellationToken cancellationToken)
    {
        MixedSums others = At(kernel, Numbers.Keys, Levels, bandwidths, lambdas, leavesOut: true, threads, cancellationToken);
        int n = Numbers.Count;
        double total = Numbers.TotalWeight;
        double sum = Enumerable.Range(0, n).Sum(i => Numbers.WeightAt(i) * Numbers.Values[i]);
        double atItself = kernel.Weight(0);
        (double[] fitted, double[] leverage, double[] withoutOwn, double[] neighbours) =
            (new double[n], new double[n], new double[n], new double[n]);
        int alone = 0;
        for (int i = 0; i < n; i++)
        {
            double own = Numbers.WeightAt(i);
            bool hasOthers = others.HasNeighbour(i);
            alone += hasOthers ? 0 : 1;
            withoutOwn[i] = hasOthers ? others.Mean(i) : total > own ? (sum - (own * Numbers.Values[i])) / (total - own) : double.NaN;
            others.Add(i, Math.Log(own * atItself), Numbers.Values[i], own);
            fitted[i] = others.Mean(i);
            leverage[i] = others.Part(i, Math.Log(own * atItself));
            neighbours[i] = others.Neighbours(i);
        }

        return new Smoother.Fit
        {
            Fitted = fitted,
            Leverage = leverage,
            WithoutOwn = withoutOwn,
            IsAdmissible = alone <= Numbers.MostAlone,
            EffectiveNeighbours = neighbours,
        };
    }

    /// <summary>The mean of the squares that each example is off by, predicted from the others.</summary>
    public double LeaveOneOut(
        SmoothingKernel kernel, double[] bandwidths, double[] lambdas, int? threads, CancellationToken cancellationToken)
    {
        MixedSums others = At(kernel, Numbers.Keys, Levels, bandwidths, lambdas, leavesOut: true, threads, cancellationToken);
        (double sum, int alone) = (0, 0);
        double mean = Enumerable.Range(0, Numbers.Count).Sum(i => Numbers.WeightAt(i) * Numbers.Values[i]) / Numbers.TotalWeight;
        for (int i = 0; i < Numbers.Count; i++)
        {
            bool hasOthers = others.HasNeighbour(i);
            alone += hasOthers ? 0 : 1;
            double residual = Numbers.Values[i] - (hasOthers ? others.Mean(i) : mean);
            sum += Numbers.WeightAt(i) * residual * residual;
        }

        return alone <= Numbers.MostAlone ? sum / Numbers.TotalWeight : double.PositiveInfinity;
    }

    private sealed record Combination(int[] Levels, Samples<double> Samples);
}
