using System.Runtime.InteropServices;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>Questions and answers as bytes.</summary>
internal static class Wire
{
    /// <summary>A question.</summary>
    public static Asked Ask(ShardManifest manifest, ShardRequest request, double[] queries, NoNeighbourPolicy noNeighbour) => new()
    {
        Manifest = manifest.Hash,
        Kernel = request.Kernel.Name,
        Bandwidths = Bytes(request.Bandwidths),
        Degree = request.Degree,
        HasSlopes = request.HasSlopes,
        IsNearestAsked = noNeighbour == NoNeighbourPolicy.Nearest,
        Queries = Bytes(queries),
        IsAtRows = request.IsAtRows,
        HasBandwidthSlopes = request.HasBandwidthSlopes,
    };

    /// <summary>What is asked of all shards; a reason where it is not to be had here.</summary>
    public static (ShardRequest? Request, string Why) Understand(Asked asked, ShardManifest manifest)
    {
        if (WhyNot(asked.Version, asked.Manifest, manifest) is string other)
        {
            return (null, other);
        }

        if (SmoothingKernel.Find(asked.Kernel) is not SmoothingKernel kernel)
        {
            return (null, $"expected a kernel that is known, got '{PlainText.Brief(asked.Kernel)}'");
        }

        var request = new ShardRequest
        {
            Kernel = kernel,
            Bandwidths = Numbers(asked.Bandwidths),
            Degree = asked.Degree,
            HasSlopes = asked.HasSlopes,
            IsAtRows = asked.IsAtRows,
            HasBandwidthSlopes = asked.HasBandwidthSlopes,
        };
        try
        {
            request.Check(manifest);
            int most = request.MostQueries(manifest);
            int given = asked.Queries.Length / sizeof(double) / manifest.Features;
            return given <= most ? (request, "") : (null, $"expected at most {most} queries in a message, got {given}");
        }
        catch (ArgumentException e)
        {
            return (null, e.Message);
        }
    }

    /// <summary>Why a message is not for these shards; null where it is.</summary>
    public static string? WhyNot(int version, string hash, ShardManifest manifest) =>
        version != Asked.LastVersion ? $"expected messages of version {Asked.LastVersion}, got {version}: "
            + "the program that asks and the cluster are of different versions"
        : hash != manifest.Hash ? $"expected the shards of manifest {manifest.Hash[..12]}, got those of {PlainText.Brief(hash, 12)}"
        : null;

    /// <summary>Numbers as bytes.</summary>
    public static byte[] Bytes(ReadOnlySpan<double> numbers) => MemoryMarshal.AsBytes(numbers).ToArray();

    /// <summary>Bytes as numbers.</summary>
    public static double[] Numbers(ReadOnlySpan<byte> bytes) => MemoryMarshal.Cast<byte, double>(bytes).ToArray();

    /// <summary>Sums as bytes.</summary>
    public static byte[] Bytes(PoolingSums sums)
    {
        using var stream = new MemoryStream();
        sums.Write(stream);
        return stream.ToArray();
    }

    /// <summary>Predictions as bytes.</summary>
    public static byte[] Bytes(Predictions at)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        foreach (double[] numbers in new[] { at.Mean, at.EffectiveNeighbours, at.Slopes })
        {
            writer.Write(numbers.Length);
            writer.Write(MemoryMarshal.AsBytes<double>(numbers));
        }

        foreach (bool[] flags in new[] { at.HasNeighbour, at.IsOutside, at.IsInGap, at.IsLevel })
        {
            writer.Write(flags.Length);
            writer.Write(MemoryMarshal.AsBytes<bool>(flags));
        }

        writer.Flush();
        return stream.ToArray();
    }

    /// <summary>Bytes as predictions.</summary>
    public static Predictions ReadPredictions(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        return new Predictions
        {
            Mean = Doubles(),
            EffectiveNeighbours = Doubles(),
            Slopes = Doubles(),
            HasNeighbour = Flags(),
            IsOutside = Flags(),
            IsInGap = Flags(),
            IsLevel = Flags(),
        };

        double[] Doubles() => Numbers(reader.ReadBytes(sizeof(double) * reader.ReadInt32()));

        bool[] Flags() => Array.ConvertAll(reader.ReadBytes(reader.ReadInt32()), flag => flag != 0);
    }

    /// <summary>Rows as bytes.</summary>
    public static byte[] Bytes(ShardRows rows) =>
    [
        .. BitConverter.GetBytes(rows.Next), .. BitConverter.GetBytes(rows.Keys.Length), .. BitConverter.GetBytes(rows.Values.Length),
        .. Bytes(rows.Keys), .. Bytes(rows.Values), .. Bytes(rows.Weights),
    ];

    /// <summary>Bytes as rows.</summary>
    public static ShardRows ReadRows(byte[] bytes)
    {
        (int keys, int values) = (BitConverter.ToInt32(bytes, 4), BitConverter.ToInt32(bytes, 8));
        double[] numbers = Numbers(bytes.AsSpan(12));
        return new ShardRows(numbers[..keys], numbers[keys..(keys + values)], numbers[(keys + values)..], BitConverter.ToInt32(bytes, 0));
    }
}
