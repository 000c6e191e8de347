using TorchAttention.Cluster;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Tests.Cluster.Scaling;

/// <summary>
/// A cluster that is too large to be run: boxes cut, queries routed and shards placed by the code of the real one, and what each host has
/// to do counted by costs that were measured.
/// </summary>
/// <remarks>Keys of two features, each by the normal distribution; queries too, as they come, in no order.</remarks>
internal sealed class ScaledCluster
{
    /// <summary>Threads of a host.</summary>
    public const int Threads = 16;

    private const int ShardsOfHost = 4;

    // Measured: one thread of an EPYC with AVX-512, 10^6 rows of two features in a shard.
    private const double SecondsOfPair = 1.8e-9;
    private const double SecondsOfQuery = 5e-6;
    private const double SecondsOfRow = 0.7e-6;
    private const double SecondsOfCall = 0.2e-3;
    private const double SecondsOfBox = 5e-9;
    private const double BytesOfRow = 160;

    // 10 Gbit/s.
    private const double BytesOfSecond = 1.25e9;

    /// <summary>What a row of sums takes of a wire.</summary>
    public const double WireSeconds = BytesOfRow / BytesOfSecond;

    private const int KeysOfBox = 32;
    private const int QueriesLookedAt = 64;

    private readonly int _hosts;
    private readonly ShardManifest _manifest;
    private readonly ShardRequest _request;
    private readonly double _square;
    private readonly int[] _places;
    private readonly double[][] _someKeys;
    private readonly Random _random = new(7);

    /// <summary>Deals rows to hosts.</summary>
    /// <param name="hosts">How many hosts.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="bandwidth">h of both features, in standard deviations.</param>
    public ScaledCluster(int hosts, double rows, double bandwidth)
    {
        _hosts = hosts;
        int boxes = hosts * ShardsOfHost;
        double[] keys = [.. Enumerable.Range(0, 2 * KeysOfBox * boxes).Select(_ => Normal())];
        ShardCuts cuts = ShardCuts.Choose(keys, 2, boxes);
        ILookup<int, double[]> looked = keys.Chunk(2).ToLookup(key => cuts.PlaceOf(key));
        _someKeys = [.. Enumerable.Range(0, cuts.Count).Select(box => looked[box].SelectMany(key => key).ToArray())];
        double share = rows / (keys.Length / 2);
        _manifest = new ShardManifest
        {
            Rows = (long)rows,
            Features = 2,
            Columns = 1,
            HasWeights = false,
            LargestWeight = 1,
            LeastValues = [0],
            MostValues = [1],
            VectorBits = 512,
            Halos = [],
            Notes = [],
            Shards = [.. _someKeys.Select((some, box) => new Shard
            {
                File = $"{box}",
                Sha256 = "",
                Bytes = (long)(24 * share * (some.Length / 2)),
                Rows = (int)Math.Min(int.MaxValue, share * (some.Length / 2)),
                Weight = share * (some.Length / 2),
                Least = [some.Where((_, i) => i % 2 == 0).Min(), some.Where((_, i) => i % 2 == 1).Min()],
                Most = [some.Where((_, i) => i % 2 == 0).Max(), some.Where((_, i) => i % 2 == 1).Max()],
                Halos = [],
            })],
        };
        _request = new ShardRequest { Kernel = SmoothingKernel.Gaussian, Bandwidths = [bandwidth, bandwidth] };
        _square = new ShardReach(_manifest, _request).Square;
        _places = [.. ShardDirector.PlaceOf([.. _manifest.Shards.Select(one => one.Bytes)], replicas: 1, hosts).Select(place => place[0])];
    }

    /// <summary>What a block of queries asks of a shard.</summary>
    /// <param name="Host">The host of the shard.</param>
    /// <param name="Queries">How many of the queries.</param>
    /// <param name="Seconds">What a thread there needs.</param>
    public readonly record struct Question(int Host, double Queries, double Seconds);

    /// <summary>Queries of a question, as the messages' size allows.</summary>
    public int QueriesOfBlock => _request.MostQueries(_manifest);

    /// <summary>Bytes of the rows on the host that has the most, beside the mean of all.</summary>
    public double Unevenness => Enumerable.Range(0, _hosts)
        .Max(host => _manifest.Shards.Where((_, shard) => _places[shard] == host).Sum(one => (double)one.Bytes)) * _hosts / _manifest.Bytes;

    /// <summary>What a block of queries asks, by the routing of the real cluster.</summary>
    public Question[] NextBlock()
    {
        double times = (double)QueriesOfBlock / QueriesLookedAt;
        double[][] queries = [.. Enumerable.Range(0, QueriesLookedAt).Select(_ => (double[])[Normal(), Normal()])];
        var asked = new List<Question>();
        foreach ((int shard, Shard box) in _manifest.Shards.Index())
        {
            double[][] near = [.. queries.Where(query => box.SquareTo(query, _request.Bandwidths) <= _square)];
            if (near.Length > 0)
            {
                double pairs = near.Sum(query => PartInReach(shard, query)) * box.Weight;
                double seconds = (near.Length * SecondsOfQuery) + (pairs * SecondsOfPair);
                asked.Add(new Question(_places[shard], times * near.Length, SecondsOfCall + (times * seconds)));
            }
        }

        return [.. asked];
    }

    /// <summary>
    /// Queries a second where all hosts take queries from clients, by the host that has the most to do; the part of all threads that pool;
    /// and what the limit is.
    /// </summary>
    /// <param name="blocks">How many blocks to look at.</param>
    public (double QueriesOfSecond, double OfAllThreads, string Limit) Throughput(int blocks)
    {
        double[] pooling = new double[_hosts];
        double[] calls = new double[_hosts];
        double[] wires = new double[_hosts];
        double gates = 0;
        foreach (Question[] block in Enumerable.Range(0, blocks).Select(_ => NextBlock()))
        {
            foreach (Question question in block)
            {
                pooling[question.Host] += (question.Seconds - SecondsOfCall) / Threads;
                calls[question.Host] += SecondsOfCall / Threads;
                wires[question.Host] += question.Queries * WireSeconds;
            }

            gates += SecondsAtGate(block) / Threads / _hosts;
        }

        int busiest = Enumerable.Range(0, _hosts).MaxBy(host => pooling[host] + calls[host]);
        (string Name, double Seconds)[] work =
            [("pooling", pooling[busiest]), ("calls", calls[busiest]), ("routing and merging", gates)];
        double wiring = wires.Max() + wires.Average();
        double most = Math.Max(work.Sum(part => part.Seconds), wiring);
        return (
            blocks * QueriesOfBlock / most, pooling.Average() / most,
            wiring == most ? "network" : work.MaxBy(part => part.Seconds).Name);
    }

    /// <summary>What the thread that routes and merges a block needs.</summary>
    public double SecondsAtGate(Question[] block) => (QueriesOfBlock * _manifest.Shards.Length * SecondsOfBox)
        + block.Sum(question => (question.Queries * SecondsOfRow) + SecondsOfCall);

    private double PartInReach(int shard, double[] query)
    {
        double[] some = _someKeys[shard];
        int near = 0;
        for (int i = 0; i < some.Length; i += 2)
        {
            double u = (some[i] - query[0]) / _request.Bandwidths[0];
            double v = (some[i + 1] - query[1]) / _request.Bandwidths[1];
            near += (u * u) + (v * v) <= _square ? 1 : 0;
        }

        return near / (some.Length / 2.0);
    }

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}
