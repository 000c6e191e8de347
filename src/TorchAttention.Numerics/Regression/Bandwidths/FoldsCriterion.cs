using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>The mean of (y_i - f(x_i))^2, where f is fitted without the whole fold of example i.</summary>
/// <param name="smoother">The kernel and the degree.</param>
/// <param name="leaveOutTies">Says nothing here: examples at one place may be in several folds.</param>
/// <param name="folds">How many.</param>
/// <param name="seed">What the examples are dealt to them by.</param>
internal sealed class FoldsCriterion(Smoother smoother, bool leaveOutTies, int folds, int seed) : Criterion(smoother, leaveOutTies)
{
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
        int[] fold = FoldsOf(data);
        for (int k = 0; k < Math.Min(folds, data.Count); k++)
        {
            SmootherData others = data.Take([.. Enumerable.Range(0, data.Count).Where(i => fold[i] != k)]);
            SmootherData held = data.Take([.. Enumerable.Range(0, data.Count).Where(i => fold[i] == k)]);
            double[] predicted = new double[held.Values.Length];
            double[] byLog = new double[gradient is null ? 0 : held.Values.Length * data.Features];
            alone += Smoother.Predict(others, held.Keys, bandwidths, predicted, byLog);
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

    // By an order of their own: how the rows were ordered decides nothing.
    private int[] FoldsOf(SmootherData data)
    {
        int[] dealt = Deal(data.Count, folds, seed);
        int[] fold = new int[data.Count];
        foreach ((int i, int place) in data.OrderOfItsOwn().Index())
        {
            fold[place] = dealt[i];
        }

        return fold;
    }
}
