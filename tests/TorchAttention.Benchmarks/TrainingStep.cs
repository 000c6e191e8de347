using BenchmarkDotNet.Attributes;
using TorchAttention.Training;

namespace TorchAttention.Benchmarks;

/// <summary>Time and managed memory of one training step of the chapter: a mini-batch of 10 against 50 keys, on one thread.</summary>
[MemoryDiagnoser]
public class TrainingStep : IDisposable
{
    private ChapterTraining _training = null!;

    [GlobalSetup]
    public void Setup()
    {
        set_num_threads(1);
        _training = new ChapterTraining();
        double byHand = _training.ByHand();
        _training.Bare();
        if (!(Math.Abs(_training.W - byHand) <= 1e-6 * byHand))
        {
            throw new InvalidOperationException($"The model learned w = {_training.W}, the step written by hand {byHand}.");
        }
    }

    /// <summary>The baseline: plain TorchSharp.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = ChapterTraining.Steps)]
    public double ByHand() => _training.ByHand();

    [Benchmark(OperationsPerInvoke = ChapterTraining.Steps)]
    public void Model() => _training.Bare();

    [Benchmark(OperationsPerInvoke = ChapterTraining.Steps)]
    public void ModelAndLoader() => _training.Loader();

    /// <summary>With the validation of each epoch, by training step.</summary>
    [Benchmark(OperationsPerInvoke = ChapterTraining.Steps)]
    public void TrainerFit() => _training.Fit();

    /// <summary>The same while a progress board listens.</summary>
    [Benchmark(OperationsPerInvoke = ChapterTraining.Steps)]
    public void TrainerFitWithBoard() => _training.Fit(new ProgressBoard());

    [GlobalCleanup]
    public void Dispose()
    {
        _training.Dispose();
        GC.SuppressFinalize(this);
    }
}
