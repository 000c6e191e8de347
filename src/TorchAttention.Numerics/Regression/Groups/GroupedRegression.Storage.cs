using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.Regression.Groups;

/// <content>Saving and loading.</content>
public sealed partial class GroupedRegression
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "grouped_regression";

    private const int Version = 1;
    private const int NumbersOfDiagnostics = 7;

    /// <summary>
    /// Saves the curves of all groups in one file of the safetensors format: the examples of one group (n, d) after those of another, how
    /// many each group has, its bandwidths, degree, ridge and diagnostics, and the names and options as text.
    /// </summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">Text to keep with the model, such as the names of columns; <see cref="Load(string)"/> gives it back.</param>
    /// <exception cref="NotSupportedException">The kernel is one's own.</exception>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? notes = null)
    {
        KernelRegressionOptions options = _models[0].Options;
        var tensors = new Dictionary<string, SafeTensor>
        {
            ["keys"] = SafeTensor.Create([.. _models.SelectMany(model => model.Keys.ToArray())], Count, Features),
            ["values"] = SafeTensor.Create([.. _models.SelectMany(model => model.Values.ToArray())], Count),
            ["counts"] = SafeTensor.Create([.. _models.Select(model => (long)model.Count)], _models.Length),
            ["bandwidths"] = SafeTensor.Create([.. _models.SelectMany(model => model.Bandwidths)], _models.Length, Features),
            ["degrees"] = SafeTensor.Create([.. _models.Select(model => (long)model.Options.Degree)], _models.Length),
            ["ridges"] = SafeTensor.Create([.. _models.Select(model => model.Options.RidgeInUse)], _models.Length),
            ["total_weights"] = SafeTensor.Create(_weights, _models.Length),
            ["diagnostics"] = SafeTensor.Create(
                [.. _models.SelectMany(model => model.Diagnostics.ToNumbers())], _models.Length, NumbersOfDiagnostics),
        };
        if (_models.Any(model => model.Weights.Length > 0))
        {
            tensors["weights"] = SafeTensor.Create(
                [.. _models.SelectMany(model => model.Weights.Length > 0 ? model.Weights.ToArray()
                    : [.. Enumerable.Repeat(1.0, model.Count)])],
                Count);
        }

        if (options.Periods.Any(double.IsFinite))
        {
            tensors["periods"] = SafeTensor.Create([.. options.Periods], Features);
        }

        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = Version.ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            ["kernel"] = KernelRegression.NameInFiles(options.Kernel),
            ["precision"] = options.Precision.ToString(),
            ["no_neighbour"] = options.NoNeighbour.ToString(),
            ["group_bandwidths"] = Bandwidths.ToString(),
            ["groups"] = StoredModel.Text(Groups),
            ["without_curve"] = StoredModel.Text([.. WithoutCurve.Select(one => one.Name)]),
            ["without_curve_examples"] =
                StoredModel.Text([.. WithoutCurve.Select(one => one.Examples.ToString(CultureInfo.InvariantCulture))]),
            ["without_curve_reasons"] = StoredModel.Text([.. WithoutCurve.Select(one => one.Reason)]),
        };
        KernelRegression.AddBandwidthKind(metadata, options.Bandwidth);
        KernelRegression.AddWeightMeaning(metadata, options);
        StoredModel.AddNotes(metadata, notes);
        new SafeTensorsFile(tensors, metadata).Write(path);
    }

    /// <summary>Loads a model that <see cref="Save"/> wrote: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The model, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static (GroupedRegression Model, IReadOnlyDictionary<string, string> Notes) Load(string path) =>
        Load(path, SafeTensorsFile.Read(path));

    /// <summary>Loads a model of a file that was read before.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <returns>The model, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">It is of another kind or of a later version, or has a number that cannot be used.</exception>
    public static (GroupedRegression Model, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var reader = new StoredModel(path, file, ModelName, Version);
        string[] groups = reader.Strings("groups");
        string[] without = reader.Strings("without_curve");
        string[] examples = reader.Strings("without_curve_examples");
        string[] reasons = reader.Strings("without_curve_reasons");
        long[] counts = reader.Longs("counts", 1);
        double[] keys = reader.Doubles("keys", 2);
        double[] values = reader.Doubles("values", 1);
        double[] weights = reader.DoublesIfAny("weights", 1);
        double[] bandwidths = reader.Doubles("bandwidths", 2);
        long[] degrees = reader.Longs("degrees", 1);
        double[] ridges = reader.Doubles("ridges", 1);
        double[] totals = reader.Doubles("total_weights", 1);
        double[] diagnostics = reader.Doubles("diagnostics", 2);
        int d = (int)file.Tensors["bandwidths"].Shape[1];
        var options = new KernelRegressionOptions
        {
            Kernel = SmoothingKernel.Find(reader.Text("kernel")) ?? throw reader.Unknown("kernel"),
            Precision = reader.Name<NumberPrecision>("precision"),
            NoNeighbour = reader.Name<NoNeighbourPolicy>("no_neighbour"),
            WeightsAre = KernelRegression.WeightMeaningOf(file, reader),
            Periods = reader.DoublesIfAny("periods", 1),
        };
        int g = groups.Length;
        bool fits = g > 0 && d > 0 && groups.Distinct().Count() == g
            && counts.Length == g && counts.All(count => count > 0 && count <= values.Length) && counts.Sum() == values.Length
            && keys.Length == values.Length * d && file.Tensors["keys"].Shape[1] == d
            && (weights.Length == 0 || weights.Length == values.Length)
            && bandwidths.Length == g * d && degrees.Length == g && ridges.Length == g && totals.Length == g
            && totals.All(total => total > 0) && diagnostics.Length == g * NumbersOfDiagnostics
            && without.Length == examples.Length && without.Length == reasons.Length;
        if (!fits)
        {
            throw reader.Unusable(StoredModel.UnlikeShapes);
        }

        var models = new KernelRegression[g];
        for (int k = 0, first = 0; k < g; first += (int)counts[k], k++)
        {
            int count = (int)counts[k];
            try
            {
                models[k] = KernelRegression.Restore(
                    keys.AsSpan(first * d, count * d).ToArray(),
                    values.AsSpan(first, count).ToArray(),
                    weights.Length == 0 ? [] : weights.AsSpan(first, count).ToArray(),
                    1,
                    options with
                    {
                        Degree = (int)Math.Clamp(degrees[k], -1, int.MaxValue),
                        Ridge = ridges[k],
                        Bandwidth = KernelRegression.BandwidthOf(file, bandwidths.AsSpan(k * d, d)),
                    },
                    Diagnostics.Read(diagnostics.AsSpan(k * NumbersOfDiagnostics, NumbersOfDiagnostics)),
                    []) ?? throw reader.Unusable("keys that are not in order");
            }
            catch (ArgumentException e)
            {
                throw reader.Unusable(e.Message, e);
            }
        }

        GroupWithoutCurve[] left = [.. without.Select((name, i) => new GroupWithoutCurve(
            name, int.TryParse(examples[i], NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 0, reasons[i]))];
        return (
            new GroupedRegression(groups, models, totals, reader.Name<GroupBandwidths>("group_bandwidths"), left), StoredModel.Notes(file));
    }
}
