namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// What the other examples say to each, for any lambdas: the sums over each combination of levels, which take all pairs, are kept.
/// </summary>
internal sealed class MixedParts
{
    /// <summary>How many sums there may be: 256 MiB.</summary>
    public const long MostNumbers = 1 << 25;

    // Sums of less, relative to the largest part before its factor, are summed again relative to the largest part after it.
    private const double LeastSum = 1e-50;

    private readonly MixedData _data;
    private readonly IMixedPart[] _parts;
    private readonly double[] _rows;
    private readonly double[] _largest;

    /// <param name="data">The examples.</param>
    /// <param name="settings">How they are weighed and fitted; lambdas are not looked at.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public MixedParts(MixedData data, MixedSettings settings, CancellationToken cancellationToken)
    {
        _data = data;
        _parts = [.. data.LeavingOut(settings, hasSquares: false, cancellationToken)];
        (int n, int length) = (data.Numbers.Count, _parts[0].Length);
        _largest = [.. Enumerable.Range(0, n).Select(i => _parts.Max(part => part.LogWeight(i)))];
        _rows = new double[n * _parts.Length * length];
        for (int at = 0; at < n * _parts.Length; at++)
        {
            (int i, int k) = (at / _parts.Length, at % _parts.Length);
            if (_parts[k].LogWeight(i) > double.NegativeInfinity)
            {
                _parts[k].CopyTo(_rows.AsSpan(at * length, length), i, _largest[i]);
            }
        }
    }

    /// <summary>How many sums there are.</summary>
    public static long Count(MixedData data, int degree) =>
        (long)data.Numbers.Count * data.Combinations * MixedPolynomials.SumsOf(data.Numbers.Features, degree);

    /// <summary>What the others say to each example (n); NaN where none has a weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public double[] Others(double[] lambdas)
    {
        double[] logs = _data.LogFactors(lambdas);
        double[] factors = [.. logs.Select(Math.Exp)];
        MixedSums sums = _parts[0].CreateSums(queries: 1);
        (int k, int length) = (_parts.Length, _parts[0].Length);
        double[] others = new double[_data.Numbers.Count];
        double[] row = new double[length];
        ReadOnlySpan<int> combinationOf = _data.CombinationOf;
        for (int i = 0; i < others.Length; i++)
        {
            Array.Clear(row);
            Add(factors.AsSpan(combinationOf[i] * k, k), _rows.AsSpan(i * k * length, k * length), row);
            if (row[0] >= LeastSum)
            {
                others[i] = sums.Value(row, _largest[i]);
                continue;
            }

            MixedSums again = _parts[0].CreateSums(queries: 1);
            for (int part = 0; part < k; part++)
            {
                _parts[part].AddTo(again, 0, i, logs[(combinationOf[i] * k) + part]);
            }

            others[i] = again.Fit(0).Mean;
        }

        return others;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(ReadOnlySpan<double> factors, ReadOnlySpan<double> rows, Span<double> row)
    {
        if (row.Length == 2)
        {
            (double sum, double ofValues) = (0, 0);
            for (int k = 0; k < factors.Length; k++)
            {
                sum += factors[k] * rows[2 * k];
                ofValues += factors[k] * rows[(2 * k) + 1];
            }

            (row[0], row[1]) = (sum, ofValues);
            return;
        }

        for (int k = 0; k < factors.Length; k++)
        {
            double factor = factors[k];
            ReadOnlySpan<double> part = rows.Slice(k * row.Length, row.Length);
            for (int j = 0; factor > 0 && j < row.Length; j++)
            {
                row[j] += factor * part[j];
            }
        }
    }
}
