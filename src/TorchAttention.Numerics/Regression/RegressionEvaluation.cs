namespace TorchAttention.Numerics.Regression;

/// <summary>The error of numbers on examples that the model has not seen, in the units of the values.</summary>
/// <remarks>
/// Sums and means are over the examples that have a neighbour, weighted by s_i; m_-i is the weighted mean of the values outside of the fold
/// of i.
/// </remarks>
public sealed record RegressionEvaluation : Evaluation
{
    /// <summary>sqrt(mean (y_i - f_-i(x_i))^2); NaN where no example has a neighbour.</summary>
    public required double RootMeanSquaredError { get; init; }

    /// <summary>mean |y_i - f_-i(x_i)|; NaN where no example has a neighbour.</summary>
    public required double MeanAbsoluteError { get; init; }

    /// <summary>sqrt(mean (y_i - m_-i)^2), what there is to beat; NaN where no example has a neighbour.</summary>
    public required double RootMeanSquaredErrorOfMean { get; init; }

    /// <summary>1 - sum (y_i - f_-i(x_i))^2 / sum (y_i - m_-i)^2: below 0 where the predictions are worse than the mean.</summary>
    public required double RSquared { get; init; }

    /// <summary>
    /// Where the predictions are worse than the mean: the examples, the worst first, without which they would not be, by (y_i -
    /// f_-i(x_i))^2 - (y_i - m_-i)^2. Else empty.
    /// </summary>
    public required IReadOnlyList<int> Astray { get; init; }

    /// <summary>
    /// The lambdas (d) of each fold's model, NaN of a feature of numbers, where there are categories; else empty.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<double>> Lambdas { get; init; } = [];

    // Where examples stand for several, these are dealt to the folds. A model is fitted to keys (m, d), values (m) and weights (m) or none.
    internal static RegressionEvaluation Of<TModel>(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, int features, KernelRegressionOptions? options, int? folds, int seed,
        ReadOnlySpan<double> weights, Func<double[], double[], double[], TModel> fit, Func<TModel, IReadOnlyList<double>> bandwidths,
        IProgress<double>? progress, CancellationToken cancellationToken)
        where TModel : IPredictor
    {
        int[] copies = CopiesOf(options, weights, y.Length);
        if (copies.Length > 0)
        {
            x = KernelRegression.Rows(x, copies, features);
            y = KernelRegression.Rows(y, copies, 1);
            weights = [];
        }

        double[] values = y.ToArray();
        RegressionEvaluation found = FromFolds(
            values,
            new HeldOutFolds(x, weights, features, values.Length, nameof(y), folds, seed).Predict(
                (keys, rows, counts) => fit(keys, KernelRegression.Rows(values, rows, 1), counts), progress, cancellationToken),
            bandwidths);
        return copies.Length == 0 ? found : found with { Astray = [.. found.Astray.Select(i => copies[i]).Distinct()] };
    }

    private static RegressionEvaluation FromFolds<TModel>(
        double[] y, IEnumerable<HeldOutFolds.Fold<TModel>> folds, Func<TModel, IReadOnlyList<double>> bandwidthsOf)
    {
        double[] losses = [.. Enumerable.Repeat(double.NaN, y.Length)];
        (double weights, double squares, double absolute, double squaresOfMean) = (0, 0, 0, 0);
        var excess = new List<(int Row, double Squares)>();
        double[] weightsOf = [];
        var bandwidths = new List<IReadOnlyList<double>>();
        foreach (HeldOutFolds.Fold<TModel> fold in folds)
        {
            weightsOf = fold.Weights;
            bandwidths.Add(bandwidthsOf(fold.Model));
            double mean = fold.MeanOfOthers(y);
            (double weightsHere, double squaresHere, double absoluteHere, double ofMeanHere) = (0, 0, 0, 0);
            foreach (int i in fold.Predicted)
            {
                int row = fold.Rows[i];
                double weight = fold.WeightOf(row);
                double residual = y[row] - fold.At.Mean[i];
                double fromMean = y[row] - mean;
                losses[row] = residual * residual;
                weightsHere += weight;
                squaresHere += weight * residual * residual;
                absoluteHere += weight * Math.Abs(residual);
                ofMeanHere += weight * fromMean * fromMean;
                excess.Add((row, weight * ((residual * residual) - (fromMean * fromMean))));
            }

            weights += weightsHere;
            squares += squaresHere;
            absolute += absoluteHere;
            squaresOfMean += ofMeanHere;
        }

        return new RegressionEvaluation
        {
            Examples = y.Length,
            WithoutNeighbour = y.Length - excess.Count,
            Bandwidths = bandwidths,
            Losses = losses,
            Weights = weightsOf,
            RootMeanSquaredError = Math.Sqrt(squares / weights),
            MeanAbsoluteError = absolute / weights,
            RootMeanSquaredErrorOfMean = Math.Sqrt(squaresOfMean / weights),
            RSquared = 1 - (squares / squaresOfMean),
            Astray = [.. Worst(excess, squares - squaresOfMean)],
        };
    }

    // As many as make up for what the predictions are worse by.
    private static IEnumerable<int> Worst(List<(int Row, double Squares)> excess, double worse) =>
        !(worse > 0) ? [] : excess.OrderByDescending(row => row.Squares).TakeWhile(row =>
        {
            bool isNeeded = worse > 0;
            worse -= row.Squares;
            return isNeeded && row.Squares > 0;
        }).Select(row => row.Row);
}
