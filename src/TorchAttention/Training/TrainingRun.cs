using TorchAttention.Data;
using TorchAttention.Numerics.Losses;
using TorchAttention.Training.Schedules;
using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>A training under way: the module and its optimiser, and the place where the next step will be.</summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly IDirectStep? _direct;

    /// <exception cref="ArgumentException">The optimiser asks for the loss several times in a step, which has several mini-batches; or a
    /// group of the options has no parameter.</exception>
    public TrainingRun(Module model, DataModule data, TrainerOptions options)
    {
        Model = model;
        Data = data;
        Parameters = [.. model.named_parameters().Select(pair => (pair.name, pair.parameter))];
        Optimizer = options.Optimizer?.Create(Parameters) ?? model.ConfigureOptimizers();
        State = [.. model.state_dict().Select(pair => (pair.Key, pair.Value))];
        TrainDataloader = data.TrainDataloader();
        ValDataloader = data.ValDataloader();
        BatchesInAStep = options.AccumulateBatches;
        if (BatchesInAStep > 1 && Optimizer is Lbfgs)
        {
            Optimizer.Dispose();
            throw Lbfgs.TakesOneBatch(BatchesInAStep);
        }

        Average = options.AverageDecay > 0 ? new WeightAverage(Parameters, options.AverageDecay) : null;
        BaseLearningRates = [.. Optimizer.ParamGroups.Select(group => group.LearningRate)];

        // What of a training that was interrupted is done again has the same bits: the choice depends on nothing that a step changes.
        _direct = data is RegressionData pairs && Optimizer is not Lbfgs ? model.CreateDirectStep(pairs) : null;
        if (options.Elsewhere is ILossSlices elsewhere)
        {
            IDirectStep direct = _direct ?? throw new ArgumentException(
                $"Expected a model of a kernel whose w alone is learned, on the CPU and without {nameof(Lbfgs)}, to be trained elsewhere; "
                    + $"got {model.GetName()}, whose loss is a graph.");
            direct.Elsewhere = elsewhere;
        }

        BeginEpoch();
    }

    public Module Model { get; }

    public DataModule Data { get; }

    public optim.Optimizer Optimizer { get; }

    public BatchLoader TrainDataloader { get; }

    public BatchLoader ValDataloader { get; }

    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>Stops the training; a step that it stops has not begun.</summary>
    public CancellationToken CancellationToken { get; init; }

    /// <summary>Parameters and buffers by name.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> State { get; }

    public double[] BaseLearningRates { get; }

    /// <summary>Steps taken or left out.</summary>
    public int Step { get; set; }

    /// <summary>The epoch of the next step, from 1.</summary>
    public int Epoch { get; set; } = 1;

    /// <summary>Steps of that epoch that are done.</summary>
    public int Batch { get; set; }

    public int BatchesInAStep { get; }

    /// <summary>Steps in an epoch: its mini-batches, or groups of them.</summary>
    public int StepsInAnEpoch => (TrainDataloader.Count + BatchesInAStep - 1) / BatchesInAStep;

    /// <summary>The average of the parameters, where there is one.</summary>
    public WeightAverage? Average { get; }

    /// <summary>Which parameters the optimiser moves together, by name; nothing where these are all.</summary>
    public string Groups
    {
        get
        {
            ParamGroup[] groups = [.. Optimizer.ParamGroups.OfType<ParamGroup>()];
            if (groups.Length < 2)
            {
                return "";
            }

            Dictionary<IntPtr, string> names = Parameters.ToDictionary(pair => pair.Parameter.Handle, pair => pair.Name);
            return string.Join(';', groups.Select(group => string.Join(',', group.Parameters.Select(
                parameter => names.GetValueOrDefault(parameter.Handle, "")))));
        }
    }

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

    /// <summary>The mini-batches of an epoch: what a step takes of them, one after the other.</summary>
    public MiniBatches Batches(bool isTraining)
    {
        BatchLoader loader = isTraining ? TrainDataloader : ValDataloader;
        int together = isTraining ? BatchesInAStep : 1;
        return _direct is null ? new TensorBatches(this, loader, together)
            : new DirectBatches(this, _direct, (TensorLoader)loader, isTraining, together);
    }

    /// <summary>That a loss or a gradient is no number any more, and where that comes from.</summary>
    public TrainingDivergedException Diverged(double loss, string what, double value)
    {
        (string name, double largest) = Gradients.Largest(Parameters);
        string cause = Gradients.FirstNonFinite(Parameters)
            ?? string.Create(CultureInfo.InvariantCulture, $"the largest number in the parameters is {largest:G4}, in {name}");
        return new TrainingDivergedException(
            Step, Epoch, loss, $"{what} (epoch {Epoch}, {Place()}) is {value}; {cause}");
    }

    public void KeepBest() => Best = [.. State.Select(part => TensorBytes.ToArray(part.Tensor))];

    /// <summary>Gives the module what was learned: its best state where that is kept, the average where there is one.</summary>
    public void Finish()
    {
        if (Best is null)
        {
            Average?.PutInPlace();
        }

        for (int i = 0; i < State.Count && Best is not null; i++)
        {
            TensorBytes.CopyTo(State[i].Tensor, Best[i]);
        }
    }

    public void Dispose()
    {
        Average?.Dispose();
        Optimizer.Dispose();
    }

    private string Place()
    {
        int last = Math.Min(Batch * BatchesInAStep, TrainDataloader.Count);
        int first = ((Batch - 1) * BatchesInAStep) + 1;
        return $"mini-batch{(last > first ? $"es {first} to" : "")} {last} of {TrainDataloader.Count}";
    }
}
