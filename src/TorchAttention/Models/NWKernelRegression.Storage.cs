using System.Globalization;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Models;

/// <content>Saving and loading.</content>
public sealed partial class NWKernelRegression
{
    private const string Format = "torchattention";
    private const string ModelName = "nw_kernel_regression";
    private const int Version = 1;

    /// <summary>Saves the model in the safetensors format: w (1), keys and values (keys) in their own number type, the options as text.</summary>
    /// <param name="path">The file; replaced where it exists, whole or not at all.</param>
    /// <exception cref="NotSupportedException">The numbers are neither float32 nor float64.</exception>
    /// <exception cref="IOException">The directory is missing or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written to.</exception>
    public void Save(string path)
    {
        var tensors = new Dictionary<string, SafeTensor> { ["keys"] = Stored(Keys), ["values"] = Stored(Values), ["w"] = Stored(W) };
        var metadata = new Dictionary<string, string>
        {
            ["format"] = Format,
            ["version"] = Version.ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
            ["kernel"] = TorchAttention.Numerics.Kernels.Gaussian.Name,
            ["lr"] = Options.LearningRate.ToString("R", CultureInfo.InvariantCulture),
            ["leave_one_out"] = LeaveOneOut ? "true" : "false",
        };
        new SafeTensorsFile(tensors, metadata).Write(path);
    }

    /// <summary>Loads a model that <see cref="Save"/> wrote: its predictions are the same bit for bit.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where the model is to be; the CPU where null.</param>
    /// <returns>The model.</returns>
    /// <exception cref="StorageException">The file is missing, damaged, of another kind or of a later version.</exception>
    public static NWKernelRegression Load(string path, Device? device = null)
    {
        SafeTensorsFile file = SafeTensorsFile.Read(path);
        var reader = new StoredModel(path, file, Format, ModelName, Version);
        if (!double.TryParse(reader.Text("lr"), NumberStyles.Float, CultureInfo.InvariantCulture, out double lr))
        {
            throw reader.Unknown("lr");
        }

        bool leaveOneOut = reader.Text("leave_one_out") switch { "true" => true, "false" => false, _ => throw reader.Unknown("leave_one_out") };
        using DisposeScope scope = NewDisposeScope();
        (Tensor keys, Tensor values, Tensor w) = (Loaded("keys"), Loaded("values"), Loaded("w"));
        if (values.dtype != keys.dtype || w.dtype != keys.dtype || w.shape[0] != 1)
        {
            throw new StorageException(path, "expected keys, values and one w of one number type, found others");
        }

        try
        {
            var model = new NWKernelRegression(keys, values, lr, leaveOneOut);
            using IDisposable noGradient = no_grad();
            model.W.copy_(w);
            return model;
        }
        catch (ArgumentException e)
        {
            throw new StorageException(path, $"expected a model of numbers that can be used, found others ({e.Message.TrimEnd('.')})", e);
        }

        Tensor Loaded(string name) => file.Tensors.TryGetValue(name, out SafeTensor? stored) && stored.DataType == "F32"
            ? tensor(reader.Floats(name, 1), device: device)
            : tensor(reader.Doubles(name, 1), device: device);
    }

    private static SafeTensor Stored(Tensor numbers)
    {
        using Tensor here = numbers.detach().cpu().contiguous();
        return here.dtype switch
        {
            ScalarType.Float32 => SafeTensor.Of(here.data<float>().ToArray(), here.shape),
            ScalarType.Float64 => SafeTensor.Of(here.data<double>().ToArray(), here.shape),
            ScalarType other => throw new NotSupportedException($"Expected numbers of float32 or float64, got {other}."),
        };
    }
}
