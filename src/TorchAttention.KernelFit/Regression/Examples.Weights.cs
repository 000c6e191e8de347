using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Regression;

/// <content>What is said of the rows' weights.</content>
internal sealed partial record Examples
{
    /// <summary>How the rows are weighted, for people; null where they are not.</summary>
    public string? Weighting => WeightsColumn is not string column ? null
        : WeightsAre == WeightMeaning.Frequencies ? $"{PlainText.Brief(column)}, frequencies: {(long)Weights.Sum()} rows in all"
        : Groups is null
            ? $"{PlainText.Brief(column)}, precisions: noise and intervals are of a row of weight {Digits.Short(Weights.Average())}"
        : $"{PlainText.Brief(column)}, precisions: noise and intervals are of a row of a group's mean weight";

    /// <summary>Writes what the weights are, where there are some.</summary>
    public void WriteWeights(Utf8JsonWriter json)
    {
        if (WeightsColumn is null)
        {
            return;
        }

        bool areCopies = WeightsAre == WeightMeaning.Frequencies;
        json.WriteString("weights", WeightsColumn);
        json.WriteString("weights_are", Options.Name(WeightsAre));
        json.WriteNumber(areCopies ? "weights_sum" : "weights_mean", areCopies ? Weights.Sum() : Weights.Average());
    }
}
