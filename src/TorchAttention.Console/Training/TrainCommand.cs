using System.CommandLine;
using System.CommandLine.Parsing;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Tables;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>The command line of <c>train</c>.</summary>
internal static class TrainCommand
{
    private const string Resume = "--resume";

    // What a training that goes on may have otherwise than before without becoming another one.
    private static readonly string[] _changeable =
        [Resume, "--epochs", "--checkpoint-steps", "--checkpoint-seconds", "--libtorch", "--tensorboard", "--no-plots", "--quiet", "--json"];

    public static Command Create()
    {
        (Command command, Func<ParseResult, TrainOptions> read) = Build();
        command.SetAction(parsed =>
        {
            TrainOptions options = read(parsed);
            options = options.Resume is string directory ? GoOn(parsed, options, directory) : options with { Arguments = Arguments(parsed) };
            options.Check();
            return options.Seeds is > 1 ? SeedsJob.Run(options) : TrainJob.Run(options);
        });
        return command;
    }

    /// <summary>The options of a recorded command line.</summary>
    /// <param name="file">Where it is recorded, for messages.</param>
    /// <param name="arguments">The command line.</param>
    public static TrainOptions Parse(string file, IReadOnlyList<string> arguments)
    {
        (Command command, Func<ParseResult, TrainOptions> read) = Build();
        ParseResult parsed = command.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        return parsed.Errors.Count == 0
            ? read(parsed) with { Arguments = arguments }
            : throw CliException.WrongInput($"{Resume}: '{file}' was written by another version or changed ({parsed.Errors[0].Message})");
    }

    private static TrainOptions GoOn(ParseResult parsed, TrainOptions now, string directory)
    {
        string[] given = [.. parsed.Tokens.Where(token => token.Type == TokenType.Option).Select(token => token.Value)];
        if (given.FirstOrDefault(option => !_changeable.Contains(option)) is string other)
        {
            throw CliException.WrongInput($"{other} cannot be given with {Resume}: the run has its own; only {string.Join(", ", _changeable[1..])} can change");
        }

        TrainOptions then = RunConfig.Read(directory);
        bool hasEpochs = given.Contains("--epochs");
        return then with
        {
            Resume = directory,
            Out = directory,
            Epochs = hasEpochs ? now.Epochs : then.Epochs,
            CheckpointSteps = now.CheckpointSteps ?? then.CheckpointSteps,
            CheckpointSeconds = now.CheckpointSeconds ?? then.CheckpointSeconds,
            LibTorch = now.LibTorch ?? then.LibTorch,
            TensorBoard = now.TensorBoard || then.TensorBoard,
            NoPlots = now.NoPlots || then.NoPlots,
            Quiet = now.Quiet,
            Json = now.Json,
            Arguments = hasEpochs ? [.. Without(then.Arguments, "--epochs"), "--epochs", now.Epochs.ToString(System.Globalization.CultureInfo.InvariantCulture)] : then.Arguments,
        };
    }

    // Without the command's own name, and each option apart from its value.
    private static string[] Arguments(ParseResult parsed) => [.. parsed.Tokens.Where(token => token.Type is TokenType.Option or TokenType.Argument).Select(token => token.Value)];

    /// <summary>A command line without some options and their values.</summary>
    public static IEnumerable<string> Without(IReadOnlyList<string> arguments, params string[] options)
    {
        for (int i = 0; i < arguments.Count; i++)
        {
            if (options.Contains(arguments[i]))
            {
                i++;
                continue;
            }

            yield return arguments[i];
        }
    }

    private static (Command Command, Func<ParseResult, TrainOptions> Read) Build()
    {
        var defaults = new TrainOptions();
        var schedule = new LearningRateSchedule();
        var data = new Option<string>("--data")
        {
            Description = $"{DataSource.Nonlinear} (the chapter's), a built-in table ({string.Join(", ", BuiltInTable.All.Select(table => table.Name))}; see datasets), or a CSV file with a header row",
            HelpName = "name|file",
            DefaultValueFactory = _ => defaults.Data,
        };
        var x = new Option<string?>("--x") { Description = "The inputs' columns, separated by commas (tables; by default a built-in table's own, or the first of a file's two)", HelpName = "columns" };
        var y = new Option<string?>("--y") { Description = "The target's column (tables; by default a built-in table's own, or the second of a file's two)", HelpName = "column" };
        Option<double?> validationFraction = Options.Fraction("--validation-fraction", $"The part of the rows held out (tables; default {DataSource.DefaultValidationFraction})");
        Option<int?> n = Options.WholeNumber("--n", $"Training examples (nonlinear; default {DataSource.DefaultN})", least: 1);
        Option<double?> noiseStd = Options.NotNegativeNumber("--noise-std", $"The noise's standard deviation (nonlinear; default {DataSource.DefaultNoiseStd}, as the book's text; its code has 1)");
        Option<double?> bandwidth = Options.PositiveNumber("--bandwidth", "The nonparametric form's h, in units of x (default 1; tables: one standard deviation of x)");
        Option<int?> batchSize = Options.WholeNumber("--batch-size", $"Examples in a mini-batch (default {defaults.BatchSize})", least: 1);
        Option<int?> epochs = Options.WholeNumber("--epochs", $"Passes over the training part (default {defaults.Epochs})", least: 1);
        var model = new Option<string>("--model") { Description = $"{LearnedModel.Description} (default {LearnedModel.Usual})", HelpName = "model", DefaultValueFactory = _ => LearnedModel.Usual };
        model.CustomParser = result =>
        {
            string name = result.Tokens[0].Value.ToLowerInvariant();
            if (!LearnedModel.Names.Contains(name))
            {
                result.AddError($"--model: expected one of {string.Join(", ", LearnedModel.Names)}, got '{result.Tokens[0].Value}'");
            }

            return name;
        };
        Option<SmoothingKernel?> kernel = Options.OneOf<SmoothingKernel?>("--kernel", "The kernel whose w is learned", SmoothingKernel.Gaussian, SmoothingKernel.All.Where(k => k != SmoothingKernel.Boxcar).ToDictionary(k => k.Name, SmoothingKernel? (k) => k));
        Option<int?> regions = Options.WholeNumber("--regions", "Regions of x that each have a w (region; default 5)", least: 1);
        var learnValues = new Option<bool>("--learn-values") { Description = "Learn the keys' values beside w" };
        Option<int?> hidden = Options.WholeNumber("--hidden", "The length of the features of a learned score (default 32)", least: 1);
        Option<int?> heads = Options.WholeNumber("--heads", "Heads of multi-head (default 4)", least: 1);
        Option<double?> dropout = Options.Fraction("--dropout", "The part of the weights that a learned score drops while training (default 0)");
        Option<OptimizerKind?> optimizer = Options.OneOf<OptimizerKind?>("--optimizer", "How parameters are moved; a learned score's is adam", OptimizerKind.Sgd, Names<OptimizerKind>().ToDictionary(pair => pair.Key, OptimizerKind? (pair) => pair.Value));
        Option<double?> lr = Options.PositiveNumber("--lr", "The learning rate (default 1; adam and adamw 0.01)");
        Option<double?> momentum = Options.NotNegativeNumber("--momentum", "The momentum of sgd, below 1 (default 0)");
        Option<double?> weightDecay = Options.NotNegativeNumber("--weight-decay", "What pulls parameters towards 0 (default 0; adamw 0.01)");
        Option<ScheduleKind> scheduleKind = Options.OneOf("--schedule", "How the learning rate changes", defaults.Schedule, Names<ScheduleKind>());
        Option<double?> gamma = Options.PositiveNumber("--gamma", $"What step and exponential multiply the rate by (default {schedule.Gamma})");
        Option<int?> stepEpochs = Options.WholeNumber("--step-epochs", $"Epochs between two steps of the schedule step (default {schedule.StepEpochs})", least: 1);
        Option<double?> finalFactor = Options.NotNegativeNumber("--final-factor", $"The part of the rate that cosine and linear end at (default {schedule.FinalFactor})");
        Option<int?> warmup = Options.WholeNumber("--warmup", "Steps in which the rate rises to its full height (default 0)", least: 0);
        Option<double?> clip = Options.PositiveNumber("--clip", "The largest norm of all gradients together (default none)");
        Option<int?> patience = Options.WholeNumber("--patience", "Stop after so many epochs without a better validation loss, with the best weights (default never)", least: 1);
        Option<double?> minDelta = Options.NotNegativeNumber("--min-delta", "How much lower a validation loss must be to be better, in the model's units (default 0)");
        var skip = new Option<bool>("--skip-non-finite") { Description = "Leave out training steps whose loss or gradient is NaN or infinite instead of stopping; a validation loss that is none stops all the same" };
        Option<ulong?> seed = Options.Seed(defaults.Seed);
        Option<int?> seeds = Options.WholeNumber("--seeds", "Train so many times, with --seed and the seeds after it, and give mean and spread", least: 1);
        var leaveOneOut = new Option<bool>("--leave-one-out") { Description = "Keep each example from its own pair while training" };
        Option<AttentionMethod> method = Options.Method();
        Option<string> device = Options.Device();
        Option<string?> libTorch = Options.LibTorch();
        var output = new Option<string?>("--out") { Description = "The run's folder (default runs/<data>-<UTC time>)", HelpName = "folder" };
        var resume = new Option<string?>(Resume) { Description = "Go on with the run in this folder from its last checkpoint", HelpName = "folder" };
        Option<int?> checkpointSteps = Options.WholeNumber("--checkpoint-steps", "Steps between two checkpoints (default none)", least: 1);
        Option<double?> checkpointSeconds = Options.PositiveNumber("--checkpoint-seconds", $"Seconds between two checkpoints (default {TrainOptions.UsualCheckpointSeconds})");
        var tensorBoard = new Option<bool>("--tensorboard") { Description = "Write TensorBoard's event files to the run's folder" };
        var noPlots = new Option<bool>("--no-plots") { Description = "Draw no pictures" };
        var quiet = new Option<bool>("--quiet") { Description = "Print nothing but errors" };
        var json = new Option<bool>("--json") { Description = "Print the summary as JSON and nothing else" };

        var command = new Command("train", "Average, nonparametric and learned attention pooling: compute, train, draw, compare")
        {
            data, x, y, n, noiseStd, validationFraction, bandwidth, batchSize, epochs, model, kernel, regions, learnValues, hidden, heads, dropout, optimizer, lr, momentum, weightDecay, scheduleKind, gamma, stepEpochs, finalFactor, warmup, clip, patience,
            minDelta, skip, seed, seeds, leaveOneOut, method, device, libTorch, output, resume, checkpointSteps, checkpointSeconds, tensorBoard, noPlots, quiet, json,
        };
        return (command, parsed => new TrainOptions
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
            Model = parsed.GetValue(model)!,
            Kernel = parsed.GetValue(kernel),
            Regions = parsed.GetValue(regions),
            LearnValues = parsed.GetValue(learnValues),
            Hidden = parsed.GetValue(hidden),
            Heads = parsed.GetValue(heads),
            Dropout = parsed.GetValue(dropout),
            GivenOptimizer = parsed.GetValue(optimizer),
            GivenLr = parsed.GetValue(lr),
            Momentum = parsed.GetValue(momentum),
            WeightDecay = parsed.GetValue(weightDecay),
            Schedule = parsed.GetValue(scheduleKind),
            Gamma = parsed.GetValue(gamma),
            StepEpochs = parsed.GetValue(stepEpochs),
            FinalFactor = parsed.GetValue(finalFactor),
            WarmupSteps = parsed.GetValue(warmup),
            Clip = parsed.GetValue(clip),
            Patience = parsed.GetValue(patience),
            MinDelta = parsed.GetValue(minDelta),
            SkipNonFinite = parsed.GetValue(skip),
            Seed = parsed.GetValue(seed) ?? defaults.Seed,
            Seeds = parsed.GetValue(seeds),
            LeaveOneOut = parsed.GetValue(leaveOneOut),
            Method = parsed.GetValue(method),
            Device = parsed.GetValue(device)!,
            LibTorch = parsed.GetValue(libTorch),
            Out = parsed.GetValue(output),
            Resume = parsed.GetValue(resume),
            CheckpointSteps = parsed.GetValue(checkpointSteps),
            CheckpointSeconds = parsed.GetValue(checkpointSeconds),
            TensorBoard = parsed.GetValue(tensorBoard),
            NoPlots = parsed.GetValue(noPlots),
            Quiet = parsed.GetValue(quiet),
            Json = parsed.GetValue(json),
        });
    }

    private static Dictionary<string, T> Names<T>()
        where T : struct, Enum =>
        Enum.GetValues<T>().ToDictionary(value => value.ToString().ToLowerInvariant());
}
