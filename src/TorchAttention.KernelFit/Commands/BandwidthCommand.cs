using Spectre.Console;
using TorchAttention.Cli.OnePass;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Numerics.Regression.Likelihood;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Commands;

/// <summary>Compares the rules for bandwidths on a file.</summary>
internal static class BandwidthCommand
{
    /// <param name="clusters">Clusters that may have the rows; null for none.</param>
    public static Command Create(IShardClusters? clusters = null)
    {
        var examplesOptions = new ExamplesOptions();
        var fitOptions = new FitOptions();
        var familyOptions = new FamilyOptions();
        Option<string?> by = GroupOptions.By("A column of groups, each of which has a curve of its own: the bandwidths of each");
        Option<GroupBandwidths> byBandwidth = GroupOptions.Bandwidths();
        Option<string?> shards = OnePassOptions.Shards();
        Option<bool> json = Options.Json("JSON");
        var command = new Command("bandwidth", "Compare the rules for bandwidths on a file");
        examplesOptions.AddTo(command);
        fitOptions.AddTo(command, withBandwidth: false);
        familyOptions.AddTo(command);
        command.AddAll(by, byBandwidth, shards, json);
        command.AddAll(clusters is null ? [] : [clusters.Option, .. clusters.PeerOptions]);
        command.SetAction(parsed =>
        {
            string? column = parsed.GetValue(by);
            GroupBandwidths? groups = GroupOptions.Read(parsed, column, byBandwidth);
            ResponseFamily? family = familyOptions.Read(parsed, examplesOptions, column);
            using RowFiles? files = OnePassOptions.FilesOf(parsed.GetValue(shards), clusters, parsed);
            if (files is not null)
            {
                examplesOptions.Refuse(parsed, shards.Name);
                fitOptions.CheckOnePass(parsed);
                return column is not null ? throw CliException.WrongInput("--by: expected rows in memory, got --shards")
                    : family is not null ? throw CliException.WrongInput("--family: expected rows in memory, got --shards")
                    : RunShards(files, fitOptions.Read(parsed), parsed.GetValue(json));
            }

            Examples examples = familyOptions.Examples(parsed, examplesOptions, family, column);
            KernelRegressionOptions options = fitOptions.ReadFor(parsed, examples);
            Check(examples, family, options, column);
            using var interruption = new Interruption();
            if (groups is GroupBandwidths bandwidths)
            {
                GroupRules.Run(examples, options, column!, bandwidths, parsed.GetValue(json), interruption.Token);
                return ExitCode.Done;
            }

            return Run(examples, family, options, parsed.GetValue(json), interruption.Token);
        });
        return command;
    }

    private static void Check(Examples examples, ResponseFamily? family, KernelRegressionOptions options, string? by)
    {
        if (family is not null)
        {
            FamilyOptions.Check(options, examples);
        }

        if (examples.Categories is not null)
        {
            CategoryOptions.Check(examples, options, new PictureOptions { By = by });
            return;
        }

        FitOptions.CheckBandwidths(options, examples);
    }

    private static int Run(
        Examples examples, ResponseFamily? family, KernelRegressionOptions options, bool isJson, CancellationToken cancellationToken)
    {
        IReadOnlyList<BandwidthRule> rules = RuleResult.For(examples, family);
        RuleResult[] rows = ProgressBar.Show("bandwidths", isJson, progress => rules.Select((rule, i) => RuleResult.Find(
            rule, examples, family, options, new PartOfProgress(progress, i, rules.Count), cancellationToken)).ToArray());
        return Show(rows, RuleRows.Of(examples), family, options, isJson);
    }

    private static int RunShards(RowFiles files, KernelRegressionOptions options, bool isJson)
    {
        using var interruption = new Interruption();
        (RuleRows of, RuleResult[] rows) = OnePassRules.Find(files, options, isJson, interruption.Token);
        return Show(rows, of, null, options, isJson);
    }

    private static int Show(RuleResult[] rows, RuleRows of, ResponseFamily? family, KernelRegressionOptions options, bool isJson)
    {
        if (rows.All(row => row.Refusal is not null))
        {
            throw rows[0].Refusal!;
        }

        if (isJson)
        {
            JsonText.Print(json => json.WriteObject("rules", () =>
            {
                foreach (RuleResult row in rows)
                {
                    json.WriteObject(row.Rule, () => row.WriteTo(json, of));
                }
            }));
        }
        else
        {
            Print(rows, of, family, options);
        }

        return ExitCode.Done;
    }

    private static void Print(RuleResult[] rows, RuleRows of, ResponseFamily? family, KernelRegressionOptions options)
    {
        string dropped = of.Dropped > 0 ? $" ({of.Dropped} with missing numbers left out)" : "";
        string kind = family is ResponseFamily known ? $", {Options.Name(known)}" : "";
        Console.WriteLine($"{of.Source}: {of.Count} rows{dropped}{kind}, {options.Kernel} kernel, {FitOptions.Local(options)}");
        RuleResult[] found = [.. rows.Where(row => row.Refusal is null)];
        IEnumerable<string> widths = of.Features.Select((name, j) =>
            of.IsCategory(j) ? $"lambda of {PlainText.Brief(name)}"
                : $"h of {PlainText.Brief(name)}{(of.KindOf(j).Unit() is { Length: > 0 } unit ? $",{unit}" : "")}");
        Spectre.Console.Table table = Terminal.Table(
            ["rule"], [.. widths, .. found[0].Figures.Select(figure => figure.Name), "ms"], gap: 0);
        double least = found.Min(row => row.Figures[0].Value);
        foreach (RuleResult row in found)
        {
            table.AddRow(
            [
                row.Figures[0].Value == least ? $"{row.Rule} *" : row.Rule,
                .. row.Widths.Concat(row.Figures.Select(figure => figure.Value)).Append(row.Seconds * 1e3).Select(
                    number => of.AreMixed ? $"{number:G4}" : Short(number)),
            ]);
        }

        Terminal.Output.Write(table);
        Console.WriteLine(
            $"{found[0].Figures[0].Name}: the error at each row by the others; * has the least. df: effective degrees of freedom.");
        foreach (RuleResult row in rows)
        {
            if (row.Spans.Count > 0 && BandwidthRules.NameOf(BandwidthRule.LeaveOneOut) == row.Rule)
            {
                string spans = string.Join("; ", row.Spans.Select((span, j) =>
                    $"h of {PlainText.Brief(of.Features[j])} from {Short(span.Least)} to {Short(span.Most)}{of.KindOf(j).Unit()}"));
                Console.WriteLine($"{row.Rule}: {spans} is as good, within one standard error");
            }

            foreach (string note in row.Notes)
            {
                Console.WriteLine($"{row.Rule}: {note}");
            }
        }
    }
}
