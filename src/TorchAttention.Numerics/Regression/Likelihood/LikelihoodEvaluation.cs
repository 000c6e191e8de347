namespace TorchAttention.Numerics.Regression.Likelihood;

/// <summary>The error of probabilities or rates on examples that the model has not seen; its losses are deviances.</summary>
/// <remarks>Means are over the examples that have a neighbour, weighted by s_i; mu_-i is by the model without the fold of i.</remarks>
public sealed record LikelihoodEvaluation : Evaluation
{
    /// <summary>What the values are.</summary>
    public required ResponseFamily Family { get; init; }

    /// <summary>The mean of d(y_i, mu_-i(x_i)), as <see cref="LikelihoodDiagnostics.Deviance"/> has it.</summary>
    public required double MeanDeviance { get; init; }

    /// <summary>The same where each fold is predicted by the mean of the others.</summary>
    public required double MeanDevianceOfMean { get; init; }

    /// <summary>The mean of -ln p(y_i), half the mean deviance; of counts NaN.</summary>
    public double LogLoss => Family == ResponseFamily.Binomial ? MeanDeviance / 2 : double.NaN;

    /// <summary>The mean of (y_i - mu_-i(x_i))^2; of 0 and 1 half of Brier's score (1950), which sums over both kinds.</summary>
    public required double MeanSquaredError { get; init; }

    /// <summary>The part of the mean's deviance that the model takes away.</summary>
    public double ExplainedDeviance => 1 - (MeanDeviance / MeanDevianceOfMean);

    /// <summary>Evaluates.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="y">Values (n).</param>
    /// <param name="features">d.</param>
    /// <param name="family">What the values are.</param>
    /// <param name="options">How each model is fitted; the defaults where null.</param>
    /// <param name="folds">How many folds, from 2 to n; where null <see cref="Evaluation.UsualFolds"/>, or n where that is less.</param>
    /// <param name="seed">What the examples are dealt to the folds by.</param>
    /// <param name="weights">
    /// How much each example counts (n), in the fits and in the errors, not negative; each the same where empty.
    /// </param>
    /// <param name="progress">Told the part of the folds done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The errors.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths that do not fit each other, a value that is none of the family's, an option that is not for local likelihood.
    /// </exception>
    /// <exception cref="RegressionDataException">A part of the examples that cannot be fitted.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static LikelihoodEvaluation CrossValidate(
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        int features,
        ResponseFamily family,
        KernelRegressionOptions? options = null,
        int? folds = null,
        int seed = 0,
        ReadOnlySpan<double> weights = default,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        double[] values = y.ToArray();
        double[] losses = [.. Enumerable.Repeat(double.NaN, values.Length)];
        var bandwidths = new List<IReadOnlyList<double>>();
        (double total, double deviance, double ofMean, double squares, int count) = (0, 0, 0, 0, 0);
        foreach (HeldOutFolds.Fold<LocalLikelihood> fold in new HeldOutFolds(
            x, weights, features, values.Length, nameof(y), folds, seed).Predict(
                (keys, rows, counts) => LocalLikelihood.Fit(
                    keys, KernelRegression.Rows(values, rows, 1), features, family, options, counts, null, cancellationToken),
                progress,
                cancellationToken))
        {
            bandwidths.Add(fold.Model.Bandwidths);
            double mean = family.Link(fold.MeanOfOthers(values));
            foreach (int i in fold.Predicted)
            {
                int row = fold.Rows[i];
                double weight = fold.WeightOf(row);
                double residual = values[row] - fold.At.Mean[i];
                losses[row] = family.Deviance(values[row], family.Link(fold.At.Mean[i]));
                deviance += weight * losses[row];
                ofMean += weight * family.Deviance(values[row], mean);
                squares += weight * residual * residual;
                total += weight;
                count++;
            }
        }

        return new LikelihoodEvaluation
        {
            Family = family,
            Examples = values.Length,
            WithoutNeighbour = values.Length - count,
            Bandwidths = bandwidths,
            Losses = losses,
            Weights = weights.ToArray(),
            MeanDeviance = deviance / total,
            MeanDevianceOfMean = ofMean / total,
            MeanSquaredError = squares / total,
        };
    }
}
