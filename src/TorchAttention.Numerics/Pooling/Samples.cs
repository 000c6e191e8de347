using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.Pooling;

/// <summary>
/// Keys (n, d) with their values (n, v) and sample weights (n): checked, copied and centred once, and put in order when a method first
/// needs that.
/// </summary>
/// <remarks>
/// <para>What is pooled many times, with one bandwidth or several, is best kept as this: see <see cref="Pooler{T}"/>.</para>
/// <para>Memory: a copy of the numbers; for one feature, once they are in order, (12 + 8 (v + 2)) n bytes more. It may be used by several
/// threads at once.</para>
/// </remarks>
/// <typeparam name="T">float or double.</typeparam>
public sealed unsafe class Samples<T> : IDisposable
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly Scratch? _memory;
    private readonly Kept _kept;
    private readonly Lazy<bool> _isInOrder;
    private readonly Lazy<double> _largestKey;
    private bool _isDisposed;

    /// <summary>Checks and copies keys and values.</summary>
    /// <param name="keys">Keys (n, d), row by row.</param>
    /// <param name="values">Values (n, v), row by row.</param>
    /// <param name="features">d.</param>
    /// <param name="sampleWeights">A weight for each key and its value (n), not negative; each counts the same where empty.</param>
    /// <exception cref="ArgumentException">Lengths that do not fit each other; a number that is not finite; negative sample
    /// weights.</exception>
    public Samples(ReadOnlySpan<T> keys, ReadOnlySpan<T> values, int features = 1, ReadOnlySpan<T> sampleWeights = default)
        : this(keys, values, features, sampleWeights, null)
    {
    }

    /// <summary>Checks and copies keys and values that are a part of others.</summary>
    /// <param name="keys">Keys (n, d), row by row.</param>
    /// <param name="values">Values (n, v), row by row.</param>
    /// <param name="features">d.</param>
    /// <param name="sampleWeights">A weight for each key and its value (n), or none.</param>
    /// <param name="whole">What all have in common, in whose units sums are taken; these alone where null.</param>
    internal Samples(
        ReadOnlySpan<T> keys, ReadOnlySpan<T> values, int features, ReadOnlySpan<T> sampleWeights, SampleRanges? whole)
        : this(PoolingCheck.Samples(keys, values, sampleWeights, features), isLasting: true)
    {
        long bytes = (keys.Length + values.Length + (long)sampleWeights.Length) * sizeof(T);
        _memory = new Scratch(bytes, written: bytes);
        Keys = _memory.As<T>();
        Values = Keys + keys.Length;
        SampleWeights = sampleWeights.IsEmpty ? null : Values + values.Length;
        keys.CopyTo(new Span<T>(Keys, keys.Length));
        values.CopyTo(new Span<T>(Values, values.Length));
        sampleWeights.CopyTo(new Span<T>(SampleWeights, sampleWeights.Length));
        (Centres, Reaches) = whole is null ? Normalisation() : Middles(whole.LeastValues, whole.MostValues);
        HalfRanges = Array.ConvertAll(Reaches, UnitOf);
        LargestSampleWeight = whole?.LargestWeight ?? Largest();
    }

    /// <summary>Looks at what the caller has checked, and holds for as long as this is used.</summary>
    internal Samples(PoolingSizes sizes, T* keys, T* values, T* sampleWeights)
        : this(sizes, isLasting: false)
    {
        Keys = keys;
        Values = values;
        SampleWeights = sampleWeights;
        (Centres, Reaches) = Normalisation();
        HalfRanges = Array.ConvertAll(Reaches, UnitOf);
        LargestSampleWeight = Largest();
    }

    private Samples(PoolingSizes sizes, bool isLasting)
    {
        (Count, Features, Columns) = (sizes.Keys, sizes.Features, sizes.Columns);
        _kept = new Kept(isLasting);
        _isInOrder = new(LookForOrder);
        _largestKey = new(LookForLargest);
        (Centres, HalfRanges, Reaches) = ([], [], []);
    }

    /// <summary>n.</summary>
    public int Count { get; }

    /// <summary>d.</summary>
    public int Features { get; }

    /// <summary>v.</summary>
    public int Columns { get; }

    internal T* Keys { get; }

    /// <summary>The keys as queries at themselves.</summary>
    internal ReadOnlySpan<T> OwnKeys => new(Keys, Count * Features);

    /// <summary>The values, row by row.</summary>
    internal ReadOnlySpan<T> OwnValues => new(Values, Count * Columns);

    internal T* Values { get; }

    /// <summary>Null where every key counts the same.</summary>
    internal T* SampleWeights { get; }

    /// <summary>The middle of each column of values.</summary>
    internal double[] Centres { get; }

    /// <summary>Half the range of each column of values, as a power of 2; 1 where they are all equal.</summary>
    internal double[] HalfRanges { get; }

    /// <summary>Half the range of each column of values; 0 where they are all equal.</summary>
    internal double[] Reaches { get; }

    /// <summary>The largest sample weight, by which all are divided; 1 where there are none.</summary>
    internal double LargestSampleWeight { get; }

    /// <summary>Whether these are kept for several calls.</summary>
    internal bool IsLasting => _kept.IsLasting;

    /// <summary>Whether the keys of one feature ascend.</summary>
    internal bool IsInOrder => _isInOrder.Value;

    /// <summary>The largest size of a key's number.</summary>
    internal double LargestKey => _largestKey.Value;

    /// <summary>The keys of one feature in order, with their weights and values.</summary>
    internal LineKeys Line => _kept.Get(nameof(Line), () => LineKeys.Sort(this));

    /// <summary>The same with squared sample weights and no values.</summary>
    internal LineKeys SquaredLine
    {
        get
        {
            LineKeys line = Line;
            return _kept.Get(nameof(SquaredLine), line.Squared);
        }
    }

    /// <summary>Where each key of one feature stands in order.</summary>
    internal int[] PlacesOnLine
    {
        get
        {
            LineKeys line = Line;
            return _kept.Get(nameof(PlacesOnLine), line.Sorted.Inverse);
        }
    }

    /// <summary>What others make of these, once.</summary>
    /// <param name="key">What tells it from other parts.</param>
    /// <param name="make">Makes it.</param>
    internal TPart Keep<TPart>(object key, Func<TPart> make)
        where TPart : class => _kept.Get(key, make);

    /// <summary>A key (d).</summary>
    internal ReadOnlySpan<T> KeysOf(int key) => new(Keys + ((long)key * Features), Features);

    /// <summary>A key's values (v).</summary>
    internal ReadOnlySpan<T> ValuesOf(int key) => new(Values + ((long)key * Columns), Columns);

    /// <summary>A value as the loops see it: between -1 and 1.</summary>
    internal double Normalised(int key, int column) =>
        (double.CreateTruncating(Values[((long)key * Columns) + column]) - Centres[column]) / HalfRanges[column];

    /// <summary>A sample weight as the loops see it: at most 1.</summary>
    internal double SampleWeight(int key) => SampleWeights is null ? 1 : double.CreateTruncating(SampleWeights[key]) / LargestSampleWeight;

    /// <summary>Copies sample weights and normalised values times these to columns, in an order of the keys.</summary>
    /// <param name="order">The keys (n).</param>
    /// <param name="stride">The distance from one column of values to the next.</param>
    /// <param name="sampleWeights">Where the sample weights go (n); null where there are none.</param>
    /// <param name="values">Where the values go (v, stride).</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void CopyColumns<TColumn>(int* order, int stride, TColumn* sampleWeights, TColumn* values)
        where TColumn : unmanaged, IBinaryFloatingPointIeee754<TColumn>
    {
        for (int i = 0; i < Count; i++)
        {
            double sampleWeight = SampleWeight(order[i]);
            if (sampleWeights is not null)
            {
                sampleWeights[i] = TColumn.CreateTruncating(sampleWeight);
            }

            for (int c = 0; c < Columns; c++)
            {
                values[((long)c * stride) + i] = TColumn.CreateTruncating(Normalised(order[i], c) * sampleWeight);
            }
        }
    }

    /// <summary>Refuses to be used after <see cref="Dispose"/>.</summary>
    internal void CheckUse() => ObjectDisposedException.ThrowIf(_isDisposed, this);

    /// <summary>
    /// Whether these are copies of some keys and values, without sample weights: a look at each number, which costs less than to prepare
    /// them anew.
    /// </summary>
    /// <param name="keys">Keys (n, d), row by row.</param>
    /// <param name="values">Values (n, v), row by row.</param>
    public bool AreOf(ReadOnlySpan<T> keys, ReadOnlySpan<T> values) =>
        !_isDisposed && SampleWeights is null && keys.Length == (long)Count * Features && values.Length == (long)Count * Columns
        && MemoryMarshal.AsBytes(keys).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(Keys, keys.Length)))
        && MemoryMarshal.AsBytes(values).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(Values, values.Length)));

    /// <summary>Gives the memory back once no call needs it any more; whoever asks afterwards is refused.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _kept.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (double[] Centres, double[] Reaches) Normalisation()
    {
        double[] leastValues = new double[Columns];
        double[] mostValues = new double[Columns];
        for (int c = 0; c < Columns; c++)
        {
            T least = T.PositiveInfinity;
            T most = T.NegativeInfinity;
            T* value = Values + c;
            for (int i = 0; i < Count; i++, value += Columns)
            {
                least = T.MinNumber(least, *value);
                most = T.MaxNumber(most, *value);
            }

            (leastValues[c], mostValues[c]) = (double.CreateTruncating(least), double.CreateTruncating(most));
        }

        return Middles(leastValues, mostValues);
    }

    // A middle that T can hold and a power of 2 for half the range: of values only the difference from the middle is rounded, once.
    private static (double[] Centres, double[] Reaches) Middles(double[] least, double[] most)
    {
        T two = T.One + T.One;
        double[] centres = [.. least.Zip(
            most, (low, high) => double.CreateTruncating((T.CreateTruncating(low) / two) + (T.CreateTruncating(high) / two)))];
        return (centres, [.. centres.Select((centre, c) => Math.Max(most[c] - centre, centre - least[c]))]);
    }

    /// <summary>The power of 2 that values are divided by; 1 where they are all equal.</summary>
    internal static double UnitOf(double reach) => reach > 0 ? Math.ScaleB(1, Math.Clamp(Math.ILogB(reach) + 1, -1000, 1000)) : 1;

    private double Largest()
    {
        T largest = T.Zero;
        for (int i = 0; SampleWeights is not null && i < Count; i++)
        {
            largest = T.MaxNumber(largest, SampleWeights[i]);
        }

        return largest > T.Zero ? double.CreateTruncating(largest) : 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool LookForOrder()
    {
        for (int i = 1; i < Count; i++)
        {
            if (Keys[i] < Keys[i - 1])
            {
                return false;
            }
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double LookForLargest()
    {
        double largest = 0;
        for (long i = 0; i < (long)Count * Features; i++)
        {
            largest = Math.Max(largest, Math.Abs(double.CreateTruncating(Keys[i])));
        }

        return largest;
    }
}

/// <summary>What samples have in common with others that their sums are added to.</summary>
/// <param name="LeastValues">The least value of each column (v).</param>
/// <param name="MostValues">The largest (v).</param>
/// <param name="LargestWeight">The largest sample weight.</param>
internal sealed record SampleRanges(double[] LeastValues, double[] MostValues, double LargestWeight);
