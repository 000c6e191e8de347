using TorchAttention.Numerics.Regression;

namespace TorchAttention.Benchmarks.Suite;

/// <summary>Prints the suite of intervals as a table.</summary>
internal static class IntervalSuiteRun
{
    public static void Print(int repetitions, int ofMany)
    {
        CurveSet[] sets = [.. Enumerable.Range(0, CurveSet.Sets).Select(number => new CurveSet(number))];
        IntervalSuite.Covered[][] covered = [.. sets.Select(set => IntervalSuite.Measure(set, set.Count < 2000 ? repetitions : ofMany))];
        Console.WriteLine("| interval | covers | worst set | noisiest quarter | all at once | its tenth-worst set | width |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        foreach ((int rule, (string name, _, PredictionOptions predict)) in IntervalSuite.Rules.Index())
        {
            // A step is no curve that a band of the mean can follow.
            bool isOfMean = IntervalSuite.IsOfMean(predict.Interval);
            IntervalSuite.Covered[] some =
                [.. sets.Where(set => !isOfMean || set.Truth != Truth.Step).Select(set => covered[set.Number][rule])];
            IntervalSuite.Covered worst = some.MinBy(one => one.Part);
            CurveSet worstSet = sets.First(set => covered[set.Number][rule].Equals(worst));
            double noisy = some.Where(one => !double.IsNaN(one.Noisy)).Select(one => one.Noisy).DefaultIfEmpty(double.NaN).Average();
            double whole = some.Average(one => one.Whole);
            double tenth = some.Select(one => one.Whole).Order().ElementAt(some.Length / 10);
            double width = Math.Exp(some.Average(one => Math.Log(one.Width)));
            Console.WriteLine(
                $"| {name} | {some.Average(one => one.Part):F3} "
                    + $"| {worst.Part:F3} ({worstSet.Truth}, {worstSet.Noise}, n = {worstSet.Count}) "
                    + $"| {noisy:F3} | {whole:F2} | {tenth:F2} | {width:F2} |");
        }
    }
}
