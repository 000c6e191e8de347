namespace TorchAttention.Numerics.Regression.Smoothing;

/// <content>How the keys lie.</content>
internal sealed partial record SmootherData
{
    // The smallest distances are those of examples that happen to lie close.
    private const double LowQuantile = 0.05;

    // A bandwidth of a tenth of a gap leaves each example to its nearest neighbour; narrower ones are no different.
    private const double LeastInGaps = 0.1;
    private const int MostGaps = 20_000;

    // A quarter of a normal distribution lies within so many deviations around its middle.
    private const double NormalQuarter = 0.637;

    private double? _variance;
    private int[]? _order;

    /// <summary>
    /// The places of examples that stand farther from all others, in one feature, than three times what these span: no other example says
    /// anything about them, and they have no say in what bandwidth the others get. At most a twentieth of the examples; of few examples up
    /// to an eighth, or 4, and one at least.
    /// </summary>
    public int[] Far { get; private init; } = [];

    /// <summary>The same examples with other weights (n).</summary>
    public SmootherData WithWeights(double[] weights) => this with { Weights = weights, Far = Far };

    /// <summary>The weighted mean of the squares of the values about their means, all columns together.</summary>
    public double Variance => _variance ??= Enumerable.Range(0, Columns).Sum(c => SquaresAboutMean(c) / TotalWeight);

    /// <summary>sum_i s_i (y_i - mean)^2 of a column.</summary>
    public double SquaresAboutMean(int column)
    {
        double total = 0;
        double mean = 0;
        double squares = 0;
        for (int i = 0; i < Count; i++)
        {
            double y = Values[(i * Columns) + column];
            double weight = WeightAt(i);
            double before = y - mean;
            total += weight;
            mean += total > 0 ? weight / total * before : 0;
            squares += weight * before * (y - mean);
        }

        return squares;
    }

    /// <summary>
    /// The places in an order that does not depend on the order in which rows and columns were given, nor on units: by the values, and
    /// where these are the same by the keys.
    /// </summary>
    public IReadOnlyList<int> OrderOfItsOwn()
    {
        if (_order is null)
        {
            (double Least, double Most)[] ranges = [.. Enumerable.Range(0, Features).Select(RangeOf)];
            double[] places = [.. Enumerable.Range(0, Count).Select(
                i => ranges.Select((range, j) => (Keys[(i * Features) + j] - range.Least) / (range.Most - range.Least)).Order().Sum())];
            _order = [.. Enumerable.Range(0, Count).OrderBy(i => Values[i * Columns]).ThenBy(i => places[i])];
        }

        return _order;
    }

    /// <summary>The same, without what was computed of them: what these keep is not for two threads at once.</summary>
    public SmootherData ForAnother() => this with { Far = Far };

    /// <summary>The examples that are not far.</summary>
    public SmootherData Near()
    {
        if (Far.Length == 0)
        {
            return this;
        }

        var far = Far.ToHashSet();
        return Take([.. Enumerable.Range(0, Count).Where(i => !far.Contains(i))]);
    }

    /// <summary>
    /// The least bandwidth of a feature that is worth a look: a tenth of a small distance between neighbours, of which a twentieth are
    /// smaller; 0 where all keys are the same.
    /// </summary>
    public double LeastBandwidth(int feature)
    {
        double[] gaps = ToNeighbours(feature, out _);
        return gaps.Length == 0 ? 0 : LeastInGaps * gaps[(int)(LowQuantile * (gaps.Length - 1))];
    }

    /// <summary>One feature: the bandwidth up to which more examples have no neighbour but themselves than may.</summary>
    /// <param name="support">The |u| from which on a neighbour weighs nothing.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double LeastAdmissible(double support)
    {
        if (double.IsInfinity(support))
        {
            return 0;
        }

        var toNearest = new List<double>();
        int last = -1;
        double toLast = PeriodOf(0) - (Keys[^1] - Keys[0]);
        for (int i = 0; i <= Count; i++)
        {
            bool isEnd = i == Count;
            if (!isEnd && WeightAt(i) == 0)
            {
                continue;
            }

            double toNext = isEnd || last < 0 ? PeriodOf(0) - (Keys[^1] - Keys[0]) : Keys[i] - Keys[last];
            if (last >= 0)
            {
                toNearest.Add(Math.Min(toLast, toNext));
            }

            (last, toLast) = (i, toNext);
        }

        toNearest.Sort();
        return toNearest[^(Math.Min(MostAlone, toNearest.Count - 1) + 1)] / support;
    }

    /// <summary>
    /// How many times the middle one of the distances to the neighbour goes into their mean, were the keys even: 3 where keys are drawn
    /// evenly.
    /// </summary>
    public double Unevenness(int feature)
    {
        double[] gaps = ToNeighbours(feature, out int places);
        (double least, double most) = RangeOf(feature);
        double length = double.IsFinite(PeriodOf(feature)) ? PeriodOf(feature) : most - least;
        return gaps.Length == 0 ? 1 : length / places / gaps[gaps.Length / 2];
    }

    // The distances of different keys, or of some of many, to the nearest beside them, ascending.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double[] ToNeighbours(int feature, out int places)
    {
        double[] keys = Ascending(feature);
        places = CountDifferent(keys);
        double across = PeriodOf(feature) - (keys[^1] - keys[0]);
        int apart = Math.Max(1, places / MostGaps);
        double[] gaps = new double[places < 2 ? 0 : (places + apart - 1) / apart];
        for (int first = 0, place = 0; gaps.Length > 0 && first < keys.Length; place++)
        {
            int end = first + 1;
            while (end < keys.Length && keys[end] == keys[first])
            {
                end++;
            }

            if (place % apart == 0)
            {
                double before = first == 0 ? across : keys[first] - keys[first - 1];
                double after = end == keys.Length ? across : keys[end] - keys[first];
                gaps[place / apart] = Math.Min(before, after);
            }

            first = end;
        }

        Array.Sort(gaps);
        return gaps;
    }

    // The keys of a feature in order.
    private double[] Ascending(int feature)
    {
        if (Features == 1)
        {
            return Keys;
        }

        double[] sorted = [.. Enumerable.Range(0, Count).Select(i => Keys[(i * Features) + feature])];
        Array.Sort(sorted);
        return sorted;
    }

    // How many of numbers in order differ.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CountDifferent(ReadOnlySpan<double> ascending)
    {
        int different = Math.Min(1, ascending.Length);
        for (int i = 1; i < ascending.Length; i++)
        {
            different += ascending[i] > ascending[i - 1] ? 1 : 0;
        }

        return different;
    }

    /// <summary>The standard deviation of a feature, divisor n - 1; of one that repeats, that of places all around.</summary>
    public double DeviationOf(int feature)
    {
        if (double.IsFinite(PeriodOf(feature)))
        {
            return PeriodOf(feature) / Math.Sqrt(12);
        }

        double mean = 0;
        double squares = 0;
        int n = Count;
        double origin = Keys[feature];
        for (int i = 0; i < n; i++)
        {
            double x = Keys[(i * Features) + feature] - origin;
            double difference = x - mean;
            mean += difference / (i + 1);
            squares += difference * (x - mean);
        }

        return n > 1 ? Math.Sqrt(squares / (n - 1)) : 0;
    }

    /// <summary>
    /// The deviation of a feature's keys where they lie densest: of a normal distribution as wide as the narrowest stretch with a quarter
    /// of them, or of all, whichever is less.
    /// </summary>
    public double DenseDeviation(int feature)
    {
        double[] keys = Ascending(feature);
        double[] distinct = [.. keys.Where((key, i) => i == 0 || key > keys[i - 1])];
        double deviation = DeviationOf(feature);
        int quarter = distinct.Length / 4;
        IEnumerable<double> stretches = Enumerable.Range(0, distinct.Length - quarter).Select(i => distinct[i + quarter] - distinct[i]);
        return quarter == 0 ? deviation : Math.Min(deviation, stretches.Min() / NormalQuarter);
    }

    private SmootherData WithFar()
    {
        var far = new HashSet<int>();
        long most = FarEnds.Most(Count);
        while (Enumerable.Range(0, Features).Select(feature => FarAtTheEnds(feature, far, most - far.Count)).MaxBy(ends => ends.Spans)
            is { Places.Length: > 0 } furthest)
        {
            // The furthest in any feature go first: which feature comes first decides nothing.
            far.UnionWith(furthest.Places);
        }

        return far.Count == 0 ? this : this with { Far = [.. far.Order()] };
    }

    private (int[] Places, double Spans) FarAtTheEnds(int feature, HashSet<int> without, long most)
    {
        if (double.IsFinite(PeriodOf(feature)))
        {
            return ([], 0);
        }

        if (Features == 1 && without.Count == 0)
        {
            (int below, int above, double times) = FarEnds.Find(Keys, Keys, place => place, most);
            return ([.. Enumerable.Range(0, below), .. Enumerable.Range(Count - above, above)], times);
        }

        int[] places = new int[Count - without.Count];
        double[] keys = new double[places.Length];
        for (int i = 0, k = 0; i < Count; i++)
        {
            if (without.Count == 0 || !without.Contains(i))
            {
                (places[k], keys[k]) = (i, Keys[(i * Features) + feature]);
                k++;
            }
        }

        if (!IsAscending(keys))
        {
            Array.Sort(keys, places);
        }

        (int low, int high, double spans) = FarEnds.Find(keys, keys, place => place, most);
        return ([.. places[..low], .. places[^high..]], spans);
    }
}
