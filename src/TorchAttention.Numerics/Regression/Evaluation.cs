
namespace TorchAttention.Numerics.Regression;

/// <summary>
/// The error of kernel regression on examples that it has not seen: the examples are dealt to folds, and each fold is predicted by a model
/// fitted to all others, its bandwidth chosen without the fold too.
/// </summary>
/// <remarks>
/// Symbols: n examples (x_i, y_i) of weight s_i, d features; f_-i is the model without the fold of example i. Folds are as even as can be.
/// An example without a neighbour among the others is counted in <see cref="WithoutNeighbour"/> and in nothing else. Costs a fit and its
/// search for each fold.
/// </remarks>
/// <example>
/// <code>
/// RegressionEvaluation errors = Evaluation.CrossValidate(x, y, features: 1);
/// Console.WriteLine($"{errors.RootMeanSquaredError}, {errors.RSquared:P0} of the variance");
/// </code>
/// </example>
public abstract record Evaluation
{
    /// <summary>How many folds there are where no number is given and the examples suffice.</summary>
    public const int UsualFolds = 10;

    private protected Evaluation()
    {
    }

    /// <summary>The number of examples n; one of a frequency is so many.</summary>
    public required int Examples { get; init; }

    /// <summary>How many examples had no neighbour among those that their fold was predicted from.</summary>
    public required int WithoutNeighbour { get; init; }

    /// <summary>The bandwidths (d) of each fold's model, in the units of the features.</summary>
    public required IReadOnlyList<IReadOnlyList<double>> Bandwidths { get; init; }

    /// <summary>
    /// The loss of each example (n), NaN without a neighbour: (y_i - f_-i(x_i))^2 of numbers, sum_c ([y_i = c] - p_-i(c))^2 of classes.
    /// </summary>
    public required IReadOnlyList<double> Losses { get; init; }

    /// <summary>How much each example counts (n); empty where each counts 1.</summary>
    public required IReadOnlyList<double> Weights { get; init; }

    /// <summary>The mean loss, and how far it may be off since the examples are so many and no more.</summary>
    public MeanWithError MeanLoss => MeanWithError.Of(Losses, Weights);

    /// <summary>
    /// How much larger the mean loss is than that of another model on the same examples and folds. Examples which are hard for both
    /// count in neither's favour, so the error is far below those of the two means. The folds' models are taken as given: what they have in
    /// common by sharing examples is not in it.
    /// </summary>
    /// <param name="other">The other's evaluation, over the examples that both predict.</param>
    /// <exception cref="ArgumentException">It is of other examples.</exception>
    public MeanWithError ExcessOver(Evaluation other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other.GetType() == GetType() && other.Examples == Examples && other.Weights.SequenceEqual(Weights)
            ? MeanWithError.Of([.. Losses.Zip(other.Losses, (mine, theirs) => mine - theirs)], Weights)
            : throw new ArgumentException(
                $"Expected an evaluation of the same {Examples} examples and weights, got one of {other.Examples}.", nameof(other));
    }

    /// <summary>The error of numbers.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="y">Values (n).</param>
    /// <param name="features">d.</param>
    /// <param name="options">How each model is fitted; the defaults where null.</param>
    /// <param name="folds">How many folds, from 2 to n; where null <see cref="UsualFolds"/>, or n where that is less.</param>
    /// <param name="seed">What the examples are dealt to the folds by.</param>
    /// <param name="weights">
    /// How much each example counts (n), in the fits and in the errors, not negative; each the same where empty.
    /// </param>
    /// <param name="progress">Told the part of the folds done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The errors, in the units of the values.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths that do not fit each other, a number that is not finite, a negative weight, an option out of its range.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 2 folds, or more than examples.</exception>
    /// <exception cref="RegressionDataException">Fewer than 2 examples, or a part of them that the bandwidth's rule cannot use.</exception>
    /// <exception cref="TorchAttention.Numerics.Pooling.NoNeighbourException">An example has no neighbour, and the policy is to stop
    /// there.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static RegressionEvaluation CrossValidate(
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        int features,
        KernelRegressionOptions? options = null,
        int? folds = null,
        int seed = 0,
        ReadOnlySpan<double> weights = default,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default) =>
        RegressionEvaluation.Of(
            x, y, features, options, folds, seed, weights,
            (keys, values, counts) => KernelRegression.Fit(keys, values, features, options, counts, null, cancellationToken),
            model => model.Bandwidths, progress, cancellationToken);

    /// <summary>The error of classes.</summary>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="labels">The class of each example (n).</param>
    /// <param name="features">d.</param>
    /// <param name="options">How each model is fitted; the defaults where null. The degree is 0.</param>
    /// <param name="folds">How many folds, from 2 to n; where null <see cref="UsualFolds"/>, or n where that is less.</param>
    /// <param name="seed">What the examples are dealt to the folds by.</param>
    /// <param name="weights">
    /// How much each example counts (n), in the fits and in the errors, not negative; each the same where empty.
    /// </param>
    /// <param name="progress">Told the part of the folds done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The errors.</returns>
    /// <inheritdoc cref="CrossValidate" path="/exception"/>
    public static ClassEvaluation CrossValidateClasses(
        ReadOnlySpan<double> x,
        IReadOnlyList<string> labels,
        int features,
        KernelRegressionOptions? options = null,
        int? folds = null,
        int seed = 0,
        ReadOnlySpan<double> weights = default,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(labels);
        int[] copies = CopiesOf(options, weights, labels.Count);
        if (copies.Length > 0)
        {
            x = KernelRegression.Rows(x, copies, features);
            labels = [.. copies.Select(i => labels[i])];
            weights = [];
        }

        return ClassEvaluation.FromFolds(labels, new HeldOutFolds(x, weights, features, labels.Count, nameof(labels), folds, seed).Predict(
            (keys, rows, counts) =>
                KernelRegression.FitClasses(keys, [.. rows.Select(i => labels[i])], features, options, counts, null, cancellationToken),
            progress,
            cancellationToken));
    }

    // Where examples stand for several, these are dealt to the folds.
    private protected static int[] CopiesOf(KernelRegressionOptions? options, ReadOnlySpan<double> weights, int count)
    {
        RegressionCheck.WeightsFor(count, weights);
        return RegressionCheck.Copies(options, weights);
    }
}
