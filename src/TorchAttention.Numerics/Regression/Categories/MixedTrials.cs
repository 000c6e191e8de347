using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>
/// The fits of one or several degrees, of which the best by leave-one-out is taken: by the whole of each where examples are few, else by
/// those that a search begins with, of which that of the best alone goes on to all.
/// </summary>
internal sealed class MixedTrials
{
    /// <param name="data">The examples.</param>
    /// <param name="asked">The options of each degree.</param>
    /// <param name="lambdas">The lambdas; searched where null.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public MixedTrials(
        MixedData data, KernelRegressionOptions[] asked, double[]? lambdas, CancellationToken cancellationToken)
    {
        MixedSearch[] searches = [.. asked.Select(one => new MixedSearch(data, one, lambdas, cancellationToken))];
        Count = searches[0].BeginsWith;
        bool isOfSome = asked.Length > 1 && Count < data.Numbers.Count;
        var fits = new MixedTrial[asked.Length];
        if (!isOfSome)
        {
            fits = [.. asked.Zip(searches, Fit)];
        }

        Errors = [.. isOfSome ? searches.Select(one => one.Begin()) : fits.Select(one => one.Diagnostics.LeaveOneOutError)];
        int least = Enumerable.Range(0, asked.Length).MinBy(k => Errors[k]);
        (Options, Best) = (asked[least], isOfSome ? Fit(asked[least], searches[least]) : fits[least]);

        MixedTrial Fit(KernelRegressionOptions options, MixedSearch search)
        {
            (double[] bandwidths, double[] found) = search.Find();
            RegressionCheck.Bandwidths(bandwidths, data.Numbers, options.Kernel);
            Smoother.Fit fit = data.Fit(new MixedSettings(options, bandwidths, found), cancellationToken);
            return new MixedTrial(bandwidths, found, fit, Diagnostics.Measure(data.Numbers, fit));
        }
    }

    /// <summary>How many examples the errors are of.</summary>
    public int Count { get; }

    /// <summary>The leave-one-out error of each degree.</summary>
    public double[] Errors { get; }

    /// <summary>The options of the best degree.</summary>
    public KernelRegressionOptions Options { get; }

    /// <summary>Its fit.</summary>
    public MixedTrial Best { get; }
}
