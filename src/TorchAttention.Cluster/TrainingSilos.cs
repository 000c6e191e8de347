using System.Collections.Concurrent;
using System.Diagnostics;

namespace TorchAttention.Cluster;

/// <summary>The silos of a cluster that train, as a client sees them.</summary>
/// <param name="grains">The cluster.</param>
/// <param name="patience">How long a silo may take to say that it is there.</param>
internal sealed class TrainingSilos(IGrainFactory grains, TimeSpan patience)
{
    private static readonly TimeSpan _stale = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _suspicion = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private Task<TrainingSilo[]>? _looking;
    private TrainingSilo[] _known = [];
    private long _looked;

    /// <summary>How many slices all of them compute at once.</summary>
    public async Task<int> ThreadsAsync() => (await LookAsync()).Sum(silo => silo.Threads);

    /// <summary>The silo that has the least to do, and is not one that was lost a moment ago.</summary>
    /// <exception cref="SiloUnavailableException">There is none.</exception>
    public async Task<TrainingSilo> ChooseAsync()
    {
        TrainingSilo[] silos = await LookAsync();
        lock (_lock)
        {
            TrainingSilo least = silos.OrderBy(silo => silo.LostWithin(_suspicion)).ThenBy(silo => silo.Load).FirstOrDefault()
                ?? throw new SiloUnavailableException("no silo of the cluster trains; those of other versions do not");
            least.Asked++;
            return least;
        }
    }

    /// <summary>A slice is answered, or lost.</summary>
    public void Release(TrainingSilo silo)
    {
        lock (_lock)
        {
            silo.Asked--;
        }
    }

    private Task<TrainingSilo[]> LookAsync()
    {
        lock (_lock)
        {
            bool isFresh = _known.Length > 0 && Stopwatch.GetElapsedTime(_looked) < _stale;
            return isFresh ? Task.FromResult(_known) : _looking ??= LookAnewAsync();
        }
    }

    private async Task<TrainingSilo[]> LookAnewAsync()
    {
        // Not before it is known that this one looks.
        await Task.Yield();
        TrainingSilo[] now = _known;
        try
        {
            IManagementGrain management = grains.GetGrain<IManagementGrain>(0);
            Dictionary<SiloAddress, SiloStatus> hosts = await management.GetHosts(onlyActive: true).WaitAsync(patience);
            TrainingSilo?[] found = await Task.WhenAll(hosts.Keys.Order().Select(silo => FindAsync(silo.ToParsableString())));
            now = [.. found.OfType<TrainingSilo>()];
        }
        catch (Exception e) when (Lost.Is(e))
        {
            // Those that are known are asked meanwhile.
        }
        finally
        {
            lock (_lock)
            {
                (_known, _looked, _looking) = (now, Stopwatch.GetTimestamp(), null);
            }
        }

        return now;
    }

    private async Task<TrainingSilo?> FindAsync(string name)
    {
        if (_known.FirstOrDefault(silo => silo.Name == name) is TrainingSilo known)
        {
            return known;
        }

        try
        {
            ITrainingGrain grain = grains.GetGrain<ITrainingGrain>(name);
            return new TrainingSilo(name, grain, await grain.ThreadsAsync().WaitAsync(patience));
        }
        catch (Exception e) when (Lost.Is(e) || e is ArgumentException)
        {
            // It has gone, or does not train, or no silo of the cluster does: the next look asks again.
            return null;
        }
    }
}

/// <summary>A silo that trains.</summary>
/// <param name="name">Its address.</param>
/// <param name="grain">Who computes there.</param>
/// <param name="threads">How many slices it computes at once.</param>
internal sealed class TrainingSilo(string name, ITrainingGrain grain, int threads)
{
    private readonly ConcurrentDictionary<string, Lazy<Task<Reply>>> _sending = new();
    private readonly Lock _lock = new();
    private (string Hash, Task<Reply> Sent)? _widths;
    private long? _lost;

    public string Name => name;

    public ITrainingGrain Grain => grain;

    public int Threads => threads;

    /// <summary>How many slices it was asked by this client.</summary>
    public int Asked { get; set; }

    public double Load => (double)Asked / threads;

    public bool LostWithin(TimeSpan time) => _lost is long since && Stopwatch.GetElapsedTime(since) < time;

    /// <summary>A call got lost with it.</summary>
    public void Suspect() => _lost = Stopwatch.GetTimestamp();

    /// <summary>Sends examples that it lacks, once for all slices that wait for them.</summary>
    /// <returns>What it says: done, or that it has no room yet, or why it does not take them.</returns>
    public async Task<Reply> SendAsync(TrainingExamples examples, string manifest, CancellationToken cancellationToken)
    {
        Lazy<Task<Reply>> sending = _sending.GetOrAdd(
            examples.Hash, _ => new Lazy<Task<Reply>>(() => SendAllAsync(examples, manifest)));
        try
        {
            return await sending.Value.WaitAsync(cancellationToken);
        }
        finally
        {
            _sending.TryRemove(new KeyValuePair<string, Lazy<Task<Reply>>>(examples.Hash, sending));
        }
    }

    /// <summary>Sends w, once for all slices of a step.</summary>
    public Task<Reply> SendAsync(WidthsSent widths, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_widths is not { } last || last.Hash != widths.Hash)
            {
                _widths = last = (widths.Hash, grain.WidthsAsync(widths));
            }

            return last.Sent.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Has w sent again: the silo does not know it, or it may be lost.</summary>
    public void Forget(WidthsSent? widths)
    {
        lock (_lock)
        {
            _widths = _widths?.Hash == widths?.Hash ? null : _widths;
        }
    }

    private async Task<Reply> SendAllAsync(TrainingExamples examples, string manifest)
    {
        Reply reply = Reply.Of([]);
        for (int at = 0; reply.Outcome == Outcome.Done && at < examples.Bytes.Length; at += MomentsAsked.PartBytes)
        {
            reply = await grain.ExamplesAsync(new ExamplesPart
            {
                Manifest = manifest,
                Examples = examples.Hash,
                First = at,
                Size = examples.Bytes.Length,
                Bytes = examples.Bytes[at..Math.Min(examples.Bytes.Length, at + MomentsAsked.PartBytes)],
            });
        }

        return reply;
    }
}
