namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// The error of fits on numbers and categories on examples that they have not seen, as <see cref="Evaluation"/> has it of numbers alone:
/// bandwidths and lambdas are chosen without the fold too.
/// </summary>
public static class MixedEvaluation
{
    /// <summary>Evaluates.</summary>
    /// <param name="x">Keys (n, d), row by row; of a category the level's place among its levels.</param>
    /// <param name="y">Values (n).</param>
    /// <param name="categories">The category of each column (d); null where it is one of numbers.</param>
    /// <param name="options">How each model is fitted; the defaults where null.</param>
    /// <param name="lambdas">lambda of each category; searched where null.</param>
    /// <param name="folds">How many folds, from 2 to n; where null <see cref="Evaluation.UsualFolds"/>, or n where that is less.</param>
    /// <param name="seed">What the examples are dealt to the folds by.</param>
    /// <param name="weights">
    /// How much each example counts (n), in the fits and in the errors, not negative; each the same where empty.
    /// </param>
    /// <param name="progress">Told the part of the folds done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The errors, in the units of the values, with the bandwidths and lambdas of each fold.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths that do not fit each other, a number that is not finite, a level that is none of its category's, an option that is not for
    /// categories.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 2 folds, or more than examples.</exception>
    /// <exception cref="RegressionDataException">Fewer than 2 examples, or a part of them for which there is no bandwidth.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static RegressionEvaluation CrossValidate(
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        IReadOnlyList<Category?> categories,
        KernelRegressionOptions? options = null,
        IReadOnlyList<double>? lambdas = null,
        int? folds = null,
        int seed = 0,
        ReadOnlySpan<double> weights = default,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(categories);
        var found = new List<IReadOnlyList<double>>();
        RegressionEvaluation errors = RegressionEvaluation.Of(
            x, y, categories.Count, options, folds, seed, weights,
            (keys, values, counts) =>
            {
                var model = MixedRegression.Fit(keys, values, categories, options, lambdas, counts, cancellationToken);
                found.Add(model.Lambdas);
                return model;
            },
            model => model.Bandwidths, progress, cancellationToken);
        return errors with { Lambdas = found };
    }
}
