using TorchAttention.Numerics.Regression;

namespace TorchAttention.Benchmarks.Suite;

/// <summary>
/// How often intervals of 95% cover the slope of the true curve at 100 quantiles of the design, over the draws of <see cref="CurveSet"/>;
/// curves with a jump or a corner have no slope there, and are left out.
/// </summary>
internal static class SlopeSuite
{
    private const double Level = 0.95;
    private const int FirstRepetition = 100;
    private const double Step = 1e-5;

    private static readonly (string Name, KernelRegressionOptions Options)[] _fits =
        [("degree 0", new()), ("degree 1", new() { Degree = 1 }), ("degree 2, ridge", new() { Degree = 2 }),
            ("degree 3, ridge", new() { Degree = 3 }), ("auto: 1 or 2, ridge", new() { Degrees = [1, 2] })];

    public static void Print(int repetitions, int ofMany)
    {
        CurveSet[] sets = [.. Enumerable.Range(0, CurveSet.Sets).Select(number => new CurveSet(number))
            .Where(set => set.Truth is not (Truth.Step or Truth.Kink or Truth.Motorcycle))];
        Console.WriteLine("| fit, interval | covers | worst set | width |\n|---|---|---|---|");
        foreach ((string name, KernelRegressionOptions options) in _fits)
        {
            (double Plain, double Mean, double Width)[] covered = new (double, double, double)[sets.Length];
            Parallel.For(0, sets.Length, k =>
            {
                int times = sets[k].Count < 2000 ? repetitions : ofMany;
                (double Plain, double Mean, double Width)[] draws =
                    [.. Enumerable.Range(FirstRepetition, times).Select(repetition => Draw(sets[k], repetition, options))];
                covered[k] = (
                    draws.Average(draw => draw.Plain), draws.Average(draw => draw.Mean),
                    CurveSuite.Median([.. draws.Select(draw => draw.Width)]));
            });
            int worst = Enumerable.Range(0, sets.Length).MinBy(k => covered[k].Mean);
            double width = CurveSuite.Median([.. covered.Select(one => one.Width)]);
            Console.WriteLine(
                $"| {name}, `plain` | {covered.Average(one => one.Plain):F3} | {covered.Min(one => one.Plain):F3} | 1 |");
            Console.WriteLine($"| {name}, `mean` | {covered.Average(one => one.Mean):F3} | {covered[worst].Mean:F3} "
                + $"({sets[worst].Truth}, {sets[worst].Noise}, n = {sets[worst].Count}) | {width:F2} |");
        }
    }

    private static (double Plain, double Mean, double Width) Draw(CurveSet set, int repetition, KernelRegressionOptions options)
    {
        CurveDraw draw = set.Draw(repetition);
        double[] places = IntervalSuite.DesignPlaces(set);
        KernelRegression model = KernelRegression.Fit(draw.X, draw.Y, options with { Threads = 1 });
        var asked = new PredictionOptions { HasSlopes = true, Level = Level };
        Predictions plain = model.Predict(places, asked);
        Predictions mean = model.Predict(places, asked with { Interval = IntervalKind.Mean });
        return (
            Covered(plain), Covered(mean),
            CurveSuite.Median([.. places.Select((_, i) => Width(mean, i) / Width(plain, i))]));

        double Width(Predictions of, int i) => of.SlopeUpper[i] - of.SlopeLower[i];

        double Covered(Predictions of) => places.Index().Count(place =>
        {
            double slope = (set.At(place.Item + Step) - set.At(place.Item - Step)) / (2 * Step);
            return of.SlopeLower[place.Index] <= slope && slope <= of.SlopeUpper[place.Index];
        }) / (double)places.Length;
    }
}
