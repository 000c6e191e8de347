using TorchAttention.Numerics.Storage;
using TorchAttention.Training;

namespace TorchAttention.Models;

/// <content>Saving and loading.</content>
public sealed partial class NWKernelRegression
{
    internal static ModelKind Kind { get; } = new KernelModelKind<NWKernelRegression>(
        "nw_kernel_regression", _ => 1, (keys, values, options, _) => new NWKernelRegression(keys, values, options));

    /// <summary>
    /// Saves the model as <see cref="ModelFile"/> does: w (1), keys and values in their own number type, the options as text.
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
        Module loaded = ModelFile.Load(path, SafeTensorsFile.Read(path), device, [Kind]);
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
}
