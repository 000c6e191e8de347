using System.Diagnostics;
using TorchAttention.Cli.Output;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Server.Boards;
using TorchAttention.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchAttention.Cli.Training;

/// <summary>
/// A training on a page while it runs: losses, what is learned, the curve, the attention. What the page shows is computed between two
/// steps, when it has asked; the training keeps its bits.
/// </summary>
internal sealed class LiveTraining : IDisposable
{
    private const int MostPoints = 500;
    private const int MostNumbers = 6;
    private const int CurvePoints = 200;
    private const int HeatRows = 60;
    private const int HeatColumns = 120;
    private const int MostExamples = 2000;
    private const double SecondsBetweenStates = 0.25;

    private readonly BoardServer _server;
    private readonly Trainer _trainer;
    private readonly Comparison _models;
    private readonly RegressionData _data;
    private readonly DataSource _source;
    private readonly ProgressBoard _board;
    private readonly List<(double Epoch, double[] Values)> _trace = [];
    private readonly string _title;
    private long _published;
    private string _says = "";

    public LiveTraining(
        int port, Trainer trainer, Comparison models, RegressionData data, DataSource source, ProgressBoard board, string name)
    {
        (_trainer, _models, _data, _source, _board) = (trainer, models, data, source, board);
        _title = $"{name} on {source.Name}";
        _server = new BoardServer(port, _title);
        trainer.StepCompleted += Step;
        trainer.EpochCompleted += Epoch;
    }

    /// <summary>Where the page is.</summary>
    public string Url => _server.Url;

    public void Dispose()
    {
        _trainer.StepCompleted -= Step;
        _trainer.EpochCompleted -= Epoch;
        _server.Dispose();
    }

    /// <summary>Shows the end.</summary>
    public void End()
    {
        _says += " Finished.";
        Publish(isDone: true);
    }

    private void Step(object? sender, StepCompleted e)
    {
        if (_server.IsAsked && Stopwatch.GetElapsedTime(_published).TotalSeconds >= SecondsBetweenStates)
        {
            _says = string.Create(
                CultureInfo.InvariantCulture,
                $"Step {e.Step}, epoch {e.Epoch}, learning rate {e.LearningRate:G4}, gradient {e.GradientNorm:G4}.");
            Publish(isDone: false);
        }
    }

    private void Epoch(object? sender, EpochCompleted e)
    {
        _says = $"Epoch {e.Epoch} of {e.MaxEpochs}.";
        _trace.Add((e.Epoch, [.. _models.InUnits.LearnedNumbers().Take(MostNumbers).Select(number => number.Value)]));
    }

    private void Publish(bool isDone)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradients = no_grad();
        bool isTraining = _models.Learned.training;
        _models.Learned.eval();
        try
        {
            (double[] x, double[] y) curve = Curve();
            (int width, double[] weights) heat = Attention();
            _server.Publish(json => Write(json, isDone, curve, heat));
        }
        finally
        {
            _models.Learned.train(isTraining);
            _published = Stopwatch.GetTimestamp();
        }
    }

    private void Write(Utf8JsonWriter json, bool isDone, (double[] X, double[] Y) curve, (int Width, double[] Weights) heat)
    {
        json.WriteString("title", _title);
        json.WriteString("says", _says);
        json.WriteBoolean("isDone", isDone);
        json.WriteString("x", _source.XLabels[0]);
        json.WriteString("y", _source.YLabel);
        json.WriteObjects("losses", _board.Labels, label =>
        {
            BoardPoint[] points = Thinned(_board.Line(label));
            json.WriteString("name", label);
            json.WriteNumbers("x", points.Select(point => point.X));
            json.WriteNumbers("y", points.Select(point => _models.Units.Loss(point.Y)));
        });
        (double Epoch, double[] Values)[] trace = Thinned(_trace);
        json.WriteNumbers("epochs", trace.Select(row => row.Epoch));
        json.WriteObjects("numbers", _models.InUnits.LearnedNumbers().Take(MostNumbers).Index(), number =>
        {
            json.WriteString("name", number.Item.Name);
            json.WriteNumbers("values", trace.Select(row => row.Values[number.Index]));
        });
        json.WriteObject("examples", () =>
        {
            bool isShown = curve.X.Length > 0;
            json.WriteNumbers("x", isShown ? Thinned(_models.Units.XsOf(_data.XTrain), MostExamples) : []);
            json.WriteNumbers("y", isShown ? Thinned(_models.Units.YsOf(_data.YTrain), MostExamples) : []);
        });
        json.WriteObject("curve", () =>
        {
            json.WriteNumbers("x", curve.X);
            json.WriteNumbers("y", curve.Y);
        });
        json.WriteObject("heat", () =>
        {
            json.WriteNumber("width", heat.Width);
            json.WriteNumbers("weights", heat.Weights);
        });
    }

    // Of one column; of several nobody knows where the others are to be held.
    private (double[] X, double[] Y) Curve()
    {
        if (_data.XTrain.dim() > 1 && _data.XTrain.shape[1] > 1)
        {
            return ([], []);
        }

        double[] x = _data.XTrain.ToDoubles();
        Tensor grid = linspace(x.Min(), x.Max(), CurvePoints, ScalarType.Float32, _data.XTrain.device);
        Tensor queries = _data.XTrain.dim() == 1 ? grid : grid.unsqueeze(1);
        return (_models.Units.XsOf(grid), _models.Units.YsOf(_models.Learned.call(queries)));
    }

    // The mean of the heads; of many rows evenly spaced ones.
    private (int Width, double[] Weights) Attention()
    {
        long step = Math.Max(1, _data.XVal.shape[0] / HeatRows);
        _models.Learned.call(_data.XVal.slice(0, 0, Math.Min(_data.XVal.shape[0], step * HeatRows), step));
        Tensor weights = ((IAttentionModel)_models.Learned).AttentionWeights!;
        weights = weights.dim() == 3 ? weights.mean([0]) : weights;
        weights = weights.slice(1, 0, weights.shape[1], Math.Max(1, weights.shape[1] / HeatColumns));
        return ((int)weights.shape[1], weights.flatten().ToDoubles());
    }

    private static T[] Thinned<T>(IReadOnlyList<T> line, int most = MostPoints)
    {
        int count = Math.Min(line.Count, most);
        return [.. Enumerable.Range(0, count).Select(i => line[(int)((long)(i + 1) * line.Count / count) - 1])];
    }
}
