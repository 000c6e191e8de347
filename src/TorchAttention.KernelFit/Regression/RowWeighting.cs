using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Regression;

/// <summary>How rows are weighted.</summary>
/// <param name="Column">The column of the weights.</param>
/// <param name="Are">What they are.</param>
/// <param name="Size">The sum of frequencies; the mean of precisions, of the rows that have any.</param>
internal sealed record RowWeighting(string Column, WeightMeaning Are, double Size)
{
    /// <summary>For people.</summary>
    public string Text => Are == WeightMeaning.Frequencies
        ? $"{PlainText.Brief(Column)}, frequencies: {(long)Size} rows in all"
        : $"{PlainText.Brief(Column)}, precisions: noise and intervals are of a row of weight {Digits.Short(Size)}";

    /// <summary>For programs.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("weights", Column);
        json.WriteString("weights_are", Options.Name(Are));
        json.WriteNumber(Are == WeightMeaning.Frequencies ? "weights_sum" : "weights_mean", Size);
    }
}
