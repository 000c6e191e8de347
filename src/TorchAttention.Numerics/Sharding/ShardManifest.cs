using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.Sharding;

/// <summary>
/// What <c>manifest.json</c> says of rows that were dealt to files by boxes: the files, and what all of them have in common.
/// </summary>
/// <remarks>It knows nothing of kernels and bandwidths: the same shards answer for all.</remarks>
public sealed record ShardManifest
{
    /// <summary>The file's name.</summary>
    public const string FileName = "manifest.json";

    /// <summary>The version of the files, which is written first.</summary>
    public const int LastVersion = 1;

    private const string FormatName = "torchattention.shards";

    /// <summary>What kind of file it is.</summary>
    public string Format { get; init; } = FormatName;

    /// <summary>The version of the manifest and its files.</summary>
    public int Version { get; init; } = LastVersion;

    /// <summary>n.</summary>
    public required long Rows { get; init; }

    /// <summary>d.</summary>
    public required int Features { get; init; }

    /// <summary>v.</summary>
    public required int Columns { get; init; }

    /// <summary>Whether rows have weights.</summary>
    public required bool HasWeights { get; init; }

    /// <summary>The largest weight of a row; 1 where they have none.</summary>
    public required double LargestWeight { get; init; }

    /// <summary>The least value of each column (v).</summary>
    public required double[] LeastValues { get; init; }

    /// <summary>The largest value of each column (v).</summary>
    public required double[] MostValues { get; init; }

    /// <summary>How wide the vectors of the loops are, in bits: the same bits wherever they run.</summary>
    public required int VectorBits { get; init; }

    /// <summary>The distances (k, d) of the counts in <see cref="Shard.Halos"/>, in the units of the features.</summary>
    public required double[][] Halos { get; init; }

    /// <summary>What the columns mean, as a model's notes.</summary>
    public required Dictionary<string, string> Notes { get; init; }

    /// <summary>The shards, in the order in which their sums are added.</summary>
    public required Shard[] Shards { get; init; }

    /// <summary>The SHA-256 of the manifest, which names these shards among all others.</summary>
    [JsonIgnore]
    public string Hash { get; private init; } = "";

    /// <summary>The folder of the files.</summary>
    [JsonIgnore]
    public string Folder { get; private init; } = "";

    /// <summary>The bytes of all files.</summary>
    [JsonIgnore]
    public long Bytes => Shards.Sum(shard => shard.Bytes);

    /// <summary>The least key of each feature (d).</summary>
    [JsonIgnore]
    public double[] LeastKeys => [.. Enumerable.Range(0, Features).Select(j => Shards.Min(shard => shard.Least[j]))];

    /// <summary>The largest key of each feature (d).</summary>
    [JsonIgnore]
    public double[] MostKeys => [.. Enumerable.Range(0, Features).Select(j => Shards.Max(shard => shard.Most[j]))];

    /// <summary>What a row weighs in the mean.</summary>
    internal double MeanWeight => Shards.Sum(shard => shard.Weight) / Rows;

    /// <summary>What all rows weigh, beside the largest weight.</summary>
    internal double RelativeWeight => Shards.Sum(shard => shard.Weight) / LargestWeight;

    /// <summary>Reads a manifest.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="StorageException">It is missing, damaged, of another kind or of a later version.</exception>
    public static ShardManifest Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path))
        {
            throw new StorageException(StorageProblem.Directory, path) { Expected = $"a file {FileName}", Found = "a directory" };
        }

        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            return Read(bytes, path) with
            {
                Hash = Convert.ToHexStringLower(SHA256.HashData(bytes)),
                Folder = Path.GetDirectoryName(Path.GetFullPath(path))!,
            };
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new StorageException(StorageProblem.NoFile, path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new StorageException(StorageProblem.Unreadable, path, e) { Found = SystemReason.Describe(e) };
        }
    }

    /// <summary>The manifest as the file holds it.</summary>
    internal byte[] ToBytes() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ManifestJson.Default.ShardManifest), (byte)'\n'];

    private static ShardManifest Read(byte[] bytes, string path)
    {
        try
        {
            // Those of a later version may lack what this one needs: what they are comes first.
            ManifestKind? kind = JsonSerializer.Deserialize(bytes, ManifestJson.Default.ManifestKind);
            if (kind?.Format != FormatName)
            {
                throw new StorageException(StorageProblem.OtherFormat, path)
                {
                    Expected = "a manifest of shards, as shard writes it",
                    Found = kind?.Format is string other ? $"'{PlainText.Brief(other)}'" : "JSON of another kind",
                };
            }

            if (kind.Version != LastVersion)
            {
                throw new StorageException(StorageProblem.LaterVersion, path)
                {
                    Expected = $"a manifest of version {LastVersion}",
                    Found = $"version {kind.Version}{(kind.Version > LastVersion ? ": it was written by a later TorchAttention" : "")}",
                };
            }

            ShardManifest manifest = JsonSerializer.Deserialize(bytes, ManifestJson.Default.ShardManifest)!;
            return manifest.Fault() is string fault ? throw Damaged(path, fault, null) : manifest;
        }
        catch (JsonException e)
        {
            throw Damaged(path, e.Path is { Length: > 1 } place ? $"JSON that is wrong at {place}" : "damaged or incomplete JSON", e);
        }
    }

    private static StorageException Damaged(string path, string found, Exception? inner) =>
        new(StorageProblem.Numbers, path, inner) { Expected = "a manifest of shards", Found = found };

    // What is wrong with the numbers; null where nothing is.
    private string? Fault()
    {
        bool areColumns = Features > 0 && Columns > 0 && LeastValues.Length == Columns && MostValues.Length == Columns
            && LeastValues.Zip(MostValues, (least, most) => double.IsFinite(least) && double.IsFinite(most) && least <= most).All(it => it)
            && LargestWeight > 0 && double.IsFinite(LargestWeight) && (HasWeights || LargestWeight == 1)
            && Halos.All(distances => distances.Length == Features);
        return !areColumns ? "features, columns or values that do not fit each other"
            : VectorBits is not (128 or 256 or 512) ? $"vectors of {VectorBits} bits"
            : Shards.Length == 0 ? "no shard"
            : Shards.FirstOrDefault(shard => !IsSound(shard)) is Shard wrong
                ? $"a shard '{PlainText.Brief(wrong.File)}' whose numbers do not fit"
            : Shards.Select(shard => shard.File).Distinct().Count() < Shards.Length ? "a file that is named twice"
            : Shards.Sum(shard => (long)shard.Rows) != Rows
                ? $"{Rows} rows in all, and {Shards.Sum(shard => (long)shard.Rows)} in the shards"
            : null;
    }

    private bool IsSound(Shard shard) => shard.Rows > 0 && shard.Bytes > 0 && shard.Weight > 0 && double.IsFinite(shard.Weight)
        && shard.Sha256.Length == 2 * SHA256.HashSizeInBytes && shard.Sha256.All(char.IsAsciiHexDigitLower)
        && shard.Least.Length == Features && shard.Most.Length == Features && shard.Halos.Length == Halos.Length
        && shard.Least.Zip(shard.Most, (least, most) => double.IsFinite(least) && double.IsFinite(most) && least <= most).All(it => it)
        && shard.File.Length > 0 && Path.GetFileName(shard.File) == shard.File && shard.File is not ("." or "..");

    internal sealed record ManifestKind
    {
        public string? Format { get; init; }

        public int Version { get; init; }
    }
}

/// <summary>Manifests as JSON, by code made at compile time.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, NewLine = "\n", RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ShardManifest))]
[JsonSerializable(typeof(ShardManifest.ManifestKind))]
internal sealed partial class ManifestJson : JsonSerializerContext;
