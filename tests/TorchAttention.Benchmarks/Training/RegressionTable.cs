using TorchAttention.Numerics.Tables;

namespace TorchAttention.Benchmarks.Training;

/// <summary>A table to compare attentions on: the four that are built in, and six generated with a fixed seed.</summary>
/// <param name="Name">What to call it.</param>
/// <param name="X">Features, each a column (n).</param>
/// <param name="Y">Targets (n).</param>
internal sealed record RegressionTable(string Name, double[][] X, double[] Y)
{
    private const int Rows = 200;

    public static IEnumerable<RegressionTable> All()
    {
        yield return BuiltIn("mcycle", "times", "accel");
        yield return BuiltIn("faithful", "eruptions", "waiting");
        yield return BuiltIn("ethanol", "E,C", "NOx");
        yield return BuiltIn("iris", "Petal.Length,Sepal.Length,Sepal.Width", "Petal.Width");
        yield return Generated("uneven", 1, u => Math.Pow(u, 3), x => Math.Sin(2 * Math.PI * x[0]), 0.3);
        yield return Generated("edges", 1, u => u, x => Math.Exp(2 * x[0]), 0.5);
        yield return Generated("gap", 1, u => u < 0.5 ? 0.8 * u : 0.2 + (0.8 * u), x => Math.Sin(2 * Math.PI * x[0]), 0.3);
        yield return Generated("bump in noise", 1, u => u, x => 0.5 * Math.Exp(-50 * Math.Pow(x[0] - 0.5, 2)), 1);
        yield return Generated("plane, uneven", 3, u => u * u, x => (2 * x[0]) - x[1] + (0.5 * x[2]), 0.2);
        yield return Generated(
            "Friedman", 5, u => u,
            x => (10 * Math.Sin(Math.PI * x[0] * x[1])) + (20 * Math.Pow(x[2] - 0.5, 2)) + (10 * x[3]) + (5 * x[4]), 1);
    }

    private static RegressionTable BuiltIn(string name, string x, string y)
    {
        string[] features = x.Split(',');
        Table table = BuiltInTable.Find(name)!.Read(_ => [.. features, y]);
        return new RegressionTable(name, [.. features.Select(feature => table[feature].ToArray())], table[y].ToArray());
    }

    private static RegressionTable Generated(
        string name, int features, Func<double, double> place, Func<double[], double> truth, double noise)
    {
        var random = new Random(20_261_127);
        double[][] rows = [.. Enumerable.Range(0, Rows).Select(
            _ => Enumerable.Range(0, features).Select(_ => place(random.NextDouble())).ToArray())];
        double[] y = [.. rows.Select(row => truth(row) + (noise * Normal(random)))];
        return new RegressionTable(name, [.. Enumerable.Range(0, features).Select(j => rows.Select(row => row[j]).ToArray())], y);
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
