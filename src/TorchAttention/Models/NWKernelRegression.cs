using TorchAttention.Data;
using TorchAttention.Pooling;
using TorchAttention.Training;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// The chapter's parametric attention pooling, Nadaraya-Watson kernel regression whose kernel is learned: f(q) = sum_i K(r_i) v_i /
/// sum_i K(r_i) with r_i = |(q - k_i) w_i|; for the Gaussian that is sum_i softmax_i(-r_i^2 / 2) v_i.
/// </summary>
/// <remarks>
/// <para>
/// The chapter's has one w for all keys, which starts at 1, the nonparametric form; 1/w is the bandwidth. With
/// <see cref="KernelModelOptions.Widths"/> each feature or each region of the keys has a w of its own. The sign of a w means nothing.
/// </para>
/// <para>
/// A query without a key in reach of a kernel of bounded support gets its nearest key's value, which does not change with w: its gradient
/// of w is 0, and training goes on.
/// </para>
/// <para>
/// With <see cref="KernelModelOptions.Degree"/> 1 the output is the height of a plane fitted with these weights, which is local linear
/// attention.
/// </para>
/// <para>
/// State: <c>w</c> (1), (d) or (regions), <c>keys</c> (keys) or (keys, d), <c>values</c> (keys), of regions <c>regions</c> (keys), and of
/// a ridge that is learned <c>log_ridge</c> (1).
/// </para>
/// </remarks>
public class NWKernelRegression : PairRegression
{
    private const int MostNumbers = 16;

    private readonly KernelPass _pass;

    [ComponentName(Name = "w")]
    private readonly Parameter _w;

    [ComponentName(Name = "log_ridge")]
    private readonly Parameter? _logRidge;

    [ComponentName(Name = "regions")]
    private readonly Tensor? _regions;

    /// <summary>Creates the book's model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys), or (keys, d) for d features: the training inputs.</param>
    /// <param name="values">Values (keys): the training targets.</param>
    /// <param name="lr">The learning rate of plain SGD; positive, 1 by default.</param>
    /// <param name="leaveOneOut">Whether an example is kept from its own pair while training (the book's earlier edition).</param>
    /// <inheritdoc cref="NWKernelRegression(string, Tensor, Tensor, KernelModelOptions)" path="/exception"/>
    public NWKernelRegression(Tensor keys, Tensor values, double lr = 1, bool leaveOneOut = false)
        : this(keys, values, new KernelModelOptions { LearningRate = lr, LeaveOneOut = leaveOneOut })
    {
    }

    /// <summary>Creates the model; it copies keys and values.</summary>
    /// <param name="keys">Keys (keys), or (keys, d) for d features: the training inputs.</param>
    /// <param name="values">Values (keys): the training targets.</param>
    /// <param name="options">The kernel, what its widths belong to, and how it is trained.</param>
    /// <inheritdoc cref="NWKernelRegression(string, Tensor, Tensor, KernelModelOptions)" path="/exception"/>
    public NWKernelRegression(Tensor keys, Tensor values, KernelModelOptions options)
        : this(NameFor(options), keys, values, options) => RegisterComponents();

    /// <summary>
    /// Creates the base of a model of one's own, whose constructor calls <c>RegisterComponents()</c> once its fields are set; it copies
    /// keys and values.
    /// </summary>
    /// <param name="name">The module's name.</param>
    /// <param name="keys">Keys (keys), or (keys, d).</param>
    /// <param name="values">Values (keys).</param>
    /// <param name="options">The kernel, what its widths belong to, and how it is trained.</param>
    /// <exception cref="ArgumentException">Keys or values of other shapes or lengths, fewer than 2 keys to leave one out of, or the boxcar
    /// kernel.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The learning rate or the first w is not positive and finite, the keys' number type has no such w, or there are more regions than
    /// keys.
    /// </exception>
    protected NWKernelRegression(string name, Tensor keys, Tensor values, KernelModelOptions options)
        : base(name, keys, values, Checked(options, keys).LeaveOneOut, options.LearnValues)
    {
        Options = options;
        _pass = new KernelPass(options.Kernel, () => Keys, () => Values, Last);
        using DisposeScope scope = NewDisposeScope();
        using Scalar first = options.InitialW;
        _w = nn.Parameter(full(Count(options, keys), first, keys.dtype, keys.device));
        _w.DetachFromDisposeScope();
        if (options.LearnRidge)
        {
            using Scalar log = Math.Log(options.Ridge);
            _logRidge = nn.Parameter(full([1], log, keys.dtype, keys.device));
            _logRidge.DetachFromDisposeScope();
        }

        if (options.Widths == KernelWidths.PerRegion)
        {
            using Scalar regions = options.Regions;
            using Scalar most = keys.shape[0];
            _regions = Keys.argsort().argsort().mul(regions).div(most, RoundingMode.floor).to(ScalarType.Int64).DetachFromDisposeScope();
        }
    }

    /// <summary>The kernel, what its widths belong to, and how it is trained.</summary>
    public KernelModelOptions Options { get; }

    /// <summary>
    /// The learnable w = 1/h, in 1/units of the keys: one (1), one for each feature (d), or one for each region (regions).
    /// </summary>
    public Parameter W => _w;

    /// <summary>The region of each key, int64 (keys), from the lowest keys to the highest; null where widths belong to none.</summary>
    public Tensor? Regions => _regions;

    /// <summary>How the pooling is computed; <see cref="AttentionMethod.Auto"/> by default.</summary>
    /// <remarks>
    /// The engine is on the CPU; the streaming form takes one w for all keys, and the Gaussian alone; a forward pass with others is an
    /// <see cref="InvalidOperationException"/>. Where |w| has run away to 1e15 or is no number, every method is the textbook form, whose
    /// output then is none either.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the methods.</exception>
    public AttentionMethod Method
    {
        get => _pass.Method;
        set => _pass.Method = value;
    }

    internal static IReadOnlyList<ModelKind> Kinds { get; } =
    [
        new KernelModelKind<NWKernelRegression>("nw_kernel_regression", KernelWidths.Shared, Create),
        new KernelModelKind<NWKernelRegression>("relevance_kernel_regression", KernelWidths.PerFeature, Create),
        new KernelModelKind<NWKernelRegression>("regional_kernel_regression", KernelWidths.PerRegion, Create),
        new KernelModelKind<NWKernelRegression>("local_linear_regression", KernelWidths.Shared, Create, degree: 1),
        new KernelModelKind<NWKernelRegression>("local_linear_relevance_regression", KernelWidths.PerFeature, Create, degree: 1),
    ];

    /// <inheritdoc/>
    /// <remarks>
    /// One is <c>w</c>; those of features are <c>w_1</c> to <c>w_d</c>, and of up to 16 regions <c>w_1</c> to <c>w_16</c>. Of more regions
    /// the least |w|, the median and the largest: <c>w_least</c>, <c>w_median</c> and <c>w_most</c>. A learned <c>ridge</c> comes last.
    /// </remarks>
    public override IReadOnlyList<(string Name, double Value)> LearnedNumbers() => _logRidge is null
        ? LearnedWidths()
        : [.. LearnedWidths(), ("ridge", Math.Exp(_logRidge.ToDoubles()[0]))];

    private IReadOnlyList<(string Name, double Value)> LearnedWidths()
    {
        double[] w = _w.ToDoubles();
        if (Options.Widths == KernelWidths.Shared)
        {
            return [("w", w[0])];
        }

        if (Options.Widths == KernelWidths.PerFeature || w.Length <= MostNumbers)
        {
            return [.. w.Select((number, i) => ($"w_{i + 1}", number))];
        }

        double[] widths = [.. w.Select(Math.Abs).Order()];
        return [("w_least", widths[0]), ("w_median", (widths[(widths.Length - 1) / 2] + widths[widths.Length / 2]) / 2),
            ("w_most", widths[^1])];
    }

    /// <inheritdoc/>
    public sealed override optim.Optimizer ConfigureOptimizers() => new HeldSgd(parameters(), Options.LearningRate);

    /// <summary>
    /// Saves the model as <see cref="ModelFile"/> does: w, keys and values in their own number type, the options as text.
    /// </summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <exception cref="NotSupportedException">The numbers are neither float32 nor float64.</exception>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path) => ModelFile.Save(this, path);

    /// <summary>Loads a model that <see cref="Save"/> wrote: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where the model is to be; the CPU where null.</param>
    /// <returns>The model.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version, or its model is in the units
    /// of its columns.</exception>
    public static NWKernelRegression Load(string path, Device? device = null)
    {
        Module loaded = ModelFile.Load(path, SafeTensorsFile.Read(path), device, Kinds);
        if (loaded is NWKernelRegression model)
        {
            return model;
        }

        loaded.Dispose();
        throw new StorageException(StorageProblem.OtherFormat, path)
        {
            Expected = "a model of standardised columns",
            Found = $"one in their units: {nameof(ModelFile)}.{nameof(ModelFile.Load)} reads it",
        };
    }

    /// <summary>
    /// The learned w = 1/h, made of <see cref="W"/>: one for all keys (1), one for each feature of keys (keys, d), one for each region
    /// (regions), or where there are none each key's own (keys) for keys (keys).
    /// </summary>
    protected virtual Tensor InverseBandwidths() => _w;

    /// <summary>The feature that a learned number is a w of; null where several share it.</summary>
    internal int? FeatureOf(int width) => width >= _w.numel() ? null
        : Options.Widths == KernelWidths.PerFeature ? width
        : Keys.dim() == 1 || Keys.size(1) == 1 ? 0
        : null;

    /// <inheritdoc/>
    protected sealed override Tensor Pool(Tensor queries, Tensor? own) => Options.Degree == 0
        ? _pass.Pool(queries, InverseBandwidths(), own, _regions)
        : _pass.PoolPlanes(queries, InverseBandwidths(), Ridge(), own);

    private Tensor Ridge() => _logRidge?.exp() ?? tensor([Options.Ridge], _w.dtype, _w.device);

    /// <inheritdoc/>
    /// <remarks>A model of one's own may make its widths of other parameters, and has a graph.</remarks>
    internal sealed override IDirectStep? CreateDirectStep(RegressionData data)
    {
        bool isOfW = GetType() == typeof(NWKernelRegression) && !Options.LearnValues && Options.Degree == 0;
        bool fits = data.XTrain.dim() == Keys.dim() && data.XTrain.shape.AsSpan(1).SequenceEqual(Keys.shape.AsSpan(1));
        Tensor[] numbers = [_w, Keys, Values, data.XTrain, data.YTrain, data.XVal, data.YVal];
        return !isOfW || !fits || Method != AttentionMethod.Auto || !_w.requires_grad
            || !Array.TrueForAll(numbers, part => part.device_type == DeviceType.CPU && part.dtype == _w.dtype) ? null
            : _w.dtype == ScalarType.Float32 ? new KernelStep<float>(_pass, _w, _regions, LeaveOneOut)
            : _w.dtype == ScalarType.Float64 ? new KernelStep<double>(_pass, _w, _regions, LeaveOneOut)
            : null;
    }

    // By these names checkpoints know whose they are, as files do by those of Kinds.
    private static string NameFor(KernelModelOptions options) => options?.Degree == 1 ? "LocalLinearRegression" : options?.Widths switch
    {
        KernelWidths.PerFeature => "RelevanceKernelRegression",
        KernelWidths.PerRegion => "RegionalKernelRegression",
        _ => nameof(NWKernelRegression),
    };

    private static NWKernelRegression Create(Tensor keys, Tensor values, KernelModelOptions options) => new(keys, values, options);

    private static long Count(KernelModelOptions options, Tensor keys) => options.Widths switch
    {
        KernelWidths.PerFeature => keys.dim() == 1 ? 1 : keys.size(1),
        KernelWidths.PerRegion => options.Regions,
        _ => 1,
    };

    private static KernelModelOptions Checked(KernelModelOptions options, Tensor keys)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Checked();
        Guard.Rows(keys);
        if (options.Widths == KernelWidths.PerRegion && options.Regions > Guard.Vector(keys).shape[0])
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.Regions, $"Expected 1 to {keys.shape[0]} regions, got {options.Regions}.");
        }

        if (options.Degree == 1 && keys.dim() == 2 && keys.size(1) > LocalLinearPooling.MostFeatures)
        {
            throw new ArgumentException(
                $"Expected keys of at most {LocalLinearPooling.MostFeatures} features with the degree 1, got {keys.size(1)}.",
                nameof(keys));
        }

        return !keys.is_floating_point() || options.InitialW <= finfo(keys.dtype).max
            ? options
            : throw new ArgumentOutOfRangeException(
                nameof(options), options.InitialW, $"Expected a first w that the keys' {keys.dtype} holds, got {options.InitialW}.");
    }
}
