using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Groups;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>A model to evaluate.</summary>
/// <param name="Name">What was asked for.</param>
/// <param name="Options">How it is fitted.</param>
/// <param name="Bandwidths">Whose bandwidths groups have; null where there are none.</param>
internal sealed record EvaluatedModel(string Name, KernelRegressionOptions Options, GroupBandwidths? Bandwidths)
{
    /// <summary>Prints what the models err by, and what each errs more than the first.</summary>
    /// <param name="loss">What the error is.</param>
    /// <param name="models">The models.</param>
    public static void PrintCompared(string loss, (string Name, MeanWithError Own, MeanWithError Excess)[] models)
    {
        Spectre.Console.Table table = Terminal.Table(
            ["model"], [loss, "+-", "above the first", "+-"]);
        foreach ((int k, (string name, MeanWithError own, MeanWithError excess)) in models.Index())
        {
            table.AddRow([
                Terminal.Cell(PlainText.Brief(name)),
                Short(own.Value),
                Short(own.StandardError),
                .. k == 0 ? (string[])["", ""] : [Short(excess.Value), Short(excess.StandardError)],
            ]);
        }

        Terminal.Output.Write(table);
        Console.WriteLine("+-: standard errors. A difference below two of its own may be chance.");
    }

    /// <summary>Writes what a compared model errs more than the first.</summary>
    public static void WriteExcess(Utf8JsonWriter json, string name, MeanWithError excess)
    {
        json.WriteString("options", name);
        json.WriteNumberOrNull("excess", excess.Value);
        json.WriteNumberOrNull("excess_standard_error", excess.StandardError);
    }
}
