namespace TorchAttention.Numerics.Regression;

/// <summary>The error of classes on examples that the model has not seen.</summary>
/// <remarks>
/// Means are over the examples that have a neighbour, weighted by s_i; p_-i(c) is the probability of class c by the model without the fold
/// of i, and 0 for a class that only this fold has.
/// </remarks>
public sealed record ClassEvaluation : Evaluation
{
    /// <summary>
    /// The part of the examples whose class is the most probable one; of equals the first by name. NaN where no example has a neighbour.
    /// </summary>
    public required double Accuracy { get; init; }

    /// <summary>
    /// The mean of sum_c ([y_i = c] - p_-i(c))^2 (G. W. Brier, 1950): from 0, sure and right, to 2, sure and wrong. NaN where no example
    /// has a neighbour.
    /// </summary>
    public required double BrierScore { get; init; }

    internal static ClassEvaluation FromFolds(IReadOnlyList<string> labels, IEnumerable<HeldOutFolds.Fold<KernelRegression>> folds)
    {
        double[] losses = [.. Enumerable.Repeat(double.NaN, labels.Count)];
        (int count, double weights, double squares, double right) = (0, 0, 0, 0);
        double[] weightsOf = [];
        var bandwidths = new List<IReadOnlyList<double>>();
        foreach (HeldOutFolds.Fold<KernelRegression> fold in folds)
        {
            weightsOf = fold.Weights;
            bandwidths.Add(fold.Model.Bandwidths);
            (double weightsHere, double squaresHere, double rightHere) = (0, 0, 0);
            foreach (int i in fold.Predicted)
            {
                int row = fold.Rows[i];
                double weight = fold.WeightOf(row);
                (double error, bool isRight) = Judge(
                    fold.Model.Classes, fold.At.Mean.AsSpan(i * fold.Model.Columns, fold.Model.Columns), labels[row]);
                losses[row] = error;
                count++;
                weightsHere += weight;
                squaresHere += weight * error;
                rightHere += isRight ? weight : 0;
            }

            weights += weightsHere;
            squares += squaresHere;
            right += rightHere;
        }

        return new ClassEvaluation
        {
            Examples = labels.Count,
            WithoutNeighbour = labels.Count - count,
            Bandwidths = bandwidths,
            Losses = losses,
            Weights = weightsOf,
            Accuracy = right / weights,
            BrierScore = squares / weights,
        };
    }

    private static (double Squares, bool IsRight) Judge(IReadOnlyList<string> classes, ReadOnlySpan<double> probabilities, string label)
    {
        double squares = classes.Contains(label) ? 0 : 1;
        int best = 0;
        for (int c = 0; c < probabilities.Length; c++)
        {
            double error = (classes[c] == label ? 1 : 0) - probabilities[c];
            squares += error * error;
            best = probabilities[c] > probabilities[best] ? c : best;
        }

        return (squares, classes[best] == label);
    }
}
