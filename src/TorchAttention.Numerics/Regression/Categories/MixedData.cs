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
    /// <param name="fit">How they are weighed and fitted.</param>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="levels">Their levels (m, c); -1 where all levels count alike.</param>
    /// <param name="leavesOut">Whether the queries are the examples, and each is left out of its own sums.</param>
    /// <param name="hasSquares">Whether squares of the weights are summed.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public MixedSums At(
        MixedSettings fit, double[] queries, int[] levels, bool leavesOut, bool hasSquares, CancellationToken cancellationToken)
    {
        int m = queries.Length / Numbers.Features;
        double[][] logRatios = [.. Categories.Select((category, j) => Enumerable.Range(0, category.Levels.Count)
            .Select(steps => Math.Log(category.Ratio(steps, fit.Lambdas[j]))).ToArray())];
        MixedSums? sums = null;
        double[] logs = new double[m];
        for (int k = 0; k < _combinations.Length; k++)
        {
            int[] leftOut = !leavesOut ? [] : [.. Enumerable.Range(0, m).Select(i => _combinationOf[i] == k ? _placeInOwn[i] : -1)];
            for (int i = 0; i < m; i++)
            {
                logs[i] = 0;
                for (int j = 0; j < Categories.Count; j++)
                {
                    int level = levels[(i * Categories.Count) + j];
                    logs[i] += level < 0 ? 0 : logRatios[j][Math.Abs(level - _combinations[k].Levels[j])];
                }
            }

            sums = fit.Degree == 0 ? AddMeans(sums as MixedMeans, fit, k, queries, logs, leftOut, cancellationToken)
                : AddPolynomials(sums as MixedPolynomials, fit, k, queries, logs, leftOut, hasSquares, cancellationToken);
        }

        return sums!;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private MixedMeans AddMeans(
        MixedMeans? sums, MixedSettings fit, int combination, double[] queries, double[] logs, int[] leftOut,
        CancellationToken cancellationToken)
    {
        int m = logs.Length;
        sums ??= new MixedMeans(m);
        Samples<double> samples = _combinations[combination].Samples;
        (double[] mean, double[] logWeight, double[] neighbours) = (new double[m], new double[m], new double[m]);
        var output = new PoolingOutput<double> { Values = mean, LogWeightSum = logWeight, EffectiveNeighbours = neighbours };
        fit.Kernel.Pool(
            samples, new PoolingWidths { Bandwidths = fit.Bandwidths }, queries, output, leftOut,
            new PoolingOptions { Threads = fit.Threads }, null, cancellationToken);
        if (Numbers.Weights.Length > 0)
        {
            using LocalPolynomials weighted = Polynomials(fit, samples);
            weighted.At(
                queries, new PoolingOutput<double> { Values = mean, EffectiveNeighbours = neighbours }, NoNeighbourPolicy.NaN, leftOut,
                null, cancellationToken);
        }

        for (int i = 0; i < m; i++)
        {
            sums.Add(i, logWeight[i] + logs[i], mean[i], neighbours[i]);
        }

        return sums;
    }

    private MixedPolynomials AddPolynomials(
        MixedPolynomials? sums, MixedSettings fit, int combination, double[] queries, double[] logs, int[] leftOut, bool hasSquares,
        CancellationToken cancellationToken)
    {
        Samples<double> samples = _combinations[combination].Samples;
        using LocalPolynomials polynomials = Polynomials(fit, samples);
        (PolynomialLayout layout, double[] rows, double[] offsets) =
            polynomials.SumsAt(queries, leftOut, hasSquares, cancellationToken);
        sums ??= new MixedPolynomials(logs.Length, layout, fit.Ridge);
        for (int i = 0; i < logs.Length; i++)
        {
            sums.Add(
                i, logs[i] - (offsets[i] * Math.Log(2)), rows.AsSpan(i * layout.Length, layout.Length), samples.LargestSampleWeight,
                samples.Centres[0], samples.HalfRanges[0]);
        }

        return sums;
    }

    private static LocalPolynomials Polynomials(MixedSettings fit, Samples<double> samples) =>
        new(fit.Kernel, samples, fit.Bandwidths, fit.Degree, fit.Ridge, fit.Threads, isLasting: false);

    /// <summary>The fit at every example.</summary>
    public Smoother.Fit Fit(MixedSettings settings, CancellationToken cancellationToken)
    {
        MixedSums sums = At(settings, Numbers.Keys, Levels, leavesOut: true, hasSquares: true, cancellationToken);
        int n = Numbers.Count;
        double total = Numbers.TotalWeight;
        double sum = Enumerable.Range(0, n).Sum(i => Numbers.WeightAt(i) * Numbers.Values[i]);
        double atItself = settings.Kernel.Weight(0);
        (double[] fitted, double[] leverage, double[] withoutOwn, double[] neighbours) =
            (new double[n], new double[n], new double[n], new double[n]);
        int alone = 0;
        for (int i = 0; i < n; i++)
        {
            double own = Numbers.WeightAt(i);
            MixedFit others = sums.Fit(i);
            alone += others.HasNeighbour ? 0 : 1;
            withoutOwn[i] = others.HasNeighbour ? others.Mean
                : total > own ? (sum - (own * Numbers.Values[i])) / (total - own) : double.NaN;
            double logOwn = Math.Log(own * atItself);
            sums.AddOwn(i, logOwn, Numbers.Values[i], own);
            (fitted[i], neighbours[i], leverage[i], _) = sums.Fit(i, logOwn);
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
    public double LeaveOneOut(MixedSettings settings, CancellationToken cancellationToken)
    {
        MixedSums sums = At(settings, Numbers.Keys, Levels, leavesOut: true, hasSquares: false, cancellationToken);
        (double sum, int alone) = (0, 0);
        double mean = Enumerable.Range(0, Numbers.Count).Sum(i => Numbers.WeightAt(i) * Numbers.Values[i]) / Numbers.TotalWeight;
        for (int i = 0; i < Numbers.Count; i++)
        {
            MixedFit others = sums.Fit(i);
            alone += others.HasNeighbour ? 0 : 1;
            double residual = Numbers.Values[i] - (others.HasNeighbour ? others.Mean : mean);
            sum += Numbers.WeightAt(i) * residual * residual;
        }

        return alone <= Numbers.MostAlone ? sum / Numbers.TotalWeight : double.PositiveInfinity;
    }

    private sealed record Combination(int[] Levels, Samples<double> Samples);
}
