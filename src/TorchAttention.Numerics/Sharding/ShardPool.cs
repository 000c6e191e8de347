using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.Sharding;

/// <summary>The rows of one shard in memory, and what was prepared of them for the last bandwidths. For several threads at once.</summary>
public sealed class ShardPool : IDisposable
{
    // What is prepared for a bandwidth takes about as much room as the rows.
    private const int MostPoolers = 2;

    // Of rows in one message.
    private const int MostBytes = 1_000_000;

    private readonly ShardManifest _manifest;
    private readonly Samples<double> _samples;
    private readonly Lazy<Samples<double>>? _roots;
    private readonly Lock _lock = new();
    private readonly List<(string Key, Pooler<double> Pooler)> _poolers = [];

    private readonly int? _threads;

    private ShardPool(ShardManifest manifest, Samples<double> samples, int? threads) =>
        (_manifest, _samples, _threads, _roots) = (
            manifest, samples, threads, manifest.HasWeights ? new Lazy<Samples<double>>(() => RootsOf(manifest, samples)) : null);

    /// <summary>Reads a shard's file, and sees that it is the manifest's.</summary>
    /// <param name="manifest">The manifest.</param>
    /// <param name="shard">Which shard.</param>
    /// <param name="threads">The most threads at work for a call; every processor where null.</param>
    /// <exception cref="StorageException">The file is missing, damaged, or another than the manifest's.</exception>
    public static ShardPool Load(ShardManifest manifest, int shard, int? threads = null)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        return new ShardPool(manifest, ShardFile.Load(manifest, shard), threads);
    }

    /// <summary>The sums of these rows.</summary>
    /// <param name="request">The kernel, the bandwidths, the degree.</param>
    /// <param name="queries">Queries (m, d), row by row.</param>
    /// <param name="isCareful">Whether each is summed pair by pair relative to its nearest key.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public PoolingSums SumsAt(ShardRequest request, double[] queries, bool isCareful, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        PoolingSums sums = PoolerFor(request, _samples).SumsAt(queries, request.Parts, isCareful, cancellationToken: cancellationToken);
        return _roots is null ? sums : sums.WithSquaresOf(
            PoolerFor(request, _roots.Value).SumsAt(queries, request.Parts, isCareful, cancellationToken: cancellationToken));
    }

    /// <summary>How many rows a message holds.</summary>
    internal static int MostRows(ShardManifest manifest) => MostBytes / sizeof(double) / (manifest.Features + manifest.Columns + 1);

    /// <summary>Some of these rows near a query.</summary>
    /// <param name="query">The query (d).</param>
    /// <param name="bandwidths">The bandwidths (d).</param>
    /// <param name="square">The squared distance, in bandwidths, that rows may have.</param>
    /// <param name="first">The row to begin with: 0, and then <see cref="ShardRows.Next"/>.</param>
    public ShardRows RowsNear(double[] query, double[] bandwidths, double square, int first)
    {
        ArgumentNullException.ThrowIfNull(query);
        int d = _manifest.Features;
        int most = MostRows(_manifest);
        List<int> near = [];
        int row = first;
        for (; row < _samples.Count && near.Count < most; row++)
        {
            double sum = 0;
            for (int j = 0; j < d; j++)
            {
                double u = (query[j] - _samples.KeysOf(row)[j]) / bandwidths[j];
                sum += u * u;
            }

            if (sum <= square)
            {
                near.Add(row);
            }
        }

        return new ShardRows(
            [.. near.SelectMany(at => _samples.KeysOf(at).ToArray())], [.. near.SelectMany(at => _samples.ValuesOf(at).ToArray())],
            _manifest.HasWeights ? [.. near.Select(at => _samples.SampleWeight(at) * _manifest.LargestWeight)] : [],
            row < _samples.Count ? row : -1);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _poolers.ForEach(one => one.Pooler.Dispose());
            _poolers.Clear();
        }

        _samples.Dispose();
        if (_roots is { IsValueCreated: true })
        {
            _roots.Value.Dispose();
        }
    }

    // Squares of weights sqrt s are s K^2, as effective neighbours need them.
    private static Samples<double> RootsOf(ShardManifest manifest, Samples<double> samples)
    {
        double[] roots = [.. Enumerable.Range(0, samples.Count).Select(row => Math.Sqrt(samples.SampleWeight(row)))];
        return new Samples<double>(
            samples.OwnKeys, samples.OwnValues, manifest.Features, roots, new(manifest.LeastValues, manifest.MostValues, 1));
    }

    private Pooler<double> PoolerFor(ShardRequest request, Samples<double> samples)
    {
        string rows = samples == _samples ? "" : "roots";
        string key = string.Join(
            ' ', [rows, request.Kernel.Name, $"{request.Degree}", .. request.Bandwidths.Select(h => $"{h:R}")]);
        lock (_lock)
        {
            int at = _poolers.FindIndex(one => one.Key == key);
            (string Key, Pooler<double> Pooler) found = at >= 0 ? _poolers[at] : (key, new Pooler<double>(
                request.Kernel, samples, new PoolingWidths { Bandwidths = request.Bandwidths },
                new PoolingOptions { Degree = request.Degree, VectorBits = _manifest.VectorBits, Threads = _threads }));
            if (at >= 0)
            {
                _poolers.RemoveAt(at);
            }
            else if (_poolers.Count == MostPoolers * (_roots is null ? 1 : 2))
            {
                // Who is asking it goes on: what was prepared is left to the collector.
                _poolers.RemoveAt(0);
            }

            _poolers.Add(found);
            return found.Pooler;
        }
    }
}
