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

    private const int Version = 4;

    // A program that knows nothing of shares refuses a file of version 4 in a line.
    private const int VersionWithoutShares = 3;

    // A program that knows nothing of periods refuses a file of version 3 in a line.
    private const int VersionWithoutPeriods = 2;

    // A program that knows nothing of the ridge refuses a file of version 2 in a line.
    private const int VersionWithoutRidge = 1;

    /// <summary>
    /// Saves the model in the safetensors format: keys (n, d), values (n, v), bandwidths (d), sample weights (n) where there are some, and
    /// the options as text.
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

        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = VersionInUse.ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            ["kernel"] = SmoothingKernel.Find(Options.Kernel.Name) == Options.Kernel
                ? Options.Kernel.Name
                : throw new NotSupportedException(
                    $"Expected a kernel of the library, which a file names, got '{Options.Kernel.Name}'; save the arrays yourself."),
            ["degree"] = Options.Degree.ToString(CultureInfo.InvariantCulture),
            ["precision"] = Options.Precision.ToString(),
            ["no_neighbour"] = Options.NoNeighbour.ToString(),
            ["classes"] = System.Text.Json.JsonSerializer.Serialize([.. Classes], StorageJson.Default.StringArray),
        };
        if (Options.IsPolynomial)
        {
            metadata["ridge"] = Options.RidgeInUse.ToString("R", CultureInfo.InvariantCulture);
        }

        if (Options.Bandwidth.IsShare)
        {
            metadata[BandwidthIs] = "share";
        }

        StoredModel.AddNotes(metadata, notes);
        new SafeTensorsFile(tensors, metadata).Write(path);
    }

    // Says that the bandwidth is a share of the examples.
    private const string BandwidthIs = "bandwidth_is";

    private int VersionInUse =>
        Options.Bandwidth.IsShare ? Version
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
        double[] weights = file.Tensors.ContainsKey("weights") ? reader.Doubles("weights", 1) : [];
        double[] periods = file.Tensors.ContainsKey("periods") ? reader.Doubles("periods", 1) : [];
        string[] classes = reader.Strings("classes");
        SmoothingKernel kernel = SmoothingKernel.Find(reader.Text("kernel")) ?? throw reader.Unknown("kernel");
        int columns = (int)file.Tensors["values"].Shape[1];
        int count = (int)file.Tensors["keys"].Shape[0];
        var options = new KernelRegressionOptions
        {
            Kernel = kernel,
            Degree = reader.Text("degree") switch { "0" => 0, "1" => 1, "2" => 2, "3" => 3, _ => throw reader.Unknown("degree") },
            Ridge = file.Metadata.ContainsKey("ridge") ? RidgeOf(reader) : null,
            Precision = reader.Name<NumberPrecision>("precision"),
            NoNeighbour = reader.Name<NoNeighbourPolicy>("no_neighbour"),
            Periods = periods,
        };
        SmootherData data;
        try
        {
            options = options with
            {
                Bandwidth = file.Metadata.ContainsKey(BandwidthIs) && bandwidths.Length == 1 ? Bandwidth.Nearest(bandwidths[0])
                    : Bandwidth.Fixed(bandwidths),
            };
            RegressionCheck.Options(options);
            RegressionCheck.Data(keys, values, bandwidths.Length, weights);
            RegressionCheck.Terms(options, bandwidths.Length);
            RegressionCheck.Periods(options, bandwidths.Length);
            RegressionCheck.Share(options, bandwidths.Length);
            data = SmootherData.Create(keys, values, weights, bandwidths.Length, out int[]? order, PeriodsOf(options));
            bool fits = file.Tensors["keys"].Shape[1] == bandwidths.Length && file.Tensors["values"].Shape[0] == count
                && data.Columns == columns && order is null && (classes.Length == 0 || classes.Length == columns);
            if (!fits)
            {
                throw Others("others (the shapes of its tensors do not fit each other, or its keys are not in order)");
            }
        }
        catch (ArgumentException e)
        {
            throw Others($"others ({e.Message})", e);
        }

        double[] said = reader.Doubles("diagnostics", 1);
        double[] errors = reader.Doubles("residual_standard_error", 1);
        double[] parts = reader.Doubles("r_squared", 1);
        if (said.Length != 5 || errors.Length != columns || parts.Length != columns)
        {
            throw Others("others (not 5 diagnostics and two for each column)");
        }

        if (Array.Exists(errors, error => error < 0 || double.IsInfinity(error)))
        {
            throw Others("others (residual standard errors that are negative or infinite)");
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
        return (new KernelRegression(data, null, bandwidths, options, null, diagnostics) { Classes = classes }, StoredModel.Notes(file));

        static double RidgeOf(StoredModel reader) =>
            double.TryParse(reader.Text("ridge"), NumberStyles.Float, CultureInfo.InvariantCulture, out double ridge)
                && ridge >= 0 && double.IsFinite(ridge)
                ? ridge
                : throw reader.Unexpected("ridge", "a number of at least 0");

        StorageException Others(string found, Exception? inner = null) =>
            new(StorageProblem.Numbers, path, inner) { Expected = "a model of numbers that can be used", Found = found };
    }
}
