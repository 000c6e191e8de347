using System.Numerics;
using TorchAttention.Numerics.Losses;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cluster;

/// <content>Slices of a training's batches, on the silos that have the least to do.</content>
internal sealed partial class ClusterClient : ILossSlices
{
    /// <summary>The most numbers of w: w and the gradient are a message of 1 MB, beside a slice.</summary>
    public const int MostWidths = 100_000;

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

        var parts = new LossPart[slices.Count];
        var most = new ParallelOptions
        {
            CancellationToken = cancellationToken,
            MaxDegreeOfParallelism = Math.Max(1, AskedForAThread * await Silos.ThreadsAsync()),
        };
        await Parallel.ForAsync(0, slices.Count, most, async (i, stop) =>
        {
            SliceAsked Slice() => SliceLoss<T>.Ask(Manifest.Hash, kept.Examples, asked, slices[i]);
            parts[i] = SliceLoss<T>.ReadPart(
                await AskAgainAsync(alive => SliceOnceAsync(Slice(), kept.Examples, alive, stop), stop));
        });
        return parts;
    }

    private async Task<Reply> SliceOnceAsync(
        SliceAsked asked, TrainingExamples examples, Action alive, CancellationToken cancellationToken)
    {
        TrainingSilo silo = await Silos.ChooseAsync();
        try
        {
            while (true)
            {
                int missed = 0;
                Reply reply = await WatchAsync(SiloAsync, stop => silo.Grain.SliceAsync(asked, stop), alive, cancellationToken);
                if (reply is not { Outcome: Outcome.Done, Bytes.Length: 0 })
                {
                    return reply;
                }

                Reply sent = await silo.SendAsync(examples, Manifest.Hash, cancellationToken);
                alive();
                if (sent.Outcome != Outcome.Done)
                {
                    return sent;
                }

                // Nowhere, where it has not had the slice for some looks: then the answer would be here, if it were on its way.
                async Task<string> SiloAsync()
                {
                    missed = await silo.Grain.HasAsync(asked.Id) ? 0 : missed + 1;
                    return missed > MostMissed ? "" : silo.Name;
                }
            }
        }
        catch (Exception e) when (Lost.Is(e))
        {
            silo.Suspect();
            throw;
        }
        finally
        {
            Silos.Release(silo);
        }
    }
}
