using TorchAttention.Numerics.Regression;

namespace TorchAttention.Tests.Regression;

/// <summary>A kernel regression by its smoother's matrix H, row by row: what the fast one is compared with.</summary>
internal sealed class DenseRegression
{
    private readonly double[] _x;
    private readonly double[] _y;
    private readonly int _features;
    private readonly KernelRegressionOptions _options;
    private readonly double[] _h;
    private readonly double[] _weights;

    public DenseRegression(double[] x, double[] y, int features, KernelRegressionOptions options, double[] h, double[]? weights = null)
    {
        (_x, _y, _features, _options, _h) = (x, y, features, options, h);
        double mean = weights?.Average() ?? 1;
        _weights = [.. Enumerable.Range(0, y.Length).Select(i => (weights?[i] ?? 1) / mean)];
        double[][] rows = [.. Enumerable.Range(0, Count).Select(i => Row(x.AsSpan(i * features, features)))];
        Fitted = [.. rows.Select(Apply)];
        double rss = Enumerable.Range(0, Count).Sum(i => _weights[i] * (y[i] - Fitted[i]) * (y[i] - Fitted[i]));
        Trace = Enumerable.Range(0, Count).Sum(i => rows[i][i]);
        ResidualFreedom = Count - (2 * Trace) + rows.Index().Sum(row => _weights[row.Index] * Squares(row.Item));
        Error = Math.Sqrt(rss / ResidualFreedom);
        double weightSum = _weights.Sum();
        AICc = Math.Log(rss / weightSum) + 1 + (2 * (Trace + 1) / (Count - Trace - 2));
        GCV = rss / weightSum / Math.Pow(1 - (Trace / Count), 2);
        LeaveOneOut = Enumerable.Range(0, Count).Sum(
            i => _weights[i] * Math.Pow(y[i] - Apply(Row(x.AsSpan(i * features, features), without: i)), 2)) / weightSum;
    }

    public double[] Fitted { get; }

    public double Trace { get; }

    public double ResidualFreedom { get; }

    public double Error { get; }

    public double AICc { get; }

    public double GCV { get; }

    public double LeaveOneOut { get; }

    private int Count => _y.Length;

    public (double Mean, double Error) At(ReadOnlySpan<double> query)
    {
        double[] row = Row(query);
        return (Apply(row), Error * Math.Sqrt(Squares(row)));
    }

    // The variance of a fitted value, in that of an example of weight 1: that of example i is 1 / s_i.
    private double Squares(double[] row) => row.Zip(_weights).Sum(pair => pair.First * pair.First / pair.Second);

    private double Apply(double[] row) => row.Zip(_y).Sum(pair => pair.First * pair.Second);

    // The weights l of a query: those of weighted least squares for the first coefficient.
    private double[] Row(ReadOnlySpan<double> query, int without = -1)
    {
        int[][] powers = [.. Powers(_features, _options.Degree).OrderBy(power => power.Sum())];
        int terms = powers.Length;
        double[][] designs = new double[Count][];
        double[] k = new double[Count];
        for (int i = 0; i < Count; i++)
        {
            double[] u = new double[_features];
            for (int j = 0; j < _features; j++)
            {
                u[j] = (_x[(i * _features) + j] - query[j]) / _h[j];
            }

            designs[i] = [.. powers.Select(power => power.Zip(u, (exponent, at) => Math.Pow(at, exponent)).Aggregate((a, b) => a * b))];
            k[i] = i == without ? 0 : _weights[i] * _options.Kernel.Weight(u.Sum(number => number * number));
        }

        double[,] normal = new double[terms, terms + 1];
        normal[0, terms] = 1;
        for (int a = 0; a < terms; a++)
        {
            for (int b = 0; b < terms; b++)
            {
                normal[a, b] = Enumerable.Range(0, Count).Sum(i => k[i] * designs[i][a] * designs[i][b])
                    + (a == b && a > 0 ? _options.RidgeInUse : 0);
            }
        }

        for (int a = 0; a < terms; a++)
        {
            for (int row = 0; row < terms; row++)
            {
                double factor = row == a ? 0 : normal[row, a] / normal[a, a];
                for (int b = a; b <= terms; b++)
                {
                    normal[row, b] -= factor * normal[a, b];
                }
            }
        }

        return [.. Enumerable.Range(0, Count).Select(
            i => k[i] * Enumerable.Range(0, terms).Sum(a => normal[a, terms] / normal[a, a] * designs[i][a]))];
    }

    // The exponents of every product up to a degree.
    private static IEnumerable<int[]> Powers(int features, int degree) => features == 0
        ? [[]]
        : Enumerable.Range(0, degree + 1).SelectMany(first => Powers(features - 1, degree - first).Select(rest => (int[])[first, .. rest]));
}
