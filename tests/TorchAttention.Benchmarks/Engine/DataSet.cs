using System.Runtime.InteropServices;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>A data set of peers/engine.py: a folder with x.f64 (n, d) row by row and y.f64 (n), raw float64, little endian.</summary>
/// <param name="X">Keys (n, d).</param>
/// <param name="Y">Values (n).</param>
internal sealed record DataSet(double[] X, double[] Y)
{
    public static DataSet Read(string folder, int features)
    {
        var data = new DataSet(ReadNumbers(Path.Combine(folder, "x.f64")), ReadNumbers(Path.Combine(folder, "y.f64")));
        return data.Y.Length > 0 && data.X.Length == data.Y.Length * features
            ? data
            : throw new InvalidDataException($"{folder}: expected x.f64 of {data.Y.Length} x {features} numbers, got {data.X.Length}.");
    }

    public static void WriteNumbers(string path, double[] numbers) => File.WriteAllBytes(path, MemoryMarshal.AsBytes(numbers.AsSpan()));

    public static double[] ReadNumbers(string path) => MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(path)).ToArray();
}
