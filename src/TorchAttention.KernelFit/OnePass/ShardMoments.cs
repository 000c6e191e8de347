using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.OnePass;

/// <summary>Moments of a shard, which go from one process to another as the bytes of their file.</summary>
internal static class ShardMoments
{
    private const string Name = "moments";
    private const int BatchRows = 1 << 16;

    /// <summary>The moments of some rows.</summary>
    /// <param name="grid">Moments of no rows, cut as these are to be, of one feature or of several.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="features">The number of features.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="StorageException">These are no moments.</exception>
    /// <exception cref="RegressionDataException">A row does not fit the grid.</exception>
    public static byte[] Of(byte[] grid, ShardRows rows, int features, CancellationToken cancellationToken)
    {
        var file = SafeTensorsFile.Read(grid, Name);
        return file.Metadata.GetValueOrDefault("model") == BoxMoments.ModelName ? Of<BoxMoments>(file, rows, features, cancellationToken)
            : Of<Moments>(file, rows, features, cancellationToken);
    }

    /// <summary>As bytes.</summary>
    public static byte[] ToBytes<T>(T moments)
        where T : class, IRowSums<T>
    {
        using var stream = new MemoryStream();
        moments.ToFile(null).Write(stream);
        return stream.ToArray();
    }

    /// <summary>From bytes.</summary>
    /// <exception cref="StorageException">They are damaged.</exception>
    public static T Read<T>(byte[] bytes)
        where T : class, IRowSums<T> => T.Load(Name, SafeTensorsFile.Read(bytes, Name)).Moments;

    private static byte[] Of<T>(SafeTensorsFile grid, ShardRows rows, int features, CancellationToken cancellationToken)
        where T : class, IRowSums<T>
    {
        T moments = T.Load(Name, grid).Moments;
        int count = rows.Keys.Length / features;
        int columns = rows.Values.Length / count;
        for (int first = 0; first < count; first += BatchRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int some = Math.Min(BatchRows, count - first);
            moments.Add(
                rows.Keys.AsSpan(first * features, some * features), rows.Values.AsSpan(first * columns, some * columns), null,
                rows.Weights.Length == 0 ? [] : rows.Weights.AsSpan(first, some));
        }

        return ToBytes(moments);
    }
}
