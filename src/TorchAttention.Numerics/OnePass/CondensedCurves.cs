using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// Fitted curves of several columns of values, or of classes, in kilobytes: a <see cref="CondensedCurve"/> for each. They predict as the
/// fit that they were made of does.
/// </summary>
public sealed class CondensedCurves : IPredictor
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "condensed_curves";

    private const string ColumnsKey = "columns";
    private const string ClassesKey = "classes";

    private readonly CondensedCurve[] _curves;

    private CondensedCurves(CondensedCurve[] curves, IReadOnlyList<string> classes)
    {
        _curves = curves;
        Classes = classes;
        Diagnostics = curves[0].Diagnostics with
        {
            ResidualStandardError = [.. curves.Select(curve => curve.Diagnostics.ResidualStandardError[0])],
            RSquared = [.. curves.Select(curve => curve.Diagnostics.RSquared[0])],
        };
    }

    /// <summary>The curve of each column (v).</summary>
    public IReadOnlyList<CondensedCurve> Curves => _curves;

    /// <inheritdoc/>
    public int Features => 1;

    /// <inheritdoc/>
    public int Columns => _curves.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; }

    /// <inheritdoc/>
    public Diagnostics Diagnostics { get; }

    /// <summary>The number of examples that were fitted.</summary>
    public long Count => _curves[0].Count;

    /// <summary>The most that a mean within the pieces that are proved is off by, in any column.</summary>
    public double Bound => _curves.Max(curve => curve.Bound);

    /// <summary>Whether the noise's local variance is known of each, <see cref="CondensedCurve.HasNoise"/>.</summary>
    public bool HasNoise => _curves.All(curve => curve.HasNoise);

    /// <summary>Predicts.</summary>
    /// <param name="queries">Queries (m).</param>
    /// <param name="options">The defaults where null; bands are pointwise.</param>
    /// <param name="progress">Not told anything.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The predictions (m, v).</returns>
    /// <exception cref="ArgumentException">A number that is not finite, an option out of its range or that curves do not
    /// answer.</exception>
    /// <exception cref="OperationCanceledException">The work was stopped.</exception>
    public Predictions Predict(
        ReadOnlySpan<double> queries,
        PredictionOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellationToken = default) => CurvePredictions.Create(
            queries,
            [.. _curves.Select<CondensedCurve, Func<double, CurvePoint>>(curve => curve.At)],
            Diagnostics,
            (_curves[0].LeastX, _curves[0].MostX),
            options ?? new PredictionOptions(),
            HasNoise,
            cancellationToken);

    /// <summary>Saves the curves in the safetensors format.</summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">Text to keep with them, such as the names of columns; <see cref="Load"/> gives it back.</param>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? notes = null)
    {
        Dictionary<string, string> metadata = _curves[0].Metadata(ModelName, notes);
        metadata[ColumnsKey] = Columns.ToString(CultureInfo.InvariantCulture);
        if (Classes.Count > 0)
        {
            metadata[ClassesKey] = StoredModel.Text(Classes);
        }

        var tensors = _curves.SelectMany((curve, c) => curve.Tensors(PrefixOf(c))).ToDictionary();
        new SafeTensorsFile(tensors, metadata).Write(path);
    }

    /// <summary>Loads curves of a file that was read before.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <returns>The curves, and the notes that were saved with them.</returns>
    /// <exception cref="StorageException">It is of another kind or of a later version, or has a number that cannot be used.</exception>
    public static (CondensedCurves Curves, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var reader = new StoredModel(path, file, ModelName, CondensedCurve.Version);
        int columns = reader.Whole(ColumnsKey, 1, Math.Max(1, file.Tensors.Count));
        string[] classes = file.Metadata.ContainsKey(ClassesKey) ? reader.Strings(ClassesKey) : [];
        return classes.Length == 0 || classes.Length == columns
            ? (new CondensedCurves(
                [.. Enumerable.Range(0, columns).Select(c => CondensedCurve.Read(path, reader, PrefixOf(c)))], classes),
                StoredModel.Notes(file))
            : throw reader.Unexpected(ClassesKey, $"the names of {columns} classes");
    }

    /// <summary>Condenses a fit to moments.</summary>
    internal static CondensedCurves Create(
        MomentRegression model, double tolerance, Diagnostics? diagnostics = null, IReadOnlyList<string>? classes = null) => new(
            [.. Enumerable.Range(0, model.Columns).Select(c => CondensedCurve.Create(model, tolerance, diagnostics, c))],
            classes ?? model.Classes);

    /// <summary>Condenses a fit with a kernel that ends.</summary>
    internal static CondensedCurves Create(OrderedRegression model, double tolerance) =>
        new(CondensedCurve.Create(model, tolerance), model.Classes);

    /// <summary>The number of columns, and what they are off by.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Columns} curves for {Count} examples, h = {_curves[0].Bandwidth}, within {Bound:g3}");

    private static string PrefixOf(int column) => string.Create(CultureInfo.InvariantCulture, $"{column}.");
}
