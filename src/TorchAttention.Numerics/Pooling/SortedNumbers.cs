using System.Runtime.InteropServices;

namespace TorchAttention.Numerics.Pooling;

/// <summary>Numbers in ascending order, and where each one came from.</summary>
/// <remarks>
/// A radix sort of their bits, 11 at a time; passes in which all bits agree are left out, so that what were floats take three. Memory 24
/// bytes a number while sorting, 12 after.
/// </remarks>
internal sealed unsafe class SortedNumbers : IDisposable
{
    private const int DigitBits = 11;
    private const int Buckets = 1 << DigitBits;
    private const int Passes = (64 + DigitBits - 1) / DigitBits;

    // Loops over vectors may read this far past the end.
    private const int Padding = 16;

    // As many steps as a search by halves takes, and what it costs that its jumps cannot be foreseen.
    private const int FewSteps = 64;

    private readonly Scratch _numbers;
    private readonly Scratch _order;

    private SortedNumbers(int count)
    {
        Count = count;
        _numbers = new Scratch(((long)count + Padding) * sizeof(double), written: (long)count * sizeof(double));
        _order = new Scratch((long)count * sizeof(int), written: (long)count * sizeof(int));
    }

    public int Count { get; }

    /// <summary>The numbers, ascending; readable a vector's length past the end.</summary>
    public double* Numbers => _numbers.As<double>();

    /// <summary>The place that each one had.</summary>
    public int* Order => _order.As<int>();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static SortedNumbers Sort<T>(T* source, int count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sorted = new SortedNumbers(count);
        bool isSorted = true;
        double* numbers = sorted.Numbers;
        for (int i = 0; i < count; i++)
        {
            numbers[i] = double.CreateTruncating(source[i]);
            sorted.Order[i] = i;
            isSorted &= i == 0 || numbers[i] >= numbers[i - 1];
        }

        if (!isSorted)
        {
            Sort(numbers, sorted.Order, count);
        }

        return sorted;
    }

    /// <summary>Puts numbers in order where they are.</summary>
    /// <param name="numbers">The numbers (n).</param>
    /// <returns>The place that each one had (n).</returns>
    public static int[] Sort(double[] numbers)
    {
        int[] order = [.. Enumerable.Range(0, numbers.Length)];
        fixed (double* inOrder = numbers)
        {
            fixed (int* places = order)
            {
                Sort(inOrder, places, numbers.Length);
            }
        }

        return order;
    }

    /// <summary>The first index whose number is not below a bound.</summary>
    public int FirstNotBelow(double bound) => FirstNotBelow(bound, 0, Count);

    /// <summary>The first index in a range whose number is not below a bound, or the range's end.</summary>
    public int FirstNotBelow(double bound, int low, int high) => low + FirstNotBelow(new(Numbers + low, high - low), bound);

    /// <summary>The first index whose number is not below a bound, or the number of all.</summary>
    /// <param name="ascending">The numbers, ascending.</param>
    /// <param name="bound">The bound.</param>
    public static int FirstNotBelow(ReadOnlySpan<double> ascending, double bound)
    {
        (int low, int high) = (0, ascending.Length);
        while (low < high)
        {
            int middle = (int)(((uint)low + (uint)high) / 2);
            (low, high) = ascending[middle] < bound ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <summary>The first index from a place on whose number is not below a bound: soon found where it is near.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int FirstNotBelowFrom(int place, double bound)
    {
        double* numbers = Numbers;
        int walk = Math.Min(Count, place + FewSteps);
        while (place < walk && numbers[place] < bound)
        {
            place++;
        }

        return place == walk ? FirstNotBelow(bound, place, Count) : place;
    }

    /// <summary>For each place before sorting, the place after.</summary>
    public int[] Inverse()
    {
        int[] inverse = new int[Count];
        for (int i = 0; i < Count; i++)
        {
            inverse[Order[i]] = i;
        }

        return inverse;
    }

    public void Dispose()
    {
        _numbers.Dispose();
        _order.Dispose();
    }

    private static void Sort(double* numbers, int* order, int count)
    {
        using var otherNumbers = new Scratch((long)count * sizeof(ulong), written: (long)count * sizeof(ulong));
        using var otherOrder = new Scratch((long)count * sizeof(int), written: (long)count * sizeof(int));
        int* counts = (int*)NativeMemory.AllocZeroed(Passes * Buckets, sizeof(int));
        try
        {
            Sort((ulong*)numbers, order, otherNumbers.As<ulong>(), otherOrder.As<int>(), counts, count);
        }
        finally
        {
            NativeMemory.Free(counts);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sort(ulong* numbers, int* order, ulong* otherNumbers, int* otherOrder, int* counts, int count)
    {
        for (int i = 0; i < count; i++)
        {
            // Bits of a number compare like the number once the sign is turned, and all bits of a negative one.
            ulong bits = numbers[i];
            bits ^= (ulong)((long)bits >> 63) | (1UL << 63);
            numbers[i] = bits;
            for (int pass = 0; pass < Passes; pass++)
            {
                counts[(pass * Buckets) + (int)((bits >> (pass * DigitBits)) & (Buckets - 1))]++;
            }
        }

        ulong* from = numbers;
        int* fromOrder = order;
        ulong* to = otherNumbers;
        int* toOrder = otherOrder;
        for (int pass = 0; pass < Passes; pass++)
        {
            int* places = counts + (pass * Buckets);
            int shift = pass * DigitBits;
            if (places[(from[0] >> shift) & (Buckets - 1)] == count)
            {
                continue;
            }

            int total = 0;
            for (int bucket = 0; bucket < Buckets; bucket++)
            {
                (places[bucket], total) = (total, total + places[bucket]);
            }

            for (int i = 0; i < count; i++)
            {
                int place = places[(from[i] >> shift) & (Buckets - 1)]++;
                to[place] = from[i];
                toOrder[place] = fromOrder[i];
            }

            ulong* freeNumbers = from;
            int* freeOrder = fromOrder;
            from = to;
            fromOrder = toOrder;
            to = freeNumbers;
            toOrder = freeOrder;
        }

        for (int i = 0; i < count; i++)
        {
            ulong bits = from[i];
            numbers[i] = bits ^ ((ulong)~((long)bits >> 63) | (1UL << 63));
        }

        if (fromOrder != order)
        {
            new ReadOnlySpan<int>(fromOrder, count).CopyTo(new Span<int>(order, count));
        }
    }
}
