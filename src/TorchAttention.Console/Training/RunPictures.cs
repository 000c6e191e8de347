using TorchAttention.Cli.Runs;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Plotting;
using TorchAttention.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchAttention.Cli.Training;

/// <summary>The pictures of a run: what each estimator predicts, a heatmap for each kind of attention, the loss, what is learned.</summary>
internal sealed class RunPictures(DataSource source, RegressionData data)
{
    private const int CurvePoints = 400;
    private const int SurfaceSide = 100;
    private const int EffectPoints = 150;
    private const int MostEffects = 12;
    private const int MostRows = 400;
    private const int MostColumns = 800;
    private const int MostHeadsInARow = 3;
    private const int MostLossPoints = 1000;
    private const long LargestMatrix = 1 << 24;

    // What the board calls its lines, and what a legend does.
    private static readonly Dictionary<string, string> _losses = new() { ["train_loss"] = "training", ["val_loss"] = "validation" };

    private readonly Units _units = Units.From(data);
    private readonly List<double[,]> _surfaces = [];
    private readonly List<(string Name, Func<Figure> Draw)> _pictures = [];

    /// <summary>
    /// Adds what an estimator predicts: of one column a curve, which on a table runs over the whole range of x while the chapter's stands
    /// at the validation inputs; of two a surface; of more the predictions of the validation part over what was observed.
    /// </summary>
    /// <param name="name">The picture's file.</param>
    /// <param name="estimator">What predicts.</param>
    /// <param name="title">What stands above the picture.</param>
    public void AddPredictions(string name, Estimator estimator, string title)
    {
        var options = new FigureOptions { Title = title };
        if (source.XLabels.Count == 1)
        {
            AddCurve(name, estimator, options);
        }
        else if (source.XLabels.Count == 2)
        {
            AddSurface(name, estimator, options);
        }
        else
        {
            double[] observed = _units.YsOf(data.YVal);
            double[] predicted = estimator.Predict(data.XVal);
            double[] ends = [observed.Min(), observed.Max()];
            _pictures.Add((name, () => Figures.PlotLines(
                [new("equal", ends, ends)],
                $"observed {source.YLabel}",
                $"predicted {source.YLabel}",
                [new("Validation", observed, predicted)],
                options)));
        }
    }

    /// <summary>
    /// Adds what the estimators predict over each of several columns, the others at their medians: a plot for each column, with a line for
    /// each estimator and the training examples.
    /// </summary>
    /// <param name="name">The picture's file.</param>
    /// <param name="estimators">What predicts.</param>
    /// <param name="title">What stands above the picture.</param>
    public void AddEffects(string name, IReadOnlyList<Estimator> estimators, string title)
    {
        using DisposeScope scope = NewDisposeScope();
        int shown = Math.Min(source.XLabels.Count, MostEffects);
        Tensor medians = stack([.. data.XTrain.unbind(1).Select(column => column.median())]);
        double[] y = _units.YsOf(data.YTrain);
        bool isShown(double value, int i) => i % Step(y.Length, MostRows) == 0;
        LinesPanel[] panels = [.. Enumerable.Range(0, shown).Select(j =>
        {
            Tensor grid = Grid(j, EffectPoints);
            Tensor queries = medians.repeat(EffectPoints, 1);
            queries[TensorIndex.Colon, TensorIndex.Single(j)] = grid;
            double[] places = [.. grid.ToDoubles().Select(data.XScales[j].Invert)];
            IEnumerable<Series> lines = estimators.Select((estimator, i) =>
                Finite(j == 0 ? estimator.Name : "", places, estimator.Predict(queries), i));
            var points = new Series("", [.. _units.XsOf(data.XTrain, j).Where(isShown)], [.. y.Where(isShown)]);
            return new LinesPanel([.. lines.Where(line => line.X.Count > 0)], source.XLabels[j], source.YLabel, [points]);
        })];
        string most = shown < source.XLabels.Count ? $"; {shown} of {source.XLabels.Count} columns" : "";
        _pictures.Add((name, () => Figures.PlotLinePanels(panels, new FigureOptions { Title = title + most })));
    }

    // Where a kernel reaches no example there is no prediction.
    private static Series Finite(string label, double[] places, double[] values, int color)
    {
        int[] finite = [.. Enumerable.Range(0, values.Length).Where(i => double.IsFinite(values[i]))];
        return new Series(label, Array.ConvertAll(finite, i => places[i]), Array.ConvertAll(finite, i => values[i]), color);
    }

    /// <summary>
    /// Adds the attention weights (validation inputs, training inputs) of an estimator, for each head its own; of large data, evenly spaced
    /// ones. All heads have one scale: their weights are compared, and those of a query sum to 1 in each.
    /// </summary>
    /// <param name="name">The picture's file.</param>
    /// <param name="estimator">What predicts.</param>
    /// <param name="model">What it predicts with.</param>
    /// <param name="title">What stands above the picture.</param>
    public void AddAttention(string name, Estimator estimator, IAttentionModel model, string title)
    {
        using DisposeScope scope = NewDisposeScope();
        long keys = data.XTrain.shape[0];
        long rowStep = Step(data.XVal.shape[0], Math.Clamp(LargestMatrix / keys, 1, MostRows));
        long columnStep = Step(keys, MostColumns);
        estimator.Attend(data.XVal.slice(0, 0, data.XVal.shape[0], rowStep));
        Tensor weights = model.AttentionWeights!.slice(-1, 0, keys, columnStep);
        double[][,] heads = weights.dim() == 2 ? [weights.ToMatrix()]
            : [.. Enumerable.Range(0, (int)weights.shape[0]).Select(head => weights[head].ToMatrix())];
        string by = source.XLabels.Count == 1 ? "" : $" by {source.XLabels[0]}";
        string xLabel = $"Sorted training inputs{by}{EveryNth(columnStep)}";
        string yLabel = $"Sorted validation inputs{by}{EveryNth(rowStep)}";
        var options = new FigureOptions { Title = title, ColorLabel = "attention weight" };
        string[] titles = [.. heads.Select((_, i) => $"head {i + 1}")];
        _pictures.Add((name, () => heads.Length == 1
            ? Figures.ShowHeatmaps(heads[0], xLabel, yLabel, options)
            : Figures.ShowHeatmaps([.. heads.Chunk(InARow(heads.Length))], xLabel, yLabel, titles, options)));
    }

    // Rows of the same length, of a number of heads that a page has room for; of a prime number there is but one row.
    private static int InARow(int heads) => Enumerable.Range(2, MostHeadsInARow - 1).LastOrDefault(count => heads % count == 0, heads);

    /// <summary>
    /// Adds the learned numbers over the epochs; where each belongs to a column, and so has that column's unit, in a plot of its own.
    /// </summary>
    public void AddNumbers(string name, string[] names, IReadOnlyList<(double Epoch, double[] Values)> trace, string title)
    {
        (double Epoch, double[] Values)[] shown =
            [.. trace.Where((_, i) => i % Step(trace.Count, MostLossPoints) == 0 || i == trace.Count - 1)];
        double[] epochs = Array.ConvertAll(shown, row => row.Epoch);
        Series[] lines = [.. names.Select((number, i) =>
            new Series(number, epochs, Array.ConvertAll(shown, row => Math.Abs(row.Values[i]))))];
        var options = new FigureOptions { Title = title, IsCountedX = true };
        if (source.XLabels.Count > 1 && source.XLabels.Count == names.Length)
        {
            LinesPanel[] panels = [.. lines.Zip(source.XLabels, (line, column) =>
                new LinesPanel([line with { Label = "" }], "epoch", $"|w| = 1/h of {column}"))];
            _pictures.Add((name, () => Figures.PlotLinePanels(panels, options)));
        }
        else
        {
            _pictures.Add((name, () => Figures.PlotLines(lines, "epoch", "|w| = 1/h", null, options)));
        }
    }

    /// <summary>Adds the width 1/|w| at each key.</summary>
    public void AddWidths(string name, double[] w, string title)
    {
        double deviation = data.XScale.Deviation;
        double[] x = _units.XsOf(data.XTrain);
        double[] widths = [.. w.Select(number => deviation / Math.Abs(number))];
        var steps = new List<(double X, double Width)>();
        bool isShown((double X, double Width) pair, int i) => i % Step(x.Length, MostColumns) == 0 && double.IsFinite(pair.Width);
        foreach ((double place, double width) in x.Zip(widths).Where(isShown))
        {
            if (steps is [.., (double lastPlace, double lastWidth)] && lastWidth != width)
            {
                steps.Add(((lastPlace + place) / 2, lastWidth));
                steps.Add(((lastPlace + place) / 2, width));
            }

            steps.Add((place, width));
        }

        var line = new Series("h = 1/|w|", [.. steps.Select(step => step.X)], [.. steps.Select(step => step.Width)]);
        _pictures.Add((name, () => Figures.PlotLines(
            [line], source.XLabels[0], "bandwidth h", null, new FigureOptions { Title = title })));
    }

    /// <summary>Adds the lines of a progress board, in the data's own units.</summary>
    public void AddLoss(string name, ProgressBoard board, string title)
    {
        Series[] lines = [.. board.Labels.Select(label => Thinned(_losses.GetValueOrDefault(label, label), board.Line(label)))];
        var options = new FigureOptions { Title = title, IsCountedX = true };
        _pictures.Add((name, () => Figures.PlotLines(lines, "epoch", "loss", null, options)));
    }

    /// <summary>Draws everything as PNG and SVG.</summary>
    public void Save(RunDirectory directory) => directory.WritePictures(_pictures);

    private void AddCurve(string name, Estimator estimator, FigureOptions options)
    {
        double[] xTrain = _units.XsOf(data.XTrain);
        double[] yTrain = _units.YsOf(data.YTrain);
        double[] xVal = _units.XsOf(data.XVal);
        double[] yVal = _units.YsOf(data.YVal);
        if (!source.IsTable)
        {
            double[] yHat = estimator.Predict(data.XVal);
            _pictures.Add((name, () => Figures.PlotKernelReg(xTrain, yTrain, xVal, yVal, yHat, options)));
            return;
        }

        using Tensor grid = Grid(0, CurvePoints);
        var curve = new Series("Pred", _units.XsOf(grid), estimator.Predict(grid), Series.PredictionColor);
        _pictures.Add((name, () => Figures.PlotLines(
            [curve], source.XLabels[0], source.YLabel, [new("Training", xTrain, yTrain), new("Validation", xVal, yVal)], options)));
    }

    private void AddSurface(string name, Estimator estimator, FigureOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] axes = [Grid(0, SurfaceSide), Grid(1, SurfaceSide)];
        Tensor first = axes[0].repeat(SurfaceSide);
        Tensor second = axes[1].flip(0).repeat_interleave(SurfaceSide);
        double[] predicted = estimator.Predict(stack([first, second], 1));
        double[,] surface = new double[SurfaceSide, SurfaceSide];
        Buffer.BlockCopy(predicted, 0, surface, 0, Buffer.ByteLength(surface));
        _surfaces.Add(surface);
        double[][] places = [.. axes.Select((axis, j) => axis.ToDoubles().Select(data.XScales[j].Invert).ToArray())];
        var examples = new Series("", _units.XsOf(data.XTrain, 0), _units.XsOf(data.XTrain, 1));
        double[] observed = _units.YsOf(data.YTrain);
        _pictures.Add((name, () => Figures.PlotSurface(
            surface,
            (places[0][0], places[0][^1]),
            (places[1][0], places[1][^1]),
            examples,
            source.XLabels[0],
            source.XLabels[1],
            source.YLabel,
            observed,
            options with { ColorRange = ColorRange() })));
    }

    // The average is one number: only beside the others does its colour say something.
    private (double Least, double Most) ColorRange()
    {
        double[] all = [.. _surfaces.SelectMany(surface => surface.Cast<double>()).Where(double.IsFinite)];
        return (all.Min(), all.Max());
    }

    // The whole range of a column, in the model's units.
    private Tensor Grid(int column, int points)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] parts = data.XTrain.dim() == 1 ? [data.XTrain, data.XVal] : [data.XTrain.select(1, column), data.XVal.select(1, column)];
        (double least, double most) = (parts.Min(part => part.min().ToDouble()), parts.Max(part => part.max().ToDouble()));
        return linspace(least, most, points, ScalarType.Float32, data.XTrain.device).MoveToOuterDisposeScope();
    }

    // More points than pixels only make the SVG large: of a long training each point is the mean of a few.
    private Series Thinned(string label, IReadOnlyList<BoardPoint> line)
    {
        BoardPoint[][] groups = [.. line.Chunk((line.Count + MostLossPoints - 1) / MostLossPoints)];
        return new Series(
            label,
            Array.ConvertAll(groups, group => group.Average(point => point.X)),
            Array.ConvertAll(groups, group => _units.Loss(group.Average(point => point.Y))));
    }

    private static long Step(long count, long most) => (count + most - 1) / most;

    private static string EveryNth(long step) => step == 1 ? "" : $" (every {step}th)";
}
