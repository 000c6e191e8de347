using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Sharding;

/// <summary>What is asked of all shards alike.</summary>
public sealed record ShardRequest
{
    // Beyond these the reach of a kernel, or what a way is in bandwidths, is no number.
    private const double Narrowest = 1e-300;
    private const double Widest = 1e300;

    /// <summary>The kernel.</summary>
    public required SmoothingKernel Kernel { get; init; }

    /// <summary>Bandwidths h (d).</summary>
    public required double[] Bandwidths { get; init; }

    /// <summary>0 or 1.</summary>
    public int Degree { get; init; }

    /// <summary>Whether the derivatives by each feature are computed.</summary>
    public bool HasSlopes { get; init; }

    /// <summary>
    /// Whether residuals say how the leave-one-out error changes with the bandwidths; of a kernel that jumps it does not.
    /// </summary>
    public bool HasBandwidthSlopes { get; init; }

    /// <summary>Whether the queries are rows of the shards, which lie in no gap.</summary>
    internal bool IsAtRows { get; init; }

    /// <summary>Whether answers at rows have derivatives by the bandwidths.</summary>
    internal bool AreBandwidthsMoved => IsAtRows && HasBandwidthSlopes && !Kernel.HasJump;

    /// <summary>What sums have beside those of weights and values.</summary>
    internal PoolingParts Parts => PoolingParts.EffectiveNeighbours
        | (AreBandwidthsMoved || (double.IsPositiveInfinity(Kernel.Support) && !IsAtRows) ? PoolingParts.BandwidthGradient : 0)
        | (HasSlopes && Degree == 0 ? PoolingParts.QueryGradient : 0);

    /// <summary>Refuses what cannot be asked of shards.</summary>
    /// <param name="manifest">The shards.</param>
    /// <exception cref="ArgumentException">Another number of bandwidths, one beyond 1e-300 or 1e300, or another degree.</exception>
    public void Check(ShardManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        if (Bandwidths.Length != manifest.Features || !Bandwidths.All(h => h is >= Narrowest and <= Widest))
        {
            throw new ArgumentException(
                $"Expected a bandwidth from {Narrowest} to {Widest} for each of {manifest.Features} features, "
                    + $"got {string.Join(", ", Bandwidths)}.");
        }

        if (Degree is not (0 or 1))
        {
            throw new ArgumentException($"Expected the degree 0 or 1, got {Degree}.");
        }
    }

    /// <summary>The most queries of one question, so that its answer has at most 1 MB.</summary>
    internal int MostQueries(ShardManifest manifest)
    {
        const int most = 1 << 15;
        const int bytes = 1_000_000;
        int numbers = PoolingSums.LayoutOf(manifest.Features, manifest.Columns, Parts, Degree).Length + (2 * manifest.Features)
            + manifest.Columns + 8;
        return Math.Clamp(bytes / (sizeof(double) * numbers), 1, most);
    }
}

/// <summary>What one shard is asked.</summary>
/// <param name="Shard">Which shard.</param>
/// <param name="Queries">Queries (m, d), row by row.</param>
/// <param name="IsCareful">Whether each is summed pair by pair relative to its nearest key.</param>
public sealed record ShardQuestion(int Shard, double[] Queries, bool IsCareful);
