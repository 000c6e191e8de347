using TorchAttention.Data;

namespace TorchAttention.Training;

/// <summary>Fits a module to data by its own optimiser, and raises an event for every step, validation batch and epoch: the book's <c>Trainer</c>.</summary>
public sealed class Trainer
{
    private readonly TrainerOptions _options;

    /// <summary>Creates a trainer.</summary>
    /// <param name="options">How long and how to train.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public Trainer(TrainerOptions? options = null)
    {
        _options = options ?? new TrainerOptions();
        Guard.AtLeast(_options.MaxEpochs, 1);
        Guard.NotNegative(_options.GradientClipVal);
    }

    /// <summary>Raised after each step of the optimiser.</summary>
    public event EventHandler<StepCompleted>? StepCompleted;

    /// <summary>Raised after each mini-batch of the validation part.</summary>
    public event EventHandler<ValidationCompleted>? ValidationCompleted;

    /// <summary>Raised after each epoch, validation included.</summary>
    public event EventHandler<EpochCompleted>? EpochCompleted;

    /// <summary>Trains the module in place.</summary>
    /// <param name="model">The module, on the device of the data.</param>
    /// <param name="data">The data.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    /// <exception cref="TrainingDivergedException">A loss is NaN or infinite; the module keeps the parameters that led there.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the module keeps what it has learned so far.</exception>
    public void Fit(Module model, DataModule data, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        TensorLoader trainDataloader = data.TrainDataloader();
        TensorLoader valDataloader = data.ValDataloader();
        using optim.Optimizer optimizer = model.ConfigureOptimizers();
        int step = 0;
        for (int epoch = 1; epoch <= _options.MaxEpochs; epoch++)
        {
            double trainLoss = TrainEpoch(model, trainDataloader, optimizer, epoch, ref step, cancellationToken);
            double valLoss = ValidateEpoch(model, valDataloader, epoch, step, cancellationToken);
            EpochCompleted?.Invoke(this, new EpochCompleted(epoch, _options.MaxEpochs, trainLoss, valLoss));
        }
    }

    private double TrainEpoch(
        Module model, TensorLoader dataloader, optim.Optimizer optimizer, int epoch, ref int step, CancellationToken cancellationToken)
    {
        model.train();
        double sum = 0;
        using IEnumerator<Batch> batches = dataloader.GetEnumerator();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            if (!batches.MoveNext())
            {
                return sum / dataloader.ExampleCount;
            }

            step++;
            using Tensor loss = model.TrainingStep(batches.Current);
            double value = FiniteLoss(loss, step, epoch, validation: false);
            optimizer.zero_grad();
            loss.backward();
            if (_options.GradientClipVal > 0)
            {
                ClipGradients(model);
            }

            optimizer.step();
            sum += value * batches.Current.X.size(0);
            StepCompleted?.Invoke(this, new StepCompleted(step, epoch, dataloader.Count, value));
        }
    }

    private double ValidateEpoch(Module model, TensorLoader dataloader, int epoch, int step, CancellationToken cancellationToken)
    {
        model.eval();
        using IDisposable noGradients = no_grad();
        double sum = 0;
        using IEnumerator<Batch> batches = dataloader.GetEnumerator();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            if (!batches.MoveNext())
            {
                return sum / dataloader.ExampleCount;
            }

            using Tensor loss = model.ValidationStep(batches.Current);
            double value = FiniteLoss(loss, step, epoch, validation: true);
            sum += value * batches.Current.X.size(0);
            ValidationCompleted?.Invoke(this, new ValidationCompleted(epoch, dataloader.Count, value));
        }
    }

    // The book scales by clip / norm; torch's clip_grad_norm_ divides by norm + 1e-6.
    private void ClipGradients(Module model)
    {
        using IDisposable noGradients = no_grad();
        Tensor[] gradients = [.. model.parameters().Select(parameter => parameter.grad).OfType<Tensor>()];
        double norm = Math.Sqrt(gradients.Sum(gradient => gradient.square().sum().ToDouble()));
        if (norm > _options.GradientClipVal)
        {
            foreach (Tensor gradient in gradients)
            {
                gradient.mul_(_options.GradientClipVal / norm);
            }
        }
    }

    private static double FiniteLoss(Tensor loss, int step, int epoch, bool validation)
    {
        double value = loss.ToDouble();
        return double.IsFinite(value) ? value : throw new TrainingDivergedException(step, epoch, value, validation);
    }
}
