using TorchAttention.Cli.Exercises;
using TorchAttention.Cli.Runs;
using TorchAttention.Cli.Training;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Commands;

/// <summary>The chapter's exercises as runnable experiments, each with a table and pictures.</summary>
internal static class ExerciseCommand
{
    private static readonly (string Title, Action<ExerciseRun> Run)[] _exercises =
    [
        ("More training examples", MoreExamples.Run),
        ("What w learns, and why the attention weights sharpen", WhyWeightsSharpen.Run),
        ("A bandwidth for the nonparametric form", Bandwidths.Run),
        ("A parametric attention with a width for each region", RegionalWidths.Run),
    ];

    public static Command Create()
    {
        var number = new Argument<int>("number")
        {
            Description = string.Join("; ", _exercises.Select((exercise, i) => $"{i + 1}: {exercise.Title}")),
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (!int.TryParse(text, out int parsed) || parsed < 1 || parsed > _exercises.Length)
                {
                    result.AddError($"exercise: expected a number from 1 to {_exercises.Length}, got '{text}'");
                }

                return parsed;
            },
        };
        Option<ulong?> seed = Options.Seed(usual: 0);
        Option<string> device = TorchOptions.Device();
        Option<string?> libTorch = TorchOptions.LibTorch();
        Option<string?> output = Options.Text(
            "--out", "folder", "The folder for table and pictures (default runs/exercise-<number>-<UTC time>)");
        Option<bool> noPlots = Options.NoPlots();
        var command = new Command("exercise", "Run one of the chapter's exercises") { number, seed, device, libTorch, output, noPlots };
        command.SetAction(parsed => Run(
            parsed.GetValue(number),
            parsed.GetValue(seed) ?? 0,
            parsed.GetValue(device)!,
            parsed.GetValue(libTorch),
            parsed.GetValue(output),
            !parsed.GetValue(noPlots)));
        return command;
    }

    private static int Run(int number, ulong seed, string deviceName, string? libTorch, string? output, bool plots)
    {
        using var interruption = new Interruption();
        using RunDirectory directory = RunDirectory.Create(output, $"exercise-{number}", plots, interruption);
        interruption.AtOnce = directory.Dispose;
        using var preparation = new Preparation(libTorch, plots);
        preparation.AwaitLibTorch();
        TorchSharp.torch.Device device = TrainJob.PickDevice(deviceName);
        (string title, Action<ExerciseRun> exercise) = _exercises[number - 1];
        Console.WriteLine($"Exercise {number}: {title}");
        using var run = new ExerciseRun(directory, device, seed, plots, interruption.Token);
        try
        {
            exercise(run);
        }
        catch (OperationCanceledException e)
        {
            int rows = run.Rows.Count;
            throw new CliException(
                ExitCode.Interrupted,
                rows == 0 ? "interrupted before the table's first row"
                    : $"interrupted; the table's rows until then, {rows}, are in {directory.Path}",
                e);
        }

        Console.WriteLine($"files: {directory.Path} (table.csv{(plots ? ", plots/" : "")})");
        if (plots && PlotFont.Family is null)
        {
            Console.WriteLine($"fonts: {PlotFont.NoneInstalled}");
        }

        return ExitCode.Done;
    }
}
