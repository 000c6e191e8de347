using System.CommandLine;
using TorchAttention.Numerics.Tables;
using TorchAttention.Pooling;

namespace TorchAttention.Cli.Training;

/// <summary>The command line of <c>train</c>.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var defaults = new TrainOptions();
        var data = new Option<string>("--data")
        {
            Description = $"{DataSource.Nonlinear} (the chapter's), a built-in table ({string.Join(", ", BuiltInTable.All.Select(table => table.Name))}; see datasets), or a CSV file with a header row",
            HelpName = "name|file",
            DefaultValueFactory = _ => defaults.Data,
        };
        var x = new Option<string?>("--x") { Description = "The input's column (tables; by default a built-in table's own, or the first of a file's two)", HelpName = "column" };
        var y = new Option<string?>("--y") { Description = "The target's column (tables; by default a built-in table's own, or the second of a file's two)", HelpName = "column" };
        Option<double?> validationFraction = Options.Fraction("--validation-fraction", $"The part of the rows held out (tables; default {DataSource.DefaultValidationFraction})");
        Option<int?> n = Options.WholeNumber("--n", $"Training examples (nonlinear; default {DataSource.DefaultN})", least: 1);
        Option<double?> noiseStd = Options.NotNegativeNumber("--noise-std", $"The noise's standard deviation (nonlinear; default {DataSource.DefaultNoiseStd}, as the book's text; its code has 1)");
        Option<double?> bandwidth = Options.PositiveNumber("--bandwidth", "The nonparametric form's h, in units of x (default 1; tables: one standard deviation of x)");
        Option<int?> batchSize = Options.WholeNumber("--batch-size", $"Examples in a mini-batch (default {defaults.BatchSize})", least: 1);
        Option<int?> epochs = Options.WholeNumber("--epochs", $"Passes over the training part (default {defaults.Epochs})", least: 1);
        Option<double?> lr = Options.PositiveNumber("--lr", $"The learning rate of SGD (default {defaults.Lr})");
        Option<ulong?> seed = Options.Seed(defaults.Seed);
        var leaveOneOut = new Option<bool>("--leave-one-out") { Description = "Keep each example from its own pair while training" };
        Option<AttentionMethod> method = Options.Method();
        Option<string> device = Options.Device();
        Option<string?> libTorch = Options.LibTorch();
        var output = new Option<string?>("--out") { Description = "The run's folder (default runs/<data>-<UTC time>)", HelpName = "folder" };
        var noPlots = new Option<bool>("--no-plots") { Description = "Draw no pictures" };
        var quiet = new Option<bool>("--quiet") { Description = "Print nothing but errors" };
        var json = new Option<bool>("--json") { Description = "Print the summary as JSON and nothing else" };

        var command = new Command("train", "Average, nonparametric and parametric attention pooling: compute, train, draw, compare")
        {
            data, x, y, n, noiseStd, validationFraction, bandwidth, batchSize, epochs, lr, seed, leaveOneOut, method, device, libTorch, output, noPlots, quiet, json,
        };
        command.SetAction(parsed => TrainJob.Run(new TrainOptions
        {
            Data = parsed.GetValue(data)!,
            X = parsed.GetValue(x),
            Y = parsed.GetValue(y),
            N = parsed.GetValue(n),
            NoiseStd = parsed.GetValue(noiseStd),
            ValidationFraction = parsed.GetValue(validationFraction),
            Bandwidth = parsed.GetValue(bandwidth),
            BatchSize = parsed.GetValue(batchSize) ?? defaults.BatchSize,
            Epochs = parsed.GetValue(epochs) ?? defaults.Epochs,
            Lr = parsed.GetValue(lr) ?? defaults.Lr,
            Seed = parsed.GetValue(seed) ?? defaults.Seed,
            LeaveOneOut = parsed.GetValue(leaveOneOut),
            Method = parsed.GetValue(method),
            Device = parsed.GetValue(device)!,
            LibTorch = parsed.GetValue(libTorch),
            Out = parsed.GetValue(output),
            NoPlots = parsed.GetValue(noPlots),
            Quiet = parsed.GetValue(quiet),
            Json = parsed.GetValue(json),
        }));
        return command;
    }
}
