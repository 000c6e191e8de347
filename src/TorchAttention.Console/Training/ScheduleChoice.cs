using TorchAttention.Training.Schedules;

namespace TorchAttention.Cli.Training;

/// <summary>A schedule that <c>--schedule</c> names.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Create">Makes it of the options.</param>
internal sealed record ScheduleChoice(string Name, Func<TrainOptions, LearningRateSchedule> Create)
{
    public const string Step = "step";
    public const string Exponential = "exponential";
    public const string MultiStep = "multi-step";
    public const string Cosine = "cosine";
    public const string Linear = "linear";
    public const string WarmRestarts = "warm-restarts";
    public const string Cyclic = "cyclic";
    public const string Polynomial = "polynomial";
    public const string Plateau = "plateau";

    public static readonly ScheduleChoice Constant = new("constant", _ => new ConstantSchedule());

    public static IReadOnlyList<ScheduleChoice> All { get; } =
    [
        Constant,
        new(Step, it => new StepSchedule { Gamma = it.Gamma, Every = it.StepEpochs }),
        new(Exponential, it => new ExponentialSchedule { Gamma = it.Gamma }),
        new(MultiStep, it => new MultiStepSchedule { Gamma = it.Gamma, Milestones = it.Milestones }),
        new(Cosine, it => new CosineSchedule { FinalFactor = it.FinalFactor }),
        new(Linear, it => new LinearSchedule { FinalFactor = it.FinalFactor }),
        new(Polynomial, it => new PolynomialSchedule { Power = it.Power }),
        new(WarmRestarts, it => new WarmRestartsSchedule
        {
            Unit = ScheduleUnit.Epoch,
            FirstLength = it.StepEpochs,
            FinalFactor = it.FinalFactor,
        }),
        new(Cyclic, it => new CyclicSchedule { Unit = ScheduleUnit.Epoch, StepsUp = it.StepEpochs, LeastFactor = it.FinalFactor }),
        new("one-cycle", _ => new OneCycleSchedule()),
        new(Plateau, it => new PlateauSchedule { Gamma = it.Gamma, Patience = it.SchedulePatience }),
    ];
}
