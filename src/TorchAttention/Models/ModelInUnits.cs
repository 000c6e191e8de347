using TorchAttention.Data;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>
/// A model of standardised columns, asked and answering in the columns' own units: 
/// f(x) = mean_y + deviation_y g((x - mean_x) / deviation_x).
/// </summary>
/// <remarks>
/// <para>
/// Means and deviations are taken off and put back in float64, whatever the model computes in: a column of dates keeps its days. Queries
/// may be of any number type; answers have the queries' where that is one of fractions, else the model's. Attention weights, gradients and
/// saving are those of the model within.
/// </para>
/// <para>
/// Its loss is the model's, in squared deviations of y, so that training it further on a <see cref="DataModule"/> in the columns' own units
/// takes the same steps as before. Data that are standardised already, a <see cref="TabularData"/> say, are for the model within,
/// <see cref="Model"/>.
/// </para>
/// </remarks>
public sealed class ModelInUnits : Module, IAttentionModel, ILearnedNumbers
{
    private const long LargestMatrix = 1 << 20;

    [ComponentName(Name = "model")]
    private readonly Module _model;

    private readonly double[] _means;
    private readonly double[] _deviations;

    /// <summary>Puts a model into units; it owns the model from here on.</summary>
    /// <param name="model">The model of standardised columns.</param>
    /// <param name="units">The columns and their scales.</param>
    /// <exception cref="ArgumentException">
    /// The model is in units already, or the units are not ones of finite numbers, each with a name.
    /// </exception>
    public ModelInUnits(Module model, ModelUnits units)
        : base(nameof(ModelInUnits))
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(units);
        _model = model is not ModelInUnits
            ? model
            : throw new ArgumentException("Expected a model of standardised columns, got one in units.", nameof(model));
        Units = units.Checked();
        _means = [.. Units.XScales.Select(scale => scale.Mean)];
        _deviations = [.. Units.XScales.Select(scale => scale.Deviation)];
        RegisterComponents();
    }

    /// <summary>The model of standardised columns.</summary>
    public Module Model => _model;

    /// <summary>The columns and their scales.</summary>
    public ModelUnits Units { get; }

    /// <inheritdoc/>
    public Tensor? AttentionWeights => (_model as IAttentionModel)?.AttentionWeights;

    private string Columns => string.Join(", ", Units.X);

    /// <inheritdoc/>
    /// <remarks>
    /// Each w in 1/units of its column, one for each column by its name, as <c>w_times</c>; one that several columns share stays in
    /// 1/deviations.
    /// </remarks>
    public IReadOnlyList<(string Name, double Value)> LearnedNumbers()
    {
        IReadOnlyList<(string Name, double Value)> numbers = (_model as ILearnedNumbers)?.LearnedNumbers() ?? [];
        return _model is NWKernelRegression kernel
            ? [.. numbers.Select((number, i) => kernel.FeatureOf(i) is int j ? OfColumn(number.Name, number.Value, j) : number)]
            : numbers;

        (string Name, double Value) OfColumn(string name, double value, int j) =>
            (_model is NWKernelRegression { Options.Widths: KernelWidths.PerFeature } ? $"w_{Units.X[j]}" : name, value / _deviations[j]);
    }

    /// <inheritdoc/>
    /// <param name="input">Queries (queries), or (queries, d) as the model's keys are, in the columns' units.</param>
    /// <returns>Predictions (queries), in the units of y.</returns>
    /// <exception cref="ArgumentException">Queries of other features than the model's.</exception>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor standardized = Standardized(input);
        using Scalar deviation = Units.YScale.Deviation;
        using Scalar mean = Units.YScale.Mean;
        Tensor own = _model.call(standardized).to(ScalarType.Float64).mul(deviation).add(mean, Held.One);
        return own.to(input.is_floating_point() ? input.dtype : standardized.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>Predicts rows of numbers, as many at a time as memory allows, without gradients.</summary>
    /// <param name="x">Queries row by row (queries x d), in the columns' units.</param>
    /// <param name="cancellationToken">Stops the prediction.</param>
    /// <returns>Predictions (queries), in the units of y.</returns>
    /// <exception cref="ArgumentException">The numbers are not rows of d.</exception>
    public double[] Predict(ReadOnlySpan<double> x, CancellationToken cancellationToken = default)
    {
        int features = _means.Length;
        if (x.Length % features != 0)
        {
            throw new ArgumentException($"Expected rows of {features} numbers, got {x.Length} numbers.", nameof(x));
        }

        using IDisposable noGradients = no_grad();
        double[] predictions = new double[x.Length / features];
        int most = MostRows(predictions.Length);
        for (int start = 0; start < predictions.Length; start += most)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            int rows = Math.Min(most, predictions.Length - start);
            double[] some = x.Slice(start * features, rows * features).ToArray();
            Tensor queries = features == 1 ? tensor(some) : tensor(some, [rows, features]);
            call(queries.to(_model.parameters().FirstOrDefault()?.device ?? CPU)).ToDoubles().CopyTo(predictions, start);
        }

        return predictions;
    }

    /// <summary>The model's loss of predictions and targets in the units of y.</summary>
    /// <param name="yHat">Predictions (batch).</param>
    /// <param name="y">Targets (batch).</param>
    /// <returns>A scalar, in squared deviations of y.</returns>
    public override Tensor Loss(Tensor yHat, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(yHat);
        ArgumentNullException.ThrowIfNull(y);
        using DisposeScope scope = NewDisposeScope();
        return _model.Loss(StandardizedTargets(yHat), StandardizedTargets(y)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor TrainingStep(Batch batch) => Step(batch, _model.TrainingStep);

    /// <inheritdoc/>
    public override Tensor ValidationStep(Batch batch) => Step(batch, _model.ValidationStep);

    /// <inheritdoc/>
    public override optim.Optimizer ConfigureOptimizers() => _model.ConfigureOptimizers();

    internal override long NumbersInAStep(long batch, long inputs) => _model.NumbersInAStep(batch, inputs);

    internal override void CheckData(DataModule data)
    {
        if (data is RegressionData regression && regression.XScales.Append(regression.YScale).Any(scale => scale != Standardization.None))
        {
            throw new ArgumentException(
                $"Expected data in the units of {Columns} and {Units.Y}, got standardised data; train the {nameof(Model)} within on them.",
                nameof(data));
        }
    }

    private Tensor Step(Batch batch, Func<Batch, Tensor> step)
    {
        using DisposeScope scope = NewDisposeScope();
        return step(batch with { X = Standardized(batch.X), Y = StandardizedTargets(batch.Y) }).MoveToOuterDisposeScope();
    }

    private Tensor Standardized(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        int features = _means.Length;
        if (x.dim() is not (1 or 2) || (x.dim() == 1 ? 1 : x.size(1)) != features)
        {
            string shape = features == 1 ? "(m)" : $"(m, {features})";
            throw new ArgumentException($"Expected queries {shape} of {Columns}, got shape {Guard.Shape(x)}.", nameof(x));
        }

        Tensor means = tensor(_means, ScalarType.Float64, x.device);
        Tensor deviations = tensor(_deviations, ScalarType.Float64, x.device);
        return Narrow(x.to(ScalarType.Float64).sub(means).div(deviations), x);
    }

    private Tensor StandardizedTargets(Tensor y)
    {
        using Scalar mean = Units.YScale.Mean;
        using Scalar deviation = Units.YScale.Deviation;
        return Narrow(y.to(ScalarType.Float64).sub(mean).div(deviation), y);
    }

    private Tensor Narrow(Tensor standardized, Tensor own) =>
        standardized.to(_model.parameters().FirstOrDefault()?.dtype ?? (own.is_floating_point() ? own.dtype : ScalarType.Float32));

    // The engine takes any number of queries at once; the other forms make a matrix of queries x keys.
    private int MostRows(int rows)
    {
        bool fillsMatrix = _model is not NWKernelRegression { Method: not AttentionMethod.Textbook };
        long keys = fillsMatrix && _model.state_dict().TryGetValue("keys", out Tensor? stored) ? stored.size(0) : 1;
        return fillsMatrix ? (int)Math.Clamp(LargestMatrix / keys, 1, Math.Max(1, rows)) : Math.Max(1, rows);
    }
}
