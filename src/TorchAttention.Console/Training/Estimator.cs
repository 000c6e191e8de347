using TorchAttention.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchAttention.Cli.Training;

/// <summary>One of the compared ways to predict, with its errors on the validation part in the data's own units.</summary>
internal sealed class Estimator
{
    private const long LargestMatrix = 1 << 20;

    private readonly nn.Module<Tensor, Tensor> _module;
    private readonly RegressionData _data;
    private readonly Units _units;
    private readonly CancellationToken _cancellationToken;
    private readonly bool _fillsMatrix;

    /// <summary>Computes the errors.</summary>
    /// <param name="name">What to call it.</param>
    /// <param name="module">Predicts.</param>
    /// <param name="data">Where its errors are measured.</param>
    /// <param name="cancellationToken">Stops the prediction.</param>
    /// <param name="fillsMatrix">Whether the module may make a matrix of queries x keys, and is better asked for a few queries at a
    /// time.</param>
    public Estimator(
        string name, nn.Module<Tensor, Tensor> module, RegressionData data, CancellationToken cancellationToken, bool fillsMatrix = true)
    {
        _cancellationToken = cancellationToken;
        _fillsMatrix = fillsMatrix;
        Name = name;
        _module = module;
        _data = data;
        _units = Units.From(data);
        double[] predicted = Predict(data.XVal);
        double[] observed = _units.YsOf(data.YVal);
        double meanSquare = predicted.Zip(observed, (yHat, y) => (yHat - y) * (yHat - y)).Average();
        ValLoss = meanSquare / 2;
        ValRmse = Math.Sqrt(meanSquare);
    }

    public string Name { get; }

    /// <summary>The mean over the validation part of (y^ - y)^2 / 2.</summary>
    public double ValLoss { get; }

    /// <summary>The root of the mean squared error over the validation part.</summary>
    public double ValRmse { get; }

    /// <summary>Predictions in the data's own units.</summary>
    /// <param name="queries">Queries in the model's units (queries), or (queries, d).</param>
    public double[] Predict(Tensor queries)
    {
        long count = queries.shape[0];
        long most = _fillsMatrix ? Math.Max(1, LargestMatrix / _data.XTrain.shape[0]) : count;
        var predictions = new List<double>((int)count);
        using IDisposable noGradients = no_grad();
        for (long start = 0; start < count; start += most)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            predictions.AddRange(_units.YsOf(_module.call(queries.slice(0, start, Math.Min(start + most, count), 1))));
        }

        return [.. predictions];
    }

    /// <summary>Runs the model on the given queries, for whoever wants to look at its attention weights.</summary>
    public void Attend(Tensor queries)
    {
        using IDisposable noGradients = no_grad();
        using Tensor unused = _module.call(queries);
    }
}
