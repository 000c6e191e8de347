using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <content>Predictions.</content>
public sealed partial class LocalLikelihood
{
    // Of an example three bandwidths away.
    private const double SquareInGap = 9;

    /// <inheritdoc cref="Predict(ReadOnlySpan{double}, PredictionOptions?, IProgress{double}?, CancellationToken)"/>
    public Predictions Predict(double[] queries, PredictionOptions? options = null) => Predict(queries.AsSpan(), options);

    /// <summary>
    /// Predicts means, probabilities or rates. Lower and upper are ends on the link's scale, eta -/+ z e taken back by the link, so that
    /// they stay between 0 and 1, or above 0; z is the normal quantile, e the root of v = sum_i l_i^2 V(mu(x_i)) with
    /// l_i = s_i K(u_i) (A^-1)_0' z_i, A = sum s K V z z' + L V (the delta method), and for <see cref="IntervalKind.Mean"/> of
    /// v_c + (eta_c - eta)^2 with a fit c of higher degree, as other fits have it. Where values of one kind alone are in reach, the ends
    /// are what n of them leave possible, 1 - (alpha/2)^(1/n) for a probability beside zeros alone, n being the effective neighbours.
    /// </summary>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="options">
    /// The defaults where null; <see cref="IntervalKind.MeanWithoutBias"/> or <see cref="IntervalKind.Mean"/>, at each query by itself.
    /// </param>
    /// <param name="progress">Told the part done, from 0 to 1, now and then.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>
    /// The predictions (m). The standard error is V(mu) e, of the mean itself; the effective neighbours are (sum w)^2 / sum w^2 of the
    /// weights w = s K; level is a query where values of one kind alone are in reach, or a slope is left open.
    /// </returns>
    /// <exception cref="ArgumentException">Queries of other features, a number that is not finite, an option that is not for local
    /// likelihood.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public Predictions Predict(
        ReadOnlySpan<double> queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new PredictionOptions();
        CheckPrediction(options);
        PoolingCheck.Queries(queries, [], Features, Count);
        double[] places = queries.ToArray();
        (int d, int m) = (Features, queries.Length / Features);
        int judged = options.HasErrors ? m : 0;
        bool isCorrected = options is { HasErrors: true, Interval: IntervalKind.Mean };
        double quantile = LikelihoodIntervals.Quantile(options.Level);
        (double Least, double Most)[] ranges = [.. Enumerable.Range(0, d).Select(_problem.Data.RangeOf)];
        var at = new Predictions
        {
            Mean = new double[m],
            StandardError = new double[judged],
            Lower = new double[judged],
            Upper = new double[judged],
            Slopes = new double[options.HasSlopes ? m * d : 0],
            EffectiveNeighbours = new double[judged],
            HasNeighbour = new bool[m],
            IsOutside = new bool[m],
            IsInGap = new bool[m],
            IsLevel = new bool[m],
        };
        double[] etas = new double[m];
        double[] variances = new double[judged];
        bool[] isOfOneKind = new bool[m];
        _problem.ForEach(m, One, Options.Threads, isCorrected ? null : progress, cancellationToken);
        if (isCorrected)
        {
            _corrected.Value.ForEach(m, Correct, Options.Threads, progress, cancellationToken);
        }

        for (int i = 0; i < judged; i++)
        {
            (double mean, double error) = (at.Mean[i], Math.Sqrt(variances[i]));
            (at.Lower[i], at.Upper[i]) = isOfOneKind[i]
                ? LikelihoodIntervals.OfOneKind(_problem, etas[i], at.EffectiveNeighbours[i], options.Level)
                : LikelihoodIntervals.Around(_problem, etas[i], error, quantile);
            at.StandardError[i] = isOfOneKind[i] ? (at.Upper[i] - at.Lower[i]) / quantile : Family.Variance(mean) * error;
        }

        return at;

        void One(int i, LikelihoodPass pass)
        {
            ReadOnlySpan<double> query = places.AsSpan(i * d, d);
            pass.Fit(query);
            (etas[i], isOfOneKind[i], at.HasNeighbour[i]) = (pass.Eta, pass.IsOfOneKind, pass.HasNeighbour);
            at.Mean[i] = Family.Mean(pass.Eta);
            for (int j = 0; j < d; j++)
            {
                at.IsOutside[i] |= query[j] < ranges[j].Least || query[j] > ranges[j].Most;
            }

            at.IsInGap[i] = pass.MeanSquare > SquareInGap && !at.IsOutside[i];
            at.IsLevel[i] = pass.IsOfOneKind;
            for (int j = 0; options.HasSlopes && j < d; j++)
            {
                at.Slopes[(i * d) + j] = pass.HasNeighbour ? Family.Variance(at.Mean[i]) * pass.Slope(j) : double.NaN;
            }

            if (options.HasErrors)
            {
                at.EffectiveNeighbours[i] = pass.Neighbours;
                variances[i] = double.NaN;
            }

            if (pass.HasNeighbour && !pass.IsOfOneKind)
            {
                pass.Judge();
                at.IsLevel[i] = pass.IsLevel;
                variances.AsSpan(options.HasErrors ? i : 0, options.HasErrors ? 1 : 0).Fill(pass.Variance);
            }
        }

        void Correct(int i, LikelihoodPass pass)
        {
            if (at.HasNeighbour[i] && !isOfOneKind[i])
            {
                pass.Fit(places.AsSpan(i * d, d));
                if (pass.HasNeighbour && !pass.IsOfOneKind)
                {
                    pass.Judge();
                    variances[i] = pass.Variance + ((pass.Eta - etas[i]) * (pass.Eta - etas[i]));
                }
            }
        }
    }

    private void CheckPrediction(PredictionOptions options)
    {
        RegressionCheck.Prediction(options, Features);
        string? other = options.IsSimultaneous ? "a simultaneous band"
            : options.Interval is not (IntervalKind.MeanWithoutBias or IntervalKind.Mean) ? $"the interval {options.Interval}"
            : options.HasSlopes && Options.Degree == 0 ? "slopes of the degree 0"
            : options.NoNeighbour is not (null or NoNeighbourPolicy.NaN) ? $"{nameof(options.NoNeighbour)} {options.NoNeighbour}"
            : options.Interval == IntervalKind.Mean && Features > MostFeaturesOfIntervals
                ? $"the interval {IntervalKind.Mean} in {Features} features"
            : null;
        if (other is not null)
        {
            throw new ArgumentException($"Expected what local likelihood predicts, got {other}.", nameof(options));
        }
    }
}
