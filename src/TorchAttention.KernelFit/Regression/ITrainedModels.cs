using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Regression;

/// <summary>Models that <c>fit</c> does not save, and <c>predict</c> predicts all the same.</summary>
internal interface ITrainedModels
{
    /// <summary>The options of <c>predict</c> that apply to them alone.</summary>
    IReadOnlyList<Option> Options { get; }

    /// <summary>Whether a file's content says that it is one.</summary>
    bool IsKnown(SafeTensorsFile file);

    /// <summary>Loads one.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <param name="parsed">What the options say.</param>
    /// <exception cref="StorageException">It is damaged, or says nothing of its columns.</exception>
    ITrainedModel Load(string path, SafeTensorsFile file, ParseResult parsed);
}
