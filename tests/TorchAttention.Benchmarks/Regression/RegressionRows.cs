using TorchAttention.Benchmarks.Engine;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Benchmarks.Regression;

/// <summary>The works of peers/regression.py on this side.</summary>
internal static class RegressionRows
{
    /// <summary>The fixed bandwidth of fits at all points.</summary>
    private const double FixedBandwidth = 0.1;

    /// <summary>Places at which fitted values are written beside a chosen bandwidth.</summary>
    private const int Places = 50;

    private const double Tolerance = 1e-9;

    // On so many points a search or a fit goes through all of the code that it goes through on a million.
    private const int EnoughToSettle = 2000;

    private static readonly PredictionOptions _mean = new() { HasErrors = false };

    private static readonly Dictionary<string, Func<string, EngineRow[]>> _parts = new()
    {
        ["search-line-2000"] = folder => Search(folder, "line-2000"),
        ["search-line-5000"] = folder => Search(folder, "line-5000"),
        ["search-line-1000000"] = folder => Search(folder, "line-1000000"),
        ["search-cube-20000"] = folder => Search(folder, "cube-20000"),
        ["fit-line-1000000"] = folder => Fit(folder, "line-1000000"),
    };

    /// <summary>Measures the parts of these names, or all where none is named.</summary>
    public static EngineRow[] Measure(string folder, params string[] parts) =>
        [.. (parts.Length == 0 ? [.. _parts.Keys] : parts).SelectMany(
            part => _parts.TryGetValue(part, out Func<string, EngineRow[]>? measure)
            ? measure(folder)
            : throw new ArgumentException($"Expected one of {string.Join(", ", _parts.Keys)}, got {part}."))];

    /// <summary>The answers: the bandwidths (d), the leave-one-out error, then fitted values at some of the points.</summary>
    private static EngineRow[] Search(string folder, string dataSet)
    {
        DataSet data = DataSet.Read(folder, dataSet);
        DataSet small = data.Sample(EnoughToSettle);
        DataSet places = data.Sample(Places);
        KernelRegression? model = null;
        return EngineRow.Measure(folder, new EngineJob($"search-{dataSet}", data.Y.Length, Run, null, 0)
        {
            WarmUp = () => EngineJob.Settle(() => KernelRegression.Fit(small.X, small.Y, small.Features)),
            Further = () => model!.Predict(places.X, _mean).Mean,
        });

        double[] Run()
        {
            model = KernelRegression.Fit(data.X, data.Y, data.Features);
            return [.. model.Bandwidths, model.Search!.Score];
        }
    }

    /// <summary>The answers: the values at all points.</summary>
    private static EngineRow[] Fit(string folder, string dataSet)
    {
        DataSet data = DataSet.Read(folder, dataSet);
        DataSet small = data.Sample(EnoughToSettle);
        return EngineRow.Measure(folder, [.. ((int[])[0, 1]).Select(degree =>
        {
            var options = new KernelRegressionOptions { Bandwidth = FixedBandwidth, Degree = degree };
            KernelRegression model = KernelRegression.Fit(data.X, data.Y, options);
            return new EngineJob(
                $"fit-{dataSet}-degree-{degree}", data.Y.Length, () => model.Predict(data.X, _mean).Mean,
                query => Exact(data, query, degree), Tolerance)
            {
                WarmUp = () => EngineJob.Settle(() => KernelRegression.Fit(small.X, small.Y, options).Predict(small.X, _mean)),
            };
        })]);
    }

    /// <summary>The local mean, or the value of the local line, by the sums over all pairs.</summary>
    private static double Exact(DataSet data, int query, int degree)
    {
        double weights = 0;
        double positions = 0;
        double squares = 0;
        double values = 0;
        double products = 0;
        for (int i = 0; i < data.Y.Length; i++)
        {
            double u = (data.X[i] - data.X[query]) / FixedBandwidth;
            double weight = Math.Exp(-u * u / 2);
            weights += weight;
            positions += weight * u;
            squares += weight * u * u;
            values += weight * data.Y[i];
            products += weight * u * data.Y[i];
        }

        return degree == 0
            ? values / weights
            : ((squares * values) - (positions * products)) / ((weights * squares) - (positions * positions));
    }
}
