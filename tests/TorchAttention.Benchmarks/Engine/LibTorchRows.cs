using TorchAttention.Pooling;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>What libtorch takes for Gaussian pooling in float32: its fused attention, and the textbook form with the weights as a matrix.</summary>
internal static class LibTorchRows
{
    private const int Checked = 500;

    /// <summary>Of the range of the answers. float32 sums of n terms: 3e-5 is usual at 10,000 keys, and it grows with n; a wrong bandwidth is off by far more.</summary>
    private const double Tolerance = 1e-3;

    public static IEnumerable<EngineRow> Measure(string folder)
    {
        yield return Textbook(folder, 10_000);
        foreach (int n in (int[])[10_000, 30_000, 100_000])
        {
            yield return Fused(folder, $"sdpa-1d-f32-{n}", $"line-{n}", features: 1, bandwidth: 1);
        }

        yield return Fused(folder, "sdpa-3d-f32-50000", "cube-50000", features: 3, bandwidth: 0.1);
    }

    private static EngineRow Textbook(string folder, int n)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor u, Tensor y) = Load(folder, $"line-{n}", features: 1, bandwidth: 1);
        Tensor x = u.flatten().to(ScalarType.Float32);
        Tensor values = y.to(ScalarType.Float32);
        EngineRow row = EngineRow.Measure(folder, $"textbook-1d-f32-{n}", n, () =>
        {
            using DisposeScope run = NewDisposeScope();
            return AttentionPooling.AttentionPool(AttentionPooling.Diff(x, x), values).Output.ToDoubles();
        });
        return row with { Error = Check(row, folder, u, y) };
    }

    /// <summary>Keys and values are made ready once, as a model would keep them; the queries belong to the work.</summary>
    private static EngineRow Fused(string folder, string name, string dataSet, int features, double bandwidth)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor u, Tensor y) = Load(folder, dataSet, features, bandwidth);
        Tensor x = u.to(ScalarType.Float32);
        Tensor keys = cat([x, -0.5 * x.square().sum(dim: 1, keepdim: true)], dim: 1).unsqueeze(0).unsqueeze(0);
        Tensor values = nn.functional.pad(y.to(ScalarType.Float32).unsqueeze(1), [0, features]).unsqueeze(0).unsqueeze(0);
        EngineRow row = EngineRow.Measure(folder, name, (int)y.size(0), () => Attend(x, keys, values));
        return row with { Error = Check(row, folder, u, y) };
    }

    /// <summary>
    /// -|q - k|^2 / 2 is q.k - |k|^2 / 2 and a term of the query alone, which the softmax drops. The scores are divided by the root of their width, so
    /// the queries are multiplied by it; the values are as wide as the keys, since the fused form wants that.
    /// </summary>
    private static double[] Attend(Tensor x, Tensor keys, Tensor values)
    {
        using DisposeScope scope = NewDisposeScope();
        double factor = Math.Sqrt(x.size(1) + 1);
        Tensor queries = factor * nn.functional.pad(x, [0, 1], value: 1);
        Tensor pooled = nn.functional.scaled_dot_product_attention(queries.unsqueeze(0).unsqueeze(0), keys, values);
        return pooled[0, 0].select(1, 0).ToDoubles();
    }

    /// <summary>Scaled keys u = (x - mean) / h (n, d) and values (n), in float64. Far from the origin the products would lose all digits.</summary>
    private static (Tensor U, Tensor Y) Load(string folder, string dataSet, int features, double bandwidth)
    {
        DataSet data = DataSet.Read(Path.Combine(folder, dataSet), features);
        Tensor x = tensor(data.X).reshape(-1, features);
        return ((x - x.mean([0], keepdim: true)) / bandwidth, tensor(data.Y));
    }

    /// <summary>The largest difference from the textbook form in float64, in units of the answers' range, over queries spread evenly.</summary>
    private static double Check(EngineRow row, string folder, Tensor u, Tensor y)
    {
        double[] answers = DataSet.ReadNumbers(Path.Combine(folder, row.Answers));
        double range = answers.Max() - answers.Min();
        double largest = 0;
        for (int i = 0; i < row.N; i += Math.Max(1, row.N / Checked))
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor score = -0.5 * (u - u[i]).square().sum(dim: 1);
            double exact = nn.functional.softmax(score, dim: 0).dot(y).ToDouble();
            double error = Math.Abs(answers[i] - exact) / range;
            if (!(error <= Tolerance))
            {
                throw new InvalidOperationException($"{row.Name}: expected {exact} at query {i}, as the textbook form gives in float64, got {answers[i]}.");
            }

            largest = Math.Max(largest, error);
        }

        return largest;
    }
}
