using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Sharding;

/// <summary>Sums as predictions.</summary>
internal sealed class ShardAnswers
{
    // Of less what is left of a residual has few digits.
    private const double LeastOfOthers = 1e-6;

    private readonly ShardManifest _manifest;
    private readonly ShardRequest _request;
    private readonly double[] _queries;
    private readonly double[] _mean;
    private readonly double[] _neighbours;
    private readonly double[] _slopes;
    private readonly double[] _logWeightGradient;
    private readonly double[] _ownWeights;
    private readonly double[] _byW;
    private readonly double[] _ownByW;
    private readonly double[] _origins;
    private readonly bool[] _hasNeighbour;
    private readonly bool[] _isLevel;

    /// <param name="manifest">The shards.</param>
    /// <param name="request">What they are asked.</param>
    /// <param name="queries">All queries (m, d).</param>
    public ShardAnswers(ShardManifest manifest, ShardRequest request, double[] queries)
    {
        (_manifest, _request, _queries) = (manifest, request, queries);
        int m = queries.Length / manifest.Features;
        _mean = new double[m * manifest.Columns];
        _neighbours = new double[m];
        _slopes = new double[request.HasSlopes ? m * manifest.Columns * manifest.Features : 0];
        _logWeightGradient = new double[request.Parts.HasFlag(PoolingParts.BandwidthGradient) ? queries.Length : 0];
        _ownWeights = new double[request.IsAtRows ? m : 0];
        _byW = new double[request.AreBandwidthsMoved ? m * manifest.Columns * manifest.Features : 0];
        _ownByW = new double[request.AreBandwidthsMoved ? queries.Length : 0];
        _hasNeighbour = new bool[m];
        _isLevel = new bool[m];

        // Residuals are small beside values of a common level.
        _origins = request.IsAtRows
            ? [.. manifest.LeastValues.Zip(manifest.MostValues, (least, most) => (least / 2) + (most / 2))]
            : new double[manifest.Columns];
    }

    /// <summary>Takes the answers to some queries.</summary>
    /// <param name="sums">Their sums.</param>
    /// <param name="first">The place of the first.</param>
    /// <param name="noNeighbour">The answer for a query that no row has a weight for.</param>
    /// <returns>The places of those without a neighbour.</returns>
    public IEnumerable<int> Take(PoolingSums sums, int first, NoNeighbourPolicy noNeighbour)
    {
        NoNeighbourPolicy policy = noNeighbour == NoNeighbourPolicy.Error ? NoNeighbourPolicy.NaN : noNeighbour;
        PoolingSums less = _request.IsAtRows ? sums.WithValuesLess(_origins) : sums;
        return less.Answer(OutputOf(first, sums.Count), policy).WithoutNeighbour.Select(query => first + query);
    }

    /// <summary>Takes the answer to a query whose plane no sums could hold.</summary>
    /// <param name="query">Its place.</param>
    /// <param name="keys">The keys of the rows near it (n, d).</param>
    /// <param name="values">Their values (n, v).</param>
    /// <param name="weights">Their weights (n), or none.</param>
    /// <param name="noNeighbour">The answer where no row has a weight.</param>
    /// <returns>Whether none has.</returns>
    public bool TakeFromRows(int query, double[] keys, double[] values, double[] weights, NoNeighbourPolicy noNeighbour)
    {
        NoNeighbourPolicy policy = noNeighbour == NoNeighbourPolicy.Error ? NoNeighbourPolicy.NaN : noNeighbour;
        int d = _manifest.Features;
        using var samples = new Samples<double>(keys, LessOrigins(values), d, weights);
        using var pooler = new Pooler<double>(
            _request.Kernel, samples, new PoolingWidths { Bandwidths = _request.Bandwidths },
            new PoolingOptions
            {
                Degree = _request.Degree,
                NoNeighbour = policy,
                VectorBits = _manifest.VectorBits,
                Method = PoolingMethod.Exact,
            });
        PoolingReport report = pooler.At(_queries.AsSpan(query * d, d), OutputOf(query, 1));
        bool hasNeighbour = report.WithoutNeighbour.Count == 0;
        if (hasNeighbour && _manifest.HasWeights && Monomials.CountOf(d, 1) <= LocalPolynomials.MostTerms)
        {
            _neighbours[query] = WeightedNeighbours(query, samples) / _manifest.LargestWeight;
        }

        return !hasNeighbour;
    }

    // 1 / sum l_i^2 / s_i, which a plane of points does not say.
    private double WeightedNeighbours(int query, Samples<double> samples)
    {
        int d = _manifest.Features;
        using var polynomials = new LocalPolynomials(
            _request.Kernel, samples, _request.Bandwidths, _request.Degree, ridge: 0, threads: 1, vectorBits: _manifest.VectorBits);
        double[] found = new double[1];
        var output = new PoolingOutput<double> { Values = new double[_manifest.Columns], EffectiveNeighbours = found };
        polynomials.At<double>(_queries.AsSpan(query * d, d), output, NoNeighbourPolicy.NaN);
        return found[0];
    }

    private PoolingOutput<double> OutputOf(int first, int count)
    {
        return new PoolingOutput<double>
        {
            Values = Of(_mean),
            EffectiveNeighbours = Of(_neighbours),
            OwnWeight = Of(_ownWeights),
            InverseBandwidthGradient = Of(_byW),
            OwnWeightGradient = Of(_ownByW),
            LogWeightSumGradient = Of(_logWeightGradient),
            HasNeighbour = _hasNeighbour.AsSpan(first, count),
            IsLevel = _request.Degree > 0 ? _isLevel.AsSpan(first, count) : [],
            Slopes = _request.Degree > 0 ? Of(_slopes) : [],
            QueryGradient = _request.Degree == 0 ? Of(_slopes) : [],
        };

        Span<double> Of(double[] numbers)
        {
            int each = numbers.Length / _hasNeighbour.Length;
            return numbers.AsSpan(first * each, count * each);
        }
    }

    /// <summary>What the residuals add up to, where the queries are rows.</summary>
    /// <param name="values">The rows' values (m, v).</param>
    /// <param name="weights">Their weights (m); none where rows have none.</param>
    public ShardResiduals ToResiduals(double[] values, double[] weights)
    {
        Predictions at = ToPredictions();
        double[] left = LessOrigins(values);
        (int v, int d) = (_manifest.Columns, _manifest.Features);
        double[] squares = new double[v];
        double[] byLog = new double[_ownByW.Length == 0 ? 0 : d];
        (double trace, double traceOfSquare, double mean) = (0, 0, _manifest.MeanWeight);
        (long alone, double squaresWithoutOwn) = (0, 0);
        for (int i = 0; i < at.HasNeighbour.Length; i++)
        {
            double weight = weights.Length == 0 ? 1 : weights[i];
            double relative = weights.Length == 0 ? 1 : weight / mean;
            trace += weight * _ownWeights[i];
            traceOfSquare += relative / at.EffectiveNeighbours[i];
            double ofOthers = 1 - (weight * _ownWeights[i]);
            alone += ofOthers > LeastOfOthers ? 0 : 1;
            for (int c = 0; c < v; c++)
            {
                double residual = left[(i * v) + c] - at.Mean[(i * v) + c];
                squares[c] += relative * residual * residual;
                if (!(ofOthers > LeastOfOthers))
                {
                    continue;
                }

                // With the fit f, its derivative f' and that of L_ii, L', the residual r / (1 - L_ii) changes by minus
                // (f' - L' r / (1 - L_ii)) / (1 - L_ii); d/d log h = -1/h d/d(1/h).
                double withoutOwn = residual / ofOthers;
                squaresWithoutOwn += relative * withoutOwn * withoutOwn;
                for (int j = 0; j < byLog.Length; j++)
                {
                    double change = _byW[(((i * v) + c) * d) + j] - (weight * _ownByW[(i * d) + j] * withoutOwn);
                    byLog[j] += 2 * relative * withoutOwn * change / ofOthers / _request.Bandwidths[j];
                }
            }
        }

        return new ShardResiduals(at.HasNeighbour.Length, trace, traceOfSquare, squares, alone, squaresWithoutOwn, byLog);
    }

    private double[] LessOrigins(double[] values) => [.. values.Select((value, i) => value - _origins[i % _origins.Length])];

    /// <summary>All that was taken.</summary>
    public Predictions ToPredictions()
    {
        int d = _manifest.Features;
        (double[] least, double[] most) = (_manifest.LeastKeys, _manifest.MostKeys);
        bool[] isOutside = new bool[_hasNeighbour.Length];
        for (int i = 0; i < _queries.Length; i++)
        {
            isOutside[i / d] |= _queries[i] < least[i % d] || _queries[i] > most[i % d];
        }

        // Of mean weight 1, as a model of all rows has them.
        double mean = _manifest.MeanWeight;
        for (int i = 0; _manifest.HasWeights && i < _neighbours.Length; i++)
        {
            _neighbours[i] *= _manifest.LargestWeight / mean;
        }

        for (int i = 0; i < _slopes.Length; i++)
        {
            _slopes[i] = _hasNeighbour[i / (_manifest.Columns * d)] ? _slopes[i] : double.NaN;
        }

        return new Predictions
        {
            Mean = _mean,
            EffectiveNeighbours = _neighbours,
            Slopes = _slopes,
            HasNeighbour = _hasNeighbour,
            IsOutside = isOutside,
            IsInGap = KernelRegression.InGap(_logWeightGradient, _request.Bandwidths, isOutside),
            IsLevel = _isLevel,
        };
    }
}
