using System.Runtime.InteropServices;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>
/// Points to fit and to be fitted at: a data set of peers/engine.py, a folder with x.f64 (n, d) row by row and y.f64 (n), raw float64,
/// little endian.
/// </summary>
/// <param name="X">Keys (n, d).</param>
/// <param name="Y">Values (n).</param>
internal sealed record DataSet(double[] X, double[] Y)
{
    /// <summary>Features d.</summary>
    public int Features => X.Length / Y.Length;

    /// <summary>Queries (m, d); the keys themselves unless said otherwise.</summary>
    public double[] Queries { get; init; } = X;

    public static DataSet Read(string folder, string name)
    {
        var data = new DataSet(ReadNumbers(Path.Combine(folder, name, "x.f64")), ReadNumbers(Path.Combine(folder, name, "y.f64")));
        return data.Y.Length > 0 && data.X.Length > 0 && data.X.Length % data.Y.Length == 0
            ? data
            : throw new InvalidDataException($"{name}: expected x.f64 of {data.Y.Length} x d numbers, got {data.X.Length}.");
    }

    /// <summary>Made here: x sorted, uniform on [0, 5), and y = 2 sin x + x^0.8 and noise.</summary>
    public static DataSet Line(int n)
    {
        var random = new Random(n);
        double[] x = new double[n];
        for (int i = 0; i < n; i++)
        {
            x[i] = random.NextDouble() * 5;
        }

        Array.Sort(x);
        return new DataSet(x, Array.ConvertAll(x, at => (2 * Math.Sin(at)) + Math.Pow(at, 0.8) + random.NextDouble() - 0.5));
    }

    /// <summary>Made here: x uniform on [0, 1)^3, and y = the sum of 2 sin x over the features and noise.</summary>
    public static DataSet Cube(int n)
    {
        var random = new Random(n);
        double[] x = new double[3 * n];
        double[] y = new double[n];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = random.NextDouble();
            y[i / 3] += (2 * Math.Sin(x[i])) + ((random.NextDouble() - 0.5) / 3);
        }

        return new DataSet(x, y);
    }

    /// <summary>The same points in another order; order[i] is where point i was.</summary>
    public (DataSet Data, int[] Order) Shuffled()
    {
        int[] order = [.. Enumerable.Range(0, Y.Length)];
        new Random(0).Shuffle(order);
        return (At(order), order);
    }

    /// <summary>Some of the points, spread evenly.</summary>
    public DataSet Sample(int count) => At(Spread(Y.Length, count));

    /// <summary>Some of n places, spread evenly.</summary>
    public static int[] Spread(int n, int count) =>
        [.. Enumerable.Range(0, Math.Min(count, n)).Select(i => (int)((long)i * n / Math.Min(count, n)))];

    public static void WriteNumbers(string path, double[] numbers) => File.WriteAllBytes(path, MemoryMarshal.AsBytes(numbers.AsSpan()));

    private static double[] ReadNumbers(string path) => MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(path)).ToArray();

    private DataSet At(int[] places)
    {
        double[] x = new double[places.Length * Features];
        for (int i = 0; i < places.Length; i++)
        {
            X.AsSpan(places[i] * Features, Features).CopyTo(x.AsSpan(i * Features));
        }

        return new DataSet(x, Array.ConvertAll(places, place => Y[place]));
    }
}
