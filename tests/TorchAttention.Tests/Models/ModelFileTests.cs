using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Storage;
using TorchAttention.Training;

namespace TorchAttention.Tests.Models;

public sealed class ModelFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("models").FullName;
    private readonly DisposeScope _scope = NewDisposeScope();

    private string Path => System.IO.Path.Combine(_folder, "model.safetensors");

    public static TheoryData<string> Models => [.. KernelModels.Names, .. Enum.GetNames<AttentionScore>(), nameof(InContextRegression)];

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void LoadedModel_PredictsTheSameBitForBit(string name)
    {
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            using Module model = Create(name, type, out Tensor queries);
            ModelFile.Save(model, Path, new Dictionary<string, string> { ["x"] = "the column \"x\"" });
            using Module loaded = ModelFile.Load(Path, null, out IReadOnlyDictionary<string, string> notes);

            Assert.Equal(model.GetType(), loaded.GetType());
            Assert.Equal(Options(model), Options(loaded));
            Assert.Equal("the column \"x\"", notes["x"]);
            Assert.Equal(
                model.named_parameters().Select(parameter => parameter.name),
                loaded.named_parameters().Select(parameter => parameter.name));
            Assert.All(loaded.parameters(), parameter => Assert.True(parameter.requires_grad && parameter.dtype == type));
            model.eval();
            Assert.Equal(model.call(queries).ToDoubles(), loaded.call(queries).ToDoubles());
            ModelFile.Save(loaded, Path + "2", notes);
            Assert.Equal(File.ReadAllBytes(Path), File.ReadAllBytes(Path + "2"));
        }
    }

    [Fact]
    public void FileOfTheFirstVersion_IsTheChaptersModel()
    {
        var tensors = new Dictionary<string,
            SafeTensor>
        {
            ["keys"] = SafeTensor.Create([1f, 2f, 4f], 3),
            ["values"] = SafeTensor.Create([3f, 2f, 7f], 3),
            ["w"] = SafeTensor.Create([2.5f], 1)
        };
        Write(
            tensors, ("format", "torchattention"), ("version", "1"), ("model", "nw_kernel_regression"), ("kernel", "gaussian"),
            ("lr", "0.5"), ("leave_one_out", "true"));
        using var expected = new NWKernelRegression(tensor([1f, 2f, 4f]), tensor([3f, 2f, 7f]), new() { InitialW = 2.5 });
        Tensor queries = linspace(0, 5, 20);
        foreach (NWKernelRegression loaded in new[] { NWKernelRegression.Load(Path), (NWKernelRegression)ModelFile.Load(Path) })
        {
            Assert.Equal(new KernelModelOptions { LearningRate = 0.5, LeaveOneOut = true }, loaded.Options);
            Assert.Equal(expected.call(queries).ToDoubles(), loaded.call(queries).ToDoubles());
            loaded.Dispose();
        }
    }

    [Fact]
    public void OtherFiles_AreRefusedInOneLine()
    {
        using Module model = Create("regional", ScalarType.Float32, out _);
        ModelFile.Save(model, Path);
        SafeTensorsFile file = SafeTensorsFile.Read(Path);
        Refused("of version 3 or before, found version 4", file, ("version", "4"));
        Refused("a known 'version' in the header, found 'x'", file, ("version", "x"));
        Refused("saved by TorchAttention, found a safetensors file of another kind", file, ("format", "other"));
        Refused("of the kind 'nw_kernel_regression', 'relevance_kernel_regression', 'regional_kernel_regression', "
            + "'local_linear_regression', 'local_linear_relevance_regression', "
            + "'attention_regression', 'in_context_regression', found 'kernel'", file, ("model", "kernel"));
        Refused("a known 'kernel' in the header, found 'none'", file, ("kernel", "none"));
        Refused("its gradient is 0 everywhere", file, ("kernel", "boxcar"));
        Refused("expected 'x' in the header, found none", file, ("version", "3"));
        Refused("true or false for 'leave_one_out' in the header, found 'maybe'", file, ("leave_one_out", "maybe"));
        Refused("a positive, finite number for 'lr' in the header, found 'NaN'", file, ("lr", "NaN"));
        Refused("expected 'w' as F32 (1), found F32 (4)", file, ("model", "nw_kernel_regression"));
        Refused("expected 'features.0.weight' as F32 (32, 1), found none", file, [("model", "attention_regression"), .. AttentionTexts]);
        Refused("expected regions from 0 to 3, found 4", With(file, "regions", SafeTensor.Create([.. Enumerable.Repeat(4L, 50)], 50)));
        Refused("expected regions from 0 to 3, found -1", With(file, "regions", SafeTensor.Create([.. Enumerable.Repeat(-1L, 50)], 50)));
        Refused("expected 'w' as F32 (50), found F32 (51)", With(file, "w", SafeTensor.Create(new float[51], 51)));
        Refused("expected 'values' as F32 (50), found F64 (50)", With(file, "values", SafeTensor.Create(new double[50], 50)));
        Refused("expected the tensors keys, values, w, regions alone, found 5", With(file, "more", SafeTensor.Create(new double[2], 2)));
        Refused(
            "expected 'keys' as F32 or F64 with 1 or 2 sides of at least 1, found I64 (1)", With(file, "keys", SafeTensor.Create([1L], 1)));

        File.WriteAllBytes(Path, File.ReadAllBytes(Path)[..^3]);
        Assert.Throws<StorageException>(() => ModelFile.Load(Path));
        Assert.Contains(
            "no such file", Assert.Throws<StorageException>(() => ModelFile.Load(Path + "3")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SizesBeyondTheFile_TakeNoMemory()
    {
        using Module model = Create(nameof(AttentionScore.MultiHead), ScalarType.Float32, out _);
        ModelFile.Save(model, Path);
        SafeTensorsFile file = SafeTensorsFile.Read(Path);

        // As parameters these would be 1.6e19 bytes.
        Refused("expected 'features.0.weight' as F32 (2000000000, 2), found F32 (8, 2)", file, ("hidden", "2000000000"));
        Refused("a whole number from 1 to 2147483647 for 'hidden' in the header", file, ("hidden", "20000000000"));

        using Module context = Create(nameof(InContextRegression), ScalarType.Float32, out _);
        ModelFile.Save(context, Path);
        file = SafeTensorsFile.Read(Path);
        Refused("expected 'blocks.2.attention.W_q.weight' as F32 (8, 8), found none", file, ("blocks", "64"));
        Refused("Expected 1 to 64 blocks, got 2000000000", file, ("blocks", "2000000000"));
        Refused("expected 'features.weight' as F32 (2000000000, 26), found F32 (8, 26)", file, ("hidden", "2000000000"));
    }

    [Fact]
    public void OtherModels_AreNotSaved()
    {
        using var model = new Training.Scripted();
        Assert.Contains(
            "got Scripted", Assert.Throws<NotSupportedException>(() => ModelFile.Save(model, Path)).Message, StringComparison.Ordinal);
        using var half = new NWKernelRegression(zeros(3, ScalarType.BFloat16), zeros(3, ScalarType.BFloat16));
        Assert.Contains(
            "got BFloat16", Assert.Throws<NotSupportedException>(() => ModelFile.Save(half, Path)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path));
    }

    private static (string, string)[] AttentionTexts =>
        [("score", "DotProduct"), ("hidden", "32"), ("heads", "4"), ("dropout", "0"), ("seed", "1")];

    private static Module Create(string name, ScalarType type, out Tensor queries)
    {
        bool isKernel = KernelModels.Names.Contains(name);
        (Tensor x, Tensor y) = KernelModels.Data(isKernel ? name : "relevance", type);
        queries = x.Minus(0.0625);
        Module model = isKernel
            ? KernelModels.Create(
                name, x, y,
                new()
                {
                    Kernel = SmoothingKernel.Tricube,
                    LearningRate = 0.1234567890123,
                    LearnValues = name != "nw",
                    InitialW = 1.1,
                    LeaveOneOut = true
                })
            : name == nameof(InContextRegression)
            ? new InContextRegression(x, y, new() { Hidden = 8, Heads = 2, Blocks = 2, Vary = 0.75, Seed = ulong.MaxValue })
            : new AttentionRegression(
                x, y, new(
                )
                {
                    Score = Enum.Parse<AttentionScore>(name),
                    Hidden = 8,
                    Dropout = 0.25,
                    LeaveOneOut = name != nameof(AttentionScore.MultiHead),
                    Seed = ulong.MaxValue
                });
        using IDisposable noGradients = no_grad();
        using var generator = new Generator(2);
        foreach (Tensor parameter in model.parameters())
        {
            parameter.add_(rand(parameter.shape, type, generator: generator).Over(8), Held.One);
        }

        return model;
    }

    private static object Options(Module model) => model switch
    {
        NWKernelRegression kernel => kernel.Options,
        InContextRegression context => context.Options,
        _ => ((AttentionRegression)model).Options,
    };

    private static SafeTensorsFile With(SafeTensorsFile file, string name, SafeTensor tensor) =>
        new(new Dictionary<string, SafeTensor>(file.Tensors) { [name] = tensor }, file.Metadata);

    private void Refused(string message, SafeTensorsFile file, params (string Name, string Text)[] changes)
    {
        Write(file.Tensors, [.. file.Metadata.Select(text => (text.Key, text.Value)), .. changes]);
        string problem = Assert.Throws<StorageException>(() => ModelFile.Load(Path)).Message;
        Assert.Contains(message, problem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem);
    }

    private void Write(IReadOnlyDictionary<string, SafeTensor> tensors, params (string Name, string Text)[] texts)
    {
        var metadata = new Dictionary<string, string>();
        foreach ((string name, string text) in texts)
        {
            metadata[name] = text;
        }

        new SafeTensorsFile(tensors, metadata).Write(Path);
    }
}
