using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>Where an option of <c>train</c> has an effect; elsewhere it is refused.</summary>
/// <param name="Rank">Of several options that have none, the one of the least rank is refused.</param>
/// <param name="Where">Where they have one, for the message.</param>
/// <param name="Holds">Whether that is here.</param>
internal sealed record AppliesTo(int Rank, string Where, Func<TrainOptions, bool> Holds)
{
    private const int Model = 10;
    private const int Data = 20;

    public static readonly AppliesTo Sweeps = new(0, $"with {TrainOptions.SweepName}", it => it.Sweep.Count > 0);
    public static readonly AppliesTo Sgd = new(1, "to --optimizer sgd", it => it.Optimizer == OptimizerKind.Sgd);
    public static readonly AppliesTo FirstOrder = new(2, "to --optimizer sgd, adam and adamw", it => it.Optimizer != OptimizerKind.Lbfgs);
    public static readonly AppliesTo Staircase =
        ToSchedules(3, ScheduleChoice.Step, ScheduleChoice.Exponential, ScheduleChoice.MultiStep, ScheduleChoice.Plateau);

    public static readonly AppliesTo Steps =
        ToSchedules(4, ScheduleChoice.Step, ScheduleChoice.WarmRestarts, ScheduleChoice.Cyclic);

    public static readonly AppliesTo Falling =
        ToSchedules(5, ScheduleChoice.Cosine, ScheduleChoice.Linear, ScheduleChoice.WarmRestarts, ScheduleChoice.Cyclic);

    public static readonly AppliesTo Milestones = ToSchedules(6, ScheduleChoice.MultiStep);
    public static readonly AppliesTo Powers = ToSchedules(7, ScheduleChoice.Polynomial);
    public static readonly AppliesTo Plateau = ToSchedules(8, ScheduleChoice.Plateau);
    public static readonly AppliesTo Patience = new(9, "with --patience", it => it.Patience is not null);

    public static readonly AppliesTo Regions = new(Model, $"to --model {LearnedModel.Region}", it => it.Model.Name == LearnedModel.Region);
    public static readonly AppliesTo Kernels =
        new(Model + 1, $"to --model {LearnedModel.WithKernel}", it => !it.Model.HasScore);

    public static readonly AppliesTo Scores = new(Model + 2, $"to --model {LearnedModel.Scores}", it => it.Model.HasScore);
    public static readonly AppliesTo Heads =
        new(Model + 3, $"to --model {LearnedModel.WithHeads}", it => it.Model.HasHeads);

    public static readonly AppliesTo Dropouts =
        new(Model + 3, $"to --model {LearnedModel.WithDropout}", it => it.Model.HasDropout);

    public static readonly AppliesTo Blocks =
        new(Model + 3, $"to --model {LearnedModel.InContext}", it => it.Model.Name == LearnedModel.InContext);

    public static readonly AppliesTo Planes =
        new(Model + 4, $"to --model {LearnedModel.LocalLinear}", it => it.Model.Name == LearnedModel.LocalLinear);

    public static readonly AppliesTo Tables = new(Data, "to tables", it => !it.IsNonlinear);
    public static readonly AppliesTo Nonlinear = new(Data + 1, $"to --data {DataSource.Nonlinear}", it => it.IsNonlinear);

    /// <summary>Whether the option is of any training, and stands in <c>config.json</c> where it has no effect too.</summary>
    public bool IsOfTraining => Rank < Model;

    public bool IsOfData => Rank >= Data;

    private static AppliesTo ToSchedules(int rank, params string[] names) => new(
        rank,
        $"to --schedule {string.Join(", ", names[..^1])}{(names.Length > 1 ? " and " : "")}{names[^1]}",
        it => names.Contains(it.Schedule.Name));
}
