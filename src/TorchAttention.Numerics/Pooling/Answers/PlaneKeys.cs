namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>What planes ask of all keys at once.</summary>
internal sealed class PlaneKeys
{
    private readonly double[] _inverseBandwidths;
    private readonly Lazy<PlaneDirections> _directions;
    private readonly Lazy<(double Least, double Most)[]> _ranges;
    private readonly Lazy<double[]> _spanning;
    private volatile double[]? _open;

    private PlaneKeys(
        double[] inverseBandwidths, double argumentScale, Func<PlaneDirections> directions, Func<(double Least, double Most)[]> ranges,
        Func<double[]> spanning)
    {
        _inverseBandwidths = inverseBandwidths;
        ArgumentScale = argumentScale;
        _directions = new(directions);
        _ranges = new(ranges);
        _spanning = new(spanning);
    }

    /// <summary>Keys (k, d) that determine as many directions as all: at most d + 1.</summary>
    public double[] Spanning => _spanning.Value;

    /// <summary>The least and the largest coordinate of all keys in each feature (d).</summary>
    public (double Least, double Most)[] Ranges => _ranges.Value;

    /// <summary>Those of several sets of keys, by the keys that span each.</summary>
    public static PlaneKeys Create(
        double[] inverseBandwidths, double argumentScale, double[] spanning, (double Least, double Most)[] ranges)
    {
        int features = inverseBandwidths.Length;
        return new PlaneKeys(inverseBandwidths, argumentScale, FindDirections, () => ranges, () => spanning);

        PlaneDirections FindDirections()
        {
            var directions = new PlaneDirections(features);
            for (int i = 0; i < spanning.Length; i += features)
            {
                directions.Add(0, [.. inverseBandwidths.Select((w, j) => (spanning[i + j] - spanning[j]) * Math.Abs(w))]);
            }

            directions.Find();
            return directions;
        }
    }

    /// <summary>Those of a problem.</summary>
    public static unsafe PlaneKeys Create<T>(PoolingProblem<T> problem, double argumentScale)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        int features = problem.Features;
        Samples<T> samples = problem.Samples;
        double[] inverseBandwidths = problem.InverseBandwidths;
        return new PlaneKeys(inverseBandwidths, argumentScale, FindDirections, FindRanges, FindSpanning);

        PlaneDirections FindDirections()
        {
            var directions = new PlaneDirections(features);
            Span<double> position = stackalloc double[features];
            for (int i = 0; i < samples.Count; i++)
            {
                for (int j = 0; j < features; j++)
                {
                    double first = double.CreateTruncating(samples.Keys[j]);
                    position[j] = (double.CreateTruncating(samples.Keys[((long)i * features) + j]) - first)
                        * Math.Abs(inverseBandwidths[j]);
                }

                if (samples.SampleWeight(i) > 0)
                {
                    directions.Add(0, position);
                }
            }

            directions.Find();
            return directions;
        }

        (double Least, double Most)[] FindRanges()
        {
            var ranges = new (double Least, double Most)[features];
            Array.Fill(ranges, (double.PositiveInfinity, double.NegativeInfinity));
            for (long i = 0; i < (long)samples.Count * features; i++)
            {
                double key = double.CreateTruncating(samples.Keys[i]);
                (double least, double most) = ranges[i % features];
                ranges[i % features] = (Math.Min(least, key), Math.Max(most, key));
            }

            return ranges;
        }

        double[] FindSpanning()
        {
            int[] chosen = features == 1 ? Ends() : Counting([.. FindDirections().Chosen]);
            return
            [
                .. chosen.SelectMany(i => Enumerable.Range(i * features, features)).Select(at => double.CreateTruncating(samples.Keys[at]))
            ];
        }

        int[] Ends()
        {
            (int least, int most) = (-1, -1);
            for (int i = 0; i < samples.Count; i++)
            {
                if (samples.SampleWeight(i) > 0)
                {
                    least = least < 0 || samples.Keys[i] < samples.Keys[least] ? i : least;
                    most = most < 0 || samples.Keys[i] > samples.Keys[most] ? i : most;
                }
            }

            return least < 0 ? [] : [least, most];
        }

        // Directions know keys by their numbers among those that count.
        int[] Counting(int[] numbers)
        {
            int[] counting = [.. Enumerable.Range(0, samples.Count).Where(i => samples.SampleWeight(i) > 0)];
            return Array.ConvertAll(numbers, number => counting[number]);
        }
    }

    /// <summary>The kernel's argument scale.</summary>
    public double ArgumentScale { get; }

    /// <summary>Whether it is known that all keys leave a direction open.</summary>
    public bool AreOpen => _open is not null;

    /// <summary>How many are known.</summary>
    public int OpenCount => _open is null ? 0 : _inverseBandwidths.Length - _directions.Value.Rank;

    /// <summary>Whether one of these is of features that count.</summary>
    public bool AreLevel => _open is not null && _directions.Value.Rank < _inverseBandwidths.Count(w => w != 0);

    /// <summary>Whether a feature counts: its bandwidth is finite.</summary>
    public bool Counts(int feature) => _inverseBandwidths[feature] != 0;

    /// <summary>The projection (d, d) on directions that all keys leave open, in bandwidths; 0 where none is known.</summary>
    public double Open(int row, int column) => _open is double[] open ? open[(row * _inverseBandwidths.Length) + column] : 0;

    /// <summary>Looks for directions that all keys leave open: a feature that does not vary, or one that others add up to.</summary>
    /// <returns>Whether there are some.</returns>
    public bool LookForOpen()
    {
        if (_directions.Value.Rank < _inverseBandwidths.Length)
        {
            _open ??= _directions.Value.OpenProjection();
        }

        return _open is not null;
    }

    /// <summary>Whether every key is within some distance of a query, in bandwidths.</summary>
    /// <param name="query">The query (d).</param>
    /// <param name="distance">The distance.</param>
    public bool AreWithin(ReadOnlySpan<double> query, double distance)
    {
        double square = 0;
        for (int j = 0; j < query.Length; j++)
        {
            (double least, double most) = _ranges.Value[j];
            double u = Math.Max(query[j] - least, most - query[j]) * _inverseBandwidths[j];
            square += u * u;
        }

        return square < distance * distance;
    }
}
