using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression;

/// <summary>Examples of weight 0: they have a fitted value, and are in no sum.</summary>
/// <param name="Places">Where they are among those given.</param>
/// <param name="X">Their keys (m, d).</param>
internal readonly record struct Unweighted(int[] Places, double[] X)
{
    public int Count => Places?.Length ?? 0;

    /// <summary>The places of the others, where there are some of weight 0, else none; and these.</summary>
    public static (int[] Weighted, Unweighted Unweighted) Split(ReadOnlySpan<double> x, int features, ReadOnlySpan<double> weights)
    {
        if (!weights.Contains(0))
        {
            return ([], default);
        }

        ILookup<bool, int> places = weights.ToArray().Index().ToLookup(pair => pair.Item > 0, pair => pair.Index);
        int[] left = [.. places[false]];
        return ([.. places[true]], new Unweighted(left, KernelRegression.Rows(x, left, features)));
    }

    /// <summary>Takes away those of weight 0, and has as many of each other as its weight says where that is a frequency.</summary>
    /// <param name="x">Keys (n, d).</param>
    /// <param name="y">Values (n, v).</param>
    /// <param name="weights">Weights (n); empty where each is the same, and where they were frequencies.</param>
    /// <param name="features">d.</param>
    /// <param name="options">What the weights are.</param>
    /// <param name="places">Where each that is left was among those given; empty where all are left as they were.</param>
    public static Unweighted TakeAway(
        ref ReadOnlySpan<double> x, ref ReadOnlySpan<double> y, ref ReadOnlySpan<double> weights, int features,
        KernelRegressionOptions options, out int[] places)
    {
        (places, Unweighted unweighted) = Split(x, features, weights);
        int[] copies = RegressionCheck.Copies(options, weights);
        places = copies.Length > 0 ? copies : places;
        if (places.Length > 0)
        {
            x = KernelRegression.Rows(x, places, features);
            y = KernelRegression.Rows(y, places, y.Length / weights.Length);
            weights = copies.Length > 0 ? [] : KernelRegression.Rows(weights, places, 1);
        }

        return unweighted;
    }

    /// <summary>Puts what a model predicts of them among the fitted values (n, v) of all.</summary>
    public void Predict(IPredictor model, double[] fitted)
    {
        if (Count == 0)
        {
            return;
        }

        double[] beside = model.Predict(X, new PredictionOptions { HasErrors = false, NoNeighbour = NoNeighbourPolicy.NaN }).Mean;
        int columns = beside.Length / Count;
        for (int i = 0; i < Count; i++)
        {
            beside.AsSpan(i * columns, columns).CopyTo(fitted.AsSpan(Places[i] * columns));
        }
    }
}
