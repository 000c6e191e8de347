using System.Numerics;
using System.Runtime.CompilerServices;
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
    /// <exception cref="ArgumentException">They are of another version's kernel, or no examples, or a number is not finite.</exception>
    public static ISliceLoss Read(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        try
        {
            string name = reader.ReadString();
            SmoothingKernel kernel = SmoothingKernel.Find(name)
                ?? throw new ArgumentException($"Expected a kernel that is known, got '{PlainText.Brief(name)}'.");
            return reader.ReadBoolean() ? Read<double>(reader, kernel) : Read<float>(reader, kernel);
        }
        catch (Exception e) when (e is IOException or FormatException)
        {
            throw new ArgumentException($"Expected examples, got {bytes.Length} bytes that are none: {e.Message}", e);
        }
    }

    private static SliceLoss<T> Read<T>(BinaryReader reader, SmoothingKernel kernel)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        (int features, int count, bool hasRegions) = (reader.ReadInt32(), reader.ReadInt32(), reader.ReadBoolean());
        if (hasRegions && features != 1)
        {
            throw new ArgumentException($"Expected one feature where w is that of regions, got {features}.");
        }

        T[] keys = Numbers<T>((long)features * count);
        T[] values = Numbers<T>(count);
        return new SliceLoss<T>(kernel, new Samples<T>(keys, values, features), hasRegions ? Numbers<int>(count) : null);

        TNumber[] Numbers<TNumber>(long length)
            where TNumber : unmanaged
        {
            long most = (reader.BaseStream.Length - reader.BaseStream.Position) / Unsafe.SizeOf<TNumber>();
            if (length < 0 || length > most)
            {
                throw new ArgumentException($"Expected at most {most} numbers of {count} examples by {features}, got {length}.");
            }

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
    /// <param name="asked">The slice.</param>
    /// <param name="w">w.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentException">The numbers do not fit each other, or one is not finite.</exception>
    byte[] PartOf(SliceAsked asked, double[] w, CancellationToken cancellationToken);
}

/// <inheritdoc/>
internal sealed class SliceLoss<T>(SmoothingKernel kernel, Samples<T> samples, int[]? regions) : ISliceLoss
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly int _regions = RegionsOf(regions);
    private readonly Lock _lock = new();
    private (int VectorBits, KernelLoss<T> Loss)? _last;

    /// <summary>A question.</summary>
    public static SliceAsked Ask(
        string manifest, TrainingExamples examples, WidthsSent? widths, LossAsked asked, LossSlice<T> slice) => new()
        {
            Manifest = manifest,
            Examples = examples.Hash,
            W = widths is null ? Wire.Bytes(asked.W) : [],
            WHash = widths?.Hash ?? "",
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
    public byte[] PartOf(SliceAsked asked, double[] w, CancellationToken cancellationToken)
    {
        var slice = new LossSlice<T>(
            MemoryMarshal.Cast<byte, T>(asked.Queries).ToArray(), MemoryMarshal.Cast<byte, T>(asked.Targets).ToArray(),
            MemoryMarshal.Cast<byte, int>(asked.LeftOut).ToArray());
        var whole = new LossAsked(w, asked.Batch, asked.HasGradient);
        Check(slice, whole, asked.Count);
        LossPart part = LossOf(asked.VectorBits).PartOf(slice, whole, cancellationToken);
        return Wire.Bytes([part.Squares, .. part.Gradient]);
    }

    // What the engine takes for granted of a caller in its own process.
    private void Check(LossSlice<T> slice, LossAsked asked, int count)
    {
        if (count < 1 || asked.Examples < count || slice.Targets.Length != count || slice.Queries.Length != (long)count * samples.Features)
        {
            throw new ArgumentException(
                $"Expected {count} of {asked.Examples} examples by {samples.Features}, got {slice.Queries.Length} numbers and "
                    + $"{slice.Targets.Length} targets.");
        }

        bool areWidthsRight = _regions == 0 ? asked.W.Length == 1 || asked.W.Length == samples.Features : asked.W.Length >= _regions;
        if (!areWidthsRight)
        {
            throw new ArgumentException(
                $"Expected w of {(_regions == 0 ? samples.Features : _regions)} numbers, got {asked.W.Length}.");
        }

        if (slice.LeftOut.Length > 0
            && (slice.LeftOut.Length != count || slice.LeftOut.Span.ContainsAnyExceptInRange(-1, samples.Count - 1)))
        {
            throw new ArgumentException(
                $"Expected a place below {samples.Count} that each of {count} examples leaves out, or -1, got another.");
        }
    }

    private static int RegionsOf(int[]? regions) =>
        regions is null ? 0
        : regions.Min() >= 0 && regions.Max() < regions.Length ? regions.Max() + 1
        : throw new ArgumentException($"Expected regions from 0 on, one for each of {regions.Length} keys at most, got others.");

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
