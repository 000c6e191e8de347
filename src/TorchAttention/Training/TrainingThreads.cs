using TorchAttention.Data;

namespace TorchAttention.Training;

/// <summary>The number of libtorch's threads while a training runs: chosen from its size, and put back afterwards.</summary>
/// <remarks>
/// Threads that share a step wait for each other at each operation. Where the numbers are few, or other processes keep the cores busy, they
/// wait for far longer than they compute: fifty times as long as one thread takes alone has been seen.
/// </remarks>
internal sealed class TrainingThreads : IDisposable
{
    // Below this many numbers in a step a second thread costs more than it computes.
    private const long OneIsEnough = 1 << 17;

    private readonly int _before = get_num_threads();

    private TrainingThreads(int count)
    {
        if (count != _before)
        {
            set_num_threads(count);
        }
    }

    /// <summary>Sets them, until this is disposed on the same thread.</summary>
    public static TrainingThreads Take(int count) => new(count);

    /// <summary>One for a small step; as many as the process has for a large one.</summary>
    /// <param name="model">The module.</param>
    /// <param name="data">Its data.</param>
    public static int For(Module model, DataModule data)
    {
        BatchLoader training = data.TrainDataloader();
        return model.NumbersInAStep(training.LargestBatch, training.InputCount) < OneIsEnough ? 1 : get_num_threads();
    }

    public void Dispose()
    {
        if (get_num_threads() != _before)
        {
            set_num_threads(_before);
        }
    }
}
