using System.Globalization;
using TorchAttention.Numerics.Storage;
using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>The state of models as the tensors of a file, and back.</summary>
internal static class StoredState
{
    /// <summary>The tensors of a model's state, by name.</summary>
    public static Dictionary<string, SafeTensor> Of(Module model)
    {
        Dictionary<string, Tensor> state = model.state_dict();
        ScalarType[] types = [.. state.Values.Select(tensor => tensor.dtype).Where(type => type != ScalarType.Int64).Distinct()];
        if (types is not ([ScalarType.Float32] or [ScalarType.Float64]))
        {
            throw new NotSupportedException($"Expected numbers of float32 or float64 alone, got {string.Join(" and ", types)}.");
        }

        var stored = state.OrderBy(entry => entry.Key, StringComparer.Ordinal).ToDictionary(
            entry => entry.Key, entry => TensorBytes.Stored(entry.Value));
        foreach ((string name, SafeTensor tensor) in stored)
        {
            if (NotFinite(tensor) is string problem)
            {
                throw new ArgumentException($"Expected finite numbers in '{name}', got {problem}.", nameof(model));
            }
        }

        return stored;
    }

    /// <summary>How many features the keys of a file have.</summary>
    public static int Features(string path, SafeTensorsFile file) => Keys(path, file) is [_, long features] ? checked((int)features) : 1;

    /// <summary>The largest number of the type of a file's keys.</summary>
    public static double LargestNumber(string path, SafeTensorsFile file)
    {
        Keys(path, file);
        return file.Tensors["keys"].DataType == "F32" ? float.MaxValue : double.MaxValue;
    }

    /// <summary>A kernel model of a file.</summary>
    public static Module Create(string path, SafeTensorsFile file, string kind, KernelModelOptions options, Device? device)
    {
        long[] keys = Keys(path, file);
        long widths = kind switch
        {
            ModelFile.Kernel => 1,
            ModelFile.Relevance => keys.Length == 1 ? 1 : keys[1],
            _ => file.Tensors.TryGetValue("w", out SafeTensor? w) && w.Shape.Count == 1 ? Math.Clamp(w.Shape[0], 1, keys[0]) : 1,
        };
        List<(string, long[])> expected = [("keys", keys), ("values", [keys[0]]), ("w", [widths])];
        if (kind == ModelFile.Regional)
        {
            expected.Add(("regions", [keys[0]]));
        }

        Check(path, file, expected);
        (Tensor x, Tensor y) = (Loaded(file.Tensors["keys"], device), Loaded(file.Tensors["values"], device));
        return Filled(file, kind switch
        {
            ModelFile.Kernel => new NWKernelRegression(x, y, options),
            ModelFile.Relevance => new RelevanceKernelRegression(x, y, options),
            _ => new RegionalKernelRegression(x, y, Regions(path, file, widths), options),
        });
    }

    /// <summary>An attention model of a file.</summary>
    public static Module Create(string path, SafeTensorsFile file, AttentionRegressionOptions options, Device? device)
    {
        long[] keys = Keys(path, file);
        Check(path, file, [("keys", keys), ("values", [keys[0]]), .. AttentionRegression.Shapes(keys.Length == 1 ? 1 : keys[1], options)]);
        return Filled(file, new AttentionRegression(Loaded(file.Tensors["keys"], device), Loaded(file.Tensors["values"], device), options));
    }

    // The shapes that the options ask for are those of the file before anything is made after them.
    private static void Check(string path, SafeTensorsFile file, List<(string Name, long[] Shape)> expected)
    {
        string type = file.Tensors["keys"].DataType;
        foreach ((string name, long[] shape) in expected)
        {
            string expectedType = name == "regions" ? "I64" : type;
            if (!file.Tensors.TryGetValue(name, out SafeTensor? tensor) || tensor.DataType != expectedType
                || !tensor.Shape.SequenceEqual(shape))
            {
                throw Wrong(path, name, $"as {expectedType} ({string.Join(", ", shape)})", tensor);
            }
        }

        foreach ((string name, _) in expected)
        {
            if (NotFinite(file.Tensors[name]) is string problem)
            {
                throw new StorageException(StorageProblem.Numbers, path) { Expected = $"finite numbers in '{name}'", Found = problem };
            }
        }

        if (file.Tensors.Count != expected.Count)
        {
            throw new StorageException(StorageProblem.Tensor, path)
            {
                Expected = $"the tensors {string.Join(", ", expected.Select(tensor => tensor.Name))} alone",
                Found = $"{file.Tensors.Count}",
            };
        }
    }

    private static long[] Keys(string path, SafeTensorsFile file)
    {
        if (!file.Tensors.TryGetValue("keys", out SafeTensor? keys) || keys.DataType is not ("F32" or "F64")
            || keys.Shape.Count is not (1 or 2) || keys.Shape.Contains(0))
        {
            throw Wrong(path, "keys", "as F32 or F64 with 1 or 2 sides of at least 1", keys);
        }

        return [.. keys.Shape];
    }

    // A region that names no w would be an index out of its range.
    private static int Regions(string path, SafeTensorsFile file, long widths)
    {
        foreach (long region in file.Tensors["regions"].ToLongs())
        {
            if (region < 0 || region >= widths)
            {
                throw new StorageException(StorageProblem.Numbers, path)
                {
                    Expected = $"regions from 0 to {widths - 1}",
                    Found = $"{region}",
                };
            }
        }

        return checked((int)widths);
    }

    private static StorageException Wrong(string path, string name, string expected, SafeTensor? found) =>
        new(StorageProblem.Tensor, path) { Name = name, Expected = expected, Found = found?.ToString() };

    // The first number that is not finite, and its place among all, row by row; null where there is none.
    private static string? NotFinite(SafeTensor tensor)
    {
        IEnumerable<double> numbers =
            tensor.DataType switch { "F32" => tensor.ToFloats().Select(number => (double)number), "F64" => tensor.ToDoubles(), _ => [] };
        int place = 0;
        foreach (double number in numbers)
        {
            place++;
            if (!double.IsFinite(number))
            {
                return string.Create(CultureInfo.InvariantCulture, $"{number} as number {place} of {tensor}");
            }
        }

        return null;
    }

    private static Module Filled(SafeTensorsFile file, Module model)
    {
        foreach ((string name, Tensor tensor) in model.state_dict())
        {
            TensorBytes.CopyTo(tensor, file.Tensors[name].Bytes);
        }

        return model;
    }

    private static Tensor Loaded(SafeTensor stored, Device? device) => stored.DataType switch
    {
        "F32" => tensor(stored.ToFloats(), [.. stored.Shape], device: device),
        "F64" => tensor(stored.ToDoubles(), [.. stored.Shape], device: device),
        _ => tensor(stored.ToLongs(), [.. stored.Shape], device: device),
    };
}
