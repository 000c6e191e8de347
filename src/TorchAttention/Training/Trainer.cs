using TorchAttention.Data;
using TorchAttention.Training.Schedules;

namespace TorchAttention.Training;

/// <summary>
/// Fits a module to data by an optimiser, and raises an event for every step, validation batch and epoch: the book's <c>Trainer</c>.
/// </summary>
public sealed class Trainer
{
    private readonly TrainerOptions _options;
    private TrainingRun? _run;
    private bool _isStopped;

    /// <summary>Creates a trainer.</summary>
    /// <param name="options">How long and how to train.</param>
    /// <exception cref="ArgumentException">Options that exclude each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public Trainer(TrainerOptions? options = null)
    {
        _options = options ?? new TrainerOptions();
        Guard.AtLeast(_options.MaxEpochs, 1);
        Guard.NotNegative(_options.GradientClipVal);
        Guard.AtLeast(_options.AccumulateBatches, 1);
        if (!(_options.AverageDecay is >= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), _options.AverageDecay,
                $"Expected an {nameof(TrainerOptions.AverageDecay)} of at least 0 and below 1, got {_options.AverageDecay}.");
        }

        if (_options is { AccumulateBatches: > 1, Optimizer.Kind: OptimizerKind.Lbfgs })
        {
            throw Lbfgs.TakesOneBatch(_options.AccumulateBatches);
        }

        Guard.AtLeast(_options.Threads ?? 1, 1, nameof(_options.Threads));
        _options.Optimizer?.Check();
        _options.Schedule?.Check();
        _options.EarlyStopping?.Check();
    }

    /// <summary>
    /// Metrics of one's own by name: each is asked for each mini-batch of the validation part, and its mean over the examples is told in
    /// <see cref="EpochCompleted.Metrics"/>, from where <c>MetricsLog</c> and <c>TensorBoardLog</c> write it.
    /// </summary>
    /// <remarks>
    /// <code>
    /// trainer.Metrics.Add("mae", (module, batch) =&gt; nn.functional.l1_loss(module.call(batch.X), batch.Y).ToDouble());
    /// </code>
    /// The module is in evaluation; tensors that are made meanwhile are disposed, and nothing records a graph.
    /// </remarks>
    public IDictionary<string, Func<Module, Batch, double>> Metrics { get; } = new OrderedDictionary<string, Func<Module, Batch, double>>();

    /// <summary>Raised before each epoch.</summary>
    public event EventHandler<EpochStarting>? EpochStarting;

    /// <summary>Raised before each step of the optimiser.</summary>
    public event EventHandler<StepStarting>? StepStarting;

    /// <summary>Raised after each step of the optimiser.</summary>
    public event EventHandler<StepCompleted>? StepCompleted;

    /// <summary>Raised for each step that was left out.</summary>
    public event EventHandler<StepSkipped>? StepSkipped;

    /// <summary>Raised after each mini-batch of the validation part.</summary>
    public event EventHandler<ValidationCompleted>? ValidationCompleted;

    /// <summary>Raised after each epoch, validation included.</summary>
    public event EventHandler<EpochCompleted>? EpochCompleted;

    /// <summary>Raised at the end of a training, before early stopping gives the best parameters back.</summary>
    public event EventHandler<FitResult>? Completed;

    /// <summary>
    /// Raised where a training was cancelled, before <see cref="Fit(Module, DataModule, CancellationToken)"/> throws: the last moment to
    /// <see cref="Capture"/> it.
    /// </summary>
    public event EventHandler? Interrupted;

    /// <summary>
    /// Ends the training under way after its epoch, as if that were the last one: for handlers of the events. To end it at once, cancel it.
    /// </summary>
    public void Stop() => _isStopped = true;

    /// <summary>Trains the module in place.</summary>
    /// <param name="model">The module, on the device of the data.</param>
    /// <param name="data">The data.</param>
    /// <param name="cancellationToken">Stops between two steps, or in one without a graph, which is not taken then.</param>
    /// <returns>How it ended. With early stopping the module has the parameters of its best epoch.</returns>
    /// <exception cref="ArgumentException">The module is in its columns' own units, the data are not.</exception>
    /// <exception cref="TrainingDivergedException">A loss or a gradient is NaN or infinite; the module keeps the parameters that led
    /// there.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the module keeps what it has learned so far.</exception>
    public FitResult Fit(Module model, DataModule data, CancellationToken cancellationToken = default) =>
        Fit(model, data, from: null, cancellationToken);

    /// <summary>Trains the module in place on batches from anywhere.</summary>
    /// <param name="model">The module, on the device of the batches.</param>
    /// <param name="train">The training part; enumerated once an epoch, and once before.</param>
    /// <param name="validation">The validation part; enumerated once an epoch.</param>
    /// <param name="cancellationToken">Stops between two steps, or in one without a graph, which is not taken then.</param>
    /// <inheritdoc cref="Fit(Module, DataModule, CancellationToken)"/>
    /// <exception cref="ArgumentException">There is no batch to train on.</exception>
    public FitResult Fit(
        Module model, IEnumerable<Batch> train, IEnumerable<Batch> validation, CancellationToken cancellationToken = default)
    {
        using var data = new BatchData(train, validation);
        return Fit(model, data, from: null, cancellationToken);
    }

    /// <summary>Makes a module with <see cref="TrainerOptions.Seed"/>: the same parameters each time.</summary>
    /// <param name="make">Makes it; what it draws comes from torch's own generator.</param>
    /// <typeparam name="T">The module's type.</typeparam>
    public T Create<T>(Func<T> make)
        where T : Module
    {
        ArgumentNullException.ThrowIfNull(make);
        Seed();
        return make();
    }

    /// <summary>Goes on with a training from a checkpoint: the rest is bit for bit what it would have been.</summary>
    /// <param name="model">A module made as the first time; it gets the checkpoint's parameters.</param>
    /// <param name="data">The same data, made as the first time.</param>
    /// <param name="from">The checkpoint; null to begin anew.</param>
    /// <param name="cancellationToken">Stops between two steps, or in one without a graph, which is not taken then.</param>
    /// <inheritdoc cref="Fit(Module, DataModule, CancellationToken)"/>
    /// <exception cref="Numerics.Storage.StorageException">The checkpoint is of another training.</exception>
    public FitResult Fit(Module model, DataModule data, Checkpoint? from, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        model.CheckData(data);
        using TrainingThreads threads = TrainingThreads.Take(ThreadsFor(model, data));
        Seed();
        using var run = new TrainingRun(model, data, _options) { CancellationToken = cancellationToken };
        from?.Restore(run);
        _run = run;
        _isStopped = false;
        try
        {
            while (run.Epoch <= _options.MaxEpochs && !IsOver(run))
            {
                double trainLoss = TrainEpoch(run, cancellationToken);
                using IDisposable? averages = run.Average?.PutInPlace();
                (double valLoss, (string, double)[] metrics) = ValidateEpoch(run, cancellationToken);
                EndEpoch(run, trainLoss, valLoss, metrics);
            }

            var result = new FitResult(run.Epoch - 1, run.Step, run.BestEpoch, run.BestValLoss, run.Epoch <= _options.MaxEpochs);
            Completed?.Invoke(this, result);
            run.Finish();
            return result;
        }
        catch (OperationCanceledException)
        {
            Interrupted?.Invoke(this, EventArgs.Empty);
            throw;
        }
        finally
        {
            _run = null;
        }
    }

    /// <summary>How many of libtorch's threads a training would take.</summary>
    /// <param name="model">The module.</param>
    /// <param name="data">The data.</param>
    /// <returns><see cref="TrainerOptions.Threads"/>, or what follows from the size of a step.</returns>
    public int ThreadsFor(Module model, DataModule data)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        return _options.Threads ?? TrainingThreads.For(model, data);
    }

    /// <summary>Everything that the rest of the training depends on, as it is now.</summary>
    /// <exception cref="InvalidOperationException">No training is under way on this thread's events.</exception>
    /// <exception cref="NotSupportedException">The optimiser's memory cannot be saved.</exception>
    public Checkpoint Capture()
    {
        TrainingRun run = _run
            ?? throw new InvalidOperationException("Expected a training under way; capture it in an event of the trainer.");
        using IDisposable? parameters = run.Average?.PutAside();
        return Checkpoint.Capture(run);
    }

    private void Seed()
    {
        if (_options.Seed is ulong seed)
        {
            ComputeDevice.Seed(seed);
        }
    }

    private bool IsOver(TrainingRun run) =>
        _isStopped || (_options.EarlyStopping is EarlyStopping early && run.Epoch - 1 - run.BestEpoch >= early.Patience);

    private double TrainEpoch(TrainingRun run, CancellationToken cancellationToken)
    {
        run.Model.train();
        EpochStarting?.Invoke(this, new EpochStarting(run.Epoch, _options.MaxEpochs));
        using MiniBatches batches = run.Batches(isTraining: true);
        for (int i = 0; ; i++)
        {
            bool isDone = i < run.Batch;
            if (!isDone)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            using DisposeScope scope = NewDisposeScope();
            if (!batches.MoveNext())
            {
                if (i == 0)
                {
                    throw new InvalidOperationException(
                        $"Expected batches to train on in epoch {run.Epoch}, got none; each epoch enumerates them anew.");
                }

                break;
            }

            if (!isDone)
            {
                Step(run, batches);
            }
        }

        return run.Losses.Examples > 0
            ? run.Losses.Sum / run.Losses.Examples
            : throw new TrainingDivergedException(
                run.Step, run.Epoch, double.NaN,
                $"every step of epoch {run.Epoch} was left out for a loss or a gradient that is not finite");
    }

    private void Step(TrainingRun run, MiniBatches batches)
    {
        if (_options.Schedule is LearningRateSchedule schedule)
        {
            ScheduledStep.Prepare(run, schedule, _options.MaxEpochs);
        }

        run.Step = run.Step < int.MaxValue
            ? run.Step + 1
            : throw new InvalidOperationException($"Expected at most {int.MaxValue} steps; larger mini-batches take fewer.");
        run.Batch++;
        StepStarting?.Invoke(this, new StepStarting(run.Step, run.Epoch));
        (double loss, double norm) = (double.NaN, double.NaN);
        try
        {
            (loss, norm) = batches.Step(_options.GradientClipVal);
        }
        catch (TrainingDivergedException e) when (_options.NonFinite == NonFinitePolicy.Skip)
        {
            StepSkipped?.Invoke(this, new StepSkipped(run.Step, run.Epoch, e.Message));
            return;
        }
        catch (OperationCanceledException)
        {
            // Nothing has moved: who goes on takes this step.
            run.Step--;
            run.Batch--;
            throw;
        }

        run.Average?.Add();
        run.Losses = (run.Losses.Sum + (loss * batches.Examples), run.Losses.Examples + batches.Examples);
        StepCompleted?.Invoke(this, new StepCompleted(run.Step, run.Epoch, run.StepsInAnEpoch, loss)
        {
            GradientNorm = norm,
            LearningRate = run.Optimizer.ParamGroups.First().LearningRate,
        });
    }

    private (double Loss, (string, double)[] Metrics) ValidateEpoch(TrainingRun run, CancellationToken cancellationToken)
    {
        run.Model.eval();
        using IDisposable noGradients = no_grad();
        double sum = 0;
        long examples = 0;
        KeyValuePair<string, Func<Module, Batch, double>>[] metrics = [.. Metrics];
        double[] sums = new double[metrics.Length];
        using MiniBatches batches = run.Batches(isTraining: false);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            if (!batches.MoveNext())
            {
                return examples > 0 ? (sum / examples, [.. metrics.Zip(sums, (metric, total) => (metric.Key, total / examples))])
                    : throw new InvalidOperationException($"Expected batches to validate with in epoch {run.Epoch}, got none.");
            }

            double value = batches.Validate();
            sum += value * batches.Examples;
            for (int i = 0; i < metrics.Length; i++)
            {
                sums[i] += metrics[i].Value(run.Model, batches.Current) * batches.Examples;
            }

            examples += batches.Examples;
            ValidationCompleted?.Invoke(this, new ValidationCompleted(run.Epoch, run.ValDataloader.Count, value));
        }
    }

    private void EndEpoch(TrainingRun run, double trainLoss, double valLoss, (string, double)[] metrics)
    {
        bool isBest = valLoss < run.BestValLoss - (_options.EarlyStopping?.MinDelta ?? 0);
        if (isBest)
        {
            (run.BestValLoss, run.BestEpoch) = (valLoss, run.Epoch);
            if (_options.EarlyStopping is not null)
            {
                run.KeepBest();
            }
        }

        run.Plateau = (_options.Schedule as PlateauSchedule)?.After(run.Plateau ?? PlateauMemory.Start, valLoss);
        var completed = new EpochCompleted(run.Epoch, _options.MaxEpochs, trainLoss, valLoss) { IsBest = isBest, Metrics = metrics };
        run.Epoch++;
        run.BeginEpoch();
        EpochCompleted?.Invoke(this, completed);
    }
}
