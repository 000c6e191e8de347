using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Losses;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Cluster;

/// <summary>A training's examples as bytes.</summary>
/// <param name="Bytes">The bytes.</param>
internal sealed record TrainingExamples(byte[] Bytes)
{
    /// <summary>How many bytes there are at most.</summary>
    public const int MostBytes = 1 << 30;

    /// <summary>Their SHA-256.</summary>
    public string Hash { get; } = HashOf(Bytes);

    /// <summary>The examples of a loss: its kernel, keys, values and regions.</summary>
    /// <exception cref="CliException">They are too many.</exception>
    public static TrainingExamples Of<T>(KernelLoss<T> loss)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ReadOnlySpan<byte> keys = MemoryMarshal.AsBytes(loss.Samples.OwnKeys);
        ReadOnlySpan<byte> values = MemoryMarshal.AsBytes(loss.Samples.OwnValues);
        long bytes = keys.Length + (long)values.Length + (sizeof(int) * (long)(loss.Regions?.Length ?? 0));
        if (bytes > MostBytes - 1000)
        {
            throw CliException.WrongInput(
                $"{ClusterAddress.Name}: expected examples of at most {MostBytes} bytes to train on, got {bytes}");
        }

        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(loss.Kernel.Name);
        writer.Write(typeof(T) == typeof(double));
        writer.Write(loss.Samples.Features);
        writer.Write(loss.Samples.Count);
        writer.Write(loss.Regions is not null);
        writer.Write(keys);
        writer.Write(values);
        writer.Write(MemoryMarshal.AsBytes<int>(loss.Regions));
        writer.Flush();
        return new TrainingExamples(stream.ToArray());
    }

    /// <summary>The SHA-256 of bytes.</summary>
    public static string HashOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>Understands bytes.</summary>
    /// <param name="bytes">What <see cref="Of"/> wrote.</param>
    /// <exception cref="ArgumentException">They are of another version's kernel, or a number is not finite.</exception>
    public static ISliceLoss Read(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        string name = reader.ReadString();
        SmoothingKernel kernel = SmoothingKernel.Find(name)
            ?? throw new ArgumentException($"Expected a kernel that is known, got '{PlainText.Brief(name)}'.");
        return reader.ReadBoolean() ? Read<double>(reader, kernel) : Read<float>(reader, kernel);
    }

    private static SliceLoss<T> Read<T>(BinaryReader reader, SmoothingKernel kernel)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        (int features, int count, bool hasRegions) = (reader.ReadInt32(), reader.ReadInt32(), reader.ReadBoolean());
        T[] keys = Numbers<T>(features * count);
        T[] values = Numbers<T>(count);
        return new SliceLoss<T>(kernel, new Samples<T>(keys, values, features), hasRegions ? Numbers<int>(count) : null);

        TNumber[] Numbers<TNumber>(int length)
            where TNumber : unmanaged
        {
            var numbers = new TNumber[length];
            reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(numbers.AsSpan()));
            return numbers;
        }
    }
}

/// <summary>A loss whose slices are asked in bytes.</summary>
internal interface ISliceLoss
{
    /// <summary>What a slice adds to its batch, as bytes.</summary>
    /// <exception cref="ArgumentException">The numbers do not fit each other, or one is not finite.</exception>
    byte[] PartOf(SliceAsked asked, CancellationToken cancellationToken);
}

/// <inheritdoc/>
internal sealed class SliceLoss<T>(SmoothingKernel kernel, Samples<T> samples, int[]? regions) : ISliceLoss
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly Lock _lock = new();
    private (int VectorBits, KernelLoss<T> Loss)? _last;

    /// <summary>A question.</summary>
    public static SliceAsked Ask(string manifest, TrainingExamples examples, LossAsked asked, LossSlice<T> slice) => new()
    {
        Manifest = manifest,
        Examples = examples.Hash,
        W = Wire.Bytes(asked.W),
        Batch = asked.Examples,
        HasGradient = asked.HasGradient,
        VectorBits = new PoolingOptions().Bits,
        Queries = MemoryMarshal.AsBytes(slice.Queries.Span).ToArray(),
        Targets = MemoryMarshal.AsBytes(slice.Targets.Span).ToArray(),
        LeftOut = MemoryMarshal.AsBytes(slice.LeftOut.Span).ToArray(),
        Count = slice.Targets.Length,
    };

    /// <summary>An answer.</summary>
    public static LossPart ReadPart(byte[] bytes)
    {
        double[] numbers = Wire.Numbers(bytes);
        return new LossPart(numbers[0], numbers[1..]);
    }

    /// <inheritdoc/>
    public byte[] PartOf(SliceAsked asked, CancellationToken cancellationToken)
    {
        var slice = new LossSlice<T>(
            MemoryMarshal.Cast<byte, T>(asked.Queries).ToArray(), MemoryMarshal.Cast<byte, T>(asked.Targets).ToArray(),
            MemoryMarshal.Cast<byte, int>(asked.LeftOut).ToArray());
        LossPart part = LossOf(asked.VectorBits).PartOf(
            slice, new LossAsked(Wire.Numbers(asked.W), asked.Batch, asked.HasGradient), cancellationToken);
        return Wire.Bytes([part.Squares, .. part.Gradient]);
    }

    // Each slice is a thread's work.
    private KernelLoss<T> LossOf(int vectorBits)
    {
        lock (_lock)
        {
            if (_last is not { } last || last.VectorBits != vectorBits)
            {
                _last = last = (
                    vectorBits, new KernelLoss<T>(kernel, samples, regions, new PoolingOptions { VectorBits = vectorBits, Threads = 1 }));
            }

            return last.Loss;
        }
    }
}
