using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>The mean of (y_i - f(x_i))^2, where f is fitted without the whole fold of example i.</summary>
/// <param name="smoother">The kernel and the degree.</param>
/// <param name="leaveOutTies">Says nothing here: examples at one place may be in several folds.</param>
/// <param name="folds">How many.</param>
/// <param name="seed">What the examples are dealt to them by.</param>
internal sealed class FoldsCriterion(Smoother smoother, bool leaveOutTies, int folds, int seed) : Criterion(smoother, leaveOutTies)
{
    private readonly ConditionalWeakTable<SmootherData, Fold[]> _byPlaces = [];

    public override int Fits => folds;

    public override bool AllowsGrid => false;

    public override double At(SmootherData data, double[] bandwidths, bool isSingle = false) => Score(data, bandwidths, null);

    public override double WithGradient(SmootherData data, double[] bandwidths, double[] gradient, bool isSingle) =>
        Score(data, bandwidths, gradient);

    /// <summary>The fold of each of some examples (n): as even as can be, dealt by a seed.</summary>
    public static int[] Deal(int examples, int folds, int seed)
    {
        int[] dealt = [.. Enumerable.Range(0, examples).Select(i => i % folds)];
        new Random(seed).Shuffle(dealt);
        return dealt;
    }

    private double Score(SmootherData data, double[] bandwidths, double[]? gradient)
    {
        double sum = 0;
        int alone = 0;
        double[] slopes = new double[data.Features];
        double[] slopesOfFold = new double[gradient is null ? 0 : data.Features];
        foreach (Fold fold in FoldsOf(data))
        {
            SmootherData held = fold.Held;
            double[] predicted = new double[held.Values.Length];
            double[] byLog = new double[gradient is null ? 0 : held.Values.Length * data.Features];
            int without = Smoother.Predict(fold.Others, held.Keys, bandwidths, predicted, byLog);
            alone += without == 0 || fold.Rows.Length == 0 ? without : CountAlone(data, fold, bandwidths);
            if (alone > data.MostAlone)
            {
                return double.PositiveInfinity;
            }

            sum += Squares(held, predicted, byLog, slopesOfFold);
            for (int j = 0; j < slopesOfFold.Length; j++)
            {
                slopes[j] += slopesOfFold[j];
            }
        }

        slopes.AsSpan(0, slopesOfFold.Length).CopyTo(gradient);
        return MeanOf(data, sum, gradient ?? []);
    }

    // What is summed at each bandwidth: where examples share places these, which have fewer pairs, are found once.
    private IEnumerable<Fold> FoldsOf(SmootherData data) => !IsShare && data.Places is not null
        ? _byPlaces.GetValue(data, all => [.. Split(all).Select(fold => new Fold(
            fold.Others.TiesTogether(), fold.Held.TiesTogether(), fold.Rows))])
        : Split(data).Select(fold => fold with { Rows = [] });

    private IEnumerable<Fold> Split(SmootherData data)
    {
        int[] foldOf = Dealt(data);
        for (int k = 0; k < Math.Min(folds, data.Count); k++)
        {
            ILookup<bool, int> rows = Enumerable.Range(0, data.Count).ToLookup(i => foldOf[i] == k);
            int[] held = [.. rows[true]];
            yield return new Fold(data.Take([.. rows[false]]), data.Take(held), held);
        }
    }

    // Examples, where places were asked.
    private int CountAlone(SmootherData data, Fold fold, double[] bandwidths)
    {
        SmootherData held = data.Take(fold.Rows);
        return Smoother.Predict(fold.Others, held.Keys, bandwidths, new double[held.Values.Length], []);
    }

    // By an order of their own: how the rows were ordered decides nothing.
    private int[] Dealt(SmootherData data)
    {
        int[] dealt = Deal(data.Count, folds, seed);
        int[] fold = new int[data.Count];
        foreach ((int i, int place) in data.OrderOfItsOwn().Index())
        {
            fold[place] = dealt[i];
        }

        return fold;
    }

    // Rows has the examples held out where Held has the places of some; it is empty elsewhere.
    private sealed record Fold(SmootherData Others, SmootherData Held, int[] Rows);
}
