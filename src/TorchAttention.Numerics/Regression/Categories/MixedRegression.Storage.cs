using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.Regression.Categories;

/// <content>Saving and loading.</content>
public sealed partial class MixedRegression
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "mixed_regression";

    private const int Version = 2;

    // A program that knows none but the degree 0 is not to take a model of another for one of that.
    private const int VersionOfMeans = 1;

    /// <summary>
    /// Saves the model in the safetensors format: numbers (n, p), levels (n, c), values (n), weights (n) where there are some, bandwidths
    /// (p), lambdas (c), and the levels' names and options as text.
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
            ["numbers"] = SafeTensor.Create(_data.Numbers.Keys, Count, _numbers.Length),
            ["levels"] = SafeTensor.Create([.. _data.Levels.Select(level => (long)level)], Count, _levels.Length),
            ["values"] = SafeTensor.Create(_data.Numbers.GivenValues(), Count),
            ["bandwidths"] = SafeTensor.Create(_bandwidths, _bandwidths.Length),
            ["lambdas"] = SafeTensor.Create(_lambdas, _lambdas.Length),
            ["diagnostics"] = SafeTensor.Create(Diagnostics.ToNumbers(), 7),
            ["studentised"] = SafeTensor.Create(_studentised, Count),
        };
        if (_data.Numbers.Weights.Length > 0)
        {
            tensors["weights"] = SafeTensor.Create(_data.Numbers.Weights, Count);
        }

        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = (Options.Degree == 0 ? VersionOfMeans : Version).ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            ["kernel"] = KernelRegression.NameInFiles(Options.Kernel),
            ["columns"] = StoredModel.Text([.. Categories.Select(category => category is null ? "" : $"{category.Kernel}")]),
        };
        foreach (int column in _levels)
        {
            metadata[LevelsOf(column)] = StoredModel.Text(Categories[column]!.Levels);
        }

        if (Options.Degree > 0)
        {
            metadata["degree"] = Options.Degree.ToString(CultureInfo.InvariantCulture);
            metadata["ridge"] = Options.RidgeInUse.ToString("R", CultureInfo.InvariantCulture);
        }

        KernelRegression.AddWeightMeaning(metadata, Options);
        StoredModel.AddNotes(metadata, notes);
        new SafeTensorsFile(tensors, metadata).Write(path);
    }

    /// <summary>Loads a model that <see cref="Save"/> wrote: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The model, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static (MixedRegression Model, IReadOnlyDictionary<string, string> Notes) Load(string path) =>
        Load(path, SafeTensorsFile.Read(path));

    /// <summary>Loads a model of a file that was read before.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <returns>The model, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">It is of another kind or of a later version, or has a number that cannot be used.</exception>
    public static (MixedRegression Model, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var reader = new StoredModel(path, file, ModelName, Version);
        Category?[] categories = [.. reader.Strings("columns").Select((kernel, column) => kernel.Length == 0 ? null
            : new Category(
                reader.Strings(LevelsOf(column)),
                Enum.TryParse(kernel, out CategoryKernel known) && Enum.IsDefined(known) ? known : throw reader.Unknown("columns")))];
        double[] numbers = reader.Doubles("numbers", 2);
        long[] levels = reader.Longs("levels", 2);
        double[] values = reader.Doubles("values", 1);
        double[] weights = reader.DoublesIfAny("weights", 1);
        double[] bandwidths = reader.Doubles("bandwidths", 1);
        double[] lambdas = reader.Doubles("lambdas", 1);
        double[] diagnostics = reader.Doubles("diagnostics", 1);
        double[] studentised = reader.Doubles("studentised", 1);
        SmoothingKernel kernel = SmoothingKernel.Find(reader.Text("kernel")) ?? throw reader.Unknown("kernel");
        (int[] ofNumbers, int[] ofLevels) = Split(categories);
        int n = values.Length;
        if (numbers.Length != n * ofNumbers.Length || levels.Length != n * ofLevels.Length || studentised.Length != n
            || bandwidths.Length != ofNumbers.Length || diagnostics.Length != 7)
        {
            throw reader.Unusable(StoredModel.UnlikeShapes);
        }

        try
        {
            double[] x = new double[n * categories.Length];
            for (int i = 0; i < n; i++)
            {
                foreach ((int j, int column) in ofNumbers.Index())
                {
                    x[(i * categories.Length) + column] = numbers[(i * ofNumbers.Length) + j];
                }

                foreach ((int j, int column) in ofLevels.Index())
                {
                    x[(i * categories.Length) + column] = levels[(i * ofLevels.Length) + j];
                }
            }

            var options = new KernelRegressionOptions
            {
                Kernel = kernel,
                Degree = file.Metadata.ContainsKey("degree") ? KernelRegression.DegreeOf(reader) : 0,
                Ridge = file.Metadata.ContainsKey("ridge") ? KernelRegression.RidgeOf(reader) : null,
                Bandwidth = Bandwidth.Fixed(bandwidths),
                WeightsAre = KernelRegression.WeightMeaningOf(file, reader),
            };
            CheckOptions(options, categories, lambdas);
            RegressionCheck.Terms(options, ofNumbers.Length);
            RegressionCheck.Data(x, values, categories.Length, weights);
            MixedData data = Arrange(x, values, categories, weights, nameof(file), out int[]? order);
            return order is not null ? throw reader.Unusable("its numbers are not in order") : (
                new MixedRegression(data, categories, bandwidths, lambdas, options, Diagnostics.Read(diagnostics), studentised, []),
                StoredModel.Notes(file));
        }
        catch (ArgumentException e)
        {
            throw reader.Unusable(e.Message, e);
        }
    }

    private static string LevelsOf(int column) => string.Create(CultureInfo.InvariantCulture, $"levels.{column}");
}
