using System.Globalization;
using MathNet.Numerics.Distributions;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Benchmarks.Suite;

/// <summary>
/// The suite with other programs on the same draws: these are written as files, <c>peers/suite.R</c> fits them and writes what it found
/// beside, and all are judged here alike.
/// </summary>
internal static class PeerSuite
{
    private const double Level = 0.95;
    private const int FirstRepetition = 100;
    private const string Fits = ".fits";
    private const string BestLine = "best line";

    private static readonly (string Name, KernelRegressionOptions Options)[] _own =
    [
        ("degree 0", new()), ("degree 1", new() { Degree = 1 }), ("degree 2, ridge", new() { Degree = 2 }),
        ("auto: 1 or 2, ridge", new() { Degrees = [1, 2] }),
    ];

    /// <summary>Writes the draws, a file each: examples, fresh places, and 100 quantiles of the design.</summary>
    public static void WriteDraws(string folder, int repetitions, int ofMany)
    {
        Directory.CreateDirectory(folder);
        foreach ((CurveSet set, int repetition) in Draws(repetitions, ofMany))
        {
            CurveDraw draw = set.Draw(repetition);
            File.WriteAllLines(FileOf(folder, set, repetition, ""),
            [
                "part,x,y",
                .. draw.X.Select((x, i) => string.Create(CultureInfo.InvariantCulture, $"example,{x:R},{draw.Y[i]:R}")),
                .. draw.Fresh.Select(x => string.Create(CultureInfo.InvariantCulture, $"fresh,{x:R},NA")),
                .. IntervalSuite.DesignPlaces(set).Select(x => string.Create(CultureInfo.InvariantCulture, $"place,{x:R},NA")),
            ]);
        }
    }

    /// <summary>Judges the files of the peers and the fits of this library on the draws that have one, and prints tables.</summary>
    public static void Print(string folder, int repetitions, int ofMany)
    {
        (CurveSet Set, int Repetition)[] draws =
            [.. Draws(repetitions, ofMany).Where(draw => File.Exists(FileOf(folder, draw.Set, draw.Repetition, Fits)))];
        Judged[][] found = new Judged[draws.Length][];
        Parallel.For(0, draws.Length, k =>
            found[k] = [.. Own(draws[k].Set, draws[k].Repetition), .. Peers(folder, draws[k].Set, draws[k].Repetition)]);
        Judged[] all = [.. found.SelectMany(one => one)];
        Console.WriteLine($"{draws.Length} draws of {draws.Select(draw => draw.Set.Number).Distinct().Count()} sets");
        Console.WriteLine("| fit | error over the best line's | over gam's | over degree 0's | worst set | band of the mean | "
            + "new observation |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach (string method in all.Select(one => one.Method).Distinct().Where(name => name != BestLine))
        {
            (CurveSet Set, double Ratio)[] ratios = Ratios(all, method, BestLine);
            (CurveSet worst, double most) = ratios.MaxBy(pair => pair.Ratio);
            double band = all.Where(one => one.Method == method && one.Set.Truth != Truth.Step).Average(one => one.Mean);
            double fresh = all.Where(one => one.Method == method).Average(one => one.New);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {method} | {Geometric(ratios):F3} | {Geometric(Ratios(all, method, "gam, k = 40")):F3} | "
                    + $"{Geometric(Ratios(all, method, "degree 0")):F3} | {most:F2} ({worst.Truth}, {worst.Noise}, n = {worst.Count}) | "
                    + $"{band:F3} | {fresh:F3} |"));
        }

        Console.WriteLine("\nerror of auto over gam's, by set:");
        foreach ((CurveSet set, double ratio) in Ratios(all, _own[^1].Name, "gam, k = 40").OrderByDescending(pair => pair.Ratio))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{set.Number,2} {set.Truth,-16}{set.Noise,-13}{set.Design,-8}{set.Count,5}  {ratio:F3}"));
        }
    }

    private static IEnumerable<(CurveSet Set, int Repetition)> Draws(int repetitions, int ofMany) =>
        from number in Enumerable.Range(0, CurveSet.Sets)
        let set = new CurveSet(number)
        from repetition in Enumerable.Range(FirstRepetition, set.Count < 2000 ? repetitions : ofMany)
        select (set, repetition);

    private static string FileOf(string folder, CurveSet set, int repetition, string kind) =>
        Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{set.Number:00}-{repetition}{kind}.csv"));

    private static IEnumerable<Judged> Own(CurveSet set, int repetition)
    {
        CurveDraw draw = set.Draw(repetition);
        double[] places = IntervalSuite.DesignPlaces(set);
        foreach ((string name, KernelRegressionOptions options) in _own)
        {
            KernelRegression model = KernelRegression.Fit(draw.X, draw.Y, options with { Threads = 1 });
            Predictions fresh = model.Predict(
                draw.Fresh, new PredictionOptions { Interval = IntervalKind.NewObservation, Level = Level });
            Predictions band = model.Predict(places, new PredictionOptions { Interval = IntervalKind.Mean, Level = Level });
            yield return new Judged(
                set, name, ErrorOf(set, draw.Fresh, fresh.Mean), CoveredMean(set, places, band.Lower, band.Upper),
                CoveredNew(set, draw.Fresh, fresh.Lower, fresh.Upper));
        }

        yield return new Judged(set, BestLine, CurveSuite.BestLine(set, draw), double.NaN, double.NaN);
    }

    // A row for each fresh place and then each of the design's, fit by fit.
    private static IEnumerable<Judged> Peers(string folder, CurveSet set, int repetition)
    {
        CurveDraw draw = set.Draw(repetition);
        double[] places = IntervalSuite.DesignPlaces(set);
        foreach (IGrouping<string, string[]> fit in File.ReadLines(FileOf(folder, set, repetition, Fits)).Skip(1)
            .Select(line => line.Split(';')).GroupBy(fields => fields[0].Trim('"')))
        {
            double[][] rows = [.. fit.Select(fields => fields[1..].Select(
                text => text == "NA" ? double.NaN : double.Parse(text, CultureInfo.InvariantCulture)).ToArray())];
            (double[][] fresh, double[][] at) = (rows[..draw.Fresh.Length], rows[draw.Fresh.Length..]);
            yield return new Judged(
                set, fit.Key, ErrorOf(set, draw.Fresh, [.. fresh.Select(row => row[0])]),
                CoveredMean(set, places, End(at, -1, 0), End(at, 1, 0)),
                CoveredNew(set, draw.Fresh, End(fresh, -1, 1), End(fresh, 1, 1)));
        }

        // A row has the mean, its standard error, that of the noise, and the degrees of freedom.
        static double[] End(double[][] rows, int side, double noise) => [.. rows.Select(row => row[0]
            + (side * StudentT.InvCDF(0, 1, row[3], (1 + Level) / 2) * Math.Sqrt((row[1] * row[1]) + (noise * row[2] * row[2]))))];
    }

    private static double ErrorOf(CurveSet set, double[] at, double[] mean) =>
        Math.Sqrt(mean.Zip(at, (fitted, x) => Math.Pow(fitted - set.At(x), 2)).Average());

    private static double CoveredMean(CurveSet set, double[] at, double[] lower, double[] upper) =>
        at.Index().Count(place => lower[place.Index] <= set.At(place.Item) && set.At(place.Item) <= upper[place.Index])
            / (double)at.Length;

    // What has no ends covers nothing.
    private static double CoveredNew(CurveSet set, double[] at, double[] lower, double[] upper) => at.Select((x, i) =>
        double.IsNaN(upper[i] - lower[i]) ? 0 : set.Below((upper[i] - set.At(x)) / set.DeviationAt(x))
            - set.Below((lower[i] - set.At(x)) / set.DeviationAt(x))).Average();

    // Of each set the median error over its draws, beside another fit's.
    private static (CurveSet Set, double Ratio)[] Ratios(Judged[] all, string method, string beside) =>
    [
        .. all.GroupBy(one => one.Set).Select(
            draws => (draws.Key, MedianOf(draws, method) / MedianOf(draws, beside))),
    ];

    private static double MedianOf(IEnumerable<Judged> draws, string method) =>
        CurveSuite.Median([.. draws.Where(one => one.Method == method).Select(one => one.Error)]);

    private static double Geometric((CurveSet Set, double Ratio)[] ratios) =>
        Math.Exp(ratios.Average(pair => Math.Log(pair.Ratio)));

    /// <summary>A fit of a draw.</summary>
    /// <param name="Set">What was drawn.</param>
    /// <param name="Method">The fit.</param>
    /// <param name="Error">The root of the mean squared distance from the curve at the fresh places.</param>
    /// <param name="Mean">The part of the design's places whose mean the band covers.</param>
    /// <param name="New">The probability that a new observation at a fresh place is covered.</param>
    private sealed record Judged(CurveSet Set, string Method, double Error, double Mean, double New);
}
