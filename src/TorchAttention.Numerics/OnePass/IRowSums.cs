using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass;

/// <summary>Sums over rows that add up: what all moments have in common, of one feature or of several.</summary>
/// <typeparam name="T">The moments.</typeparam>
internal interface IRowSums<T>
{
    /// <summary>n, the number of rows.</summary>
    long Count { get; }

    /// <summary>Whether both are cut alike, so that they add up.</summary>
    bool IsCutAs(T other);

    /// <summary>Moments of no rows, cut as these are.</summary>
    T Empty();

    /// <summary>Adds rows.</summary>
    /// <param name="x">Keys (n, d).</param>
    /// <param name="y">Values (n, v); none for classes.</param>
    /// <param name="labels">The name of the class of each; null for values.</param>
    /// <param name="weights">Weights (n); none where each is 1.</param>
    void Add(ReadOnlySpan<double> x, ReadOnlySpan<double> y, IReadOnlyList<string>? labels, ReadOnlySpan<double> weights);

    /// <summary>Adds the rows of other moments.</summary>
    void Merge(T other);

    /// <summary>Saves them with some text.</summary>
    void Save(string path, IReadOnlyDictionary<string, string>? notes);

    /// <summary>What a file of them has.</summary>
    SafeTensorsFile ToFile(IReadOnlyDictionary<string, string>? notes);

    /// <summary>Loads what was saved.</summary>
    static abstract (T Moments, IReadOnlyDictionary<string, string> Notes) Load(string path);

    /// <summary>Takes what a file had.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    static abstract (T Moments, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file);
}
