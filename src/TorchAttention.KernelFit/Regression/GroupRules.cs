using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Groups;

namespace TorchAttention.Cli.Regression;

/// <summary>The rules for bandwidths, compared on each group.</summary>
internal static class GroupRules
{
    // A screen has room for so many.
    private const int MostPrinted = 20;

    /// <summary>Fits each group by each rule, and prints.</summary>
    public static void Run(
        Examples examples, KernelRegressionOptions options, string by, GroupBandwidths bandwidths, bool isJson,
        CancellationToken cancellationToken)
    {
        BandwidthRule[] rules = [.. RuleResult.For(examples, null).Where(
            rule => bandwidths == GroupBandwidths.Own || GroupedRegression.IsSharedRule(rule))];
        Row[] rows = ProgressBar.Show("bandwidths", isJson, progress => rules.Select((rule, i) => Row.Find(
            rule, examples, options, bandwidths, new PartOfProgress(progress, i, rules.Length), cancellationToken)).ToArray());
        if (rows.All(row => row.Model is null))
        {
            throw rows[0].Refusal!;
        }

        (string Name, int Count)[] groups = [.. examples.Groups!.CountBy(name => name).Select(pair => (pair.Key, pair.Value))
            .OrderBy(pair => pair.Key, StringComparer.Ordinal)];
        if (isJson)
        {
            JsonText.Print(json => WriteTo(json, rows, groups, by, bandwidths));
        }
        else
        {
            Print(rows, groups, examples, options, by, bandwidths);
        }
    }

    private static void WriteTo(
        Utf8JsonWriter json, Row[] rows, (string Name, int Count)[] groups, string by, GroupBandwidths bandwidths)
    {
        json.WriteString("by", by);
        json.WriteString("by_bandwidth", Options.Name(bandwidths));
        json.WriteObject("rules", () =>
        {
            foreach (Row row in rows)
            {
                json.WriteObject(row.Rule, () => json.WriteNumberOrNull("leave_one_out_rmse", row.Error));
            }
        });
        json.WriteObjects("groups", groups, group =>
        {
            json.WriteString("group", group.Name);
            json.WriteNumber("rows", group.Count);
            json.WriteObject("rules", () =>
            {
                foreach (Row row in rows)
                {
                    json.WriteObject(row.Rule, () =>
                    {
                        if (row.Problem(group.Name) is string problem)
                        {
                            json.WriteString("problem", problem);
                            return;
                        }

                        KernelRegression model = row.Model![group.Name];
                        json.WriteNumbers("bandwidth", model.Bandwidths);
                        json.WriteNumber("degree", model.Options.Degree);
                        json.WriteNumberOrNull("leave_one_out_rmse", row.ErrorOf(group.Name));
                    });
                }
            });
        });
    }

    private static void Print(
        Row[] rows, (string Name, int Count)[] groups, Examples examples, KernelRegressionOptions options, string by,
        GroupBandwidths bandwidths)
    {
        string dropped = examples.DroppedRows > 0 ? $" ({examples.DroppedRows} with missing numbers left out)" : "";
        Console.WriteLine($"{examples.Source}: {examples.Count} rows{dropped}, {groups.Length} groups, {options.Kernel} kernel, "
            + FitOptions.Local(options));
        Spectre.Console.Table table = Terminal.Table([PlainText.Brief(by)], ["rows", .. rows.Select(row => row.Rule)], gap: 0);
        bool areOwn = bandwidths == GroupBandwidths.Own;
        foreach ((string name, int count) in groups.OrderByDescending(group => group.Count).Take(MostPrinted))
        {
            double least = rows.Min(row => row.ErrorOf(name));
            table.AddRow(
            [
                Terminal.Cell(PlainText.Brief(name)), $"{count}",
                .. rows.Select(row => row.Problem(name) is not null ? "-"
                    : (areOwn ? Widths(row, name) : $"{row.ErrorOf(name):G4}") + (row.ErrorOf(name) == least ? "*" : "")),
            ]);
        }

        table.AddRow(["loo RMSE of all", $"{examples.Count}", .. rows.Select(row => row.Model is null ? "-" : $"{row.Error:G4}")]);
        if (!areOwn)
        {
            table.AddRow(["h of all", "", .. rows.Select(row => row.Model is { } model ? Widths(row, model.Groups[0]) : "-")]);
        }

        Terminal.Output.Write(table);
        Console.WriteLine((areOwn ? $"Bandwidths of {PlainText.List(examples.Features)}"
            : $"Leave-one-out RMSE with the same h of {PlainText.List(examples.Features)} in all groups")
            + "; * has the group's least error at each row by the others.");
        if (groups.Length > MostPrinted)
        {
            Console.WriteLine($"the {MostPrinted} largest of {groups.Length} groups; --json has all");
        }

        // What is wrong with a group is so by most rules: said once.
        foreach (IGrouping<string, (string Rule, string Problem)> same in groups.SelectMany(group => rows.Select(
            row => (row.Rule, Problem: row.Problem(group.Name) is string problem
                ? row.Model is null ? problem : $"'{PlainText.Brief(group.Name)}': {problem}" : ""))).Where(one => one.Problem.Length > 0)
            .Distinct().GroupBy(one => one.Problem).Take(MostPrinted))
        {
            Console.WriteLine($"{string.Join(", ", same.Select(one => one.Rule))}: {same.Key}");
        }
    }

    private static string Widths(Row row, string group) => string.Join(' ', row.Model![group].Bandwidths.Select(h => $"{h:G4}"));

    private sealed record Row(string Rule, GroupedRegression? Model, TableException? Refusal)
    {
        public double Error => Model is null ? double.NaN : Math.Sqrt(Model.LeaveOneOutError);

        public static Row Find(
            BandwidthRule rule, Examples examples, KernelRegressionOptions options, GroupBandwidths bandwidths, IProgress<double> progress,
            CancellationToken cancellationToken)
        {
            string name = BandwidthRules.NameOf(rule);
            try
            {
                return new Row(
                    name, examples.FitGroups(
                        options with { Bandwidth = Bandwidth.By(rule) }, bandwidths, progress, cancellationToken), null);
            }
            catch (TableException e)
            {
                return new Row(name, null, e);
            }
        }

        public double ErrorOf(string group) =>
            Model?.Has(group) == true ? Math.Sqrt(Model[group].Diagnostics.LeaveOneOutError) : double.PositiveInfinity;

        // Why a group has no curve by this rule.
        public string? Problem(string group) => Model is null ? Refusal!.Problem
            : Model.WithoutCurve.FirstOrDefault(one => one.Name == group)?.Reason;
    }
}
