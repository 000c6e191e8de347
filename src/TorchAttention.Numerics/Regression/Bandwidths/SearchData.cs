using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// Examples as a search is to see them, whatever order of rows and columns, units and offsets they were given in: what it finds then is the
/// same to the last bit, where a criterion with many valleys would lead two searches whose sums differ by rounding to two of them.
/// </summary>
/// <param name="Data">
/// The examples, keys in units of about their range, values counted from their least and in units of about theirs; units are powers of 2,
/// which round nothing.
/// </param>
/// <param name="Columns">Which feature of the given ones each is (d).</param>
/// <param name="Units">The unit of each feature (d).</param>
/// <param name="UnitOfValues">The unit of the values.</param>
internal sealed record SearchData(SmootherData Data, int[] Columns, double[] Units, double UnitOfValues)
{
    /// <summary>Arranges examples.</summary>
    /// <param name="data">An example at each place.</param>
    public static SearchData Arrange(SmootherData data)
    {
        SmootherData inUnits = data.InUnits(out double[] units, out double unitOfValues);
        int[] columns = [0];
        if (data.Features > 1)
        {
            // By how unevenly the keys lie; where two features are alike in that, by what they have to do with the values.
            columns = [.. Enumerable.Range(0, data.Features).OrderBy(j => DenseDeviationOf(inUnits, j)).ThenBy(inUnits.LeastBandwidth)
                .ThenBy(j => inUnits.OrderOfItsOwn().Sum(i => inUnits.Keys[(i * data.Features) + j] * inUnits.Values[i * data.Columns]))];
        }

        int[]? rows = data.Features == 1 ? TiesInOrder(inUnits) : InOrder(inUnits, columns);
        SmootherData arranged = rows is null ? inUnits : inUnits.Take(rows);
        return new SearchData(arranged.WithFeatures(columns), columns, [.. columns.Select(j => units[j])], unitOfValues);
    }

    // Ascending as they are; examples at one place by their values.
    private static int[]? TiesInOrder(SmootherData data)
    {
        int[]? rows = null;
        double[] values = [];
        for (int first = 0; first < data.Count;)
        {
            int end = first + 1;
            while (end < data.Count && data.Keys[end] == data.Keys[first])
            {
                end++;
            }

            if (end - first > 1 && data.Columns == 1 && data.Weights.Length == 0)
            {
                // In units they are a copy, and the values are all that there is of such examples.
                data.Values.AsSpan(first, end - first).Sort();
            }
            else if (end - first > 1)
            {
                rows ??= [.. Enumerable.Range(0, data.Count)];
                values = values.Length > 0 ? values : [.. Enumerable.Range(0, data.Count).Select(i => data.Values[i * data.Columns])];
                Array.Sort(values, rows, first, end - first);
            }

            first = end;
        }

        return rows;
    }

    private static int[] InOrder(SmootherData data, int[] columns)
    {
        IOrderedEnumerable<int> rows = Enumerable.Range(0, data.Count).OrderBy(i => data.Values[i * data.Columns]);
        foreach (int j in columns)
        {
            rows = rows.ThenBy(i => data.Keys[(i * data.Features) + j]);
        }

        return [.. rows];
    }

    // To so many digits that the order of rows does not show.
    private static double DenseDeviationOf(SmootherData data, int feature) => Math.Round(data.DenseDeviation(feature), 9);
}
