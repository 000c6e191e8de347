using TorchAttention.Cli.Regression;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Training;

/// <summary>The models that <c>train</c> saves, for <c>predict</c>.</summary>
internal sealed class TrainedModels : ITrainedModels
{
    private readonly Option<string?> _libTorch = TorchOptions.LibTorch();

    /// <inheritdoc/>
    public IReadOnlyList<Option> Options => [_libTorch];

    /// <inheritdoc/>
    public bool IsKnown(SafeTensorsFile file) => ModelFile.IsKnown(file);

    /// <inheritdoc/>
    public ITrainedModel Load(string path, SafeTensorsFile file, ParseResult parsed)
    {
        LibTorchChoice.Load(parsed.GetValue(_libTorch));
        return TrainedModel.Load(path, file);
    }
}
