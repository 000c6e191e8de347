using TorchAttention.Training;

namespace TorchAttention.Models;

/// <summary>The state of models as the tensors of a file, and back.</summary>
/// <param name="path">The file, for messages.</param>
/// <param name="file">Its content.</param>
/// <param name="device">Where tensors are to be; the CPU where null.</param>
internal sealed class StoredState(string path, SafeTensorsFile file, Device? device)
{
    /// <summary>The shape of the keys.</summary>
    public long[] Keys { get; } = KeysOf(path, file);

    /// <summary>How many features the keys have.</summary>
    public int Features => Keys is [_, long features] ? checked((int)features) : 1;

    /// <summary>The largest number of the keys' type.</summary>
    public double LargestNumber => file.Tensors["keys"].DataType == "F32" ? float.MaxValue : double.MaxValue;

    /// <summary>How many w there are, from 1 to the number of keys.</summary>
    public long Widths =>
        file.Tensors.TryGetValue("w", out SafeTensor? w) && w.Shape.Count == 1 ? Math.Clamp(w.Shape[0], 1, Keys[0]) : 1;

    /// <summary>The tensors of a model's state, by name.</summary>
    public static Dictionary<string, SafeTensor> Tensors(Module model)
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

    /// <summary>Whether there is a tensor.</summary>
    public bool Has(string name) => file.Tensors.ContainsKey(name);

    /// <summary>A tensor.</summary>
    public Tensor Loaded(string name)
    {
        SafeTensor stored = file.Tensors[name];
        return stored.DataType switch
        {
            "F32" => tensor(stored.ToFloats(), [.. stored.Shape], device: device),
            "F64" => tensor(stored.ToDoubles(), [.. stored.Shape], device: device),
            _ => tensor(stored.ToLongs(), [.. stored.Shape], device: device),
        };
    }

    /// <summary>Gives a model the file's numbers.</summary>
    public Module Fill(Module model)
    {
        foreach ((string name, Tensor tensor) in model.state_dict())
        {
            TensorBytes.CopyTo(tensor, file.Tensors[name].Bytes);
        }

        return model;
    }

    /// <summary>
    /// Checks that the shapes that the options ask for are those of the file, before anything is made after them, and the numbers finite.
    /// </summary>
    /// <param name="expected">Each tensor's name and shape.</param>
    /// <exception cref="StorageException">They are not.</exception>
    public void Check(IReadOnlyList<(string Name, long[] Shape)> expected)
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

    private static long[] KeysOf(string path, SafeTensorsFile file)
    {
        if (!file.Tensors.TryGetValue("keys", out SafeTensor? keys) || keys.DataType is not ("F32" or "F64")
            || keys.Shape.Count is not (1 or 2) || keys.Shape.Contains(0))
        {
            throw Wrong(path, "keys", "as F32 or F64 with 1 or 2 sides of at least 1", keys);
        }

        return [.. keys.Shape];
    }

    /// <summary>Checks that each region has a w: it would be an index out of its range.</summary>
    /// <exception cref="StorageException">One has none.</exception>
    public void CheckRegions(long widths)
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
}
