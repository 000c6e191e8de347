using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Regression;

/// <summary>The pictures of a fit: curve and band or surface, the search, residuals.</summary>
internal sealed class FitPictures(Examples examples, KernelRegression model, double level)
{
    private const int CurvePoints = 400;
    private const int SurfaceSide = 160;

    public void Save(RunDirectory directory) => directory.WritePictures(Pictures());

    private IEnumerable<(string Name, Func<Figure> Draw)> Pictures()
    {
        if (model.Classes.Count > 0)
        {
            if (examples.Features.Count == 1)
            {
                yield return ("probabilities", Probabilities);
            }
        }
        else
        {
            if (examples.Features.Count == 1)
            {
                yield return ("fit", Curve);
            }
            else if (examples.Features.Count == 2)
            {
                yield return ("fit", Surface);
            }

            yield return ("residuals", Residuals);
        }

        if (model.Search is { } search && search.Trials.Any(trial => double.IsFinite(trial.Score)))
        {
            yield return ("bandwidth", () => Figures.PlotBandwidthSearch(search, examples.Features));
        }
    }

    private Figure Curve()
    {
        double[] grid = WithKeys(Grid(0, CurvePoints));
        Predictions at = model.Predict(grid, new PredictionOptions { Level = level, NoNeighbour = NoNeighbourPolicy.NaN });
        return Figures.PlotRegression(examples.X, examples.Y, grid, at, level, examples.Features[0], examples.Target);
    }

    private Figure Probabilities()
    {
        double[] grid = WithKeys(Grid(0, CurvePoints));
        Predictions at = model.Predict(grid, new PredictionOptions { HasErrors = false, NoNeighbour = NoNeighbourPolicy.NaN });
        int[] finite = [.. Enumerable.Range(0, grid.Length).Where(i => at.HasNeighbour[i])];
        double[] places = Array.ConvertAll(finite, i => grid[i]);
        double[] means(int c) => Array.ConvertAll(finite, i => at.Mean[(i * model.Columns) + c]);
        return Figures.PlotLines(
            [.. model.Classes.Select((name, c) => new Series(name, places, means(c)))],
            examples.Features[0],
            $"probability of {examples.Target}");
    }

    private Figure Surface()
    {
        double[] first = Grid(0, SurfaceSide);
        double[] second = Grid(1, SurfaceSide);
        double[] queries = new double[2 * SurfaceSide * SurfaceSide];
        for (int row = 0; row < SurfaceSide; row++)
        {
            for (int column = 0; column < SurfaceSide; column++)
            {
                queries[2 * ((row * SurfaceSide) + column)] = first[column];
                queries[(2 * ((row * SurfaceSide) + column)) + 1] = second[^(row + 1)];
            }
        }

        double[] mean = model.Predict(queries, new PredictionOptions { HasErrors = false, NoNeighbour = NoNeighbourPolicy.NaN }).Mean;
        double[,] surface = new double[SurfaceSide, SurfaceSide];
        for (int i = 0; i < mean.Length; i++)
        {
            surface[i / SurfaceSide, i % SurfaceSide] = mean[i];
        }

        var points = new Series("", [.. examples.X.Where((_, i) => i % 2 == 0)], [.. examples.X.Where((_, i) => i % 2 == 1)]);
        IReadOnlyList<string> names = examples.Features;
        return Figures.PlotSurface(
            surface, (first[0], first[^1]), (second[0], second[^1]), points, names[0], names[1], examples.Target, examples.Y);
    }

    private Figure Residuals()
    {
        int[] finite = [.. Enumerable.Range(0, examples.Count).Where(i => double.IsFinite(model.Fitted[i]))];
        return Figures.PlotResiduals(
            Array.ConvertAll(finite, i => model.Fitted[i]), Array.ConvertAll(finite, i => examples.Y[i] - model.Fitted[i]));
    }

    // Where most rows lie in a small part of the range, an even grid passes over the curve there.
    private double[] WithKeys(double[] grid)
    {
        double[] keys = [.. examples.X.Order()];
        IEnumerable<int> ranks = Enumerable.Range(0, CurvePoints).Select(i => (int)((long)i * (keys.Length - 1) / (CurvePoints - 1)));
        return [.. grid.Concat(ranks.Select(i => keys[i])).Distinct().Order()];
    }

    private double[] Grid(int feature, int count)
    {
        int d = examples.Features.Count;
        double least = double.PositiveInfinity;
        double most = double.NegativeInfinity;
        for (int i = feature; i < examples.X.Length; i += d)
        {
            least = Math.Min(least, examples.X[i]);
            most = Math.Max(most, examples.X[i]);
        }

        return least < most
            ? [.. Enumerable.Range(0, count).Select(i => least + ((most - least) * i / (count - 1)))]
            : [.. Enumerable.Range(0, count).Select(i => least - 0.5 + ((double)i / (count - 1)))];
    }
}
