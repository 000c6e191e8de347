using System.Globalization;
using TorchAttention.Models;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Tables;
using TorchAttention.Training;

namespace TorchAttention.Tests.Models;

/// <summary>Every member of a file's header and every tensor, damaged one at a time: what is loaded is what the file says, or one line says what is wrong with it.</summary>
public sealed class DamagedModelFileTests : IDisposable
{
    private static readonly string?[] _texts =
    [
        null, "", " ", "0", "-1", "1.5", "1", "2", "3", "NaN", "Infinity", "-Infinity", "1e308", "-1e308", "1e999", "1e-320", "2147483647", "99999999999999999999", "true", "True", "maybe",
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
            foreach (string name in (string[])[.. KernelModels.Names, .. Enum.GetNames<AttentionScore>()])
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
            $"{Path}: expected a positive number up to 3.40282E+38 for 'initial_w' in the header, found '1e308'", Assert.Throws<StorageException>(() => ModelFile.Load(Path)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new NWKernelRegression(ones(3), ones(3), new KernelModelOptions { InitialW = 1e308 }));
        using var wide = new NWKernelRegression(ones(3, float64), ones(3, float64), new KernelModelOptions { InitialW = 1e308 });
        Assert.Equal(1e308, wide.W.ToDoubles()[0]);
    }

    [Fact]
    public void NumberThatIsNone_IsNamedWithItsPlace()
    {
        SafeTensorsFile file = Saved("nw", hasUnits: false);
        float[] keys = file.Tensors["keys"].ToFloats();
        keys[6] = float.NaN;
        new SafeTensorsFile(new Dictionary<string, SafeTensor>(file.Tensors) { ["keys"] = SafeTensor.Of(keys, keys.Length) }, file.Metadata).Write(Path);
        Assert.Equal($"{Path}: expected finite numbers in 'keys', found NaN as number 7 of F32 (50)", Assert.Throws<StorageException>(() => ModelFile.Load(Path)).Message);
    }

    [Fact]
    public void NumbersThatAreNone_AreNotSaved()
    {
        using var model = new NWKernelRegression(tensor([1f, 2f, float.PositiveInfinity]), ones(3));
        Assert.Contains("Expected finite numbers in 'keys', got ", Assert.Throws<ArgumentException>(() => ModelFile.Save(model, Path)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path));
    }

    private SafeTensorsFile Saved(string name, bool hasUnits)
    {
        bool isKernel = KernelModels.Names.Contains(name);
        (Tensor x, Tensor y) = KernelModels.Data(isKernel ? name : "relevance", ScalarType.Float32);
        Module model = isKernel
            ? KernelModels.Create(name, x, y, new() { Kernel = SmoothingKernel.Tricube, LearnValues = true, LeaveOneOut = true })
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
        yield return ("longer", SafeTensor.OfBytes(tensor.DataType, [.. tensor.Bytes, .. new byte[tensor.Bytes.Length]], [shape[0] * 2, .. shape[1..]]));
        yield return ("without a shape", SafeTensor.OfBytes(tensor.DataType, tensor.Bytes[..size], []));
        yield return ("of bytes", SafeTensor.OfBytes("U8", new byte[count], shape));
        yield return ("of halves", SafeTensor.OfBytes("F16", new byte[2 * count], shape));
        yield return ("of the other type", tensor.DataType == "F32" ? SafeTensor.Of(new long[count], shape) : SafeTensor.Of(new float[count], shape));
        yield return ("of doubles", SafeTensor.Of(new double[count], shape));
        foreach (float number in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
        {
            float[] numbers = new float[count];
            numbers[^1] = number;
            yield return ($"with {number}", tensor.DataType == "F32" ? SafeTensor.Of(numbers, shape) : SafeTensor.Of([.. Enumerable.Repeat(float.IsNegative(number) ? long.MinValue : long.MaxValue, count)], shape));
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
            bool isNamed = said.Replace('-', '_').Contains(part, StringComparison.Ordinal)
                || _units.Concat(file.Metadata.Keys).Concat(file.Tensors.Keys).Any(name => said.Contains($"'{name}'", StringComparison.Ordinal));
            Assert.True(isNamed || part == "format", $"Nothing is named for '{part}': {e.Message}");
            return true;
        }

        using (loaded)
        {
            Module own = (loaded as ModelInUnits)?.Model ?? loaded;
            Assert.Equal(file.Tensors.Keys.Order(StringComparer.Ordinal), own.state_dict().Keys.Order(StringComparer.Ordinal));
            Assert.All(own.state_dict(), entry => Assert.Equal(file.Tensors[entry.Key].ToString(), TensorBytes.Stored(entry.Value).ToString()));
            Assert.All(own.state_dict(), entry => Assert.Equal(file.Tensors[entry.Key].Bytes.ToArray(), TensorBytes.Of(entry.Value)));
            Assert.All(own.state_dict(), entry => Assert.All(entry.Value.ToDoubles(), number => Assert.True(double.IsFinite(number))));
            Assert.Equal(file.Metadata.ContainsKey("x_mean"), loaded is ModelInUnits);
            foreach ((string member, double number) in Numbers(loaded).Where(pair => file.Metadata.ContainsKey(pair.Member)))
            {
                Assert.True(file.Metadata["version"] == "1" || double.Parse(file.Metadata[member].Split(',')[0], CultureInfo.InvariantCulture) == number, $"{member} = {number}, in the file {file.Metadata[member]}");
            }
        }

        return false;
    }

    private static IEnumerable<(string Member, double Number)> Numbers(Module loaded) =>
    [
        .. loaded is ModelInUnits { Units: ModelUnits units }
            ? ((string, double)[])[("x_mean", units.XScales[0].Mean), ("x_deviation", units.XScales[0].Deviation), ("y_mean", units.YScale.Mean), ("y_deviation", units.YScale.Deviation)]
            : [],
        .. ((loaded as ModelInUnits)?.Model ?? loaded) switch
        {
            KernelRegressionModule kernel => [("lr", kernel.Options.LearningRate), ("initial_w", kernel.Options.InitialW)],
            AttentionRegression { Options: AttentionRegressionOptions options } =>
                [("lr", options.LearningRate), ("hidden", options.Hidden), ("heads", options.Heads), ("dropout", options.Dropout), ("seed", options.Seed)],
            _ => ((string, double)[])[],
        },
    ];
}
