using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Sharding;

/// <summary>The file of one shard's rows.</summary>
internal static class ShardFile
{
    private const string ModelName = "shard";
    private const string Keys = "keys";
    private const string Values = "values";
    private const string Weights = "weights";

    /// <summary>Writes one.</summary>
    public static void Write(string path, double[] keys, double[] values, double[] weights, int features, int columns)
    {
        int rows = keys.Length / features;
        var tensors = new Dictionary<string, SafeTensor>
        {
            [Keys] = SafeTensor.Create(keys, rows, features),
            [Values] = SafeTensor.Create(values, rows, columns),
        };
        if (weights.Length > 0)
        {
            tensors[Weights] = SafeTensor.Create(weights, rows);
        }

        var file = new SafeTensorsFile(tensors, new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["version"] = ShardManifest.LastVersion.ToString(CultureInfo.InvariantCulture),
            ["model"] = ModelName,
        });
        WholeFile.Write(path, file.Write, durable: true);
    }

    /// <summary>Reads one whose hash is as the manifest says.</summary>
    /// <param name="manifest">The manifest.</param>
    /// <param name="shard">Which.</param>
    /// <exception cref="StorageException">It is missing, damaged, or another file than the manifest's.</exception>
    public static Samples<double> Load(ShardManifest manifest, int shard) => Read(manifest, shard, (keys, values, weights) =>
        new Samples<double>(
            keys, values, manifest.Features, weights, new(manifest.LeastValues, manifest.MostValues, manifest.LargestWeight)));

    /// <summary>The rows of one, as they are in the file.</summary>
    /// <inheritdoc cref="Load"/>
    public static ShardRows Rows(ShardManifest manifest, int shard) => Read(
        manifest, shard, (keys, values, weights) => new ShardRows([.. keys], [.. values], [.. weights], -1));

    private static T Read<T>(
        ShardManifest manifest, int shard, Func<ReadOnlySpan<double>, ReadOnlySpan<double>, ReadOnlySpan<double>, T> use)
    {
        Shard entry = manifest.Shards[shard];
        string path = Path.Combine(manifest.Folder, entry.File);
        string found = SafeTensorsFile.HashOf(path);
        if (found != entry.Sha256)
        {
            throw new StorageException(StorageProblem.Digest, path)
            {
                Expected = $"the file of the manifest, whose SHA-256 begins with {entry.Sha256[..12]}",
                Found = $"one with {found[..12]}: it is damaged, or of other shards",
            };
        }

        var reader = new StoredModel(path, SafeTensorsFile.Read(path), ModelName, ShardManifest.LastVersion);
        ReadOnlySpan<double> keys = reader.View(Keys, 2);
        ReadOnlySpan<double> values = reader.View(Values, 2);
        ReadOnlySpan<double> weights = manifest.HasWeights ? reader.View(Weights, 1) : [];
        return keys.Length == (long)entry.Rows * manifest.Features && values.Length == (long)entry.Rows * manifest.Columns
            && weights.Length == (manifest.HasWeights ? entry.Rows : 0)
            ? use(keys, values, weights)
            : throw new StorageException(StorageProblem.Numbers, path)
            {
                Expected = $"{entry.Rows} rows of {manifest.Features} keys and {manifest.Columns} values",
                Found = $"{keys.Length} keys and {values.Length} values",
            };
    }
}
