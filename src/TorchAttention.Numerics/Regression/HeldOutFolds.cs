using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Numerics.Regression;

/// <summary>Examples dealt to folds, each of which is predicted by a model of the others.</summary>
internal sealed class HeldOutFolds
{
    private readonly double[] _x;
    private readonly double[] _weights;
    private readonly int _features;
    private readonly int _folds;
    private readonly int[] _dealt;

    public HeldOutFolds(
        ReadOnlySpan<double> x, ReadOnlySpan<double> weights, int features, int values, string valuesName, int? folds, int seed)
    {
        int count = RegressionCheck.Count(x, features);
        if (values != count)
        {
            throw new ArgumentException($"Expected one of the {valuesName} for each of {count} examples, got {values}.", valuesName);
        }

        RegressionCheck.WeightsFor(count, weights);
        if (count < 2)
        {
            throw new RegressionDataException(
                RegressionProblem.TooFew, "at least 2 examples, of which some can be held out", $"{count}", nameof(x));
        }

        _folds = folds ?? Math.Min(Evaluation.UsualFolds, count);
        if (_folds < 2 || _folds > count)
        {
            throw new ArgumentOutOfRangeException(nameof(folds), folds, $"Expected from 2 folds to {count}, the number of examples.");
        }

        (_x, _weights, _features) = (x.ToArray(), weights.ToArray(), features);
        _dealt = FoldsCriterion.Deal(count, _folds, seed);
    }

    /// <summary>Predicts one fold after the other; only one model is held at a time.</summary>
    /// <param name="fit">Fits keys (m, d), the examples that they are of (m), and weights (m) or none.</param>
    /// <param name="progress">Told the part of the folds done.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public IEnumerable<Fold<TModel>> Predict<TModel>(
        Func<double[], int[], double[], TModel> fit, IProgress<double>? progress, CancellationToken cancellationToken)
        where TModel : IPredictor =>
        Predict(
            fit, (model, queries, _) => model.Predict(queries, new PredictionOptions { HasErrors = false }, null, cancellationToken),
            progress);

    /// <summary>The same with what is no predictor of its own.</summary>
    /// <param name="fit">Fits keys (m, d), the examples that they are of (m), and weights (m) or none.</param>
    /// <param name="predict">Predicts queries (m, d), and has the examples that they are of (m).</param>
    /// <param name="progress">Told the part of the folds done.</param>
    public IEnumerable<Fold<TModel>> Predict<TModel>(
        Func<double[], int[], double[], TModel> fit, Func<TModel, double[], int[], Predictions> predict, IProgress<double>? progress)
    {
        for (int k = 0; k < _folds; k++)
        {
            ILookup<bool, int> examples = Enumerable.Range(0, _dealt.Length).ToLookup(i => _dealt[i] == k);
            (int[] others, int[] rows) = ([.. examples[false]], [.. examples[true]]);
            TModel model = fit(
                KernelRegression.Rows(_x, others, _features), others, _weights.Length == 0
                    ? []
                    : KernelRegression.Rows(_weights, others, 1));
            Predictions at = predict(model, KernelRegression.Rows(_x, rows, _features), rows);
            progress?.Report((k + 1.0) / _folds);
            yield return new Fold<TModel>(rows, others, _weights, model, at);
        }
    }

    /// <summary>A fold, predicted by a model of the others.</summary>
    /// <param name="Rows">The examples of the fold (m).</param>
    /// <param name="Others">All others (n - m).</param>
    /// <param name="Weights">The weights of all examples (n); empty where each is 1.</param>
    /// <param name="Model">The model of the others.</param>
    /// <param name="At">Its predictions (m, v).</param>
    public sealed record Fold<TModel>(int[] Rows, int[] Others, double[] Weights, TModel Model, Predictions At)
    {
        /// <summary>The places in the fold of the examples that have a neighbour.</summary>
        public IEnumerable<int> Predicted => Enumerable.Range(0, Rows.Length).Where(i => At.HasNeighbour[i]);

        public double WeightOf(int row) => Weights.Length == 0 ? 1 : Weights[row];

        /// <summary>The weighted mean of some of the others' values.</summary>
        /// <param name="values">The values of all examples (n).</param>
        /// <param name="of">Whose mean; all others' where null.</param>
        public double MeanOfOthers(double[] values, IReadOnlyList<int>? of = null)
        {
            of ??= Others;

            // From one of the values, so that the mean of values far from 0 is as precise as they are.
            double origin = values[of[0]];
            return origin + (of.Sum(i => WeightOf(i) * (values[i] - origin)) / of.Sum(WeightOf));
        }
    }
}
