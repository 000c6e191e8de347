namespace TorchAttention.Numerics.Sharding;

/// <summary>One file of rows that lie in a box.</summary>
public sealed record Shard
{
    /// <summary>The file's name, in the folder of the manifest.</summary>
    public required string File { get; init; }

    /// <summary>The SHA-256 of the file, in hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    /// <summary>How long the file is.</summary>
    public required long Bytes { get; init; }

    /// <summary>How many rows it has, of which none weighs nothing.</summary>
    public required int Rows { get; init; }

    /// <summary>What they weigh; their number where rows have no weights.</summary>
    public required double Weight { get; init; }

    /// <summary>The least key of each feature (d).</summary>
    public required double[] Least { get; init; }

    /// <summary>The largest key of each feature (d).</summary>
    public required double[] Most { get; init; }

    /// <summary>How many rows of other shards lie in the box once it is wider by each of the <see cref="ShardManifest.Halos"/>.</summary>
    public required long[] Halos { get; init; }

    /// <summary>The squared distance of the box from a place, in bandwidths; 0 within.</summary>
    /// <param name="place">The place (d).</param>
    /// <param name="bandwidths">The bandwidths (d).</param>
    internal double SquareTo(ReadOnlySpan<double> place, ReadOnlySpan<double> bandwidths)
    {
        double square = 0;
        for (int j = 0; j < place.Length; j++)
        {
            double u = Math.Max(0, Math.Max(Least[j] - place[j], place[j] - Most[j])) / bandwidths[j];
            square += u * u;
        }

        return square;
    }

    /// <summary>The squared distance of the box's farthest corner from a place, within which it has a row.</summary>
    /// <inheritdoc cref="SquareTo" path="/param"/>
    internal double SquareAcross(ReadOnlySpan<double> place, ReadOnlySpan<double> bandwidths)
    {
        double square = 0;
        for (int j = 0; j < place.Length; j++)
        {
            double u = Math.Max(Math.Abs(place[j] - Least[j]), Math.Abs(place[j] - Most[j])) / bandwidths[j];
            square += u * u;
        }

        return square;
    }
}
