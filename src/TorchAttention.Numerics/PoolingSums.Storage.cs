using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Pooling.Answers;
using TorchAttention.Numerics.Pooling.Loops;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics;

/// <content>The form that goes from one machine to another.</content>
public sealed partial class PoolingSums
{
    private const string ModelName = "pooling_sums";
    private const int Version = 1;
    private const int SingleNumbers = 5;

    /// <summary>Writes the sums in the safetensors format; <see cref="Read"/> has them bit for bit.</summary>
    /// <param name="stream">Where they go.</param>
    /// <exception cref="IOException">The stream cannot be written to.</exception>
    public void Write(Stream stream)
    {
        (int m, int d, int v) = (Count, Features, Columns);
        PlaneKeys planes = _frame.Planes;
        var tensors = new Dictionary<string, SafeTensor>
        {
            ["queries"] = SafeTensor.Create(_queries, m, d),
            ["inverse_bandwidths"] = SafeTensor.Create(_frame.InverseBandwidths, d),
            ["sums"] = SafeTensor.Create(_rows.Sums, m, _rows.Layout.Length),
            ["offsets"] = SafeTensor.Create(_rows.Offsets, m),
            ["references"] = SafeTensor.Create(_rows.References, m, d),
            ["careful"] = SafeTensor.Create([.. _rows.AreCareful.Select(isCareful => isCareful ? 1.0 : 0)], m),
            ["errors"] = SafeTensor.Create([.. _rows.Errors, .. _rows.SquaredErrors, .. _rows.Elsewhere], 3, m),
            ["nearest"] = SafeTensor.Create([.. _rows.NearestSquares, .. _rows.NearestWeights], 2, m),
            ["nearest_values"] = SafeTensor.Create(_rows.NearestValues, m, v),
            ["units"] = SafeTensor.Create([.. _frame.Centres, .. _frame.Reaches, .. _frame.HalfRanges], 3, v),
            ["spanning"] = SafeTensor.Create(planes.Spanning, planes.Spanning.Length / d, d),
            ["ranges"] = SafeTensor.Create(
                [.. planes.Ranges.SelectMany(range => new[] { range.Least, range.Most })], planes.Ranges.Length, 2),
            ["numbers"] = SafeTensor.Create(
                [_frame.LargestSampleWeight, _rows.LeastWeightSum, _rows.AreInAllSums ? 1 : 0, _rows.PlaneGradientFactor, _tolerance],
                SingleNumbers),
        };
        new SafeTensorsFile(tensors, new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = Version.ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            ["kernel"] = Kernel.Name,
            ["degree"] = Degree.ToString(CultureInfo.InvariantCulture),
            ["method"] = Method.ToString(),
            ["parts"] = ((int)PartsOf(_rows.Layout)).ToString(CultureInfo.InvariantCulture),
        }).Write(stream);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="name">What to call them in messages.</param>
    /// <param name="kernel">The kernel, where it is one's own; null for one of the library's.</param>
    /// <exception cref="StorageException">They are damaged, of another kind or of a later version.</exception>
    public static PoolingSums Read(ReadOnlySpan<byte> bytes, string name, SmoothingKernel? kernel = null)
    {
        var file = SafeTensorsFile.Read(bytes, name);
        var reader = new StoredModel(name, file, ModelName, Version);
        string kernelName = reader.Text("kernel");
        kernel = kernel?.Name == kernelName ? kernel : SmoothingKernel.Find(kernelName) ?? throw reader.Unknown("kernel");
        int degree = reader.Text("degree") switch { "0" => 0, "1" => 1, _ => throw reader.Unknown("degree") };
        bool areParts = int.TryParse(reader.Text("parts"), NumberStyles.None, CultureInfo.InvariantCulture, out int number);
        var parts = areParts && number < 8 ? (PoolingParts)number : throw reader.Unknown("parts");
        double[] queries = reader.Doubles("queries", 2);
        double[] inverseBandwidths = reader.Doubles("inverse_bandwidths", 1);
        double[] units = reader.Doubles("units", 2);
        double[] numbers = reader.Doubles("numbers", 1);
        double[] ranges = reader.Doubles("ranges", 2);
        (int d, int v) = (inverseBandwidths.Length, units.Length / 3);
        if (d == 0 || v == 0 || units.Length != 3 * v || numbers.Length != SingleNumbers || queries.Length % d != 0)
        {
            throw Others();
        }

        int m = queries.Length / d;
        SumLayout layout = LayoutOf(d, v, parts, degree);
        double[] spanning = Numbers("spanning", 2, null);
        double[] errors = Numbers("errors", 2, 3 * m);
        double[] nearest = Numbers("nearest", 2, 2 * m);
        if (spanning.Length % d != 0 || ranges.Length != (degree == 0 ? 0 : 2 * d) || !(numbers[0] > 0 && numbers[4] > 0))
        {
            throw Others();
        }

        var rows = new QueryRows(layout, m)
        {
            LeastWeightSum = numbers[1],
            AreInAllSums = numbers[2] != 0,
            PlaneGradientFactor = numbers[3],
            Sums = Numbers("sums", 2, m * layout.Length),
            Offsets = Numbers("offsets", 1, m),
            References = Numbers("references", 2, m * d),
            AreCareful = [.. Numbers("careful", 1, m).Select(isCareful => isCareful != 0)],
            Errors = errors[..m],
            SquaredErrors = errors[m..(2 * m)],
            Elsewhere = errors[(2 * m)..],
            NearestSquares = nearest[..m],
            NearestWeights = nearest[m..],
            NearestValues = Numbers("nearest_values", 2, m * v),
        };
        double argumentScale = kernel.Call<Scaling, double>(default);
        var frame = new AnswerFrame
        {
            Centres = units[..v],
            Reaches = units[v..(2 * v)],
            HalfRanges = units[(2 * v)..],
            LargestSampleWeight = numbers[0],
            InverseBandwidths = inverseBandwidths,
            Degree = degree,
            Planes = PlaneKeys.Create(
                inverseBandwidths, argumentScale, spanning, [.. ranges.Chunk(2).Select(range => (range[0], range[1]))]),
        };
        return new PoolingSums(kernel, rows, frame, queries, reader.Name<PoolingMethod>("method"), numbers[4]);

        double[] Numbers(string tensor, int sides, int? count) =>
            reader.Doubles(tensor, sides) is var found && (count is null || found.Length == count) ? found : throw Others();

        StorageException Others() => new(StorageProblem.Numbers, name)
        {
            Expected = "sums that fit each other",
            Found = "others (the shapes of its tensors do not)",
        };
    }

    internal static SumLayout LayoutOf(int features, int columns, PoolingParts parts, int degree) => new(
        features, columns, parts.HasFlag(PoolingParts.EffectiveNeighbours), parts.HasFlag(PoolingParts.BandwidthGradient),
        parts.HasFlag(PoolingParts.QueryGradient), degree == 1);

    private static PoolingParts PartsOf(in SumLayout layout) => (layout.HasSquares ? PoolingParts.EffectiveNeighbours : 0)
        | (layout.BandwidthGradient >= 0 ? PoolingParts.BandwidthGradient : 0)
        | (layout.QueryGradient >= 0 ? PoolingParts.QueryGradient : 0);

    private readonly struct Scaling : IKernelCall<double>
    {
        public double Run<TKernel>()
            where TKernel : IKernel => TKernel.ArgumentScale;
    }
}
