using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Benchmarks;

/// <summary>
/// The chapter's training (10 x 50, 25 steps from w = 1) in several loops; each does what the loop of that name in peers/chapter.py does.
/// </summary>
internal sealed class ChapterTraining : IDisposable
{
    public const int Epochs = 5;
    public const int Steps = 25;

    private readonly NonlinearData _data = new();
    private readonly NWKernelRegression _model;
    private readonly Tensor _w;
    private readonly Batch[] _preDrawn;

    public ChapterTraining()
    {
        _model = new NWKernelRegression(_data.XTrain, _data.YTrain);
        _w = nn.Parameter(ones(1));
        _preDrawn = [.. Enumerable.Range(0, Epochs).SelectMany(_ => _data.TrainDataloader())];
    }

    /// <summary>The learned w of the last loop over the model.</summary>
    public double W => _model.W.ToDouble();

    /// <summary>The step as one would write it by hand in TorchSharp: no module, no scope of the library's. Returns w.</summary>
    public double ByHand()
    {
        Reset(_w);
        using optim.Optimizer optimizer = optim.SGD([(TorchSharp.Modules.Parameter)_w], 1);
        foreach (Batch batch in _preDrawn)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor diffs = (batch.X.unsqueeze(1) - _data.XTrain.unsqueeze(0)) * _w;
            Tensor yHat = matmul(nn.functional.softmax(-diffs.pow(2) / 2, dim: 1), _data.YTrain);
            Tensor loss = ((yHat - batch.Y).pow(2) / 2).mean();
            optimizer.zero_grad();
            loss.backward();
            optimizer.step();
        }

        return _w.ToDouble();
    }

    /// <summary>The model's own step on batches drawn before; the loss is not read.</summary>
    public void Bare()
    {
        Reset(_model.W);
        using optim.Optimizer optimizer = _model.ConfigureOptimizers();
        foreach (Batch batch in _preDrawn)
        {
            using DisposeScope scope = NewDisposeScope();
            Step(optimizer, batch);
        }
    }

    /// <summary>Batches from the loader, shuffled anew each epoch; every step's loss is read.</summary>
    public void Loader()
    {
        Reset(_model.W);
        BatchLoader loader = _data.TrainDataloader();
        using optim.Optimizer optimizer = _model.ConfigureOptimizers();
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            using IEnumerator<Batch> batches = loader.GetEnumerator();
            while (true)
            {
                using DisposeScope scope = NewDisposeScope();
                if (!batches.MoveNext())
                {
                    break;
                }

                Step(optimizer, batches.Current).ToDouble();
            }
        }
    }

    /// <summary>The trainer's whole loop with its validation.</summary>
    /// <param name="board">Listens to the trainer, where there is one.</param>
    public void Fit(ProgressBoard? board = null)
    {
        Reset(_model.W);
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = Epochs });
        board?.Watch(trainer);
        trainer.Fit(_model, _data);
    }

    public void Dispose()
    {
        foreach (Batch batch in _preDrawn)
        {
            batch.X.Dispose();
            batch.Y.Dispose();
            batch.Indices.Dispose();
        }

        _w.Dispose();
        _model.Dispose();
        _data.Dispose();
    }

    private Tensor Step(optim.Optimizer optimizer, Batch batch)
    {
        Tensor loss = _model.TrainingStep(batch);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        return loss;
    }

    private static void Reset(Tensor w)
    {
        using IDisposable noGradients = no_grad();
        w.fill_(1);
    }
}
