using TorchAttention.Data;
using TorchAttention.Training.Schedules;
using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>A training under way: the module and its optimiser, and the place where the next step will be.</summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly IDirectStep? _direct;

    public TrainingRun(Module model, DataModule data, OptimizerOptions? optimizer)
    {
        Model = model;
        Data = data;
        Parameters = [.. model.named_parameters().Select(pair => (pair.name, pair.parameter))];
        Optimizer = optimizer?.Create(Parameters.Select(pair => pair.Parameter)) ?? model.ConfigureOptimizers();
        State = [.. model.state_dict().Select(pair => (pair.Key, pair.Value))];
        TrainDataloader = data.TrainDataloader();
        ValDataloader = data.ValDataloader();
        BaseLearningRates = [.. Optimizer.ParamGroups.Select(group => group.LearningRate)];

        // What of a training that was interrupted is done again has the same bits: the choice depends on nothing that a step changes.
        _direct = data is RegressionData pairs && Optimizer is not Lbfgs ? model.CreateDirectStep(pairs) : null;
        BeginEpoch();
    }

    public Module Model { get; }

    public DataModule Data { get; }

    public optim.Optimizer Optimizer { get; }

    public BatchLoader TrainDataloader { get; }

    public BatchLoader ValDataloader { get; }

    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>Parameters and buffers by name.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> State { get; }

    public double[] BaseLearningRates { get; }

    /// <summary>Steps taken or left out.</summary>
    public int Step { get; set; }

    /// <summary>The epoch of the next step, from 1.</summary>
    public int Epoch { get; set; } = 1;

    /// <summary>Mini-batches of that epoch that are done.</summary>
    public int Batch { get; set; }

    /// <summary>The sum of the losses of the examples of that epoch, and how many these are.</summary>
    public (double Sum, long Examples) Losses { get; set; }

    /// <summary>The data's generator as it was before that epoch: the order of the mini-batches comes from it.</summary>
    public byte[] EpochRandomState { get; set; } = [];

    public double BestValLoss { get; set; } = double.PositiveInfinity;

    public int BestEpoch { get; set; }

    /// <summary>The module's state in its best epoch, where it is kept; as <see cref="State"/>.</summary>
    public byte[][]? Best { get; set; }

    /// <summary>What <see cref="PlateauSchedule"/> remembers; null before its first epoch, and of other schedules.</summary>
    public PlateauMemory? Plateau { get; set; }

    /// <summary>The last checkpoint that was taken of it.</summary>
    public Checkpoint? LastCaptured { get; set; }

    public void BeginEpoch()
    {
        Batch = 0;
        Losses = default;
        EpochRandomState = Data.RandomState;
    }

    /// <summary>Sets the learning rate of the next step.</summary>
    public void SetLearningRate(double factor)
    {
        int i = 0;
        foreach (optim.ILearningRateController group in Optimizer.ParamGroups)
        {
            group.LearningRate = BaseLearningRates[i++] * factor;
        }
    }

    /// <summary>The mini-batches of an epoch, each with the step that it is for.</summary>
    public MiniBatches Batches(bool isTraining) => _direct is null
        ? new TensorBatches(this, isTraining ? TrainDataloader : ValDataloader)
        : new DirectBatches(this, _direct, (TensorLoader)(isTraining ? TrainDataloader : ValDataloader), isTraining);

    /// <summary>That a loss or a gradient is no number any more, and where that comes from.</summary>
    public TrainingDivergedException Diverged(double loss, string what, double value)
    {
        (string name, double largest) = Gradients.Largest(Parameters);
        string cause = Gradients.FirstNonFinite(Parameters)
            ?? string.Create(CultureInfo.InvariantCulture, $"the largest number in the parameters is {largest:G4}, in {name}");
        return new TrainingDivergedException(
            Step, Epoch, loss, $"{what} (epoch {Epoch}, mini-batch {Batch} of {TrainDataloader.Count}) is {value}; {cause}");
    }

    public void KeepBest() => Best = [.. State.Select(part => TensorBytes.ToArray(part.Tensor))];

    public void ReturnToBest()
    {
        for (int i = 0; i < State.Count && Best is not null; i++)
        {
            TensorBytes.CopyTo(State[i].Tensor, Best[i]);
        }
    }

    public void Dispose() => Optimizer.Dispose();
}
