using TorchAttention.Numerics.Regression;

namespace TorchAttention.Server.Models;

/// <summary>A fit to data, as <c>fit</c> makes it, in a file that is there as long as the server is.</summary>
internal sealed class FittedData : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("torchattention-serve-").FullName;

    private FittedData(string name) => Path = System.IO.Path.Combine(_folder, $"{name}.safetensors");

    /// <summary>The model's file, named as the data are.</summary>
    public string Path { get; }

    /// <summary>Fits.</summary>
    /// <param name="examples">The data.</param>
    /// <param name="optionsFor">How they are fitted.</param>
    public static FittedData Create(Examples examples, Func<Examples, KernelRegressionOptions> optionsFor)
    {
        KernelRegressionOptions options = optionsFor(examples);
        FitOptions.CheckBandwidths(options, examples);
        KernelRegression model = examples.Fit(options, null, CancellationToken.None);
        var fitted = new FittedData(System.IO.Path.GetFileNameWithoutExtension(examples.Name) is { Length: > 0 } name ? name : "data");
        model.Save(fitted.Path, ModelNotes.Create(examples.Features, examples.Target, examples.Kinds));
        return fitted;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
