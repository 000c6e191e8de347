using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression.Smoothing;

/// <summary>
/// Examples as a search sees them: at some places, each with the examples there, their weight, the mean of their values and the squares
/// about it.
/// </summary>
/// <remarks>
/// Examples at one place have one fitted value, so that means say all that criteria need: sum s (y - f)^2 = S (mean - f)^2 + sum s (y -
/// mean)^2. Where each place has its own example the squares are 0. Values are held less an <see cref="Offsets">offset</see>: y - f is
/// formed of numbers as large as the values differ, wherever they lie.
/// </remarks>
internal sealed partial record SmootherData
{
    public SmootherData()
    {
    }

    // What was computed of others is not of these.
    private SmootherData(SmootherData other)
    {
        (Features, Columns, Keys, Values) = (other.Features, other.Columns, other.Keys, other.Values);
        (Offsets, Weights, Squares, Examples, Far) = (other.Offsets, other.Weights, other.Squares, other.Examples, []);
        Periods = other.Periods;
    }

    public required int Features { get; init; }

    public required int Columns { get; init; }

    /// <summary>The places (n, d); ascending where there is one feature.</summary>
    public required double[] Keys { get; init; }

    /// <summary>The mean of the values at each place, less their column's offset (n, v).</summary>
    public required double[] Values { get; init; }

    /// <summary>What was taken off each column of values (v), without rounding.</summary>
    public required double[] Offsets { get; init; }

    /// <summary>The weight at each place (n); empty where each is 1.</summary>
    public required double[] Weights { get; init; }

    /// <summary>The weighted squares about the mean at each place, all columns together (n); empty where each is 0.</summary>
    public double[] Squares { get; init; } = [];

    public required int Examples { get; init; }

    /// <summary>How many places may have no neighbour but themselves at a bandwidth that a search can choose.</summary>
    public int MostAlone => Far.Length + ((Count - Far.Length) / FarEnds.AloneForAnother);

    public int Count => Keys.Length / Features;

    public double TotalWeight => Weights.Length == 0 ? Count : Weights.Sum();

    public double WeightAt(int place) => Weights.Length == 0 ? 1 : Weights[place];

    public double SquaresAt(int place) => Squares.Length == 0 ? 0 : Squares[place];

    /// <summary>The smallest and the largest key of a feature.</summary>
    public (double Least, double Most) RangeOf(int feature) => RangeOf(Keys, feature, Features);

    /// <summary>The examples, in the order of their places where there is one feature.</summary>
    /// <param name="x">Keys (n, d).</param>
    /// <param name="y">Values (n, v).</param>
    /// <param name="weights">Weights (n), of mean 1; empty where each is 1.</param>
    /// <param name="features">d.</param>
    /// <param name="order">The examples in the order that they stand in here; null where it is the order given.</param>
    /// <param name="periods">After how much each feature repeats (d), infinite where it does not; empty where none does.</param>
    public static SmootherData Create(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, ReadOnlySpan<double> weights, int features, out int[]? order,
        double[]? periods = null)
    {
        double[] keys = Wrapped(x, periods ?? []);
        double[] values = y.ToArray();
        double[] offsets = TakeOffsets(values, values.Length / (keys.Length / features));
        double[] sampleWeights = weights.ToArray();
        int count = keys.Length / features;
        int columns = values.Length / count;
        order = null;
        if (features == 1 && !IsAscending(keys))
        {
            order = SortedNumbers.Sort(keys);
            for (int i = 0; i < count; i++)
            {
                for (int c = 0; c < columns; c++)
                {
                    values[(i * columns) + c] = y[(order[i] * columns) + c] - offsets[c];
                }

                if (sampleWeights.Length > 0)
                {
                    sampleWeights[i] = weights[order[i]];
                }
            }
        }

        return new SmootherData
        {
            Features = features,
            Columns = columns,
            Keys = keys,
            Values = values,
            Offsets = offsets,
            Weights = sampleWeights,
            Examples = count,
            Periods = periods ?? [],
        }.WithFar();
    }

    /// <summary>Some of the examples.</summary>
    public SmootherData Take(ReadOnlySpan<int> places)
    {
        double[] keys = new double[places.Length * Features];
        double[] values = new double[places.Length * Columns];
        double[] weights = Weights.Length == 0 ? [] : new double[places.Length];
        for (int i = 0; i < places.Length; i++)
        {
            Keys.AsSpan(places[i] * Features, Features).CopyTo(keys.AsSpan(i * Features));
            Values.AsSpan(places[i] * Columns, Columns).CopyTo(values.AsSpan(i * Columns));
            if (weights.Length > 0)
            {
                weights[i] = Weights[places[i]];
            }
        }

        return this with { Keys = keys, Values = values, Weights = weights, Squares = [], Examples = places.Length };
    }

    private ReadOnlySpan<double> KeyOf(int place) => Keys.AsSpan(place * Features, Features);

    private static bool IsAscending(double[] keys)
    {
        for (int i = 1; i < keys.Length; i++)
        {
            if (keys[i] < keys[i - 1])
            {
                return false;
            }
        }

        return true;
    }
}
