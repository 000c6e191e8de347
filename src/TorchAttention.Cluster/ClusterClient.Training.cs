using System.Numerics;
using TorchAttention.Numerics.Losses;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <content>Slices of a training's batches, on the silos that have the least to do.</content>
internal sealed partial class ClusterClient : ILossSlices
{
    /// <summary>The most numbers of w: w and the gradient are a message of 1 MB, beside a slice.</summary>
    public const int MostWidths = 100_000;

    // More of w than these goes to each silo once a step, and not with each slice.
    private const int MostWithASlice = 128;

    // A silo has the next slice before it is done with one.
    private const int AskedForAThread = 2;
    private const int MostMissed = 5;

    private TrainingSilos? _silos;
    private (object Loss, TrainingExamples Examples)? _examples;

    // On a busy machine a silo takes its time to say that it trains.
    private const int Looks = 5;

    private TrainingSilos Silos => _silos ??= new TrainingSilos(Grains, _firstPatience);

    /// <summary>Connects to silos that train.</summary>
    /// <inheritdoc cref="ConnectAsync"/>
    /// <exception cref="CliException">There is no such cluster, or none of its silos trains.</exception>
    public static async Task<ClusterClient> ConnectToTrainAsync(
        ClusterAddress address, ShardManifest manifest, TimeSpan patience, Peer? peer = null)
    {
        ClusterClient client = await ConnectAsync(address, manifest, patience, peer);
        for (int look = 0; await client.Silos.ThreadsAsync() == 0; look++)
        {
            if (look == Looks)
            {
                await client.DisposeAsync();
                throw CliException.Failed($"{ClusterAddress.Name} {address}: no silo there trains; they are of another version");
            }

            await Task.Delay(_longestPause);
        }

        return client;
    }

    /// <inheritdoc/>
    public IReadOnlyList<LossPart> Compute<T>(
        KernelLoss<T> loss, LossAsked asked, IReadOnlyList<LossSlice<T>> slices, CancellationToken cancellationToken)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        ComputeAsync(loss, asked, slices, cancellationToken).GetAwaiter().GetResult();

    private async Task<LossPart[]> ComputeAsync<T>(
        KernelLoss<T> loss, LossAsked asked, IReadOnlyList<LossSlice<T>> slices, CancellationToken cancellationToken)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (asked.W.Length > MostWidths)
        {
            throw CliException.WrongInput($"{ClusterAddress.Name}: expected at most {MostWidths} numbers of w, got {asked.W.Length}");
        }

        if (_examples is not { } kept || kept.Loss != loss)
        {
            _examples = kept = (loss, TrainingExamples.Of(loss));
        }

        WidthsSent? widths = asked.W.Length > MostWithASlice ? Widths(asked.W) : null;
        var parts = new LossPart[slices.Count];
        var most = new ParallelOptions
        {
            CancellationToken = cancellationToken,
            MaxDegreeOfParallelism = Math.Max(1, AskedForAThread * await Silos.ThreadsAsync()),
        };
        await Parallel.ForAsync(0, slices.Count, most, async (i, stop) =>
        {
            SliceAsked Slice() => SliceLoss<T>.Ask(Manifest.Hash, kept.Examples, widths, asked, slices[i]);
            parts[i] = SliceLoss<T>.ReadPart(
                await AskAgainAsync(alive => SliceOnceAsync(Slice(), kept.Examples, widths, alive, stop), stop));
        });
        return parts;
    }

    private WidthsSent Widths(double[] w)
    {
        byte[] bytes = Wire.Bytes(w);
        return new() { Manifest = Manifest.Hash, Hash = TrainingExamples.HashOf(bytes), W = bytes };
    }

    private async Task<Reply> SliceOnceAsync(
        SliceAsked asked, TrainingExamples examples, WidthsSent? widths, Action alive, CancellationToken cancellationToken)
    {
        TrainingSilo silo = await Silos.ChooseAsync();
        try
        {
            while (true)
            {
                int missed = 0;
                bool isAsked = false;
                Reply reply = await WatchAsync(SiloAsync, AskAsync, alive, cancellationToken);
                if (reply is not { Outcome: Outcome.Done, Bytes.Length: 0 })
                {
                    return reply;
                }

                silo.Forget(widths);
                Reply sent = await silo.SendAsync(examples, Manifest.Hash, cancellationToken);
                alive();
                if (sent.Outcome != Outcome.Done)
                {
                    // Another one may have room.
                    silo.Suspect();
                    return sent;
                }

                async Task<Reply> AskAsync(CancellationToken stop)
                {
                    Reply? known = widths is null ? null : await silo.SendAsync(widths, stop);
                    isAsked = true;
                    return known is null or { Outcome: Outcome.Done } ? await silo.Grain.SliceAsync(asked, stop) : known;
                }

                // Nowhere, where it has not had the slice for some looks: then the answer would be here, if it were on its way.
                async Task<string> SiloAsync()
                {
                    missed = await silo.Grain.HasAsync(asked.Id) || !isAsked ? 0 : missed + 1;
                    return missed > MostMissed ? "" : silo.Name;
                }
            }
        }
        catch (Exception e) when (Lost.Is(e))
        {
            silo.Forget(widths);
            silo.Suspect();
            throw;
        }
        finally
        {
            Silos.Release(silo);
        }
    }
}
