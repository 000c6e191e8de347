using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Smoothing;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.Regression.Likelihood;

/// <content>Saving and loading.</content>
public sealed partial class LocalLikelihood
{
    /// <summary>What a file of <see cref="Save"/> says it is, under <c>model</c> in its header.</summary>
    public const string ModelName = "local_likelihood";

    private const int Version = 1;
    private const int Numbers = 6;

    /// <summary>
    /// Saves the model in the safetensors format: keys (n, d), values (n), weights (n) where there are some, bandwidths (d), ridge,
    /// diagnostics, and the options as text.
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
            ["keys"] = SafeTensor.Create(_problem.Data.Keys, Count, Features),
            ["values"] = SafeTensor.Create(_problem.Values, Count),
            ["bandwidths"] = SafeTensor.Create(_problem.Bandwidths, Features),
            ["ridge"] = SafeTensor.Create([Options.RidgeInUse], 1),
            ["diagnostics"] = SafeTensor.Create(Likelihood.ToNumbers(), Numbers),
        };
        if (_problem.Data.Weights.Length > 0)
        {
            tensors["weights"] = SafeTensor.Create(_problem.Data.Weights, Count);
        }

        var metadata = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = Version.ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            ["family"] = Family.ToString(),
            ["kernel"] = KernelRegression.NameInFiles(Options.Kernel),
            ["degree"] = Options.Degree.ToString(CultureInfo.InvariantCulture),
        };
        StoredModel.AddNotes(metadata, notes);
        new SafeTensorsFile(tensors, metadata).Write(path);
    }

    /// <summary>Loads a model that <see cref="Save"/> wrote: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The model, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static (LocalLikelihood Model, IReadOnlyDictionary<string, string> Notes) Load(string path) =>
        Load(path, SafeTensorsFile.Read(path));

    /// <summary>Loads a model of a file that was read before.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <returns>The model, and the notes that were saved with it.</returns>
    /// <exception cref="StorageException">It is of another kind or of a later version, or has a number that cannot be used.</exception>
    public static (LocalLikelihood Model, IReadOnlyDictionary<string, string> Notes) Load(string path, SafeTensorsFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var reader = new StoredModel(path, file, ModelName, Version);
        double[] keys = reader.Doubles("keys", 2);
        double[] values = reader.Doubles("values", 1);
        double[] weights = reader.DoublesIfAny("weights", 1);
        double[] bandwidths = reader.Doubles("bandwidths", 1);
        double[] ridge = reader.Doubles("ridge", 1);
        double[] diagnostics = reader.Doubles("diagnostics", 1);
        ResponseFamily family = reader.Name<ResponseFamily>("family");
        SmoothingKernel kernel = SmoothingKernel.Find(reader.Text("kernel")) ?? throw reader.Unknown("kernel");
        int degree = KernelRegression.DegreeOf(reader);
        if (ridge.Length != 1 || diagnostics.Length != Numbers || keys.Length != values.Length * bandwidths.Length)
        {
            throw reader.Unusable(StoredModel.UnlikeShapes);
        }

        try
        {
            var options = new KernelRegressionOptions
            {
                Kernel = kernel,
                Degree = degree,
                Ridge = degree == 0 ? null : ridge[0],
                Bandwidth = Bandwidth.Fixed(bandwidths),
            };
            LikelihoodCheck.Options(options, family);
            RegressionCheck.Data(keys, values, bandwidths.Length, weights);
            RegressionCheck.Terms(options, bandwidths.Length);
            LikelihoodCheck.Values(values, values.Length, family);
            LikelihoodCheck.BothKinds(values, family);
            var data = SmootherData.Create(keys, values, weights, bandwidths.Length, out int[]? order);
            var problem = new LikelihoodProblem(family, data, data.GivenValues(), kernel, bandwidths, degree, options.RidgeInUse);
            return order is not null ? throw reader.Unusable("its keys are not in order") : (
                new LocalLikelihood(problem, options, LikelihoodDiagnostics.Read(diagnostics), null, []), StoredModel.Notes(file));
        }
        catch (ArgumentException e)
        {
            throw reader.Unusable(e.Message, e);
        }
    }
}
