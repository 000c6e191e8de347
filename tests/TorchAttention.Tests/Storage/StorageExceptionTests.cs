using System.Text;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Storage;

/// <summary>What is wrong with a file of tensors stands in fields, as it is in the file; the message is made of them.</summary>
public sealed class StorageExceptionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("storage").FullName;

    private string Path => System.IO.Path.Combine(_folder, "model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Model_IsRefusedInFields()
    {
        Is(StorageProblem.NoFile, null, null, null);
        Directory.CreateDirectory(Path);
        Is(StorageProblem.Directory, null, "a file", "a directory");
        Directory.Delete(Path);
        File.WriteAllText(Path, "PK");
        Is(StorageProblem.NotSafeTensors, null, "a safetensors file", "2 bytes");

        var texts = new Dictionary<string, string>();
        Is(StorageProblem.OtherFormat, null, "a model that was saved by TorchAttention", "a safetensors file of another kind", texts);
        texts["format"] = "torchattention";
        Is(StorageProblem.Text, "model", null, null, texts);
        texts["model"] = "of the kind \u001b";
        Is(StorageProblem.OtherModel, null, "a model of the kind 'kernel_regression'", "of the kind \u001b", texts);
        texts["model"] = "kernel_regression";
        texts["version"] = "one";
        Is(StorageProblem.Text, "version", "a known", "one", texts);
        texts["version"] = "77";
        Is(StorageProblem.LaterVersion, null, "a file of version 5 or before", "version 77: it was saved by a later TorchAttention", texts);
        texts["version"] = "1";
        Is(StorageProblem.Tensor, "bandwidths", null, null, texts);

        KernelRegression.Fit([1, 2, 3], [1, 3, 2], new KernelRegressionOptions { Bandwidth = 1 }).Save(Path);
        SafeTensorsFile whole = SafeTensorsFile.Read(Path);
        Is(
            StorageProblem.Tensor, "keys", "of type F64 with 2 sides", "F32 (3)", whole.Metadata,
            With("keys", SafeTensor.Create([1f, 2, 3], 3)));
        Is(
            StorageProblem.Numbers, null, "a model of numbers that can be used", null, whole.Metadata,
            With("keys", SafeTensor.Create([1.0, 3, 2], 3, 1)));

        Dictionary<string, SafeTensor> With(string name, SafeTensor tensor) => new(whole.Tensors) { [name] = tensor };
    }

    [Fact]
    public void LongAndOddText_IsShortAndPlainInTheMessageAlone()
    {
        string text = new StringBuilder().Insert(0, "\u001b[31m\u202e\n", 500_000).ToString();
        foreach (StorageProblem kind in Enum.GetValues<StorageProblem>())
        {
            var refused = new StorageException(kind, text) { Name = text, Expected = "a number", Found = text };
            Assert.InRange(refused.Message.Length, 20, 6_000);
            Assert.DoesNotContain(refused.Message, c => char.IsControl(c) || c == '\u202e');
            Assert.Equal((text, text, text), (refused.File, refused.Name, refused.Found));
        }
    }

    private void Is(
        StorageProblem kind, string? name, string? expected, string? found, IReadOnlyDictionary<string, string> texts, Dictionary<string,
        SafeTensor>? tensors = null)
    {
        new SafeTensorsFile(tensors ?? [], texts).Write(Path);
        Is(kind, name, expected, found);
    }

    private void Is(StorageProblem kind, string? name, string? expected, string? found)
    {
        StorageException refused = Assert.Throws<StorageException>(() => KernelRegression.Load(Path));
        Assert.Equal((kind, Path, name, expected), (refused.Kind, refused.File, refused.Name, refused.Expected));
        Assert.True(found is null || refused.Found == found, $"Found is {refused.Found}.");
    }
}
