namespace TorchAttention.Numerics.Regression.Groups;

/// <summary>
/// The error of curves of groups on examples that they have not seen: all examples are dealt to folds, and each fold is predicted by curves
/// fitted to all others, their bandwidths chosen without the fold too.
/// </summary>
/// <remarks>
/// Sums and means are weighted by s_i; m_-i is the weighted mean of the values of i's group outside of the fold of i. An example that
/// cannot be predicted, since there is no neighbour or its group has no curve without the fold, is counted as such and in nothing else.
/// </remarks>
public sealed record GroupedEvaluation
{
    /// <summary>The number of examples n.</summary>
    public required int Examples { get; init; }

    /// <summary>How many examples could not be predicted.</summary>
    public required int WithoutPrediction { get; init; }

    /// <summary>sqrt(mean (y_i - f_-i(x_i))^2) over all groups; NaN where none was predicted.</summary>
    public required double RootMeanSquaredError { get; init; }

    /// <summary>mean |y_i - f_-i(x_i)| over all groups; NaN where none was predicted.</summary>
    public required double MeanAbsoluteError { get; init; }

    /// <summary>sqrt(mean (y_i - m_-i)^2), the error of each group's mean; NaN where none was predicted.</summary>
    public required double RootMeanSquaredErrorOfMeans { get; init; }

    /// <summary>1 - sum (y_i - f_-i(x_i))^2 / sum (y_i - m_-i)^2: below 0 where the groups' means are better.</summary>
    public required double RSquared { get; init; }

    /// <summary>The errors of each group, in the order of the names.</summary>
    public required IReadOnlyList<GroupError> Groups { get; init; }

    /// <summary>(y_i - f_-i(x_i))^2 of each example (n); NaN where it could not be predicted.</summary>
    public IReadOnlyList<double> Losses { get; init; } = [];

    /// <summary>How much each example counts (n); empty where each counts 1.</summary>
    public IReadOnlyList<double> Weights { get; init; } = [];

    /// <summary>The mean square, and how far it may be off since the examples are so many and no more.</summary>
    public MeanWithError MeanLoss => MeanWithError.Of(Losses, Weights);

    /// <summary>
    /// How much larger the mean square is than that of other curves on the same examples and folds, over the examples that both predict;
    /// as <see cref="Evaluation.ExcessOver"/>.
    /// </summary>
    /// <param name="other">The other's evaluation.</param>
    /// <exception cref="ArgumentException">It is of other examples.</exception>
    public MeanWithError ExcessOver(GroupedEvaluation other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other.Examples == Examples && other.Weights.SequenceEqual(Weights)
            ? MeanWithError.Of([.. Losses.Zip(other.Losses, (mine, theirs) => mine - theirs)], Weights)
            : throw new ArgumentException(
                $"Expected an evaluation of the same {Examples} examples and weights, got one of {other.Examples}.", nameof(other));
    }

    /// <summary>Evaluates.</summary>
    /// <param name="groups">The group of each example (n).</param>
    /// <param name="x">Keys (n, d), row by row.</param>
    /// <param name="y">Values (n).</param>
    /// <param name="features">d.</param>
    /// <param name="options">How each curve is fitted; the defaults where null.</param>
    /// <param name="bandwidths">Whose bandwidths they have; each group's own by default.</param>
    /// <param name="folds">
    /// How many folds, from 2 to n; where null <see cref="Evaluation.UsualFolds"/>, or n where that is less.
    /// </param>
    /// <param name="seed">What the examples are dealt to the folds by.</param>
    /// <param name="weights">How much each example counts (n), in the fits and in the errors; each the same where empty.</param>
    /// <param name="progress">Told the part of the folds done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The errors, in the units of the values.</returns>
    /// <exception cref="ArgumentException">
    /// Lengths that do not fit each other, a number that is not finite, an option out of its range.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 2 folds, or more than examples.</exception>
    /// <exception cref="RegressionDataException">No group has a curve without one of the folds.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public static GroupedEvaluation CrossValidate(
        IReadOnlyList<string> groups,
        ReadOnlySpan<double> x,
        ReadOnlySpan<double> y,
        int features,
        KernelRegressionOptions? options = null,
        GroupBandwidths bandwidths = GroupBandwidths.Own,
        int? folds = null,
        int seed = 0,
        ReadOnlySpan<double> weights = default,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(groups);
        RegressionCheck.Data(x, y, features, weights);
        int[] copies = RegressionCheck.Copies(options, weights);
        if (copies.Length > 0 && groups.Count == y.Length)
        {
            groups = [.. copies.Select(i => groups[i])];
            x = KernelRegression.Rows(x, copies, features);
            y = KernelRegression.Rows(y, copies, 1);
            weights = [];
        }

        int count = y.Length;
        if (groups.Count != count)
        {
            throw new ArgumentException($"Expected a group for each of {count} examples, got {groups.Count}.", nameof(groups));
        }

        double[] values = y.ToArray();
        double[] losses = [.. Enumerable.Repeat(double.NaN, count)];
        var sums = groups.Distinct().Order(StringComparer.Ordinal).ToDictionary(name => name, _ => new Sums());
        foreach (HeldOutFolds.Fold<GroupedRegression> fold in new HeldOutFolds(
            x, weights, features, count, nameof(y), folds, seed).Predict(Fit, Predict, progress))
        {
            ILookup<string, int> others = fold.Others.ToLookup(row => groups[row]);
            var means = fold.Predicted.Select(i => groups[fold.Rows[i]]).Distinct().ToDictionary(
                name => name, name => fold.MeanOfOthers(values, [.. others[name]]));
            foreach (int i in fold.Predicted)
            {
                int row = fold.Rows[i];
                double residual = values[row] - fold.At.Mean[i];
                losses[row] = residual * residual;
                sums[groups[row]].Add(fold.WeightOf(row), residual, values[row] - means[groups[row]]);
            }
        }

        var all = new Sums();
        foreach (Sums one in sums.Values)
        {
            all.Add(one);
        }

        Dictionary<string, int> counts = groups.CountBy(name => name).ToDictionary();
        return new GroupedEvaluation
        {
            Examples = count,
            WithoutPrediction = count - all.Count,
            RootMeanSquaredError = all.RootMeanSquare,
            MeanAbsoluteError = all.MeanAbsolute,
            RootMeanSquaredErrorOfMeans = all.RootMeanSquareOfMeans,
            RSquared = all.RSquared,
            Losses = losses,
            Weights = weights.ToArray(),
            Groups = [.. sums.Select(pair => new GroupError(
                pair.Key, counts[pair.Key], counts[pair.Key] - pair.Value.Count, pair.Value.RootMeanSquare, pair.Value.RSquared))],
        };

        GroupedRegression Fit(double[] keys, int[] rows, double[] counted) => GroupedRegression.Fit(
            [.. rows.Select(i => groups[i])], keys, KernelRegression.Rows(values, rows, 1), features, options, bandwidths, counted, null,
            cancellationToken);

        Predictions Predict(GroupedRegression model, double[] queries, int[] rows)
        {
            string[] names = [.. rows.Select(i => groups[i])];
            return model.PredictKnown(
                names, Array.ConvertAll(names, model.Has), queries, new PredictionOptions { HasErrors = false }, cancellationToken);
        }
    }

    private sealed class Sums
    {
        private double _weights;
        private double _squares;
        private double _absolute;
        private double _ofMeans;

        public int Count { get; private set; }

        public double RootMeanSquare => Math.Sqrt(_squares / _weights);

        public double MeanAbsolute => _absolute / _weights;

        public double RootMeanSquareOfMeans => Math.Sqrt(_ofMeans / _weights);

        public double RSquared => 1 - (_squares / _ofMeans);

        public void Add(double weight, double residual, double fromMean)
        {
            Count++;
            _weights += weight;
            _squares += weight * residual * residual;
            _absolute += weight * Math.Abs(residual);
            _ofMeans += weight * fromMean * fromMean;
        }

        public void Add(Sums other)
        {
            Count += other.Count;
            _weights += other._weights;
            _squares += other._squares;
            _absolute += other._absolute;
            _ofMeans += other._ofMeans;
        }
    }
}

/// <summary>The error of a group's curve on examples that it has not seen.</summary>
/// <param name="Name">The group.</param>
/// <param name="Examples">How many examples it has.</param>
/// <param name="WithoutPrediction">How many of them could not be predicted.</param>
/// <param name="RootMeanSquaredError">sqrt(mean (y_i - f_-i(x_i))^2); NaN where none was predicted.</param>
/// <param name="RSquared">1 - sum (y_i - f_-i(x_i))^2 / sum (y_i - m_-i)^2; NaN where none was predicted.</param>
public sealed record GroupError(string Name, int Examples, int WithoutPrediction, double RootMeanSquaredError, double RSquared);
