using TorchAttention.Files;

namespace TorchAttention.Cli.Output;

/// <summary>Rows of a Parquet file.</summary>
/// <param name="stream">Where they go.</param>
internal sealed class ParquetRows(Stream stream) : RowText
{
    private ParquetOutput? _output;

    /// <inheritdoc/>
    public override void WriteNames(IReadOnlyList<string> names) => _output = new ParquetOutput(stream, names);

    /// <inheritdoc/>
    public override void Add(string text) => _output!.Add(text);

    /// <inheritdoc/>
    public override void Add(double number) => _output!.Add(number);

    /// <inheritdoc/>
    public override void End() => _output!.End();

    /// <inheritdoc/>
    public override void Finish() => _output!.Finish();
}
