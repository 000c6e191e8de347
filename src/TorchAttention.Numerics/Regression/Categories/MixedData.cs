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
            levels.AsSpan(own[0] * c, c).ToArray(), [.. own], numbers.Take([.. own]).Samples<double>()))];
    }

    public SmootherData Numbers { get; }

    /// <summary>How many combinations of levels there are among the examples.</summary>
    public int Combinations => _combinations.Length;

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
    /// <param name="hasSquares">Whether squares of the weights are summed.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public MixedSums At(MixedSettings fit, double[] queries, int[] levels, bool hasSquares, CancellationToken cancellationToken)
    {
        int m = queries.Length / Numbers.Features;
        double[][] ratios = LogRatios(fit.Lambdas);
        double[] logs = new double[m];
        MixedSums? sums = null;
        for (int k = 0; k < Combinations; k++)
        {
            for (int i = 0; i < m; i++)
            {
                logs[i] = LogRatio(ratios, levels.AsSpan(i * Categories.Count, Categories.Count), k);
            }

            IMixedPart part = PartAt(fit, k, queries, [], hasSquares, cancellationToken);
            sums ??= part.CreateSums();
            for (int i = 0; i < m; i++)
            {
                part.AddTo(sums, i, i, logs[i]);
            }
        }

        return sums!;
    }

    /// <summary>The sums over the examples of each combination at every example, which is left out of its own.</summary>
    /// <param name="fit">How they are weighed and fitted; lambdas are not looked at.</param>
    /// <param name="hasSquares">Whether squares of the weights are summed.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public IEnumerable<IMixedPart> LeavingOut(MixedSettings fit, bool hasSquares, CancellationToken cancellationToken)
    {
        int[] leftOut = new int[Numbers.Count];
        for (int k = 0; k < Combinations; k++)
        {
            for (int i = 0; i < leftOut.Length; i++)
            {
                leftOut[i] = _combinationOf[i] == k ? _placeInOwn[i] : -1;
            }

            yield return PartAt(fit, k, Numbers.Keys, leftOut, hasSquares, cancellationToken);
        }
    }

    /// <summary>The sums over all other examples at every example, from those of each combination.</summary>
    public MixedSums SumsOf(IEnumerable<IMixedPart> parts, double[] lambdas)
    {
        double[] logs = LogFactors(lambdas);
        MixedSums? sums = null;
        foreach ((int k, IMixedPart part) in parts.Index())
        {
            sums ??= part.CreateSums();
            for (int i = 0; i < _combinationOf.Length; i++)
            {
                part.AddTo(sums, i, i, logs[(_combinationOf[i] * Combinations) + k]);
            }
        }

        return sums!;
    }

    /// <summary>The examples of a combination.</summary>
    public int[] PlacesOf(int combination) => _combinations[combination].Places;

    /// <summary>The combination of each example.</summary>
    public ReadOnlySpan<int> CombinationOf => _combinationOf;

    /// <summary>The logarithms of what each combination counts at each other one (k, k).</summary>
    public double[] LogFactors(double[] lambdas)
    {
        double[][] ratios = LogRatios(lambdas);
        double[] logs = new double[Combinations * Combinations];
        for (int i = 0; i < logs.Length; i++)
        {
            logs[i] = LogRatio(ratios, _combinations[i / Combinations].Levels, i % Combinations);
        }

        return logs;
    }

    private double[][] LogRatios(double[] lambdas) => [.. Categories.Select((category, j) =>
        Enumerable.Range(0, category.Levels.Count).Select(steps => Math.Log(category.Ratio(steps, lambdas[j]))).ToArray())];

    private double LogRatio(double[][] ratios, ReadOnlySpan<int> levels, int combination)
    {
        double log = 0;
        for (int j = 0; j < levels.Length; j++)
        {
            log += levels[j] < 0 ? 0 : ratios[j][Math.Abs(levels[j] - _combinations[combination].Levels[j])];
        }

        return log;
    }

    private IMixedPart PartAt(
        MixedSettings fit, int combination, double[] queries, int[] leftOut, bool hasSquares, CancellationToken cancellationToken)
    {
        Samples<double> samples = _combinations[combination].Samples;
        return fit.Degree == 0 ? MeansAt(fit, samples, queries, leftOut, hasSquares, cancellationToken)
            : PolynomialsAt(fit, samples, queries, leftOut, hasSquares, cancellationToken);
    }

    private MixedMeans.Part MeansAt(
        MixedSettings fit, Samples<double> samples, double[] queries, int[] leftOut, bool hasSquares, CancellationToken cancellationToken)
    {
        int m = queries.Length / Numbers.Features;
        var part = new MixedMeans.Part(new double[m], new double[m], hasSquares ? new double[m] : []);
        var output = new PoolingOutput<double>
        {
            Values = part.Means,
            LogWeightSum = part.LogWeights,
            EffectiveNeighbours = part.Neighbours,
        };
        fit.Kernel.Pool(
            samples, new PoolingWidths { Bandwidths = fit.Bandwidths }, queries, output, leftOut,
            new PoolingOptions { Threads = fit.Threads }, null, cancellationToken);
        if (hasSquares && Numbers.Weights.Length > 0)
        {
            using LocalPolynomials weighted = Polynomials(fit, samples);
            weighted.At(
                queries, new PoolingOutput<double> { Values = part.Means, EffectiveNeighbours = part.Neighbours },
                NoNeighbourPolicy.NaN, leftOut, null, cancellationToken);
        }

        return part;
    }

    private static MixedPolynomials.Part PolynomialsAt(
        MixedSettings fit, Samples<double> samples, double[] queries, int[] leftOut, bool hasSquares, CancellationToken cancellationToken)
    {
        using LocalPolynomials polynomials = Polynomials(fit, samples);
        (PolynomialLayout layout, double[] rows, double[] offsets) =
            polynomials.SumsAt(queries, leftOut, hasSquares, cancellationToken);
        return new MixedPolynomials.Part(
            rows, offsets, layout, fit.Ridge, samples.LargestSampleWeight, samples.Centres[0], samples.HalfRanges[0]);
    }

    private static LocalPolynomials Polynomials(MixedSettings fit, Samples<double> samples) =>
        new(fit.Kernel, samples, fit.Bandwidths, fit.Degree, fit.Ridge, fit.Threads, isLasting: false);

    /// <summary>The fit at every example.</summary>
    public Smoother.Fit Fit(MixedSettings settings, CancellationToken cancellationToken) =>
        Fit(settings, SumsOf(LeavingOut(settings, hasSquares: true, cancellationToken), settings.Lambdas));

    /// <summary>The fit at every example, from the sums over all others, to which it is added.</summary>
    public Smoother.Fit Fit(MixedSettings settings, MixedSums sums)
    {
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

    /// <summary>The mean of the squares that each example is off by.</summary>
    /// <param name="others">What the others say to it (n); NaN where none has a weight.</param>
    public double LeaveOneOut(double[] others)
    {
        (double sum, int alone) = (0, 0);
        double mean = Enumerable.Range(0, Numbers.Count).Sum(i => Numbers.WeightAt(i) * Numbers.Values[i]) / Numbers.TotalWeight;
        for (int i = 0; i < others.Length; i++)
        {
            bool hasNeighbour = !double.IsNaN(others[i]);
            alone += hasNeighbour ? 0 : 1;
            double residual = Numbers.Values[i] - (hasNeighbour ? others[i] : mean);
            sum += Numbers.WeightAt(i) * residual * residual;
        }

        return alone <= Numbers.MostAlone ? sum / Numbers.TotalWeight : double.PositiveInfinity;
    }

    private sealed record Combination(int[] Levels, int[] Places, Samples<double> Samples);
}
