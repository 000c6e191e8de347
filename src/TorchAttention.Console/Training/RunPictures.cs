using System.Runtime.ExceptionServices;
using TorchAttention.Data;
using TorchAttention.Plotting;
using TorchAttention.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchAttention.Cli.Training;

/// <summary>The pictures of a run: a curve for each estimator, a heatmap for each kind of attention, the loss.</summary>
internal sealed class RunPictures(DataSource source, RegressionData data)
{
    private const int CurvePoints = 400;
    private const int MostRows = 400;
    private const int MostColumns = 800;
    private const int MostLossPoints = 1000;
    private const long LargestMatrix = 1 << 24;

    private readonly Units _units = Units.Of(data);
    private readonly List<(string Name, Func<Figure> Draw)> _pictures = [];

    /// <summary>Adds the curve of an estimator. On a table it runs over the whole range of x; the chapter's stands at the validation inputs.</summary>
    public void AddCurve(string name, Estimator estimator)
    {
        double[] xTrain = _units.XsOf(data.XTrain);
        double[] yTrain = _units.YsOf(data.YTrain);
        double[] xVal = _units.XsOf(data.XVal);
        double[] yVal = _units.YsOf(data.YVal);
        if (!source.IsTable)
        {
            double[] yHat = estimator.Predict(data.XVal);
            _pictures.Add((name, () => Figures.PlotKernelReg(xTrain, yTrain, xVal, yVal, yHat)));
            return;
        }

        using Tensor grid = linspace(
            Math.Min(data.XTrain.min().ToDouble(), data.XVal.min().ToDouble()),
            Math.Max(data.XTrain.max().ToDouble(), data.XVal.max().ToDouble()),
            CurvePoints,
            ScalarType.Float32,
            data.XTrain.device);
        var curve = new Series("Pred", _units.XsOf(grid), estimator.Predict(grid), Series.PredictionColor);
        _pictures.Add((name, () => Figures.PlotLines(
            [curve], source.XLabel, source.YLabel, [new("Training", xTrain, yTrain), new("Validation", xVal, yVal)])));
    }

    /// <summary>Adds the attention weights (validation inputs, training inputs) of an estimator; of large data, evenly spaced ones.</summary>
    public void AddAttention(string name, Estimator estimator, Func<Tensor?> attentionWeights)
    {
        using DisposeScope scope = NewDisposeScope();
        long keys = data.XTrain.shape[0];
        long rowStep = Step(data.XVal.shape[0], Math.Clamp(LargestMatrix / keys, 1, MostRows));
        long columnStep = Step(keys, MostColumns);
        estimator.Attend(data.XVal.slice(0, 0, data.XVal.shape[0], rowStep));
        double[,] weights = attentionWeights()!.slice(1, 0, keys, columnStep).ToMatrix();
        string xLabel = "Sorted training inputs" + EveryNth(columnStep);
        string yLabel = "Sorted validation inputs" + EveryNth(rowStep);
        _pictures.Add((name, () => Figures.ShowHeatmaps(weights, xLabel, yLabel)));
    }

    /// <summary>Adds the lines of a progress board, in the data's own units.</summary>
    public void AddLoss(string name, ProgressBoard board)
    {
        Series[] lines = [.. board.Labels.Select(label => Thinned(label, board.Line(label)))];
        _pictures.Add((name, () => Figures.PlotLines(lines, "epoch", "loss")));
    }

    /// <summary>Draws everything as PNG and SVG.</summary>
    public void Save(RunDirectory directory, CancellationToken cancellationToken)
    {
        try
        {
            Parallel.ForEach(
                _pictures, new ParallelOptions { CancellationToken = cancellationToken }, picture => directory.WritePicture(picture.Name, picture.Draw()));
        }
        catch (AggregateException e)
        {
            // A full disk stops several pictures at once; one of them says it all.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    // More points than pixels only make the SVG large: of a long training each point is the mean of a few.
    private Series Thinned(string label, IReadOnlyList<BoardPoint> line)
    {
        BoardPoint[][] groups = [.. line.Chunk((line.Count + MostLossPoints - 1) / MostLossPoints)];
        return new Series(label, Array.ConvertAll(groups, group => group.Average(point => point.X)), Array.ConvertAll(groups, group => _units.Loss(group.Average(point => point.Y))));
    }

    private static long Step(long count, long most) => (count + most - 1) / most;

    private static string EveryNth(long step) => step == 1 ? "" : $" (every {step}th)";
}
