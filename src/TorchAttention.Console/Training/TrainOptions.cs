using TorchAttention.Numerics.Kernels;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>What <c>train</c> was asked for. Null means that the option was not given; <see cref="DataSource"/> knows which apply to which data.</summary>
internal sealed record TrainOptions
{
    public const double UsualCheckpointSeconds = 60;

    public string Data { get; init; } = DataSource.Nonlinear;

    public string? X { get; init; }

    public string? Y { get; init; }

    public int? N { get; init; }

    public double? NoiseStd { get; init; }

    public double? ValidationFraction { get; init; }

    public double? Bandwidth { get; init; }

    public int BatchSize { get; init; } = DataSource.DefaultBatchSize;

    public int Epochs { get; init; } = 5;

    /// <summary>A name of <see cref="LearnedModel"/>.</summary>
    public string Model { get; init; } = LearnedModel.Usual;

    public SmoothingKernel? Kernel { get; init; }

    public int? Regions { get; init; }

    public bool LearnValues { get; init; }

    public int? Hidden { get; init; }

    public int? Heads { get; init; }

    public double? Dropout { get; init; }

    /// <summary>The optimiser; the model's usual one where it was not given.</summary>
    public OptimizerKind Optimizer => GivenOptimizer ?? (LearnedModel.HasScore(Model) ? OptimizerKind.Adam : OptimizerKind.Sgd);

    public OptimizerKind? GivenOptimizer { get; init; }

    /// <summary>The learning rate; the optimiser's usual one where it was not given.</summary>
    public double Lr => GivenLr ?? (Optimizer is OptimizerKind.Adam or OptimizerKind.AdamW ? 0.01 : 1);

    public double? GivenLr { get; init; }

    public double? Momentum { get; init; }

    public double? WeightDecay { get; init; }

    public ScheduleKind Schedule { get; init; }

    public double? Gamma { get; init; }

    public int? StepEpochs { get; init; }

    public double? FinalFactor { get; init; }

    public int? WarmupSteps { get; init; }

    public double? Clip { get; init; }

    public int? Patience { get; init; }

    public double? MinDelta { get; init; }

    public bool SkipNonFinite { get; init; }

    public ulong Seed { get; init; }

    public int? Seeds { get; init; }

    public bool LeaveOneOut { get; init; }

    public AttentionMethod Method { get; init; }

    public string Device { get; init; } = "auto";

    public string? LibTorch { get; init; }

    public string? Out { get; init; }

    /// <summary>The run to go on with.</summary>
    public string? Resume { get; init; }

    public int? CheckpointSteps { get; init; }

    public double? CheckpointSeconds { get; init; }

    public bool TensorBoard { get; init; }

    public bool NoPlots { get; init; }

    public bool Quiet { get; init; }

    public bool Json { get; init; }

    /// <summary>The command line that these are from, for another one to repeat.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The library's options of the optimiser.</summary>
    public OptimizerOptions ToOptimizer()
    {
        var usual = new OptimizerOptions { Kind = Optimizer, LearningRate = Lr, Momentum = Momentum ?? 0 };
        return WeightDecay is double decay ? usual with { WeightDecay = decay } : usual;
    }

    /// <summary>The library's options.</summary>
    public TrainerOptions ToTrainer() => new()
    {
        MaxEpochs = Epochs,
        GradientClipVal = Clip ?? 0,
        Optimizer = ToOptimizer(),
        Schedule = Schedule == ScheduleKind.Constant && WarmupSteps is null ? null : ToSchedule(new LearningRateSchedule()),
        EarlyStopping = Patience is int patience ? new EarlyStopping { Patience = patience, MinDelta = MinDelta ?? 0 } : null,
        NonFinite = SkipNonFinite ? NonFinitePolicy.Skip : NonFinitePolicy.Stop,
    };

    public CheckpointOptions ToCheckpoints() => new()
    {
        EverySteps = CheckpointSteps,
        EverySeconds = CheckpointSeconds ?? (CheckpointSteps is null ? UsualCheckpointSeconds : null),
    };

    /// <summary>Refuses options that would have no effect.</summary>
    public void Check()
    {
        bool isStaircase = Schedule is ScheduleKind.Step or ScheduleKind.Exponential;
        Refuse(Momentum, Optimizer == OptimizerKind.Sgd, "--momentum applies to --optimizer sgd only");
        Refuse(WeightDecay, Optimizer != OptimizerKind.Lbfgs, "--weight-decay applies to --optimizer sgd, adam and adamw only");
        Refuse(Gamma, isStaircase, "--gamma applies to --schedule step and exponential only");
        Refuse(StepEpochs, Schedule == ScheduleKind.Step, "--step-epochs applies to --schedule step only");
        Refuse(FinalFactor, Schedule is ScheduleKind.Cosine or ScheduleKind.Linear, "--final-factor applies to --schedule cosine and linear only");
        Refuse(MinDelta, Patience is not null, "--min-delta applies with --patience only");
        LearnedModel.Check(this);
        if (Seeds is int seeds && Seed > ulong.MaxValue - (ulong)(seeds - 1))
        {
            throw CliException.WrongInput($"--seeds: {seeds} seeds from {Seed} on go beyond {ulong.MaxValue}; expected a smaller --seed");
        }

        if (Momentum >= 1)
        {
            throw CliException.WrongInput($"--momentum: expected less than 1, got {Momentum}");
        }
    }

    private LearningRateSchedule ToSchedule(LearningRateSchedule usual) => new()
    {
        Kind = Schedule,
        Gamma = Gamma ?? usual.Gamma,
        StepEpochs = StepEpochs ?? usual.StepEpochs,
        FinalFactor = FinalFactor ?? usual.FinalFactor,
        WarmupSteps = WarmupSteps ?? usual.WarmupSteps,
    };

    private static void Refuse(object? value, bool applies, string message)
    {
        if (value is not null && !applies)
        {
            throw CliException.WrongInput(message);
        }
    }
}
