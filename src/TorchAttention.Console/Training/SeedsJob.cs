using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;

namespace TorchAttention.Cli.Training;

/// <summary>The same training with several seeds, each in a folder of its own, and what they have in common: mean and spread.</summary>
internal static class SeedsJob
{

    public static int Run(TrainOptions options)
    {
        string folder = Begin(options);
        var runs = new List<(ulong Seed, Dictionary<string, double> Numbers)>();
        for (int i = 0; i < options.Seeds; i++)
        {
            ulong seed = checked(options.Seed + (ulong)i);
            string own = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"seed-{seed}"));
            Train(options, seed, own);
            Dictionary<string, double> numbers = Numbers(Path.Combine(own, RunFiles.Summary));
            if (i > 0 && runs[0].Numbers.Keys.FirstOrDefault(name => !numbers.ContainsKey(name)) is string missing)
            {
                throw new RunException(RunProblem.Damaged, Path.Combine(own, RunFiles.Summary))
                {
                    Name = missing,
                    Expected = "a number",
                    Found = "none",
                };
            }

            runs.Add((seed, numbers));
        }

        using var interruption = new Interruption();
        using RunDirectory directory = RunDirectory.GoOn(folder, interruption);
        string[] names = [.. runs[0].Numbers.Keys];
        directory.WriteText(RunFiles.Table, writer => WriteTable(writer, names, runs));
        directory.WriteJson(RunFiles.Summary, json => WriteSummary(json, options, names, runs));
        Report(options, directory, names, runs);
        return ExitCode.Done;
    }

    private static string Begin(TrainOptions options)
    {
        if (options.Resume is string begun)
        {
            return begun;
        }

        DataSource source = DataSource.Open(options);
        using var interruption = new Interruption();
        using RunDirectory directory = RunDirectory.Create(options.Out, source.Name, plots: false, interruption);
        directory.WriteJson(RunFiles.Config, json => RunConfig.WriteSeeds(json, options, source));
        return directory.Path;
    }

    private static void Train(TrainOptions options, ulong seed, string own)
    {
        if (!options.IsSilent)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"seed {seed}"));
        }

        bool isBegun = File.Exists(Path.Combine(own, RunFiles.Config));
        IEnumerable<string> others = TrainLine.Without(options.Arguments, "--out", "--seeds", "--seed");
        TrainJob.Run(options with
        {
            Seed = seed,
            Seeds = null,
            Out = own,
            Quiet = options.IsSilent,
            Json = false,
            Resume = isBegun ? own : null,
            Arguments = [.. others, "--seed", seed.ToString(CultureInfo.InvariantCulture)],
        });
    }

    private static Dictionary<string, double> Numbers(string summary)
    {
        var numbers = new Dictionary<string, double>();
        foreach (RunValue value in RunFile.Values(summary))
        {
            string? name = value.Key.Split('.') switch
            {
                [string learned] when IsLearned(learned) => learned,
                ["estimators", string estimator, ("val_loss" or "val_rmse") and var error] => $"{estimator} {error}",
                _ => null,
            };
            if (name is not null)
            {
                numbers[name] = value.Number ?? throw new RunException(RunProblem.Damaged, summary)
                {
                    Name = value.Key,
                    Expected = "a number",
                    Found = value.Shown,
                };
            }
        }

        return numbers;
    }

    private static bool IsLearned(string name) => name is "w" or "bandwidth" || name.StartsWith("w_", StringComparison.Ordinal) || name.StartsWith("bandwidth_", StringComparison.Ordinal);

    private static (double Mean, double Deviation) Spread(IEnumerable<double> values)
    {
        double[] all = [.. values];
        double mean = all.Average();
        return (mean, Math.Sqrt(all.Sum(value => (value - mean) * (value - mean)) / (all.Length - 1)));
    }

    private static void WriteTable(TextWriter writer, string[] names, List<(ulong Seed, Dictionary<string, double> Numbers)> runs)
    {
        writer.WriteLine($"seed,{string.Join(',', names.Select(name => name.Replace(' ', '_')))}");
        foreach ((ulong seed, Dictionary<string, double> numbers) in runs)
        {
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{seed},{string.Join(',', names.Select(name => numbers[name].ToString("R", CultureInfo.InvariantCulture)))}"));
        }
    }

    private static void WriteSummary(Utf8JsonWriter json, TrainOptions options, string[] names, List<(ulong Seed, Dictionary<string, double> Numbers)> runs)
    {
        json.WriteString("data", options.Data);
        json.WriteArray("seeds", runs, run => json.WriteNumberValue(run.Seed));
        foreach (string name in names)
        {
            double[] values = [.. runs.Select(run => run.Numbers[name])];
            (double mean, double deviation) = Spread(values);
            json.WriteStartObject(name.Replace(' ', '_'));
            json.WriteNumber("mean", mean);
            json.WriteNumber("deviation", deviation);
            json.WriteNumber("least", values.Min());
            json.WriteNumber("most", values.Max());
            json.WriteEndObject();
        }
    }

    private static void Report(TrainOptions options, RunDirectory directory, string[] names, List<(ulong Seed, Dictionary<string, double> Numbers)> runs)
    {
        if (options.Json)
        {
            JsonText.Print(json => WriteSummary(json, options, names, runs));
        }
        else if (!options.Quiet)
        {
            var table = new Table { Border = TableBorder.Rounded };
            table.AddColumn($"{runs.Count} seeds");
            foreach (string column in (string[])["mean", "deviation", "least", "most"])
            {
                table.AddColumn(new TableColumn(column).RightAligned());
            }

            foreach (string name in names)
            {
                double[] values = [.. runs.Select(run => run.Numbers[name])];
                (double mean, double deviation) = Spread(values);
                table.AddRow([name, .. new[] { mean, deviation, values.Min(), values.Max() }.Select(value => value.ToString("G5", CultureInfo.InvariantCulture))]);
            }

            Terminal.Output.Write(table);
            Console.WriteLine($"files: {directory.Path} ({RunFiles.Table}, {RunFiles.Summary}, seed-*/)");
        }
    }
}
