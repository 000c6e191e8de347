using System.Diagnostics;
using System.Diagnostics.Metrics;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <summary>What a silo counts, for whoever listens: <c>/metrics</c> and OpenTelemetry.</summary>
internal sealed class ClusterMetrics : IIncomingGrainCallFilter, IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "TorchAttention.Cluster";

    private readonly ShardManifest _manifest;
    private readonly int _kind;
    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _questions;
    private readonly Counter<long> _rows;
    private readonly Counter<long> _pairs;
    private readonly Counter<long> _loads;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _bytes;
    private readonly Histogram<double> _duration;
    private int _queue;

    /// <param name="manifest">The shards.</param>
    public ClusterMetrics(ShardManifest manifest)
    {
        (_manifest, _kind) = (manifest, VectorKinds.Here(manifest));
        _questions = _meter.CreateCounter<long>("torchattention.cluster.questions", "{question}", "Questions that a silo was asked");
        _rows = _meter.CreateCounter<long>("torchattention.cluster.rows", "{row}", "Queries in these questions");
        _pairs = _meter.CreateCounter<long>("torchattention.cluster.pairs", "{pair}", "Queries times the rows of the shard that was asked");
        _loads = _meter.CreateCounter<long>("torchattention.cluster.loads", "{shard}", "Shards that this silo began to load");
        _refusals = _meter.CreateCounter<long>("torchattention.cluster.refusals", "{question}", "Questions without an answer");
        _bytes = _meter.CreateCounter<long>("torchattention.cluster.io", "By", "Bytes of questions and answers");
        _duration = _meter.CreateHistogram<double>("torchattention.cluster.duration", "s", "How long a question took");
        _meter.CreateObservableGauge(
            "torchattention.cluster.queue", () => Volatile.Read(ref _queue), "{question}", "Questions not answered yet");
    }

    /// <summary>Takes note of a shard that is being loaded.</summary>
    public void Loads() => _loads.Add(1);

    /// <inheritdoc/>
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        if (AskedBy(context) is not Size asked)
        {
            await context.Invoke();
            return;
        }

        var kind = new KeyValuePair<string, object?>(
            "kind", context.Grain is IShardGrain ? "shard" : context.Grain is ITrainingGrain ? "slice" : "query");
        long begun = Stopwatch.GetTimestamp();
        Interlocked.Increment(ref _queue);
        try
        {
            await context.Invoke();
            Note(context, asked, kind);
        }
        catch
        {
            _refusals.Add(1, kind, new("why", "error"));
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _queue);
            _questions.Add(1, kind);
            _duration.Record(Stopwatch.GetElapsedTime(begun).TotalSeconds, kind);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private void Note(IIncomingGrainCallContext context, Size asked, KeyValuePair<string, object?> kind)
    {
        _rows.Add(asked.Rows, kind);
        _bytes.Add(asked.Bytes, kind, new("direction", "in"));
        if (context.Grain is IShardGrain)
        {
            _pairs.Add(asked.Rows * _manifest.Shards[ShardKey.Parse(context.TargetId.Key.ToString()!).Shard].Rows);
        }

        if (context.Result is Reply reply)
        {
            reply.VectorKinds |= _kind;
            _bytes.Add(reply.Bytes.Length, kind, new("direction", "out"));
            if (reply.Outcome != Outcome.Done)
            {
                _refusals.Add(1, kind, new("why", Options.Name(reply.Outcome)));
            }
        }
    }

    private Size? AskedBy(IIncomingGrainCallContext context)
    {
        for (int i = 0; i < context.Request.GetArgumentCount(); i++)
        {
            switch (context.Request.GetArgument(i))
            {
                case Asked asked:
                    return new Size(asked.Queries.Length / sizeof(double) / _manifest.Features, asked.Queries.Length);
                case SliceAsked slice:
                    return new Size(slice.Count, slice.W.Length + slice.Queries.Length + slice.Targets.Length + slice.LeftOut.Length);
            }
        }

        return null;
    }

    /// <summary>How many queries a question has, and bytes of numbers.</summary>
    private readonly record struct Size(long Rows, long Bytes);
}
