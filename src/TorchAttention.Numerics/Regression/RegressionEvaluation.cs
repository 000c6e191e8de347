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

    internal static RegressionEvaluation FromFolds(double[] y, IEnumerable<HeldOutFolds.Fold<KernelRegression>> folds)
    {
        double[] losses = [.. Enumerable.Repeat(double.NaN, y.Length)];
        (double weights, double squares, double absolute, double squaresOfMean) = (0, 0, 0, 0);
        var excess = new List<(int Row, double Squares)>();
        double[] weightsOf = [];
        var bandwidths = new List<IReadOnlyList<double>>();
        foreach (HeldOutFolds.Fold<KernelRegression> fold in folds)
        {
            weightsOf = fold.Weights;
            bandwidths.Add(fold.Model.Bandwidths);
            // From one of the values, so that the mean of values far from 0 is as precise as they are.
            double origin = y[fold.Others[0]];
            double mean = origin + (fold.Others.Sum(i => fold.WeightOf(i) * (y[i] - origin)) / fold.Others.Sum(fold.WeightOf));
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
