using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression.Smoothing;

/// <content>Fits at the data's own places, once for all examples at a place.</content>
internal sealed partial class Smoother
{
    // A derivative is divided by the square of what an example's own weight leaves: of less than this the others are asked alone.
    private const double LeastLeftOfSlope = 0.1;

    // A share counts examples, not places.
    private (SmootherData Data, int[] PlaceOf)? PlacesOf(SmootherData data) => isShare ? null : data.Places;

    // What the others say to each example of a place: with the fit f, its own weight s o and the derivatives f', o' by log h,
    // f_-i = y_i - (y_i - f) / (1 - s o) and f_-i' = f' / (1 - s o) - s o' (y_i - f) / (1 - s o)^2.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private Fit LeavingOutOfPlaces<T>(SmootherData data, SmootherData places, int[] placeOf, double[] bandwidths, double[] gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        (double[] fitted, double[] own, double[] byLog, double[] ownByLog) = FitWithGradient<T>(places, bandwidths);
        (int columns, int features) = (data.Columns, data.Features);
        double[] withoutOwn = new double[data.Values.Length];
        var doubtful = new List<int>();
        for (int i = 0; i < data.Count; i++)
        {
            int place = placeOf[i];
            double weight = data.WeightAt(i);
            double left = 1 - (weight * own[place]);
            if (!(left > LeastLeftOfSlope))
            {
                doubtful.Add(i);
                continue;
            }

            for (int c = 0; c < columns; c++)
            {
                int at = (place * columns) + c;
                double value = data.Values[(i * columns) + c];
                double residual = (value - fitted[at]) / left;
                withoutOwn[(i * columns) + c] = value - residual;
                for (int j = 0; j < features; j++)
                {
                    gradient[(((i * columns) + c) * features) + j] =
                        (byLog[(at * features) + j] - (weight * ownByLog[(place * features) + j] * residual)) / left;
                }
            }
        }

        double[] ofDoubtful = new double[doubtful.Count * columns * features];
        (double[] said, int alone) = doubtful.Count == 0 ? ([], 0) : AskWithGradient<T>(data, bandwidths, [.. doubtful], ofDoubtful);
        foreach ((int k, int i) in doubtful.Index())
        {
            said.AsSpan(k * columns, columns).CopyTo(withoutOwn.AsSpan(i * columns));
            ofDoubtful.AsSpan(k * columns * features, columns * features).CopyTo(gradient.AsSpan(i * columns * features));
        }

        return new Fit { Fitted = [], Leverage = [], WithoutOwn = withoutOwn, IsAdmissible = alone <= data.MostAlone };
    }

    // What the others say to some examples, how that changes, and how many have no others in reach.
    private (double[] WithoutOwn, int Alone) AskWithGradient<T>(SmootherData data, double[] bandwidths, int[] examples, double[] gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] pooled = new T[examples.Length * data.Columns];
        T[] byW = new T[gradient.Length];
        ReadOnlySpan<T> queries = examples.Length == data.Count ? data.OwnKeys<T>() : data.QueriesAs<T>(KeysOf(data, examples));
        int alone = Pool(
            data, data.Samples<T>(), queries, bandwidths, new() { Values = pooled, InverseBandwidthGradient = byW }, WithNearest,
            data.InSamples(examples));
        ByLogarithms(data, byW, bandwidths, gradient);
        return (data.Wide(pooled), alone);
    }

    // The fit to data at its places, and the own weight of each, for a unit of its weight.
    private (double[] Fitted, double[] OwnWeight) FitTo<T>(SmootherData data, double[] bandwidths, T[] effective)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int n = data.Count;
        T[] fitted = new T[data.Values.Length];
        T[] ownWeight = new T[n];
        double count = isAtNodes ? Math.Max(Math.Min(FewestNodes, n / FewestOfFew), NodesInWindow / bandwidths[0]) : n;
        int[] nodes = effective.Length == 0 && count * FewestAtNode < n ? FitNodes.Choose(data.Keys, (int)count) : [];
        if (nodes.Length > 0 && fitted is double[] all && ownWeight is double[] own)
        {
            PoolAtNodes(data, nodes, bandwidths, all, own);
        }
        else if (fitted is double[] values && CellsOf(data, bandwidths) is { } cells)
        {
            var at = new FitAnswers(data.Columns, values, (double[])(object)ownWeight, (double[])(object)effective, [], []);
            PoolInCells(data, cells, bandwidths, at, (_, first, count, some, place) => at.Take(first, count, some, place));
        }
        else
        {
            var output = new PoolingOutput<T> { Values = fitted, OwnWeight = ownWeight, EffectiveNeighbours = effective };
            Pool(data, data.Samples<T>(), data.OwnKeys<T>(), bandwidths, output, Options);
        }

        return (data.Wide(fitted), Doubles(ownWeight));
    }

    // The same, and the derivatives by the logarithms of the bandwidths.
    private (double[] Fitted, double[] OwnWeight, double[] ByLog, double[] OwnByLog) FitWithGradient<T>(
        SmootherData data, double[] bandwidths)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] pooled = new T[data.Values.Length];
        T[] ownWeight = new T[data.Count];
        T[] byW = new T[data.Values.Length * data.Features];
        T[] ownByW = new T[data.Keys.Length];
        if (pooled is double[] values && CellsOf(data, bandwidths) is { } cells)
        {
            var at = new FitAnswers(
                data.Columns, values, (double[])(object)ownWeight, [], (double[])(object)byW, (double[])(object)ownByW);
            PoolInCells(data, cells, bandwidths, at, (_, first, count, some, place) => at.Take(first, count, some, place));
        }
        else
        {
            var output = new PoolingOutput<T>
            {
                Values = pooled,
                OwnWeight = ownWeight,
                InverseBandwidthGradient = byW,
                OwnWeightGradient = ownByW,
            };
            Pool(data, data.Samples<T>(), data.OwnKeys<T>(), bandwidths, output, Options);
        }

        // In place, where the numbers are of the type.
        double[] byLog = byW as double[] ?? new double[byW.Length];
        ByLogarithms(data, byW, bandwidths, byLog);
        double[] h = data.BandwidthsAs<T>(bandwidths);
        double[] ownByLog = ownByW as double[] ?? new double[ownByW.Length];
        for (int i = 0; i < ownByLog.Length; i++)
        {
            ownByLog[i] = -double.CreateTruncating(ownByW[i]) / h[i % h.Length];
        }

        return (data.Wide(pooled), Doubles(ownWeight), byLog, ownByLog);
    }

    private void PoolAtNodes(SmootherData data, int[] nodes, double[] bandwidths, double[] fitted, double[] ownWeight)
    {
        double[] values = new double[nodes.Length * data.Columns];
        double[] own = new double[nodes.Length];
        Pool(data, data.Samples<double>(), KeysOf(data, nodes), bandwidths, new() { Values = values, OwnWeight = own }, Options);
        FitNodes.Spread(data.Keys, nodes, values, fitted);
        FitNodes.Spread(data.Keys, nodes, own, ownWeight);
    }

    private static (double[] Fitted, double[] OwnWeight) Spread((double[] Fitted, double[] OwnWeight) places, int[] placeOf, int columns) =>
        (Spread(places.Fitted, placeOf, columns), Spread(places.OwnWeight, placeOf, 1));

    // Numbers of places (p, m) to the examples there (n, m).
    private static double[] Spread(double[] numbers, int[]? placeOf, int inRow)
    {
        if (placeOf is null)
        {
            return numbers;
        }

        double[] spread = new double[placeOf.Length * inRow];
        for (int i = 0; i < placeOf.Length; i++)
        {
            numbers.AsSpan(placeOf[i] * inRow, inRow).CopyTo(spread.AsSpan(i * inRow));
        }

        return spread;
    }

    private static double[] KeysOf(SmootherData data, IReadOnlyList<int> examples)
    {
        double[] keys = new double[examples.Count * data.Features];
        for (int i = 0; i < examples.Count; i++)
        {
            data.Keys.AsSpan(examples[i] * data.Features, data.Features).CopyTo(keys.AsSpan(i * data.Features));
        }

        return keys;
    }
}
