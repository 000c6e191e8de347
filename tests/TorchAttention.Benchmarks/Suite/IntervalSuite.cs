using TorchAttention.Numerics.Regression;

namespace TorchAttention.Benchmarks.Suite;

/// <summary>
/// How often intervals of 95% cover what they say, over the draws of <see cref="CurveSet"/>: of new observations by the noise's own
/// distribution, not by counting; of the mean at 100 quantiles of the design.
/// </summary>
internal static class IntervalSuite
{
    private const double Level = 0.95;
    private const int Places = 100;
    private const int FarRepetition = 9000;
    private const int DesignRows = 4000;

    /// <summary>What is compared, by the options of a fit and of its predictions.</summary>
    public static IReadOnlyList<(string Name, KernelRegressionOptions Fit, PredictionOptions Predict)> Rules { get; } =
    [
        .. from fit in new (string Name, KernelRegressionOptions Options)[]
           {
               ("degree 0", new()), ("degree 1", new() { Degree = 1 }), ("degree 2, ridge", new() { Degree = 2 }),
               ("auto: 1 or 2, ridge", new() { Degrees = [1, 2] }),
           }
           from kind in Enum.GetValues<IntervalKind>()
           from all in new[] { false, true }
           where !all || IsOfMean(kind)
           select (
               $"{fit.Name}: {kind}{(all ? ", for all" : "")}", fit.Options with { Threads = 1 },
               new PredictionOptions { Interval = kind, IsSimultaneous = all, Level = Level }),
    ];

    /// <summary>Whether an interval is of the mean, and not of a new observation.</summary>
    public static bool IsOfMean(IntervalKind kind) => kind is IntervalKind.Mean or IntervalKind.MeanWithoutBias;

    /// <summary>The averages over some draws of a set, for each rule.</summary>
    public static Covered[] Measure(CurveSet set, int repetitions)
    {
        double[] places = DesignPlaces(set);
        Covered[][] draws = new Covered[repetitions][];
        Parallel.For(0, repetitions, repetition => draws[repetition] = [.. Draw(set, 100 + repetition, places)]);
        return [.. Rules.Select((_, rule) => new Covered(
            draws.Average(draw => draw[rule].Part),
            draws.Average(draw => draw[rule].Noisy),
            draws.Average(draw => draw[rule].Whole),
            CurveSuite.Median([.. draws.Select(draw => draw[rule].Width)])))];
    }

    private static IEnumerable<Covered> Draw(CurveSet set, int repetition, double[] places)
    {
        CurveDraw draw = set.Draw(repetition);
        KernelRegressionOptions? last = null;
        KernelRegression? model = null;
        foreach ((_, KernelRegressionOptions fit, PredictionOptions predict) in Rules)
        {
            model = fit == last ? model! : KernelRegression.Fit(draw.X, draw.Y, fit);
            last = fit;
            bool isNew = !IsOfMean(predict.Interval);
            double[] at = isNew ? draw.Fresh : places;
            Predictions predicted = model.Predict(at, predict);
            yield return isNew ? OfNew(set, at, predicted) : OfMean(set, at, predicted, model);
        }
    }

    private static Covered OfNew(CurveSet set, double[] at, Predictions predicted)
    {
        (double low, double high) = set.QuantilesOfNoise((1 - Level) / 2);
        double[] covered = [.. at.Select((x, i) =>
            set.Below((predicted.Upper[i] - set.At(x)) / set.DeviationAt(x))
            - set.Below((predicted.Lower[i] - set.At(x)) / set.DeviationAt(x)))];
        double[] widths = [.. at.Select((x, i) => (predicted.Upper[i] - predicted.Lower[i]) / ((high - low) * set.DeviationAt(x)))];
        bool differs = set.Noise is Noise.Growing or Noise.Proportional;
        double much = at.Select(set.DeviationAt).Order().ElementAt(at.Length * 3 / 4);
        double noisy = differs ? covered.Where((_, i) => set.DeviationAt(at[i]) >= much).Average() : double.NaN;
        return new Covered(covered.Average(), noisy, double.NaN, CurveSuite.Median(widths));
    }

    private static Covered OfMean(CurveSet set, double[] at, Predictions predicted, KernelRegression model)
    {
        bool[] covered = [.. at.Select((x, i) => predicted.Lower[i] <= set.At(x) && set.At(x) <= predicted.Upper[i])];
        Predictions plain = model.Predict(at, new PredictionOptions { Level = Level });
        double[] widths = [.. at.Select((_, i) => (predicted.Upper[i] - predicted.Lower[i]) / (plain.Upper[i] - plain.Lower[i]))];
        return new Covered(
            covered.Count(one => one) / (double)covered.Length, double.NaN, covered.All(one => one) ? 1 : 0, CurveSuite.Median(widths));
    }

    /// <summary>100 quantiles of the design.</summary>
    public static double[] DesignPlaces(CurveSet set)
    {
        double[] drawn = [.. Enumerable.Range(0, Math.Max(1, DesignRows / set.Count))
            .SelectMany(i => set.Draw(FarRepetition + i).X).Order()];
        return [.. Enumerable.Range(0, Places).Select(i => drawn[(int)Math.Round((i + 0.5) / Places * (drawn.Length - 1))])];
    }

    /// <summary>Averages: the part covered, of the noisiest quarter, whether all was at once, the width beside the true one.</summary>
    internal readonly record struct Covered(double Part, double Noisy, double Whole, double Width);
}
