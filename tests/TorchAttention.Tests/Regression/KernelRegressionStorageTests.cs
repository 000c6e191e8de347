using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Regression;

public sealed class KernelRegressionStorageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("storage").FullName;

    private string Path => System.IO.Path.Combine(_folder, "model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1, 0, false, NumberPrecision.Float64)]
    [InlineData(1, 1, true, NumberPrecision.Float32)]
    [InlineData(2, 1, false, NumberPrecision.Float64)]
    [InlineData(1, 3, true, NumberPrecision.Float32)]
    [InlineData(2, 2, false, NumberPrecision.Float64)]
    public void LoadedModel_PredictsTheSameBitForBit(int features, int degree, bool isWeighted, NumberPrecision precision)
    {
        var random = new Random(1);
        double[] x = [.. Enumerable.Range(0, 90 * features).Select(_ => random.NextDouble())];
        double[] y = [.. Enumerable.Range(0, 180).Select(_ => random.NextDouble())];
        double[] weights = isWeighted ? [.. Enumerable.Range(0, 90).Select(_ => random.NextDouble())] : [];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Tricube,
            Degree = degree,
            Bandwidth = 0.4,
            Precision = precision,
            NoNeighbour = NoNeighbourPolicy.Nearest,
        };
        KernelRegression model = KernelRegression.Fit(x, y, features, options, weights);
        model.Save(Path, new Dictionary<string, string> { ["y"] = "a, b" });
        (KernelRegression loaded, IReadOnlyDictionary<string, string> notes) = KernelRegression.Load(Path);

        Assert.Equal("a, b", notes["y"]);
        Assert.Equal(
            (options.Kernel, degree, precision, NoNeighbourPolicy.Nearest),
            (loaded.Options.Kernel, loaded.Options.Degree, loaded.Options.Precision, loaded.Options.NoNeighbour));
        double[] queries = [.. x.Select(x => (1.5 * x) - 0.2)];
        Predictions before = model.Predict(queries);
        Predictions after = loaded.Predict(queries);
        Assert.Equal(before.Mean, after.Mean);
        Assert.Equal(before.StandardError, after.StandardError);
        Assert.Equal(before.Upper, after.Upper);
        Assert.Equal(before.HasNeighbour, after.HasNeighbour);
        Assert.Equal(model.Diagnostics.LeaveOneOutError, loaded.Diagnostics.LeaveOneOutError);
        Assert.Equal(model.Diagnostics.RSquared, loaded.Diagnostics.RSquared);
    }

    // A program that does not know the ridge takes no file of version 2.
    [Theory]
    [InlineData(0, null, "1")]
    [InlineData(1, null, "1")]
    [InlineData(1, 0.25, "2")]
    [InlineData(2, 0.0, "2")]
    public void Version_IsThatOfWhatIsFitted(int degree, double? ridge, string version)
    {
        var options = new KernelRegressionOptions { Degree = degree, Ridge = ridge, Bandwidth = 1 };
        KernelRegression model = KernelRegression.Fit([1, 2, 3, 4], [1, 3, 2, 5], options);
        model.Save(Path);
        Assert.Equal(version, SafeTensorsFile.Read(Path).Metadata["version"]);
        KernelRegression loaded = KernelRegression.Load(Path).Model;
        Assert.Equal(model.Options.RidgeInUse, loaded.Options.RidgeInUse);
        Assert.Equal(model.Predict([2.5, 9]).Mean, loaded.Predict([2.5, 9]).Mean);
    }

    [Fact]
    public void Classes_AreKept()
    {
        KernelRegression model = KernelRegression.FitClasses(
            [1, 2, 3, 4], ["a", "b", "a", "\"c\""], 1, new KernelRegressionOptions { Bandwidth = 1 });
        model.Save(Path);
        Assert.Equal(["\"c\"", "a", "b"], KernelRegression.Load(Path).Model.Classes);
    }

    [Fact]
    public void OtherFiles_AreRefusedByName()
    {
        KernelRegression.Fit([1, 2, 3], [1, 2, 3], new KernelRegressionOptions { Bandwidth = 1 }).Save(Path);
        SafeTensorsFile file = SafeTensorsFile.Read(Path);
        Refused("another kind", ("format", "pt"));
        Refused("expected a model of the kind 'kernel_regression', found 'other'", ("model", "other"));
        Refused("found version 99: it was saved by a later TorchAttention", ("version", "99"));
        Refused("known 'version' in the header, found '-1'", ("version", "-1"));
        Refused("known 'kernel' in the header, found 'cosine'", ("kernel", "cosine"));
        Refused("known 'degree'", ("degree", "4"));
        Refused("expected a number of at least 0 for 'ridge'", ("ridge", "-1"));
        Refused("known 'precision'", ("precision", "7"));
        Refused("known 'classes'", ("classes", "[null]"));
        Refused("expected a tensor 'keys', found none", tensors: [("keys", null)]);
        Refused("'keys' of type F64 with 2 sides, found F32 (3, 1)", tensors: [("keys", SafeTensor.Create([1f, 2, 3], 3, 1))]);
        Refused("got NaN in row 1", tensors: [("keys", SafeTensor.Create([1, double.NaN, 3], 3, 1))]);
        Refused("keys are not in order", tensors: [("keys", SafeTensor.Create([3.0, 2, 1], 3, 1))]);
        Refused("positive, finite bandwidths, got -1", tensors: [("bandwidths", SafeTensor.Create([-1.0], 1))]);
        Refused("at least one bandwidth", tensors: [("bandwidths", SafeTensor.Create(Array.Empty<double>(), 0))]);
        Refused("for 3 examples, got 2", tensors: [("values", SafeTensor.Create([1.0, 2], 2, 1))]);

        void Refused(string message, (string Key, string Value)? text = null, (string Name, SafeTensor? Tensor)[]? tensors = null)
        {
            var metadata = new Dictionary<string, string>(file.Metadata);
            if (text is not null)
            {
                metadata[text.Value.Key] = text.Value.Value;
            }

            var content = new Dictionary<string, SafeTensor>(file.Tensors);
            foreach ((string name, SafeTensor? tensor) in tensors ?? [])
            {
                content.Remove(name);
                if (tensor is not null)
                {
                    content[name] = tensor;
                }
            }

            new SafeTensorsFile(content, metadata).Write(Path);
            Assert.Contains(message, Assert.Throws<StorageException>(() => KernelRegression.Load(Path)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AnyBytes_AreLoadedOrRefused()
    {
        KernelRegression.Fit([1, 2, 3], [1, 2, 3], new KernelRegressionOptions { Bandwidth = 1 }).Save(Path);
        byte[] whole = File.ReadAllBytes(Path);
        var random = new Random(2);
        int refused = 0;
        int tries = LongTests.AreAskedFor ? 3000 : 600;
        for (int i = 0; i < tries; i++)
        {
            byte[] bytes = [.. whole];
            for (int change = random.Next(1, 3); change > 0; change--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            File.WriteAllBytes(Path, i % 3 == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
            try
            {
                KernelRegression.Load(Path);
            }
            catch (StorageException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, tries / 2, tries - 1);
    }
}
