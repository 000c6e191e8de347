using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.Regression;

/// <content>Saving and loading.</content>
public sealed partial class KernelRegression
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "kernel_regression";

    private const int Version = 5;

    // A program that knows nothing of robust iterations or frequencies refuses a file of version 5 in a line.
    private const int VersionWithoutRobust = 4;

    // A program that knows nothing of shares refuses a file of version 4 in a line.
    private const int VersionWithoutShares = 3;

    // A program that knows nothing of periods refuses a file of version 3 in a line.
    private const int VersionWithoutPeriods = 2;

    // A program that knows nothing of the ridge refuses a file of version 2 in a line.
    private const int VersionWithoutRidge = 1;

    /// <summary>
    /// Saves the model in the safetensors format: keys (n, d), values (n, v), bandwidths (d), sample weights (n) where there are some,
    /// the weights that residuals left to the examples (n) with robust iterations, and the options as text.
    /// </summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <param name="notes">Text to keep with the model, such as the names of columns; <see cref="Load(string)"/> gives it back.</param>
    /// <exception cref="NotSupportedException">The kernel is one's own.</exception>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string>? notes = null)
    {
        var tensors = new Dictionary<string, SafeTensor>
        {
            ["keys"] = SafeTensor.Create(_data.Keys, Count, Features),
            ["values"] = SafeTensor.Create(_data.GivenValues(), Count, Columns),
            ["bandwidths"] = SafeTensor.Create(_bandwidths, Features),
            ["residual_standard_error"] = SafeTensor.Create([.. Diagnostics.ResidualStandardError], Columns),
            ["r_squared"] = SafeTensor.Create([.. Diagnostics.RSquared], Columns),
            ["diagnostics"] = SafeTensor.Create(
                [
                    Diagnostics.EffectiveDegreesOfFreedom,
                    Diagnostics.ResidualDegreesOfFreedom,
                    Diagnostics.LeaveOneOutError,
                    Diagnostics.AICc,
                    Diagnostics.GCV,
                ],
                5),
        };
        if (_data.Periods.Length > 0)
        {
            tensors["periods"] = SafeTensor.Create(_data.Periods, Features);
        }

        if (_data.Weights.Length > 0)
        {
            tensors["weights"] = SafeTensor.Create(_data.Weights, Count);
        }

        if (_robust is not null)
        {
            tensors["robust_weights"] = SafeTensor.Create(_robust, Count);
        }

        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = VersionInUse.ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            ["kernel"] = NameInFiles(Options.Kernel),
            ["degree"] = Options.Degree.ToString(CultureInfo.InvariantCulture),
            ["precision"] = Options.Precision.ToString(),
            ["no_neighbour"] = Options.NoNeighbour.ToString(),
            ["classes"] = System.Text.Json.JsonSerializer.Serialize([.. Classes], StorageJson.Default.StringArray),
        };
        if (Options.IsPolynomial)
        {
            metadata["ridge"] = Options.RidgeInUse.ToString("R", CultureInfo.InvariantCulture);
        }

        if (_robust is not null)
        {
            metadata["robust_iterations"] = Options.RobustIterations.ToString(CultureInfo.InvariantCulture);
        }

        AddBandwidthKind(metadata, Options.Bandwidth);
        AddWeightMeaning(metadata, Options);
        StoredModel.AddNotes(metadata, notes);
        new SafeTensorsFile(tensors, metadata).Write(path);
    }

    private const string BandwidthIs = "bandwidth_is";
    private const string WeightsAre = "weights_are";

    /// <summary>Says where weights were how many examples each stands for, as which the file has them.</summary>
    internal static void AddWeightMeaning(Dictionary<string, string> metadata, KernelRegressionOptions options)
    {
        if (options.WeightsAre != default)
        {
            metadata[WeightsAre] = options.WeightsAre.ToString();
        }
    }

    /// <summary>What the weights of a file were.</summary>
    /// <exception cref="StorageException">It is no such meaning.</exception>
    internal static WeightMeaning WeightMeaningOf(SafeTensorsFile file, StoredModel reader) =>
        file.Metadata.ContainsKey(WeightsAre) ? reader.Name<WeightMeaning>(WeightsAre) : default;

    /// <summary>Says where a bandwidth is a share of the examples.</summary>
    internal static void AddBandwidthKind(Dictionary<string, string> metadata, Bandwidth bandwidth)
    {
        if (bandwidth.IsShare)
        {
            metadata[BandwidthIs] = "share";
        }
    }

    /// <summary>The bandwidths of a file.</summary>
    /// <exception cref="ArgumentException">They are none.</exception>
    internal static Bandwidth BandwidthOf(SafeTensorsFile file, ReadOnlySpan<double> bandwidths) =>
        file.Metadata.ContainsKey(BandwidthIs) && bandwidths is [var share] ? Bandwidth.Nearest(share) : Bandwidth.Fixed(bandwidths);

    /// <summary>What a file calls a kernel.</summary>
    /// <exception cref="NotSupportedException">The kernel is one's own.</exception>
    internal static string NameInFiles(SmoothingKernel kernel) =>
        SmoothingKernel.Find(kernel.Name) == kernel ? kernel.Name
            : throw new NotSupportedException(
                $"Expected a kernel of the library, which a file names, got '{kernel.Name}'; save the arrays yourself.");

    private int VersionInUse =>
        _robust is not null || Options.WeightsAre == WeightMeaning.Frequencies ? Version
        : Options.Bandwidth.IsShare ? VersionWithoutRobust
        : _data.Periods.Length > 0 ? VersionWithoutShares
        : Options.IsPolynomial ? VersionWithoutPeriods
        : VersionWithoutRidge;

    // Periods that are all infinite are none.
    private static double[] PeriodsOf(KernelRegressionOptions options) =>
        options.Periods.Any(double.IsFinite) ? [.. options.Periods] : [];

    /// <summary>Loads a model that <see cref="Save"/> wrote: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The model, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static (KernelRegression Model, IReadOnlyDictionary<string, string> Notes) Load(string path) =>
        Load(path, SafeTensorsFile.Read(path));

    /// <summary>Loads a model of a file that was read before.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <returns>The model, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">It is of another kind or of a later version, or has a number that cannot be used.</exception>
    public static (KernelRegression Model, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var reader = new StoredModel(path, file, ModelName, Version);
        double[] bandwidths = reader.Doubles("bandwidths", 1);
        double[] keys = reader.Doubles("keys", 2);
        double[] values = reader.Doubles("values", 2);
        double[] weights = reader.DoublesIfAny("weights", 1);
        double[] periods = reader.DoublesIfAny("periods", 1);
        double[]? robust = file.Tensors.ContainsKey("robust_weights") ? reader.Doubles("robust_weights", 1) : null;
        string[] classes = reader.Strings("classes");
        SmoothingKernel kernel = SmoothingKernel.Find(reader.Text("kernel")) ?? throw reader.Unknown("kernel");
        int columns = (int)file.Tensors["values"].Shape[1];
        int count = (int)file.Tensors["keys"].Shape[0];
        var options = new KernelRegressionOptions
        {
            Kernel = kernel,
            Degree = DegreeOf(reader),
            Ridge = file.Metadata.ContainsKey("ridge") ? RidgeOf(reader) : null,
            Precision = reader.Name<NumberPrecision>("precision"),
            NoNeighbour = reader.Name<NoNeighbourPolicy>("no_neighbour"),
            Periods = periods,
            RobustIterations = robust is null ? 0
                : int.TryParse(reader.Text("robust_iterations"), NumberStyles.None, CultureInfo.InvariantCulture, out int iterations)
                    && iterations > 0 ? iterations : throw reader.Unexpected("robust_iterations", "a whole number of at least 1"),
            WeightsAre = WeightMeaningOf(file, reader),
        };
        bool fits = file.Tensors["keys"].Shape[1] == bandwidths.Length && file.Tensors["values"].Shape[0] == count
            && (classes.Length == 0 || classes.Length == columns);
        double[] said = reader.Doubles("diagnostics", 1);
        double[] errors = reader.Doubles("residual_standard_error", 1);
        double[] parts = reader.Doubles("r_squared", 1);
        if (said.Length != 5 || errors.Length != columns || parts.Length != columns)
        {
            throw reader.Unusable("not 5 diagnostics and two for each column");
        }

        if (Array.Exists(errors, error => error < 0 || double.IsInfinity(error)))
        {
            throw reader.Unusable("residual standard errors that are negative or infinite");
        }

        var diagnostics = new Diagnostics
        {
            EffectiveDegreesOfFreedom = said[0],
            ResidualDegreesOfFreedom = said[1],
            LeaveOneOutError = said[2],
            AICc = said[3],
            GCV = said[4],
            ResidualStandardError = errors,
            RSquared = parts,
        };
        try
        {
            options = options with { Bandwidth = BandwidthOf(file, bandwidths) };
            KernelRegression? model = Restore(keys, values, weights, columns, options, diagnostics, classes, robust);
            return (
                fits && model is not null ? model
                    : throw reader.Unusable($"{StoredModel.UnlikeShapes}, or its keys are not in order"),
                StoredModel.Notes(file));
        }
        catch (ArgumentException e)
        {
            throw reader.Unusable(e.Message, e);
        }
    }

    /// <summary>The degree that a file has.</summary>
    internal static int DegreeOf(StoredModel reader) =>
        reader.Text("degree") switch { "0" => 0, "1" => 1, "2" => 2, "3" => 3, _ => throw reader.Unknown("degree") };

    /// <summary>The ridge that a file has.</summary>
    internal static double RidgeOf(StoredModel reader) =>
        double.TryParse(reader.Text("ridge"), NumberStyles.Float, CultureInfo.InvariantCulture, out double ridge)
            && ridge >= 0 && double.IsFinite(ridge)
            ? ridge
            : throw reader.Unexpected("ridge", "a number of at least 0");

    /// <summary>A model of numbers that were those of one before.</summary>
    /// <param name="keys">Keys (n, d).</param>
    /// <param name="values">Values (n, v).</param>
    /// <param name="weights">Sample weights (n); empty where all count alike.</param>
    /// <param name="columns">v.</param>
    /// <param name="options">The options, with the bandwidths as numbers.</param>
    /// <param name="diagnostics">What was measured of it.</param>
    /// <param name="classes">The names of the columns; empty for a regression.</param>
    /// <param name="robust">The weights that the residuals left to the examples (n); null without robust iterations.</param>
    /// <returns>The model; null where there are other columns, or keys that are not in order.</returns>
    /// <exception cref="ArgumentException">They are those of no model.</exception>
    internal static KernelRegression? Restore(
        double[] keys, double[] values, double[] weights, int columns, KernelRegressionOptions options, Diagnostics diagnostics,
        IReadOnlyList<string> classes, double[]? robust = null)
    {
        double[] bandwidths = [.. options.Bandwidth.Values];
        RegressionCheck.Options(options);
        RegressionCheck.Data(keys, values, bandwidths.Length, weights);
        RegressionCheck.Terms(options, bandwidths.Length);
        RegressionCheck.Periods(options, bandwidths.Length);
        RegressionCheck.Share(options, bandwidths.Length);
        var data = SmootherData.Create(keys, values, weights, bandwidths.Length, out int[]? order, PeriodsOf(options));
        bool fits = robust is null
            || (columns == 1 && robust.Length == data.Count && Array.TrueForAll(robust, weight => weight is >= 0 and <= 1));
        return fits && data.Columns == columns && order is null
            ? new KernelRegression(data, null, bandwidths, options, null, diagnostics, default, robust) { Classes = classes }
            : null;
    }
}
