using System.Runtime.InteropServices;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression.Smoothing;

/// <content>Where numbers count from, and in what units.</content>
internal sealed partial record SmootherData
{
    private Single? _single;
    private Samples<double>? _samples;
    private Samples<float>? _singleSamples;

    /// <summary>The values as they were given (n, v).</summary>
    public double[] GivenValues()
    {
        if (Array.TrueForAll(Offsets, offset => offset == 0))
        {
            return Values;
        }

        double[] given = (double[])Values.Clone();
        AddOffsets(given);
        return given;
    }

    /// <summary>Adds to fitted values (m, v) what was taken off the values.</summary>
    public void AddOffsets(Span<double> fitted)
    {
        for (int i = 0; i < fitted.Length; i++)
        {
            fitted[i] += Offsets[i % Columns];
        }
    }

    /// <summary>
    /// The same examples in units of about the range of each feature and of the values, powers of 2, which round nothing; values count from
    /// their least.
    /// </summary>
    /// <param name="ofKeys">The unit of each feature (d).</param>
    /// <param name="ofValues">The unit of the values.</param>
    public SmootherData InUnits(out double[] ofKeys, out double ofValues)
    {
        double[] scales = [.. Enumerable.Range(0, Features).Select(j => Units.Measure(Keys, j, Features).Scale)];
        double scale = Enumerable.Range(0, Columns).Max(c => Units.Measure(Values, c, Columns).Scale);
        double[] least = [.. Enumerable.Range(0, Columns).Select(c => RangeOf(Values, c, Columns).Least)];
        (ofKeys, ofValues) = (scales, scale);
        return this with
        {
            Keys = Counted(Keys, new double[Features], scales),
            Values = Counted(Values, least, [.. least.Select(_ => scale)]),
            Periods = [.. Periods.Select((period, j) => period / scales[j])],
        };
    }

    // Numbers (n, c) from the origin of their column on, in its units.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double[] Counted(double[] numbers, double[] origins, double[] units)
    {
        double[] counted = new double[numbers.Length];
        for (int column = 0; column < units.Length; column++)
        {
            (double origin, double inverse) = (origins[column], 1 / units[column]);
            for (int i = column; i < counted.Length; i += units.Length)
            {
                counted[i] = (numbers[i] - origin) * inverse;
            }
        }

        return counted;
    }

    /// <summary>The same examples with the features in another order.</summary>
    /// <param name="order">Which of these features each is to be (d).</param>
    public SmootherData WithFeatures(int[] order) => Features == 1 ? this : this with
    {
        Keys = [.. Enumerable.Range(0, Keys.Length).Select(i => Keys[(i / Features * Features) + order[i % Features]])],
        Periods = Repeats ? [.. order.Select(j => Periods[j])] : [],
    };

    /// <summary>
    /// Keys, values and weights in a number type, prepared for the engine once: float32 counts from the middle of each column, in units of
    /// its range.
    /// </summary>
    public Samples<T> Samples<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) == typeof(double))
        {
            return (Samples<T>)(object)(_samples ??= new Samples<double>(
                WithImages(Keys), Copied(Values), Features, Copied(Weights)));
        }

        Single single = _single ??= Single.Create(this);
        return (Samples<T>)(object)(_singleSamples ??= new Samples<float>(single.Keys, single.Values, Features, single.Weights));
    }

    /// <summary>Queries (m, d) as <see cref="Samples{T}()"/> has the keys.</summary>
    public T[] QueriesAs<T>(ReadOnlySpan<double> queries)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T[] numbers = new T[queries.Length];
        Units[]? units = typeof(T) == typeof(double) ? null : (_single ??= Single.Create(this)).OfKeys;
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = T.CreateTruncating(units is null ? queries[i] : units[i % Features].Of(queries[i]));
        }

        return numbers;
    }

    /// <summary>Bandwidths (d) as <see cref="Samples{T}()"/> has the keys.</summary>
    public double[] BandwidthsAs<T>(double[] bandwidths) =>
        typeof(T) == typeof(double)
            ? bandwidths
            : [.. bandwidths.Zip((_single ??= Single.Create(this)).OfKeys, (h, units) => h / units.Scale)];

    /// <summary>
    /// Fitted values, or their derivatives by the logarithms of bandwidths (m, v, ...), of <see cref="Samples{T}()"/> in the units of
    /// the values.
    /// </summary>
    /// <param name="numbers">The numbers.</param>
    /// <param name="inRow">How many numbers a column of values has in a row: 1, or the number of features.</param>
    /// <param name="isDerivative">Whether they do not move with the values.</param>
    public double[] Wide<T>(T[] numbers, int inRow = 1, bool isDerivative = false)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (typeof(T) == typeof(double))
        {
            return (double[])(object)numbers;
        }

        Units[] units = (_single ??= Single.Create(this)).OfValues;
        double[] wide = new double[numbers.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            Units column = units[i / inRow % Columns];
            wide[i] = (double.CreateTruncating(numbers[i]) * column.Scale) + (isDerivative ? 0 : column.Origin);
        }

        return wide;
    }

    /// <summary>Slopes (m, v, d) of <see cref="Samples{T}()"/> in the units of values and keys.</summary>
    public double[] WideSlopes<T>(T[] numbers)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        double[] wide = Wide(numbers, Features, isDerivative: true);
        for (int i = 0; typeof(T) != typeof(double) && i < wide.Length; i++)
        {
            wide[i] /= _single!.OfKeys[i % Features].Scale;
        }

        return wide;
    }

    // Values of which none is more than twice another lie farther from 0 than from each other; the least is taken off, which rounds
    // nothing.
    internal static double[] TakeOffsets(double[] values, int columns)
    {
        double[] offsets = new double[columns];
        for (int c = 0; c < columns; c++)
        {
            (double least, double most) = RangeOf(values, c, columns);
            bool isFar = least > 0 ? most <= 2 * least : most < 0 && least >= 2 * most;
            offsets[c] = isFar ? least : 0;
        }

        for (int i = 0; i < values.Length; i++)
        {
            values[i] -= offsets[i % columns];
        }

        return offsets;
    }

    /// <summary>The smallest and the largest number of a column.</summary>
    public static (double Least, double Most) RangeOf(ReadOnlySpan<double> numbers, int column, int columns)
    {
        double least = double.PositiveInfinity;
        double most = double.NegativeInfinity;
        int first = column;
        if (columns == 1 && numbers.Length >= Vector<double>.Count)
        {
            ReadOnlySpan<Vector<double>> vectors = MemoryMarshal.Cast<double, Vector<double>>(numbers);
            Vector<double> lows = vectors[0];
            Vector<double> highs = vectors[0];
            foreach (Vector<double> some in vectors)
            {
                lows = Vector.Min(lows, some);
                highs = Vector.Max(highs, some);
            }

            for (int lane = 0; lane < Vector<double>.Count; lane++)
            {
                (least, most) = (Math.Min(least, lows[lane]), Math.Max(most, highs[lane]));
            }

            first = vectors.Length * Vector<double>.Count;
        }

        for (int i = first; i < numbers.Length; i += columns)
        {
            least = Math.Min(least, numbers[i]);
            most = Math.Max(most, numbers[i]);
        }

        return (least, most);
    }

    private readonly record struct Units(double Origin, double Scale)
    {
        // 2^-1022.
        private const double LeastUnit = 2.2250738585072014e-308;

        // A power of 2, which rounds nothing, and neither does its inverse.
        public static Units Measure(double[] numbers, int column, int columns)
        {
            (double least, double most) = RangeOf(numbers, column, columns);
            double scale = most > least ? Math.Max(Math.ScaleB(1, Math.ILogB(most - least)), LeastUnit) : 1;
            return new Units(least + ((most - least) / 2), scale);
        }

        public double Of(double number) => (number - Origin) / Scale;
    }

    private sealed record Single(float[] Keys, float[] Values, float[] Weights, Units[] OfKeys, Units[] OfValues)
    {
        public static Single Create(SmootherData data)
        {
            Units[] ofKeys = [.. Enumerable.Range(0, data.Features).Select(j => Units.Measure(data.Keys, j, data.Features))];
            Units[] ofValues = [.. Enumerable.Range(0, data.Columns).Select(c => Units.Measure(data.Values, c, data.Columns))];
            float[] weights = Array.ConvertAll(data.Copied(data.Weights), s => (float)s);
            float[] keys = InUnits(data.WithImages(data.Keys), ofKeys);
            return new Single(keys, InUnits(data.Copied(data.Values), ofValues), weights, ofKeys, ofValues);
        }

        private static float[] InUnits(double[] numbers, Units[] units)
        {
            float[] single = new float[numbers.Length];
            for (int i = 0; i < single.Length; i++)
            {
                single[i] = (float)units[i % units.Length].Of(numbers[i]);
            }

            return single;
        }
    }
}
