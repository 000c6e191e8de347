using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Likelihood;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Regression;

/// <summary>What the pictures of a fit show beside the fit itself.</summary>
internal sealed record PictureOptions
{
    private static readonly PredictionOptions _usual = new();

    /// <summary>The level of the bands.</summary>
    public double Level { get; init; } = _usual.Level;

    /// <summary>Whether the features' axes are of powers of 10.</summary>
    public bool IsLogX { get; init; }

    /// <summary>Whether the target's axis is one of powers of 10.</summary>
    public bool IsLogY { get; init; }

    /// <summary>The column whose texts are groups with a curve each; null for none.</summary>
    public string? By { get; init; }

    /// <summary>How a model's mean is drawn, interrupted without neighbours.</summary>
    public PredictionOptions Of(IPredictor model) => new()
    {
        Level = Level,
        NoNeighbour = NoNeighbourPolicy.NaN,
        Interval = IsRobust(model) ? IntervalKind.MeanWithoutBias : UsualInterval(model),
    };

    /// <summary>
    /// The interval of a model's mean: with its bias where that is estimated; of new observations where there is none of the mean.
    /// </summary>
    public static IntervalKind UsualInterval(IPredictor model) =>
        model is LocalLikelihood local && local.Features <= local.MostFeaturesOfIntervals ? IntervalKind.Mean
            : IsRobust(model) ? IntervalKind.NewObservation
            : model is KernelRegression rows && rows.Classes.Count == 0 && rows.Features <= rows.MostFeaturesOfIntervals ? IntervalKind.Mean
            : IntervalKind.MeanWithoutBias;

    /// <summary>Whether weights follow the residuals, which leaves no band of the mean.</summary>
    public static bool IsRobust(IPredictor model) => model is KernelRegression { Options.RobustIterations: > 0 };

    /// <summary>Refuses what the examples cannot be drawn with, before any work.</summary>
    public void Check(Examples examples, KernelRegressionOptions options)
    {
        int d = examples.Features.Count;
        string other = examples.Labels is not null ? "classes" : $"{d} features";
        if (IsLogY && (d == 2 || examples.Labels is not null))
        {
            throw CliException.WrongInput($"--log-y: the pictures of {other} have no axis of the target");
        }

        if (IsLogX && options.Periods.Count > 0)
        {
            throw CliException.WrongInput("--log-x: expected no --period beside it: a period begins at 0, which has no logarithm");
        }

        if (IsLogX && examples.Kinds.Index().FirstOrDefault(kind => kind.Item is ColumnKind.Date or ColumnKind.Instant) is (int j, not 0))
        {
            throw CliException.WrongInput($"--log-x: {Place(examples, examples.Features[j])}: dates have no logarithms");
        }

        if (IsLogX && Array.FindIndex(examples.X, value => value <= 0) is int at and >= 0)
        {
            throw NotPositive("--log-x", examples, examples.Features[at % d], examples.X[at]);
        }

        if (IsLogY && Array.FindIndex(examples.Y, value => value <= 0) is int row and >= 0)
        {
            throw NotPositive("--log-y", examples, examples.Target, examples.Y[row]);
        }
    }

    private static CliException NotPositive(string option, Examples examples, string column, double value) => CliException.WrongInput(
        $"{option}: {Place(examples, column)}: expected positive numbers, found {NumberText.Format(value)}");

    private static string Place(Examples examples, string column) =>
        $"{PlainText.Brief(examples.Source, 500)}, column '{PlainText.Brief(column)}'";
}
