using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Cluster;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Losses;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <content>What the options mean together, and to the library.</content>
internal sealed partial record TrainOptions
{
    public const string EpochsName = "--epochs";
    public const string ResumeName = "--resume";
    public const string SweepName = "--sweep";
    public const string LiveName = "--live";
    private const int UsualEpochs = 5;

    /// <summary>The command line that these are from, for another one to repeat.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The cluster that computes the slices of mini-batches; null for this process.</summary>
    public TrainingCluster? Cluster { get; init; }

    /// <summary>Whether nothing is to be printed while the training goes on.</summary>
    public bool IsSilent => Quiet || Json;

    /// <summary>How the data's file is written.</summary>
    public CsvOptions ReadFile() => CsvFileOptions.Combine(Delimiter, DecimalComma, Thousands, Missing);

    public bool IsNonlinear => Data.Equals(DataSource.Nonlinear, StringComparison.OrdinalIgnoreCase);

    /// <summary>The optimiser; the model's usual one where it was not given.</summary>
    public OptimizerKind Optimizer => GivenOptimizer ?? (Model.HasScore ? OptimizerKind.Adam : OptimizerKind.Sgd);

    /// <summary>The learning rate; the optimiser's usual one where it was not given.</summary>
    public double Lr => GivenLr ?? (Optimizer is OptimizerKind.Adam or OptimizerKind.AdamW ? 0.01 : 1);

    /// <summary>Whether each example is kept from its own pair while training.</summary>
    public bool LeaveOneOut => GivenLeaveOneOut || Model.LeavesOneOut;

    /// <summary>The library's options of the optimiser.</summary>
    public OptimizerOptions ToOptimizer()
    {
        var usual = new OptimizerOptions
        {
            Kind = Optimizer,
            LearningRate = Lr,
            Momentum = Momentum,
            Groups = [.. LrOf ?? [], .. WeightDecayOf ?? []],
        };
        return WeightDecay is double decay ? usual with { WeightDecay = decay } : usual;
    }

    /// <summary>The library's options.</summary>
    /// <param name="slices">Who computes the slices of mini-batches; null for this process.</param>
    public TrainerOptions ToTrainer(ILossSlices? slices) => new()
    {
        Elsewhere = slices,
        MaxEpochs = Epochs,
        GradientClipVal = Clip ?? 0,
        AccumulateBatches = Accumulate,
        AverageDecay = Ema ?? 0,
        Optimizer = ToOptimizer(),
        Schedule = Schedule == ScheduleChoice.Constant && WarmupSteps is null
            ? null
            : Schedule.Create(this) with { WarmupSteps = WarmupSteps ?? 0 },
        EarlyStopping = Patience is int patience ? new EarlyStopping { Patience = patience, MinDelta = MinDelta } : null,
        NonFinite = SkipNonFinite ? NonFinitePolicy.Skip : NonFinitePolicy.Stop,
    };

    /// <summary>Steps in an epoch of some data.</summary>
    public int StepsInAnEpoch(RegressionData data) => (data.TrainDataloader().Count + Accumulate - 1) / Accumulate;

    /// <summary>Refuses settings of parameters that the model does not have.</summary>
    public void CheckGroups(Module model)
    {
        string[] names = [.. model.named_parameters().Select(pair => pair.name)];
        (string, IReadOnlyList<ParameterGroup>?)[] all = [("--lr-of", LrOf), ("--weight-decay-of", WeightDecayOf)];
        foreach ((string option, IReadOnlyList<ParameterGroup>? groups) in all)
        {
            if (groups?.FirstOrDefault(group => !names.Any(group.Has)) is ParameterGroup idle)
            {
                throw CliException.WrongInput(
                    $"{option}: expected parameters of --model {Model.Name} ({string.Join(", ", names)}), "
                        + $"got '{PlainText.Brief(idle.Names)}'");
            }
        }
    }

    public CheckpointOptions ToCheckpoints() => new()
    {
        EverySteps = CheckpointSteps,
        EverySeconds = CheckpointSeconds ?? (CheckpointSteps is null ? UsualCheckpointSeconds : null),
    };

    /// <summary>Refuses options that would have no effect.</summary>
    public void Check()
    {
        Line.Check(this, ofData: false);
        bool isGaussian = Kernel == SmoothingKernel.Gaussian;
        string? problem =
            Method == AttentionMethod.Engine && Model.HasScore
                ? $"--method engine applies {AppliesTo.Kernels.Where} only"
            : Method == AttentionMethod.Streaming && !Model.CanStream
                ? $"--method streaming applies to --model {LearnedModel.Streamed} only"
            : LeaveOneOut && Model.Name == LearnedModel.MultiHead
                ? $"--leave-one-out does not apply to --model {Model.Name}, whose last linear map reads the value that was left out "
                    + "from the mean of the others; use --patience"
            : Method == AttentionMethod.Streaming && !isGaussian ? "--method streaming applies to --kernel gaussian only"
            : Model.Name == LearnedModel.LocalLinear && !isGaussian ? $"--model {Model.Name} applies to --kernel gaussian only"
            : Blocks > InContextRegressionOptions.MostBlocks
                ? $"--blocks: expected at most {InContextRegressionOptions.MostBlocks}, got {Blocks}"
            : Model.HasHeads && Hidden % Heads != 0
                ? $"--heads: expected a divisor of --hidden {Hidden}, got {Heads}"
            : LearnRidge && Ridge == 0 ? "--learn-ridge: expected a --ridge above 0 to begin with, got 0"
            : Seeds is int seeds && Seed > ulong.MaxValue - (ulong)(seeds - 1)
                ? $"--seeds: {seeds} seeds from {Seed} on go beyond {ulong.MaxValue}; expected a smaller --seed"
            : Schedule.Name == ScheduleChoice.MultiStep && Milestones.Count == 0
                ? $"--schedule {ScheduleChoice.MultiStep} needs --milestones"
            : Schedule.Name == ScheduleChoice.Plateau && Gamma >= 1
                ? $"--gamma: expected less than 1 with --schedule {ScheduleChoice.Plateau}, got {Gamma}"
            : Schedule.Name == ScheduleChoice.Cyclic && FinalFactor > 1
                ? $"--final-factor: expected at most 1 with --schedule {ScheduleChoice.Cyclic}, got {FinalFactor}"
            : Cluster is not null ? WhyNotElsewhere()
            : Live > ushort.MaxValue ? $"{LiveName}: expected a port from 0 to {ushort.MaxValue}, got {Live}"
            : Momentum >= 1 ? $"--momentum: expected less than 1, got {Momentum}"
            : null;
        if (problem is not null)
        {
            throw CliException.WrongInput(problem);
        }
    }

    /// <summary>Refuses data that a cluster has nothing to do for, or cannot be asked about.</summary>
    public void CheckSlices(RegressionData data)
    {
        long examples = data.XTrain.shape[0];
        bool areTooMany = Model.HasWidthsOfKeys && examples > ClusterClient.MostWidths;
        if (areTooMany || examples <= KernelLoss.SliceExamples)
        {
            string expected = areTooMany ? $"at most {ClusterClient.MostWidths} examples to train --model {Model.Name} on"
                : $"more than {KernelLoss.SliceExamples} examples to train on, which are a slice";
            throw CliException.WrongInput($"{TrainingCluster.Name}: expected {expected}, got {examples}");
        }
    }

    // What has no step without a graph, and mini-batches of one slice.
    private string? WhyNotElsewhere() =>
        !Model.HasSlices ? $"{TrainingCluster.Name} applies to --model {LearnedModel.WithSlices} only"
        : LearnValues ? $"{TrainingCluster.Name} does not apply with --learn-values, whose loss is a graph"
        : Method != AttentionMethod.Auto ? $"{TrainingCluster.Name} applies to --method auto only"
        : Optimizer == OptimizerKind.Lbfgs ? $"{TrainingCluster.Name} applies {AppliesTo.FirstOrder.Where} only"
        : (long)BatchSize * Accumulate <= KernelLoss.SliceExamples
            ? $"{TrainingCluster.Name}: expected a --batch-size of more than {KernelLoss.SliceExamples} examples, which are a slice, got "
                + $"{BatchSize}{(Accumulate > 1 ? $" times --accumulate {Accumulate}" : "")}"
        : null;

    private static Option<IReadOnlyList<ParameterGroup>?> GroupsOption(
        string name, string value, string description, Func<ParameterGroup, double, ParameterGroup> set)
    {
        return new Option<IReadOnlyList<ParameterGroup>?>(name)
        {
            Description = description,
            HelpName = $"name={value},...",
            CustomParser = result =>
            {
                var groups = new List<ParameterGroup>();
                foreach (string part in result.Tokens[0].Value.Split(','))
                {
                    if (part.Split('=') is not [{ Length: > 0 } names, string text]
                        || !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                        || !(number >= 0 && float.IsFinite((float)number)))
                    {
                        result.AddError(
                            $"{name}: expected name={value} with a {value} of at least 0 that float32 can hold, got '{part}'");
                        return null;
                    }

                    groups.Add(set(new ParameterGroup(names), number));
                }

                return groups;
            },
        };
    }

    private static void WriteGroups(
        Utf8JsonWriter json, string name, IReadOnlyList<ParameterGroup>? groups, Func<ParameterGroup, double?> setting)
    {
        if (groups is not null)
        {
            json.WriteObject(name, () =>
            {
                foreach (ParameterGroup group in groups)
                {
                    json.WriteNumber(group.Names, setting(group) ?? 0);
                }
            });
        }
    }
}
