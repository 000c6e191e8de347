namespace TorchAttention.Numerics.Regression.Groups;

/// <summary>The examples of a group.</summary>
/// <param name="Name">The group.</param>
/// <param name="X">Keys (n, d).</param>
/// <param name="Y">Values (n).</param>
/// <param name="Weights">Weights (n); empty where each is 1.</param>
/// <param name="Features">d.</param>
internal sealed record GroupRows(string Name, double[] X, double[] Y, double[] Weights, int Features)
{
    public int Count => Y.Length;

    /// <summary>How many examples the rows stand for.</summary>
    public double ExamplesBy(KernelRegressionOptions options) =>
        options.WeightsAre == WeightMeaning.Frequencies ? TotalWeight : Count;

    public double TotalWeight => Weights.Length == 0 ? Count : Weights.Sum();

    /// <summary>Takes examples apart by their groups, in the order of the groups' names.</summary>
    public static GroupRows[] Split(
        IReadOnlyList<string> groups, ReadOnlySpan<double> x, ReadOnlySpan<double> y, int features, ReadOnlySpan<double> weights)
    {
        var split = new List<GroupRows>();
        foreach (IGrouping<string, int> group in groups.Index().GroupBy(row => row.Item, row => row.Index)
            .OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            int[] rows = [.. group];
            split.Add(new GroupRows(
                group.Key, KernelRegression.Rows(x, rows, features), KernelRegression.Rows(y, rows, 1),
                weights.IsEmpty ? [] : KernelRegression.Rows(weights, rows, 1), features));
        }

        return [.. split];
    }

    public KernelRegression Fit(KernelRegressionOptions options, CancellationToken cancellationToken) =>
        KernelRegression.Fit(X, Y, Features, options, Weights, null, cancellationToken);
}
