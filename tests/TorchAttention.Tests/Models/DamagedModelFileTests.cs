using System.Globalization;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Tables;
using TorchAttention.Training;

namespace TorchAttention.Tests.Models;

/// <summary>
/// Every member of a file's header and every tensor, damaged one at a time: what is loaded is what the file says, or one line says what is
/// wrong with it.
/// </summary>
public sealed class DamagedModelFileTests : IDisposable
{
    private static readonly string?[] _texts =
    [
        null, "", " ", "0", "-1", "1.5", "1", "2", "3", "NaN", "Infinity", "-Infinity", "1e308", "-1e308", "1e999", "1e-320", "2147483647",
        "99999999999999999999", "true", "True", "maybe",
        "null", "[]", "[null]", "[\"a\"]", "[\"a\",\"b\"]", "[1,2]", "{}", "1,2", "1,,2", ",", "none", "boxcar", "\n", "'",
    ];

    private static readonly string[] _units = ["x", "x_mean", "x_deviation", "y", "y_mean", "y_deviation"];

    private readonly string _folder = Directory.CreateTempSubdirectory("damaged").FullName;
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string, bool> Models
    {
        get
        {
            var models = new TheoryData<string, bool>();
            foreach (string name in (string[])[.. KernelModels.Names, .. Enum.GetNames<AttentionScore>(), nameof(InContextRegression)])
            {
                models.Add(name, false);
                models.Add(name, true);
            }

            return models;
        }
    }

    private string Path => System.IO.Path.Combine(_folder, "model.safetensors");

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Members_AreRightOrRefused(string name, bool hasUnits)
    {
        SafeTensorsFile file = Saved(name, hasUnits);
        int refused = 0;
        foreach (string member in file.Metadata.Keys)
        {
            foreach (string? text in _texts)
            {
                var metadata = new Dictionary<string, string>(file.Metadata);
                metadata.Remove(member);
                if (text is not null)
                {
                    metadata[member] = text;
                }

                refused += IsRefused(new SafeTensorsFile(file.Tensors, metadata), member) ? 1 : 0;
            }
        }

        Assert.InRange(refused, file.Metadata.Count * 5, int.MaxValue);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Tensors_AreRightOrRefused(string name, bool hasUnits)
    {
        SafeTensorsFile file = Saved(name, hasUnits);
        var accepted = new List<string>();
        foreach ((string tensor, SafeTensor stored) in file.Tensors)
        {
            foreach ((string what, SafeTensor? damaged) in Damages(stored))
            {
                var tensors = new Dictionary<string, SafeTensor>(file.Tensors);
                tensors.Remove(tensor);
                if (damaged is not null)
                {
                    tensors[tensor] = damaged;
                }

                if (!IsRefused(new SafeTensorsFile(tensors, file.Metadata), tensor))
                {
                    accepted.Add($"{tensor} {what}");
                }
            }
        }

        // Four regions of eight w are used: the file says so, and the model is that.
        Assert.Equal(name == "regional" ? ["w longer"] : [], accepted);
    }

    [Fact]
    public void FirstWidthBeyondItsType_IsRefused()
    {
        SafeTensorsFile file = Saved("nw", hasUnits: false);
        new SafeTensorsFile(file.Tensors, new Dictionary<string, string>(file.Metadata) { ["initial_w"] = "1e308" }).Write(Path);
        Assert.Equal(
            $"{Path}: expected a positive number up to 3.4028234663852886E+38 for 'initial_w' in the header, found '1e308'",
            Assert.Throws<StorageException>(() => ModelFile.Load(Path)).Message);
        var options = new KernelModelOptions { InitialW = 1e308 };
        Assert.Throws<ArgumentOutOfRangeException>(() => new NWKernelRegression(ones(3), ones(3), options));
        using var wide = new NWKernelRegression(ones(3, float64), ones(3, float64), options);
        Assert.Equal(1e308, wide.W.ToDoubles()[0]);
    }

    [Fact]
    public void NumberThatIsNone_IsNamedWithItsPlace()
    {
        SafeTensorsFile file = Saved("nw", hasUnits: false);
        float[] keys = file.Tensors["keys"].ToFloats();
        keys[6] = float.NaN;
        var tensors = new Dictionary<string, SafeTensor>(file.Tensors) { ["keys"] = SafeTensor.Create(keys, keys.Length) };
        new SafeTensorsFile(tensors, file.Metadata).Write(Path);
        Assert.Equal(
            $"{Path}: expected finite numbers in 'keys', found NaN as number 7 of F32 (50)",
            Assert.Throws<StorageException>(() => ModelFile.Load(Path)).Message);
    }

    [Fact]
    public void NumbersThatAreNone_AreNotSaved()
    {
        using var model = new NWKernelRegression(tensor([1f, 2f, float.PositiveInfinity]), ones(3));
        string message = Assert.Throws<ArgumentException>(() => ModelFile.Save(model, Path)).Message;
        Assert.Contains("Expected finite numbers in 'keys', got ", message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path));
    }

    private SafeTensorsFile Saved(string name, bool hasUnits)
    {
        bool isKernel = KernelModels.Names.Contains(name);
        (Tensor x, Tensor y) = KernelModels.Data(isKernel ? name : "relevance", ScalarType.Float32);
        Module model = isKernel
            ? KernelModels.Create(name, x, y, new() { Kernel = SmoothingKernel.Tricube, LearnValues = true, LeaveOneOut = true })
            : name == nameof(InContextRegression) ? new InContextRegression(x, y, new() { Hidden = 8, Seed = 3 })
            : new AttentionRegression(x, y, new() { Score = Enum.Parse<AttentionScore>(name), Hidden = 8, Seed = 3 });
        int features = x.dim() == 1 ? 1 : 2;
        using Module saved = !hasUnits ? model : new ModelInUnits(model, new ModelUnits
        {
            X = [.. Enumerable.Range(0, features).Select(j => $"x {j}")],
            XScales = [.. Enumerable.Range(0, features).Select(j => new Standardization(j, 2))],
            Y = "y",
            YScale = new Standardization(5, 3),
        });
        ModelFile.Save(saved, Path);
        return SafeTensorsFile.Read(Path);
    }

    private static IEnumerable<(string What, SafeTensor? Tensor)> Damages(SafeTensor tensor)
    {
        long[] shape = [.. tensor.Shape];
        int size = tensor.DataType == "F32" ? sizeof(float) : sizeof(long);
        int count = tensor.Bytes.Length / size;
        yield return ("left out", null);
        yield return ("with another side", SafeTensor.OfBytes(tensor.DataType, tensor.Bytes, [1, .. shape]));
        yield return ("with a side more", SafeTensor.OfBytes(tensor.DataType, tensor.Bytes, [.. shape, 1, 1]));
        yield return ("empty", SafeTensor.OfBytes(tensor.DataType, [], [0, .. shape[1..]]));
        byte[] longer = [.. tensor.Bytes, .. new byte[tensor.Bytes.Length]];
        yield return ("longer", SafeTensor.OfBytes(tensor.DataType, longer, [shape[0] * 2, .. shape[1..]]));
        yield return ("without a shape", SafeTensor.OfBytes(tensor.DataType, tensor.Bytes[..size], []));
        yield return ("of bytes", SafeTensor.OfBytes("U8", new byte[count], shape));
        yield return ("of halves", SafeTensor.OfBytes("F16", new byte[2 * count], shape));
        bool isSingle = tensor.DataType == "F32";
        yield return (
            "of the other type", isSingle ? SafeTensor.Create(new long[count], shape) : SafeTensor.Create(new float[count], shape));
        yield return ("of doubles", SafeTensor.Create(new double[count], shape));
        foreach (float number in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            float[] numbers = new float[count];
            long[] whole = new long[count];
            numbers[^1] = number;
            whole[^1] = float.IsNegative(number) ? long.MinValue : long.MaxValue;
            yield return ($"with {number}", isSingle ? SafeTensor.Create(numbers, shape) : SafeTensor.Create(whole, shape));
        }
    }

    // What is loaded has the file's numbers, options and units.
    private bool IsRefused(SafeTensorsFile file, string part)
    {
        Module loaded;
        try
        {
            loaded = ModelFile.Load(Path, file);
        }
        catch (StorageException e)
        {
            Assert.StartsWith($"{Path}: ", e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', e.Message);
            string said = e.Message[Path.Length..];
            IEnumerable<string> parts = _units.Concat(file.Metadata.Keys).Concat(file.Tensors.Keys);
            bool isNamed = said.Replace('-', '_').Contains(part, StringComparison.Ordinal)
                || parts.Any(name => said.Contains($"'{name}'", StringComparison.Ordinal));
            Assert.True(isNamed || part == "format", $"Nothing is named for '{part}': {e.Message}");
            return true;
        }

        using (loaded)
        {
            Module own = (loaded as ModelInUnits)?.Model ?? loaded;
            Dictionary<string, Tensor> state = own.state_dict();
            Assert.Equal(file.Tensors.Keys.Order(StringComparer.Ordinal), state.Keys.Order(StringComparer.Ordinal));
            foreach ((string name, Tensor tensor) in state)
            {
                Assert.Equal(file.Tensors[name].ToString(), TensorBytes.Stored(tensor).ToString());
                Assert.Equal(file.Tensors[name].Bytes.ToArray(), TensorBytes.ToArray(tensor));
                Assert.All(tensor.ToDoubles(), number => Assert.True(double.IsFinite(number)));
            }

            Assert.Equal(file.Metadata.ContainsKey("x_mean"), loaded is ModelInUnits);
            foreach ((string member, double number) in Numbers(loaded).Where(pair => file.Metadata.ContainsKey(pair.Member)))
            {
                bool isFirst = file.Metadata["version"] == "1";
                Assert.True(isFirst || First(file.Metadata[member]) == number, $"{member} = {number}, in the file {file.Metadata[member]}");
            }
        }

        return false;
    }

    private static double First(string numbers) => double.Parse(numbers.Split(',')[0], CultureInfo.InvariantCulture);

    private static List<(string Member, double Number)> Numbers(Module loaded)
    {
        var numbers = new List<(string, double)>();
        if (loaded is ModelInUnits { Units: ModelUnits units })
        {
            numbers.AddRange([("x_mean", units.XScales[0].Mean), ("x_deviation", units.XScales[0].Deviation)]);
            numbers.AddRange([("y_mean", units.YScale.Mean), ("y_deviation", units.YScale.Deviation)]);
        }

        switch ((loaded as ModelInUnits)?.Model ?? loaded)
        {
            case NWKernelRegression { Options: KernelModelOptions kernel }:
                numbers.AddRange([("lr", kernel.LearningRate), ("initial_w", kernel.InitialW)]);
                break;
            case AttentionRegression { Options: AttentionRegressionOptions score }:
                numbers.AddRange([("lr", score.LearningRate), ("hidden", score.Hidden), ("heads", score.Heads)]);
                numbers.AddRange([("dropout", score.Dropout), ("seed", score.Seed)]);
                break;
        }

        return numbers;
    }
}
