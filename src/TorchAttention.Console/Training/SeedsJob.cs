using Spectre.Console;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Storage;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Training;

/// <summary>The same training with several seeds, each in a folder of its own, and what they have in common: mean and spread.</summary>
internal sealed class SeedsJob(TrainOptions options)
{
    private readonly List<(ulong Seed, Dictionary<string, double> Numbers)> _runs = [];

    private IEnumerable<string> Names => _runs[0].Numbers.Keys;

    public static int Run(TrainOptions options)
    {
        var job = new SeedsJob(options);
        string folder = job.Begin();
        for (int i = 0; i < options.Seeds; i++)
        {
            job.Train(checked(options.Seed + (ulong)i), folder);
        }

        job.Finish(folder);
        return ExitCode.Done;
    }

    private string Begin()
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

    private void Train(ulong seed, string folder)
    {
        if (!options.IsSilent)
        {
            Console.WriteLine($"seed {seed}");
        }

        string own = Path.Combine(folder, $"seed-{seed}");
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
            Arguments = [.. others, "--seed", $"{seed}"],
        });
        string summary = Path.Combine(own, RunFiles.Summary);
        Dictionary<string, double> numbers = Numbers(summary);
        _runs.Add((seed, numbers));
        if (Names.FirstOrDefault(name => !numbers.ContainsKey(name)) is string missing)
        {
            throw RunException.Damaged(summary, "a number", "none", missing);
        }
    }

    private void Finish(string folder)
    {
        using var interruption = new Interruption();
        using RunDirectory directory = RunDirectory.GoOn(folder, interruption);
        directory.WriteText(RunFiles.Table, WriteTable);
        directory.WriteJson(RunFiles.Summary, WriteSummary);
        if (options.Json)
        {
            JsonText.Print(WriteSummary);
        }
        else if (!options.Quiet)
        {
            Spectre.Console.Table table = Terminal.Table([$"{_runs.Count} seeds"], RunFiles.Spread);
            foreach (string name in Names)
            {
                table.AddRow([name, .. Spread(name).Select(Short)]);
            }

            Terminal.Output.Write(table);
            Console.WriteLine($"files: {directory.Path} ({RunFiles.Table}, {RunFiles.Summary}, seed-*/)");
        }
    }

    private static Dictionary<string, double> Numbers(string summary)
    {
        var numbers = new Dictionary<string, double>();
        foreach (RunValue value in RunValue.ReadAll(summary))
        {
            string? name = value.Key.Split('.') switch
            {
                [string learned] when RunFolder.IsLearned(learned) || learned.StartsWith("bandwidth_", StringComparison.Ordinal) => learned,
                ["estimators", string estimator, ("val_loss" or "val_rmse") and var error] => $"{estimator} {error}",
                _ => null,
            };
            if (name is not null)
            {
                numbers[name] = value.Number ?? throw RunException.Damaged(summary, "a number", value.Shown, value.Key);
            }
        }

        return numbers;
    }

    // The numbers that RunFiles.Spread names.
    private double[] Spread(string name)
    {
        double[] all = [.. _runs.Select(run => run.Numbers[name])];
        double mean = all.Average();
        double deviation = Math.Sqrt(all.Sum(value => (value - mean) * (value - mean)) / (all.Length - 1));
        return [mean, deviation, all.Min(), all.Max()];
    }

    private void WriteTable(TextWriter writer)
    {
        writer.WriteLine($"seed,{string.Join(',', Names.Select(name => name.Replace(' ', '_')))}");
        foreach ((ulong seed, Dictionary<string, double> numbers) in _runs)
        {
            writer.WriteLine($"{seed},{string.Join(',', Names.Select(name => Exact(numbers[name])))}");
        }
    }

    private void WriteSummary(Utf8JsonWriter json)
    {
        json.WriteString("data", options.Data);
        json.WriteArray("seeds", _runs, run => json.WriteNumberValue(run.Seed));
        foreach (string name in Names)
        {
            json.WriteObject(name.Replace(' ', '_'), () =>
            {
                foreach ((string what, double value) in RunFiles.Spread.Zip(Spread(name)))
                {
                    json.WriteNumber(what, value);
                }
            });
        }
    }
}
