using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Regression;

/// <content>What is said of the rows' weights.</content>
internal sealed partial record Examples
{
    /// <summary>How the rows are weighted, for people; null where they are not.</summary>
    public string? Weighting => Weighted is not { } weighted ? null
        : WeightsAre == WeightMeaning.Frequencies || Groups is null ? weighted.Text
        : $"{PlainText.Brief(weighted.Column)}, precisions: noise and intervals are of a row of a group's mean weight";

    private RowWeighting? Weighted => WeightsColumn is not string column ? null
        : new RowWeighting(column, WeightsAre, WeightsAre == WeightMeaning.Frequencies ? Weights.Sum()
            : Weights.Where(weight => weight > 0).DefaultIfEmpty().Average());

    /// <summary>Writes what the weights are, where there are some.</summary>
    public void WriteWeights(Utf8JsonWriter json) => Weighted?.WriteTo(json);
}
