using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics;

/// <summary>
/// Pooling where all keys of a region share a w, with many keys in each: region by region, each as fast as one w for all.
/// </summary>
/// <remarks>
/// With y_r what region r alone says and S_r its sum of weights, f = sum_r p_r y_r with p_r = S_r / sum_r S_r, and
/// df/dw_r = p_r (dy_r/dw_r + (y_r - f) d log S_r/dw_r).
/// </remarks>
internal static class RegionalPooling
{
    // Below this there are too few pairs in a region for what its keys' order costs.
    private const int LeastKeysInRegion = 2048;
    private const int LeastQueries = 64;

    /// <summary>Whether pairs are too few for it, and <see cref="SamplePointPooling"/> is sooner done.</summary>
    public static bool AreFew(long queries, long keys, long regions) =>
        keys < LeastKeysInRegion * regions || queries < LeastQueries;

    /// <summary>Pools the values at each query.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="input">Queries (m), keys (n), values (n), and w of each region (regions).</param>
    /// <param name="regionOf">The region of each key (n).</param>
    /// <param name="hasGradient">Whether derivatives by w are wanted.</param>
    /// <param name="options">How to compute.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The pooled values (m), and their derivatives by w (m, regions).</returns>
    public static (double[] Values, double[] ByW) Pool(
        SmoothingKernel kernel, SamplePointInput input, int[] regionOf, bool hasGradient, PoolingOptions options,
        CancellationToken cancellationToken = default)
    {
        var parts = new Parts(
            input.Keys.ToArray(), input.Values.ToArray(), input.InverseBandwidths.ToArray(), regionOf, input.Queries.ToArray(),
            input.LeftOut.ToArray(), cancellationToken);
        Answers answers = Answer(kernel, parts, hasGradient, options);
        return (answers.Values, answers.ByW);
    }

    // Queries among many keys, of which every region need say no more than counts beside these; and the others.
    private static Answers Answer(SmoothingKernel kernel, Parts parts, bool hasGradient, PoolingOptions options)
    {
        double[] least = [.. Enumerable.Range(0, parts.Queries.Length).Select(m => parts.LeastSum(kernel, m))];
        double floor = least.Order().ElementAt(least.Length / 20);
        int[] among = [.. Enumerable.Range(0, least.Length).Where(m => least[m] >= floor)];
        int[] others = [.. Enumerable.Range(0, least.Length).Where(m => least[m] < floor)];
        var answers = new Answers(new double[least.Length], new double[hasGradient ? least.Length * parts.W.Length : 0]);
        answers.Take(among, Merge(kernel, parts.Of(among), hasGradient, options with { MergedWeightSum = floor }));
        if (others.Length > 0)
        {
            answers.Take(others, Merge(kernel, parts.Of(others), hasGradient, options));
        }

        return answers;
    }

    private static Answers Merge(SmoothingKernel kernel, Parts parts, bool hasGradient, PoolingOptions options)
    {
        Part[] pooled = [.. Enumerable.Range(0, parts.W.Length).Select(region => parts.Pool(kernel, region, hasGradient, options))];
        int queries = parts.Queries.Length;
        var answers = new Answers(new double[queries], new double[hasGradient ? queries * pooled.Length : 0]);
        var alone = new List<int>();
        for (int m = 0; m < queries; m++)
        {
            double most = pooled.Max(part => part.LogSums[m]);
            if (double.IsNegativeInfinity(most))
            {
                alone.Add(m);
                continue;
            }

            double sum = pooled.Sum(part => Math.Exp(part.LogSums[m] - most));
            double[] shares = [.. pooled.Select(part => Math.Exp(part.LogSums[m] - most) / sum)];
            answers.Values[m] = pooled.Select((part, r) => shares[r] > 0 ? shares[r] * part.Values[m] : 0).Sum();
            for (int r = 0; hasGradient && r < pooled.Length; r++)
            {
                answers.ByW[(m * pooled.Length) + r] = shares[r] > 0
                    ? shares[r] * (pooled[r].ByW[m] + ((pooled[r].Values[m] - answers.Values[m]) * pooled[r].LogSumByW[m]))
                    : 0;
            }
        }

        parts.AnswerAlone(kernel, alone, answers.Values, options);
        return answers;
    }

    /// <summary>What all regions say of each query: values (m), df/dw (m, regions).</summary>
    private readonly record struct Answers(double[] Values, double[] ByW)
    {
        /// <summary>Takes the answers of some of the queries.</summary>
        public void Take(int[] places, Answers some)
        {
            int regions = ByW.Length / Values.Length;
            foreach ((int i, int m) in places.Index())
            {
                Values[m] = some.Values[i];
                some.ByW.AsSpan(i * regions, regions).CopyTo(ByW.AsSpan(m * regions));
            }
        }
    }

    /// <summary>What a region alone says of each query (m): nothing of those whose sums it adds no digit to.</summary>
    private readonly record struct Part(double[] Values, double[] LogSums, double[] ByW, double[] LogSumByW);

    /// <summary>The keys of each region, ascending, as the engine likes them best.</summary>
    private sealed class Parts
    {
        // A part of e^-40 of each key's is below the last digit of float64.
        private const double Negligible = 40;

        private readonly double[] _keys;
        private readonly double[] _values;
        private readonly int[] _regionOf;
        private readonly int[] _leftOut;
        private readonly int[] _placeOf;
        private readonly int[][] _own;
        private readonly double[][] _ownKeys;
        private readonly CancellationToken _stop;

        public Parts(
            double[] keys, double[] values, double[] w, int[] regionOf, double[] queries, int[] leftOut, CancellationToken stop)
        {
            (_keys, _values, _regionOf, _leftOut, W, Queries, _stop) = (keys, values, regionOf, leftOut, w, queries, stop);
            int[] order = [.. Enumerable.Range(0, keys.Length)];
            Array.Sort((double[])keys.Clone(), order);
            ILookup<int, int> byRegion = order.ToLookup(key => regionOf[key]);
            _own = [.. Enumerable.Range(0, w.Length).Select(region => byRegion[region].ToArray())];
            _ownKeys = [.. _own.Select(own => own.Select(key => keys[key]).ToArray())];
            _placeOf = new int[keys.Length];
            foreach (int[] own in _own)
            {
                foreach ((int place, int key) in own.Index())
                {
                    _placeOf[key] = place;
                }
            }
        }

        private Parts(Parts all, int[] queries)
        {
            (_keys, _values, _regionOf, _placeOf, _own, _ownKeys, W, _stop) = (
                all._keys, all._values, all._regionOf, all._placeOf, all._own, all._ownKeys, all.W, all._stop);
            Queries = [.. queries.Select(m => all.Queries[m])];
            _leftOut = all._leftOut.Length == 0 ? [] : [.. queries.Select(m => all._leftOut[m])];
        }

        public double[] W { get; }

        public double[] Queries { get; }

        public Parts Of(int[] queries) => new(this, queries);

        // What a query's weights come to at least: those of the keys close by.
        public double LeastSum(SmoothingKernel kernel, int query)
        {
            double close = double.IsInfinity(kernel.Support) ? 1 : kernel.Support / 2;
            double keys = 0;
            for (int region = 0; region < W.Length; region++)
            {
                double reach = close / Math.Abs(W[region]);
                int first = SortedNumbers.FirstNotBelow(_ownKeys[region], Queries[query] - reach);
                int end = SortedNumbers.FirstNotBelow(_ownKeys[region], Queries[query] + reach);
                keys += end - first - (LeftOutOf(region, query) >= 0 ? 1 : 0);
            }

            return Math.Max(0, keys) * kernel.Weight(close * close);
        }

        public Part Pool(SmoothingKernel kernel, int region, bool hasGradient, PoolingOptions options)
        {
            double beyond = 2 * (Negligible + Math.Log(_keys.Length));
            int[] near = [.. Enumerable.Range(0, Queries.Length).Where(
                m => Nearest(region, m) is double u && u < kernel.Support && (u * u) - Math.Pow(Nearest(m), 2) < beyond)];
            int gradients = hasGradient ? near.Length : 0;
            var part = new Part(new double[near.Length], new double[near.Length], new double[gradients], new double[gradients]);
            kernel.Pool(
                new PoolingInput<double>
                {
                    Queries = near.Select(m => Queries[m]).ToArray(),
                    Keys = _ownKeys[region],
                    Values = _own[region].Select(key => _values[key]).ToArray(),
                    InverseBandwidths = [W[region]],
                    LeftOut = near.Select(m => LeftOutOf(region, m)).ToArray(),
                },
                new PoolingOutput<double>
                {
                    Values = part.Values,
                    LogWeightSum = part.LogSums,
                    InverseBandwidthGradient = part.ByW,
                    LogWeightSumGradient = part.LogSumByW,
                },
                options with { NoNeighbour = NoNeighbourPolicy.NaN },
                cancellationToken: _stop);
            return new Part(Of(part.Values, 0), Of(part.LogSums, double.NegativeInfinity), Of(part.ByW, 0), Of(part.LogSumByW, 0));

            double[] Of(double[] some, double others)
            {
                double[] all = new double[some.Length == near.Length ? Queries.Length : 0];
                Array.Fill(all, others);
                for (int i = 0; i < Math.Min(some.Length, all.Length); i++)
                {
                    all[near[i]] = some[i];
                }

                return all;
            }
        }

        private int LeftOutOf(int region, int query) =>
            _leftOut.Length > 0 && _leftOut[query] is int key && key >= 0 && _regionOf[key] == region ? _placeOf[key] : -1;

        private double Nearest(int query) => Enumerable.Range(0, W.Length).Min(region => Nearest(region, query));

        // The scaled distance of the nearest key of a region that counts; infinite where there is none.
        private double Nearest(int region, int query)
        {
            double[] keys = _ownKeys[region];
            double at = Queries[query];
            int leftOut = LeftOutOf(region, query);
            int right = SortedNumbers.FirstNotBelow(keys, at);
            int left = right - 1;
            right += right == leftOut ? 1 : 0;
            left -= left == leftOut ? 1 : 0;
            double distance = Math.Min(
                right < keys.Length ? keys[right] - at : double.PositiveInfinity, left >= 0 ? at - keys[left] : double.PositiveInfinity);
            return double.IsInfinity(distance) ? distance : distance * Math.Abs(W[region]);
        }

        // Queries without neighbours in any region: what all keys say of these few.
        public void AnswerAlone(SmoothingKernel kernel, List<int> alone, double[] merged, PoolingOptions options)
        {
            if (alone.Count == 0)
            {
                return;
            }

            double[] answers = new double[alone.Count];
            kernel.Pool(
                new SamplePointInput
                {
                    Queries = alone.Select(m => Queries[m]).ToArray(),
                    Keys = _keys,
                    Values = _values,
                    InverseBandwidths = _regionOf.Select(region => W[region]).ToArray(),
                    LeftOut = _leftOut.Length == 0 ? [] : alone.Select(m => _leftOut[m]).ToArray(),
                },
                new SamplePointOutput { Values = answers },
                options,
                _stop);
            foreach ((int i, int m) in alone.Index())
            {
                merged[m] = answers[i];
            }
        }
    }
}
