namespace TorchAttention.Numerics.Regression.Smoothing;

/// <content>Examples at the same place.</content>
internal sealed partial record SmootherData
{
    // With fewer examples at a place sums over places gain little.
    private const int FewestAtPlace = 2;

    private Looked? _looked;

    /// <summary>
    /// The <see cref="TiesTogether">places that differ</see> and at which of them each example is (n), where there are at most half as many
    /// as examples; null elsewhere. A fit and its weights are the same for all examples at a place.
    /// </summary>
    public (SmootherData Data, int[] PlaceOf)? Places => (_looked ??= new Looked(Look())).Found;

    /// <summary>Examples at the same place together.</summary>
    public SmootherData TiesTogether() => Together().Data;

    private (SmootherData Data, int[] PlaceOf) Together()
    {
        int[] order = [.. Enumerable.Range(0, Count)];
        if (Features > 1)
        {
            Array.Sort(order, (a, b) => KeyOf(a).SequenceCompareTo(KeyOf(b)));
        }

        SmootherData ordered = Features > 1 ? Take(order) : this;
        int[] placeOf = new int[Count];
        (List<double> keys, List<double> values, List<double> weights, List<double> squares) = ([], [], [], []);
        for (int first = 0; first < Count;)
        {
            int end = first;
            while (end < Count && ordered.KeyOf(first).SequenceEqual(ordered.KeyOf(end)))
            {
                placeOf[order[end++]] = weights.Count;
            }

            keys.AddRange(ordered.KeyOf(first));
            (double weight, double about) = ordered.AddMeans(first, end, values);
            weights.Add(weight);
            squares.Add(about);
            first = end;
        }

        return (this with { Keys = [.. keys], Values = [.. values], Weights = [.. weights], Squares = [.. squares] }, placeOf);
    }

    private (SmootherData Data, int[] PlaceOf)? Look() =>
        MayHaveTies() && Together() is { } places && (long)places.Data.Count * FewestAtPlace <= Count ? places : null;

    // There are no fewer places than numbers of a feature.
    private bool MayHaveTies()
    {
        if (Features == 1)
        {
            return (long)CountDifferent(Keys) * FewestAtPlace <= Count;
        }

        for (int feature = 0; feature < Features; feature++)
        {
            var numbers = new HashSet<double>();
            for (int i = 0; i < Count; i++)
            {
                if (numbers.Add(Keys[(i * Features) + feature]) && (long)numbers.Count * FewestAtPlace > Count)
                {
                    return false;
                }
            }
        }

        return true;
    }

    // The mean of each column of neighbouring examples; and their weight, and the squares about the means.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (double Weight, double Squares) AddMeans(int first, int end, List<double> means)
    {
        double weight = 0;
        double squares = 0;
        for (int i = first; i < end; i++)
        {
            weight += WeightAt(i);
        }

        // A place where nothing weighs still has a fitted value.
        double divisor = weight > 0 ? weight : 1;
        for (int c = 0; c < Columns; c++)
        {
            double origin = Values[(first * Columns) + c];
            double sum = 0;
            double ofSquares = 0;
            for (int i = first; i < end; i++)
            {
                double difference = Values[(i * Columns) + c] - origin;
                sum += WeightAt(i) * difference;
                ofSquares += WeightAt(i) * difference * difference;
            }

            means.Add(origin + (sum / divisor));
            squares += Math.Max(0, ofSquares - (sum * sum / divisor));
        }

        return (weight, squares);
    }

    private sealed record Looked((SmootherData Data, int[] PlaceOf)? Found);
}
