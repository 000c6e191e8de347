using TorchAttention.Pooling;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// In-context regression: a small transformer whose query rows attend to the training rows, inputs and targets together, and answer what
/// the target at the query is. Nadaraya-Watson kernel regression is one such attention, with a score and values that are given.
/// </summary>
/// <remarks>
/// <para>
/// A row's features are e(x) = E [x, P(x)], with x in standard deviations of the keys and the sines and cosines P of <see
/// cref="PositionalEncoding"/> of each column; a training row's are e(x) + V y. A query, e(q), goes through blocks (<see
/// cref="TransformerBlock"/>, normalised first) that all attend to the training rows, and a linear map of the last gives the prediction.
/// The rows of the context do not look at each other, so what a query answers without one of them is what it would without that row.
/// </para>
/// <para>
/// Training always leaves an example's own pair out. That alone is not enough: parameters would learn the table by heart, and read the
/// value that is missing from what the others add up to. So each example gets another table, s y + g(x) with a random sign s and random
/// smooth waves g (<see cref="InContextRegressionOptions.Vary"/>), and what is learned is how to read one.
/// </para>
/// <para>
/// The optimiser is Adam. Time and memory are blocks x heads x queries x keys, and blocks x batch x keys x h of a training step. State:
/// <c>keys</c> (keys) or (keys, d), <c>values</c> (keys), <c>features</c>, <c>value</c>, <c>blocks.0</c> and on, <c>norm</c>,
/// <c>output</c>.
/// </para>
/// </remarks>
public sealed class InContextRegression : PairRegression
{
    // Waves of a column: their lengths are from 2 pi / Fastest deviations to some Longest times that.
    private const int Waves = 6;
    private const double Fastest = 4;
    private const double Longest = 32;

    private readonly double[] _means;
    private readonly double[] _deviations;
    private readonly Standardization _target;

    [ComponentName(Name = "features")]
    private readonly Linear _features;

    [ComponentName(Name = "value")]
    private readonly Linear _value;

    [ComponentName(Name = "blocks")]
    private readonly ModuleList<TransformerBlock> _blocks;

    [ComponentName(Name = "norm")]
    private readonly LayerNorm _norm;

    [ComponentName(Name = "output")]
    private readonly Linear _output;

    /// <summary>Creates the model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys), or (keys, d) for d features: the training inputs, at least 2.</param>
    /// <param name="values">Values (keys): the training targets, of the keys' number type and on their device.</param>
    /// <param name="options">Sizes, and how it is trained; the defaults where null.</param>
    /// <exception cref="ArgumentException">
    /// Keys or values of other shapes, lengths or number types, fewer than 2 keys, or a hidden length that is no multiple of the heads.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public InContextRegression(Tensor keys, Tensor values, InContextRegressionOptions? options = null)
        : base(nameof(InContextRegression), keys, values, leaveOneOut: true)
    {
        CheckTypes(keys, values);
        Options = (options ?? new()).Checked();
        double[] x = keys.ToDoubles();
        int size = keys.dim() == 1 ? 1 : checked((int)keys.shape[1]);
        Standardization[] scales =
            [.. Enumerable.Range(0, size).Select(j => Scale([.. x.Where((_, i) => i % size == j)]))];
        (_means, _deviations) = ([.. scales.Select(scale => scale.Mean)], [.. scales.Select(scale => scale.Deviation)]);
        _target = Scale(values.ToDoubles());
        int hidden = Options.Hidden;
        (_features, _value, _blocks, _norm, _output) = FirstParameters.Without(() => (
            nn.Linear(Inputs(size), hidden), nn.Linear(1, hidden),
            nn.ModuleList([.. Enumerable.Range(0, Options.Blocks).Select(_ => new TransformerBlock(Options.Block))]),
            nn.LayerNorm(hidden), nn.Linear(hidden, 1)));
        RegisterComponents();
        FirstParameters.Draw(this, Options.Seed);
        this.to(keys.dtype).to(keys.device);
    }

    internal static ModelKind Kind { get; } = new OfContext();

    /// <summary>Sizes, and how it is trained.</summary>
    public InContextRegressionOptions Options { get; }

    /// <inheritdoc/>
    /// <remarks>None: no parameter means anything by itself.</remarks>
    public override IReadOnlyList<(string Name, double Value)> LearnedNumbers() => [];

    /// <inheritdoc/>
    public override optim.Optimizer ConfigureOptimizers() => new HeldAdam(parameters(), Options.LearningRate);

    // Each pair of an example and a key has features of its own.
    internal override long NumbersInAStep(long batch, long inputs) =>
        Math.Max(batch * Keys.size(0) * Options.Hidden, base.NumbersInAStep(batch, inputs));

    /// <inheritdoc/>
    protected override Tensor Pool(Tensor queries, Tensor? own)
    {
        (Tensor x, Tensor keys) = (Scaled(queries), Scaled(Keys));
        Tensor values = Standardized(Values.unsqueeze(1), [_target.Mean], [_target.Deviation]);
        OtherTargets? other = training && own is not null && Options.Vary > 0 ? new OtherTargets(Options.Vary, x) : null;
        Tensor context = Features(keys).unsqueeze(0).Plus(_value.call(other?.Of(keys, values) ?? values.unsqueeze(0)));
        Tensor? isOwn = own is null ? null : Held.Range(Keys.size(0), own.device).unsqueeze(0).eq(own.unsqueeze(1));

        // Queries of one table are rows of one example; where each has a table of its own, each is an example of one row.
        int side = other is null ? 0 : 1;
        Tensor rows = Features(x).unsqueeze(side);
        AttentionMasks? masks = isOwn is null ? null : new AttentionMasks { LeaveOut = isOwn.unsqueeze(side).unsqueeze(side) };
        foreach (TransformerBlock block in _blocks)
        {
            rows = block.call(rows, context, masks);
        }

        Tensor weights = _blocks[^1].AttentionWeights!;
        weights = other is null ? weights.squeeze(0) : weights.squeeze(2).transpose(0, 1);
        Keep(own is null ? weights : weights.gather(2, Others(own, Keys.size(0)).unsqueeze(0).expand(weights.size(0), -1, -1)));
        Tensor answer = _output.call(_norm.call(rows.squeeze(side)));
        using Scalar mean = _target.Mean;
        return (other?.Back(x, answer) ?? answer).squeeze(1).Times(_target.Deviation).add(mean, Held.One);
    }

    private static int Inputs(int size) => size * (1 + (2 * Waves));

    // A column that never changes is left where it is.
    private static Standardization Scale(double[] column) =>
        Standardization.TryOf(column, out Standardization scale, out _) ? scale : Standardization.None;

    private static Tensor Standardized(Tensor rows, double[] means, double[] deviations) =>
        rows.sub(tensor(means, rows.dtype, rows.device)).div(tensor(deviations, rows.dtype, rows.device));

    private Tensor Scaled(Tensor x) => Standardized(x.dim() == 1 ? x.unsqueeze(1) : x, _means, _deviations);

    private Tensor Features(Tensor rows)
    {
        Tensor waves = PositionalEncoding.Encode(rows.Times(Fastest), 2 * Waves, Longest).flatten(1);
        return _features.call(cat([rows, waves], 1));
    }

    // For each example another table with the same rows: s y + g(x), g a sum of random waves and s a random sign.
    private sealed class OtherTargets
    {
        private const int Count = 4;

        private readonly Tensor _directions;
        private readonly Tensor _phases;
        private readonly Tensor _heights;
        private readonly Tensor _sign;

        public OtherTargets(double deviation, Tensor x)
        {
            long examples = x.size(0);
            _directions = randn([examples, x.size(1), Count], x.dtype, x.device);
            _phases = rand([examples, 1, Count], x.dtype, x.device).Times(2 * Math.PI);
            _heights = randn([examples, Count, 1], x.dtype, x.device).Times(deviation * Math.Sqrt(2.0 / Count));
            _sign = randn([examples, 1, 1], x.dtype, x.device).sign();
        }

        // (examples, n, 1) of inputs (n, d) and targets (n, 1).
        public Tensor Of(Tensor x, Tensor y) => (y.unsqueeze(0) * _sign).Plus(At(x.unsqueeze(0)));

        // (examples, 1), each of its own table.
        public Tensor Back(Tensor x, Tensor y) => ((y.unsqueeze(1) - At(x.unsqueeze(1))) * _sign).squeeze(2);

        private Tensor At(Tensor x) => x.matmul(_directions).Plus(_phases).cos().matmul(_heights);
    }

    private sealed class OfContext() : ModelKind("in_context_regression")
    {
        public override Dictionary<string, string> Options(Module model) => StoredOptions.Texts(((InContextRegression)model).Options);

        public override Module Load(StoredState state, StoredModel reader)
        {
            InContextRegressionOptions options = StoredOptions.InContext(reader);
            long[] keys = state.Keys;
            state.Check([("keys", keys), ("values", [keys[0]]), .. Shapes(state.Features, options)]);
            return state.Fill(new InContextRegression(state.Loaded("keys"), state.Loaded("values"), options));
        }

        protected override bool Has(Module model) => model is InContextRegression;

        // Names and shapes of the parameters, without making them.
        private static IEnumerable<(string Name, long[] Shape)> Shapes(int size, InContextRegressionOptions options)
        {
            long hidden = options.Hidden;
            return
            [
                ("features.weight", [hidden, Inputs(size)]), ("features.bias", [hidden]),
                ("value.weight", [hidden, 1]), ("value.bias", [hidden]),
                .. Enumerable.Range(0, options.Blocks).SelectMany(
                    i => TransformerBlock.Shapes(options.Block).Select(it => ($"blocks.{i}.{it.Name}", it.Shape))),
                ("norm.weight", [hidden]), ("norm.bias", [hidden]), ("output.weight", [1, hidden]), ("output.bias", [1]),
            ];
        }
    }
}
