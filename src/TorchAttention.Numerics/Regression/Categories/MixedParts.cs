using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// What the other examples say to each, for any lambdas: the sums over each combination of levels, which take all pairs, are kept.
/// </summary>
internal sealed class MixedParts
{
    /// <summary>How many sums there may be: 256 MiB.</summary>
    public const long MostNumbers = 1 << 25;

    // Sums of less, relative to what they are kept relative to, are summed again relative to the largest part after its factor.
    private const double LeastSum = 1e-50;

    private readonly MixedData _data;
    private readonly Lazy<IMixedPart[]> _parts;
    private readonly MixedSystems? _systems;
    private readonly int _length;

    private readonly double[] _inverseLargest;

    /// <param name="data">The examples.</param>
    /// <param name="settings">How they are weighed and fitted; lambdas are not looked at.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <param name="room">
    /// The <see cref="Room"/> of sums that are asked no more: room that is new each time costs as much as they do.
    /// </param>
    public MixedParts(MixedData data, MixedSettings settings, CancellationToken cancellationToken, double[]? room = null)
    {
        _data = data;
        (int n, int d) = (data.Numbers.Count, data.Numbers.Features);
        _parts = new(() => [.. data.LeavingOut(settings, hasSquares: false, cancellationToken)]);
        _length = MixedPolynomials.SumsOf(d, settings.Degree);
        int padded = (n + Lanes - 1) / Lanes * Lanes;
        _inverseLargest = new double[padded];
        int numbers = padded * data.Combinations * _length;
        Room = room?.Length >= numbers ? room : new double[numbers];
        if (settings.Degree == 0)
        {
            KeepParts();
            return;
        }

        var layout = new PolynomialLayout(d, columns: 1, settings.Degree, hasSquares: false, hasGradient: false, isOwnSlope: false);
        _systems = new MixedSystems(layout, settings.Ridge);
        if (d == 1)
        {
            // On a line there are faster ways than pairs.
            KeepParts();
            return;
        }

        Array.Fill(_inverseLargest, 1);
        new MixedPairs(data, settings, layout, Keep, cancellationToken).Sum();
    }

    /// <summary>
    /// Where the sums stand, of as many examples at a time as a vector has lanes: of each sum one vector for each combination.
    /// </summary>
    public double[] Room { get; }

    private static int Lanes => Vector256<double>.Count;

    /// <summary>How many sums there are.</summary>
    public static long Count(MixedData data, int degree) =>
        (long)data.Numbers.Count * data.Combinations * MixedPolynomials.SumsOf(data.Numbers.Features, degree);

    /// <summary>What the others say to each example (n); NaN where none has a weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double[] Others(double[] lambdas)
    {
        double[] logs = _data.LogFactors(lambdas);
        double[] ofCombinations = [.. logs.Select(Math.Exp)];
        int k = _data.Combinations;
        double[] others = new double[_data.Numbers.Count];
        ReadOnlySpan<int> combinationOf = _data.CombinationOf;
        double[] factors = new double[k * Lanes];
        var sums = new Vector256<double>[_length];
        ReadOnlySpan<Vector256<double>> rows = MemoryMarshal.Cast<double, Vector256<double>>(Room);
        ReadOnlySpan<Vector256<double>> inverses = MemoryMarshal.Cast<double, Vector256<double>>(_inverseLargest);
        for (int block = 0; block < inverses.Length; block++)
        {
            int first = block * Lanes;
            int count = Math.Min(Lanes, others.Length - first);
            for (int lane = 0; lane < count; lane++)
            {
                ReadOnlySpan<double> own = ofCombinations.AsSpan(combinationOf[first + lane] * k, k);
                for (int part = 0; part < own.Length; part++)
                {
                    factors[(part * Lanes) + lane] = own[part];
                }
            }

            Sum(MemoryMarshal.Cast<double, Vector256<double>>(factors), rows.Slice(block * k * _length, k * _length), sums);
            Vector256<double> values = _systems is null ? sums[1] / sums[0] : _systems.Values(sums, inverses[block]);
            for (int lane = 0; lane < count; lane++)
            {
                others[first + lane] = sums[0][lane] >= LeastSum ? values[lane] : Again(first + lane, logs);
            }
        }

        return others;
    }

    // Each sum over all combinations.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(
        ReadOnlySpan<Vector256<double>> factors, ReadOnlySpan<Vector256<double>> rows, Span<Vector256<double>> sums)
    {
        for (int j = 0; j < sums.Length; j++)
        {
            ReadOnlySpan<Vector256<double>> row = rows.Slice(j * factors.Length, factors.Length);
            Vector256<double> sum = Vector256<double>.Zero;
            for (int k = 0; k < factors.Length; k++)
            {
                sum = Vector256.MultiplyAddEstimate(factors[k], row[k], sum);
            }

            sums[j] = sum;
        }
    }

    private double Again(int example, double[] logs)
    {
        int own = _data.CombinationOf[example];
        ReadOnlySpan<double> factors = logs.AsSpan(own * _data.Combinations, _data.Combinations);
        bool isAlone = true;
        for (int k = 0; k < factors.Length; k++)
        {
            isAlone &= double.IsNegativeInfinity(factors[k]) || (k == own && _data.PlacesOf(k).Length == 1);
        }

        if (isAlone)
        {
            return double.NaN;
        }

        IMixedPart[] parts = _parts.Value;
        MixedSums sums = parts[0].CreateSums(queries: 1);
        for (int k = 0; k < factors.Length; k++)
        {
            parts[k].AddTo(sums, 0, example, factors[k]);
        }

        return sums.Fit(0).Mean;
    }

    // Each example's sums relative to its largest part.
    private void KeepParts()
    {
        IMixedPart[] parts = _parts.Value;
        Span<double> sums = stackalloc double[_length];
        for (int i = 0; i < _data.Numbers.Count; i++)
        {
            double largest = parts.Max(part => part.LogWeight(i));
            _inverseLargest[i] = Math.Exp(-largest);
            for (int k = 0; k < parts.Length; k++)
            {
                sums.Clear();
                if (parts[k].LogWeight(i) > double.NegativeInfinity)
                {
                    parts[k].CopyTo(sums, i, largest);
                }

                for (int j = 0; j < _length; j++)
                {
                    Room[PlaceOf(i, j, k)] = sums[j];
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Keep(int combination, int first, int count, ReadOnlySpan<double> sums)
    {
        int step = _data.Combinations * Lanes;
        for (int q = 0; q < count; q++)
        {
            int place = PlaceOf(first + q, 0, combination);
            for (int at = q; at < sums.Length; at += MixedPairs.Queries)
            {
                Room[place] = sums[at];
                place += step;
            }
        }
    }

    private int PlaceOf(int example, int sum, int combination) =>
        (((((example / Lanes * _length) + sum) * _data.Combinations) + combination) * Lanes) + (example % Lanes);
}
