namespace TorchAttention.Benchmarks.Suite;

/// <summary>Prints the suite of curves as tables: every rule over all sets, and set by set.</summary>
internal static class CurveSuiteRun
{
    public static void Print(int repetitions, int ofMany)
    {
        CurveSet[] sets = [.. Enumerable.Range(0, CurveSet.Sets).Select(number => new CurveSet(number))];
        var ratios = new double[sets.Length][];
        foreach (CurveSet set in sets)
        {
            ratios[set.Number] = CurveSuite.Measure(set, set.Count < 2000 ? repetitions : ofMany);
            Console.WriteLine($"{set.Number,2} {set.Truth,-16}{set.Noise,-13}{set.Design,-8}{set.Count,5}  "
                + string.Join("  ", ratios[set.Number].Select(ratio => $"{ratio:F3}")));
        }

        int[] counts = [.. sets.Select(set => set.Count).Distinct().Order()];
        Console.WriteLine($"\n| rule | all sets | worst set | {string.Join(" | ", counts.Select(n => $"n = {n}"))} |");
        Console.WriteLine($"|---|---|---|{string.Concat(counts.Select(_ => "---|"))}");
        foreach ((int rule, (string name, _)) in CurveSuite.Rules.Index())
        {
            double worst = sets.Max(set => ratios[set.Number][rule]);
            CurveSet worstSet = sets.First(set => ratios[set.Number][rule] == worst);
            string ofCounts = string.Join(" | ", counts.Select(n => $"{Mean(set => set.Count == n):F2}"));
            Console.WriteLine(
                $"| {name} | {Mean(_ => true):F3} | {worst:F2} ({worstSet.Truth}, {worstSet.Noise}, n = {worstSet.Count}) | {ofCounts} |");

            double Mean(Func<CurveSet, bool> which) =>
                Math.Exp(sets.Where(which).Average(set => Math.Log(ratios[set.Number][rule])));
        }
    }
}
