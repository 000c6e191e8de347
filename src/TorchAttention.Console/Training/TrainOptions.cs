using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>What <c>train</c> is asked for: each option once, in the order of the help.</summary>
/// <param name="Line">The command line that they are read from.</param>
internal sealed partial record TrainOptions(TrainLine Line)
{
    private const double UsualCheckpointSeconds = 60;
    private static readonly AttentionRegressionOptions _attention = new();
    private static readonly KernelModelOptions _kernels = new();

    public string Data { get; init; } = Line.Take(new Option<string>(Options.Data)
    {
        Description = $"{DataSource.Nonlinear} (the chapter's), a built-in table "
            + $"({string.Join(", ", BuiltInTable.All.Select(table => table.Name))}; see datasets), "
            + $"a CSV file with a header row, or a table by its ending ({ExamplesOptions.Endings})",
        HelpName = "name|file",
        DefaultValueFactory = _ => DataSource.Nonlinear,
    });

    public string? X { get; } = Line.Take(
        Options.Text(
            "--x",
            "columns",
            "The inputs' columns, separated by commas (tables; by default a built-in table's own, or the first of a file's two)"),
        AppliesTo.Tables);

    public string? Y { get; } = Line.Take(
        Options.Text("--y", "column", "The target's column (tables; by default a built-in table's own, or the second of a file's two)"),
        AppliesTo.Tables);

    public string? Delimiter { get; } = Line.Take(CsvFileOptions.Delimiter(), AppliesTo.Tables);

    public bool DecimalComma { get; } = Line.Take(CsvFileOptions.DecimalComma(), AppliesTo.Tables);

    public string? Thousands { get; } = Line.Take(CsvFileOptions.Thousands(), AppliesTo.Tables);

    public MissingValues Missing { get; } = Line.Take(
        CsvFileOptions.Missing(),
        AppliesTo.Tables,
        record: (json, it) =>
        {
            CsvOptions file = it.ReadFile();
            json.WriteString("delimiter", file.Delimiter.ToString());
            json.WriteBoolean("decimal_comma", file.DecimalComma);
            json.WriteString("thousands", file.Thousands?.ToString());
            json.WriteString("missing", Options.Name(it.Missing));
        });

    public int N { get; } = Line.Take(
        Options.WholeNumber("--n", $"Training examples (nonlinear; default {DataSource.DefaultN})", least: 1),
        AppliesTo.Nonlinear, record: (json, it) => json.WriteNumber("n", it.N)) ?? DataSource.DefaultN;

    public double NoiseStd { get; } = Line.Take(
        Options.NotNegativeNumber(
            "--noise-std",
            $"The noise's standard deviation (nonlinear; default {DataSource.DefaultNoiseStd}, as the book's text; its code has 1)"),
        AppliesTo.Nonlinear, record: (json, it) => json.WriteNumber("noise_std", it.NoiseStd)) ?? DataSource.DefaultNoiseStd;

    public double ValidationFraction { get; } = Line.Take(
        Options.Fraction(
            "--validation-fraction", $"The part of the rows held out (tables; default {DataSource.DefaultValidationFraction})"),
        AppliesTo.Tables,
        record: (json, it) => json.WriteNumber("validation_fraction", it.ValidationFraction)) ?? DataSource.DefaultValidationFraction;

    public double? Bandwidth { get; init; } = Line.Take(
        Options.PositiveNumber(
            "--bandwidth",
            "The nonparametric form's h, in units of x, of several columns in deviations (default 1; tables: a standard deviation)"),
        record: (json, it) => json.WriteNumber("nonparametric_bandwidth", it.Bandwidth!.Value));

    public int BatchSize { get; } = Line.Take(
        Options.WholeNumber("--batch-size", $"Examples in a mini-batch (default {DataSource.DefaultBatchSize})", least: 1),
        record: (json, it) => json.WriteNumber("batch_size", it.BatchSize)) ?? DataSource.DefaultBatchSize;

    public int Epochs { get; } = Line.Take(
        Options.WholeNumber(EpochsName, $"Passes over the training part (default {UsualEpochs})", least: 1),
        onResume: OnResume.Training, record: (json, it) => json.WriteNumber("epochs", it.Epochs)) ?? UsualEpochs;

    public LearnedModel Model { get; } = Line.Take(new Option<LearnedModel>("--model")
    {
        Description = $"{LearnedModel.Description} (default {LearnedModel.Usual})",
        HelpName = "model",
        DefaultValueFactory = _ => LearnedModel.Find(LearnedModel.Usual)!,
        CustomParser = result =>
        {
            var found = LearnedModel.Find(result.Tokens[0].Value.ToLowerInvariant());
            if (found is null)
            {
                string names = string.Join(", ", LearnedModel.All.Select(it => it.Name));
                result.AddError($"--model: expected one of {names}, got '{result.Tokens[0].Value}'");
            }

            return found;
        },
    });

    public SmoothingKernel Kernel { get; } = Line.Take(
        Options.OneOf<SmoothingKernel?>(
            "--kernel",
            "The kernel whose w is learned",
            SmoothingKernel.Gaussian,
            SmoothingKernel.All.Where(k => k != SmoothingKernel.Boxcar).ToDictionary(k => k.Name, SmoothingKernel? (k) => k)),
        AppliesTo.Kernels, record: (json, it) => json.WriteString("kernel", it.Kernel.Name)) ?? SmoothingKernel.Gaussian;

    public int? Regions { get; } = Line.Take(
        Options.WholeNumber("--regions", "Regions of x that each have a w (region; default 5)", least: 1), AppliesTo.Regions);

    // The regions stand after it in config.json, where they were given.
    public bool LearnValues { get; } = Line.Take(
        Options.Flag("--learn-values", "Learn the keys' values beside w"),
        AppliesTo.Kernels,
        record: (json, it) =>
        {
            json.WriteBoolean("learn_values", it.LearnValues);
            if (it.Regions is int regions)
            {
                json.WriteNumber("regions", regions);
            }
        });

    public double Ridge { get; } = Line.Take(
        Options.NotNegativeNumber(
            "--ridge",
            $"By how much a plane's slopes are held at 0, in squared bandwidths (local-linear; default {_kernels.Ridge})"),
        AppliesTo.Planes) ?? _kernels.Ridge;

    public bool LearnRidge { get; } = Line.Take(
        Options.Flag("--learn-ridge", "Learn the ridge beside w (local-linear)"),
        AppliesTo.Planes,
        record: (json, it) =>
        {
            json.WriteNumber("ridge", it.Ridge);
            json.WriteBoolean("learn_ridge", it.LearnRidge);
        });

    public int Hidden { get; } = Line.Take(
        Options.WholeNumber("--hidden", "The length of the features of a learned score (default 32)", least: 1),
        AppliesTo.Scores, record: (json, it) => json.WriteNumber("hidden", it.Hidden)) ?? _attention.Hidden;

    public int Heads { get; } = Line.Take(
        Options.WholeNumber("--heads", "Heads of multi-head and in-context (default 4)", least: 1),
        AppliesTo.Heads, record: (json, it) => json.WriteNumber("heads", it.Heads)) ?? _attention.Heads;

    public double Dropout { get; } = Line.Take(
        Options.Fraction("--dropout", "The part of the weights that a learned score drops while training (default 0)"),
        AppliesTo.Dropouts, record: (json, it) => json.WriteNumber("dropout", it.Dropout)) ?? _attention.Dropout;

    public int Blocks { get; } = Line.Take(
        Options.WholeNumber("--blocks", "Blocks of attention and layers, one after another (in-context; default 1)", least: 1),
        AppliesTo.Blocks, record: (json, it) => json.WriteNumber("blocks", it.Blocks)) ?? new InContextRegressionOptions().Blocks;

    private OptimizerKind? GivenOptimizer { get; } = Line.Take(
        Options.OneOf<OptimizerKind?>(
            "--optimizer",
            "How parameters are moved; a learned score's is adam",
            OptimizerKind.Sgd,
            Options.Names<OptimizerKind>().ToDictionary(pair => pair.Key, OptimizerKind? (pair) => pair.Value)),
        record: (json, it) => json.WriteString("optimizer", Options.Name(it.Optimizer)));

    private double? GivenLr { get; } = Line.Take(
        Options.PositiveNumber("--lr", "The learning rate (default 1; adam and adamw 0.01)"),
        record: (json, it) => json.WriteNumber("lr", it.Lr));

    public double Momentum { get; } = Line.Take(
        Options.NotNegativeNumber("--momentum", "The momentum of sgd, below 1 (default 0)"),
        AppliesTo.Sgd, record: (json, it) => json.WriteNumber("momentum", it.Momentum)) ?? 0;

    public double? WeightDecay { get; init; } = Line.Take(
        Options.NotNegativeNumber("--weight-decay", "What pulls parameters towards 0 (default 0; adamw 0.01)"),
        AppliesTo.FirstOrder, record: (json, it) => json.WriteNumber(RunConfig.WeightDecayName, it.ToOptimizer().WeightDecay));

    public IReadOnlyList<ParameterGroup>? LrOf { get; } = Line.Take(
        GroupsOption(
            "--lr-of",
            "rate",
            "Learning rates of some parameters by name, with * for any text",
            (group, lr) => group with { LearningRate = lr }),
        AppliesTo.FirstOrder,
        record: (json, it) => WriteGroups(json, "lr_of", it.LrOf, group => group.LearningRate));

    public IReadOnlyList<ParameterGroup>? WeightDecayOf { get; } = Line.Take(
        GroupsOption("--weight-decay-of", "decay", "The same for weight decay", (group, decay) => group with { WeightDecay = decay }),
        AppliesTo.FirstOrder,
        record: (json, it) => WriteGroups(json, "weight_decay_of", it.WeightDecayOf, group => group.WeightDecay));

    public int Accumulate { get; } = Line.Take(
        Options.WholeNumber("--accumulate", "Mini-batches that a step takes, as if they were one (default 1)", least: 1),
        AppliesTo.FirstOrder, record: (json, it) => json.WriteNumber("accumulate", it.Accumulate)) ?? 1;

    public double? Ema { get; } = Line.Take(
        Options.Fraction(
            "--ema",
            "The decay of an exponential moving average of the parameters, which is validated and saved in their place (default none)"),
        record: (json, it) => json.WriteNumberOrNull("ema", it.Ema));

    public ScheduleChoice Schedule { get; } = Line.Take(
        Options.OneOf<ScheduleChoice?>(
            "--schedule",
            "How the learning rate changes",
            ScheduleChoice.Constant,
            ScheduleChoice.All.ToDictionary(it => it.Name, ScheduleChoice? (it) => it)),
        record: (json, it) => json.WriteString("schedule", it.Schedule.Name)) ?? ScheduleChoice.Constant;

    public double Gamma { get; } = Line.Take(
        Options.PositiveNumber("--gamma", "What step, exponential, multi-step and plateau multiply the rate by (default 0.1)"),
        AppliesTo.Staircase) ?? 0.1;

    public int StepEpochs { get; } = Line.Take(
        Options.WholeNumber(
            "--step-epochs", "Epochs between two steps of step, of warm-restarts' cosine, of cyclic's way up (default 10)", least: 1),
        AppliesTo.Steps) ?? 10;

    public IReadOnlyList<int> Milestones { get; } = Line.Take(
        Options.WholeNumbers("--milestones", "Epochs after which multi-step multiplies the rate, separated by commas", least: 1),
        AppliesTo.Milestones) ?? [];

    public double FinalFactor { get; } = Line.Take(
        Options.NotNegativeNumber(
            "--final-factor", "The part of the rate that cosine, linear and warm-restarts end at, and cyclic starts at (default 0)"),
        AppliesTo.Falling) ?? 0;

    public double Power { get; } = Line.Take(
        Options.PositiveNumber("--power", "The power of the rest of the training that polynomial multiplies the rate by (default 1)"),
        AppliesTo.Powers) ?? 1;

    public int SchedulePatience { get; } = Line.Take(
        Options.WholeNumber(
            "--schedule-patience", "Epochs without a better validation loss that plateau bears before it lowers the rate (default 10)",
            least: 0),
        AppliesTo.Plateau) ?? 10;

    public int? WarmupSteps { get; } = Line.Take(
        Options.WholeNumber("--warmup", "Steps in which the rate rises to its full height (default 0)", least: 0),
        record: (json, it) => json.WriteNumber("warmup", it.WarmupSteps ?? 0));

    public double? Clip { get; } = Line.Take(
        Options.PositiveNumber("--clip", "The largest norm of all gradients together (default none)"),
        record: (json, it) => json.WriteNumberOrNull("clip", it.Clip));

    public int? Patience { get; } = Line.Take(
        Options.WholeNumber(
            "--patience", "Stop after so many epochs without a better validation loss, with the best weights (default never)", least: 1),
        record: (json, it) => json.WriteNumberOrNull("patience", it.Patience));

    public double MinDelta { get; } = Line.Take(
        Options.NotNegativeNumber("--min-delta", "How much lower a validation loss must be to be better, in the model's units (default 0)"),
        AppliesTo.Patience) ?? 0;

    public bool SkipNonFinite { get; } = Line.Take(Options.Flag(
        "--skip-non-finite",
        "Leave out training steps whose loss or gradient is NaN or infinite instead of stopping; "
            + "a validation loss that is none stops all the same"));

    public ulong Seed { get; init; } = Line.Take(
        Options.Seed(usual: 0), record: (json, it) => json.WriteNumber("seed", it.Seed)) ?? 0;

    public int? Seeds { get; init; } = Line.Take(Options.WholeNumber(
        "--seeds", "Train so many times, with --seed and the seeds after it, and give mean and spread", least: 1));

    /// <summary>The options that are swept, each with its values.</summary>
    public IReadOnlyList<string> Sweep { get; } = Line.Take(new Option<string[]>(SweepName)
    {
        Description = "Train with each value of an option, such as lr=0.1,1; given again for another option, with every combination",
        HelpName = "option=value,...",
    }) ?? [];

    public int? SweepRandom { get; } = Line.Take(
        Options.WholeNumber(
            "--sweep-random",
            $"Draw so many combinations by --seed; {SweepName} then also takes ranges of numbers, lr=1e-4..0.1",
            least: 1),
        AppliesTo.Sweeps);

    private bool GivenLeaveOneOut { get; } = Line.Take(
        Options.Flag("--leave-one-out", "Keep each example from its own pair while training, as in-context always does"),
        record: (json, it) => json.WriteBoolean("leave_one_out", it.LeaveOneOut));

    public AttentionMethod Method { get; } = Line.Take(
        Options.OneOf(
            "--method", "How attention pooling is computed, with the same numbers", AttentionMethod.Auto, Options.Names<AttentionMethod>()),
        record: (json, it) => json.WriteString("method", Options.Name(it.Method)));

    public string Device { get; init; } = Line.Take(
        TorchOptions.Device(), record: (json, it) => json.WriteString("device", it.Device));

    public string? LibTorch { get; } = Line.Take(TorchOptions.LibTorch(), onResume: OnResume.Surroundings);

    public string? Out { get; init; } = Line.Take(Options.Out());

    /// <summary>The run to go on with.</summary>
    public string? Resume { get; init; } = Line.Take(
        Options.Text(ResumeName, "folder", "Go on with the run in this folder from its last checkpoint"));

    public int? CheckpointSteps { get; } = Line.Take(
        Options.WholeNumber("--checkpoint-steps", "Steps between two checkpoints (default none)", least: 1),
        onResume: OnResume.Training);

    public double? CheckpointSeconds { get; } = Line.Take(
        Options.PositiveNumber("--checkpoint-seconds", $"Seconds between two checkpoints (default {UsualCheckpointSeconds})"),
        onResume: OnResume.Training);

    public bool TensorBoard { get; } = Line.Take(
        Options.Flag("--tensorboard", "Write TensorBoard's event files to the run's folder"), onResume: OnResume.Surroundings);

    /// <summary>The port of a page that follows the training; null for none.</summary>
    public int? Live { get; init; } = Line.Take(
        Options.WholeNumber(LiveName, "A page that follows the training is at this port of this machine; 0 for a free one", least: 0),
        onResume: OnResume.Surroundings);

    public bool NoPlots { get; } = Line.Take(Options.NoPlots(), onResume: OnResume.Surroundings);

    public bool Quiet { get; init; } = Line.Take(Options.Quiet(), onResume: OnResume.Printing);

    public bool Json { get; init; } = Line.Take(Options.Json("the summary as JSON"), onResume: OnResume.Printing);
}
