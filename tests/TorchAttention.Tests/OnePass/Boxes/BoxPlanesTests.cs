using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Local planes from moments of several features are those of the rows in memory.</summary>
public sealed class BoxPlanesTests(ITestOutputHelper output)
{
    [Fact]
    public void Prototype()
    {
        foreach (int features in new[] { 2, 3 })
        {
            foreach (string kind in BoxRows.Kinds)
            {
                foreach (double h in features == 2 ? new[] { 0.15, 0.6 } : [0.4, 1])
                {
                    BoxRows rows = BoxRows.Draw(kind, features == 2 ? 6000 : 3000, features, 3);
                    double[] bandwidths = [.. Enumerable.Range(0, features).Select(j => h * (1 + (0.7 * j)))];
                    var memory = KernelRegression.Fit(
                        rows.X, rows.Y, features, new KernelRegressionOptions { Degree = 1, Bandwidth = Bandwidth.Fixed(bandwidths) });
                    foreach (double ratio in new[] { 0.5, 1, 2 })
                    {
                        double[] widths = [.. bandwidths.Select(at => Math.ScaleB(1, Math.ILogB(at * ratio)))];
                        var moments = new BoxMoments(BoxGrid.Choose(rows.X, rows.Y, features, rows.Count, widths));
                        moments.Add(rows.X, rows.Y);
                        var watch = System.Diagnostics.Stopwatch.StartNew();
                        BoxRegression model = BoxRegression.Fit(
                            moments, new MomentOptions { Degree = 1, Bandwidth = Bandwidth.Fixed(bandwidths) });
                        Diagnostics a = memory.Diagnostics, b = model.Diagnostics;
                        output.WriteLine($"{features} {kind} h={h} w/h={widths[0] / bandwidths[0]:F2},{widths[1] / bandwidths[1]:F2} boxes {moments.Boxes}"
                            + $" loo {b.LeaveOneOutError / a.LeaveOneOutError - 1:e1} tr {b.EffectiveDegreesOfFreedom / a.EffectiveDegreesOfFreedom - 1:e1}"
                            + $" rdf {b.ResidualDegreesOfFreedom / a.ResidualDegreesOfFreedom - 1:e1} se {b.ResidualStandardError[0] / a.ResidualStandardError[0] - 1:e1}"
                            + $" lonely {model.LonelyRows} uncertain {model.UncertainBoxes} {watch.Elapsed.TotalSeconds:F2}s");
                    }
                }
            }
        }
    }
}
