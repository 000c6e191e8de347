using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Regression.Groups;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Regression;

/// <summary>The error of curves of groups on rows that they have not seen.</summary>
internal static class GroupsEvaluation
{
    // A screen has room for so many.
    private const int MostPrinted = 20;

    /// <summary>Evaluates and prints.</summary>
    public static void Run(
        Examples examples, EvaluatedModel[] models, string by, int? folds, int seed, bool isJson,
        CancellationToken cancellationToken)
    {
        GroupedEvaluation[] found = ProgressBar.Show("evaluate", isJson, progress => models.Select((model, k) => examples.Named(
            () => GroupedEvaluation.CrossValidate(
                examples.Groups!, examples.X, examples.Y, examples.Features.Count, model.Options, model.Bandwidths!.Value, folds, seed,
                examples.Weights, new PartOfProgress(progress, k, models.Length), cancellationToken))).ToArray());
        if (isJson)
        {
            JsonText.Print(json => WriteTo(json, models, found, by));
            return;
        }

        Print(found[0], by);
        if (models.Length > 1)
        {
            EvaluatedModel.PrintCompared(
                "squared error", [.. models.Zip(found, (model, its) => (model.Name, its.MeanLoss, its.ExcessOver(found[0])))]);
        }
    }

    private static IEnumerable<(string Name, double Value)> Figures(GroupedEvaluation found) =>
    [
        ("rows", found.Examples),
        ("rows without prediction", found.WithoutPrediction),
        ("RMSE", found.RootMeanSquaredError),
        ("mean absolute error", found.MeanAbsoluteError),
        ("RMSE of the groups' means", found.RootMeanSquaredErrorOfMeans),
        ("R squared", found.RSquared),
    ];

    private static void WriteTo(Utf8JsonWriter json, EvaluatedModel[] models, GroupedEvaluation[] found, string by)
    {
        WriteTo(json, models[0], found[0], by);
        if (models.Length > 1)
        {
            json.WriteObjects("compared", models.Zip(found).Skip(1), other =>
            {
                EvaluatedModel.WriteExcess(json, other.First.Name, other.Second.ExcessOver(found[0]));
                WriteTo(json, other.First, other.Second, by);
            });
        }
    }

    private static void WriteTo(Utf8JsonWriter json, EvaluatedModel model, GroupedEvaluation found, string by)
    {
        json.WriteString("fit", FitOptions.Local(model.Options));
        foreach ((string name, double value) in Figures(found))
        {
            json.WriteNumberOrNull(name.Replace("'", "", StringComparison.Ordinal).Replace(' ', '_').ToLowerInvariant(), value);
        }

        json.WriteString("by", by);
        json.WriteString("by_bandwidth", Options.Name(model.Bandwidths!.Value));
        json.WriteArray("groups", found.Groups, group =>
        {
            json.WriteStartObject();
            json.WriteString("group", group.Name);
            json.WriteNumber("rows", group.Examples);
            json.WriteNumber("rows_without_prediction", group.WithoutPrediction);
            json.WriteNumberOrNull("rmse", group.RootMeanSquaredError);
            json.WriteNumberOrNull("r_squared", group.RSquared);
            json.WriteEndObject();
        });
    }

    private static void Print(GroupedEvaluation found, string by)
    {
        Spectre.Console.Table table = Terminal.Table(["", ""], []);
        foreach ((string name, double value) in Figures(found))
        {
            table.AddRow(name, Short(value));
        }

        Terminal.Output.Write(table);
        Spectre.Console.Table groups = Terminal.Table([PlainText.Brief(by)], ["rows", "without prediction", "RMSE", "R squared"]);
        foreach (GroupError group in found.Groups.OrderByDescending(group => group.Examples).Take(MostPrinted))
        {
            groups.AddRow(
                Terminal.Cell(PlainText.Brief(group.Name)), $"{group.Examples}", $"{group.WithoutPrediction}",
                Short(group.RootMeanSquaredError), Short(group.RSquared));
        }

        Terminal.Output.Write(groups);
        if (found.Groups.Count > MostPrinted)
        {
            Console.WriteLine($"the {MostPrinted} largest of {found.Groups.Count} groups; --json has all");
        }
    }
}
