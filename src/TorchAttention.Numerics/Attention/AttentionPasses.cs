using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.Attention;

/// <summary>
/// Attention by any score over ranges of keys, tile by tile with a running softmax: memory is linear in queries and keys, and tiles that no
/// query sees cost nothing. Numbers do not depend on the number of threads.
/// </summary>
/// <remarks>
/// The pass over queries and that over keys each compute the weights again, from the logs of their sums (T. Dao et al., FlashAttention,
/// 2022): so each writes what no other thread writes.
/// </remarks>
internal static unsafe class AttentionPasses
{
    // Blocks of queries take turns in so many groups, each of which sums up what all queries share.
    private const int Groups = 16;
    private const double Log2E = 1.4426950408889634074;

    public static void Forward<TScore, T>(AttentionRequest<T> request, AttentionResults<T> results)
        where TScore : IScore
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        switch (BitsOf(request))
        {
            case 512:
                Forward<TScore, Lanes512<T>, T>(request, results);
                break;
            case 256:
                Forward<TScore, Lanes256<T>, T>(request, results);
                break;
            default:
                Forward<TScore, Lanes128<T>, T>(request, results);
                break;
        }
    }

    public static void Backward<TScore, T>(
        AttentionRequest<T> request, AttentionResults<T> results, T* outputGradients, AttentionGradients<T> gradients)
        where TScore : IScore
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        switch (BitsOf(request))
        {
            case 512:
                Backward<TScore, Lanes512<T>, T>(request, results, outputGradients, gradients);
                break;
            case 256:
                Backward<TScore, Lanes256<T>, T>(request, results, outputGradients, gradients);
                break;
            default:
                Backward<TScore, Lanes128<T>, T>(request, results, outputGradients, gradients);
                break;
        }
    }

    private static int BitsOf<T>(AttentionRequest<T> request)
        where T : unmanaged => request.VectorBits ?? new PoolingOptions().Bits;

    private static void Forward<TScore, TLanes, T>(AttentionRequest<T> request, AttentionResults<T> results)
        where TScore : IScore
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var work = new Work(request.Threads, null, CancellationToken.None);
        using var tiles = new AttentionTiles<TLanes, T>(request, work, forBackward: false);
        using Scratch? bias = Bias<TLanes, T>(request);
        int blocks = AttentionBlock<TScore, TLanes, T>.Blocks(request);
        work.ForEach(
            request.Parts * blocks,
            () => new AttentionBlock<TScore, TLanes, T>(request, tiles, bias is null ? null : bias.As<T>()),
            (place, block) => block.Forward(place / blocks, place % blocks, results));
    }

    private static void Backward<TScore, TLanes, T>(
        AttentionRequest<T> request, AttentionResults<T> results, T* outputGradients, AttentionGradients<T> gradients)
        where TScore : IScore
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var work = new Work(request.Threads, null, CancellationToken.None);
        using var tiles = new AttentionTiles<TLanes, T>(request, work, forBackward: true);
        using Scratch? bias = Bias<TLanes, T>(request);
        int blocks = AttentionBlock<TScore, TLanes, T>.Blocks(request);
        if (gradients.Queries is not null || gradients.LeadBias is not null || gradients.Weights is not null)
        {
            ForQueries();
        }

        if (gradients.Keys is not null || gradients.Values is not null)
        {
            ForKeys();
        }

        AttentionBlock<TScore, TLanes, T> NewBlock() => new(request, tiles, bias is null ? null : bias.As<T>());

        void ForQueries()
        {
            bool isShared = gradients.LeadBias is not null || gradients.Weights is not null;
            int groups = isShared ? Math.Min(blocks, Groups) : blocks;
            int leads = gradients.LeadBias is null ? 0 : request.Leads + AttentionTiles<TLanes, T>.Tile;
            int length = leads + (gradients.Weights is null ? 0 : request.Features);
            using var shared = new Scratch((long)request.Parts * groups * length * sizeof(T));
            work.ForEach(request.Parts * groups, NewBlock, (place, worker) =>
            {
                T* sums = shared.As<T>() + ((long)place * length);
                for (int block = place % groups; block < blocks; block += groups)
                {
                    worker.QueryGradients(
                        place / groups, block, results, outputGradients, gradients.Queries, leads == 0 ? null : sums,
                        gradients.Weights is null ? null : sums + leads);
                }
            });
            for (int place = 0; place < request.Parts * groups && isShared; place++)
            {
                T* sums = shared.As<T>() + ((long)place * length);
                long part = place / groups % Math.Max(1, request.BiasParts);
                Add(sums, gradients.LeadBias is null ? null : gradients.LeadBias + (part * request.Leads), request.Leads);
                Add(sums + leads, gradients.Weights, request.Features);
            }
        }

        void ForKeys()
        {
            var ranges = new (int First, int End)[request.Parts * blocks];
            for (int place = 0; place < ranges.Length; place++)
            {
                ranges[place] = AttentionBlock<TScore, TLanes, T>.KeysOf(request, place / blocks, place % blocks);
            }

            work.ForEach(request.Parts * tiles.Count, NewBlock, (place, worker) =>
            {
                int part = place / tiles.Count;
                worker.KeyGradients(
                    part, place % tiles.Count, ranges.AsSpan(part * blocks, blocks), results, outputGradients, gradients.Keys,
                    gradients.Values);
            });
        }
    }

    private static void Add<T>(T* numbers, T* sums, int count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (int i = 0; i < count && sums is not null; i++)
        {
            sums[i] += numbers[i];
        }
    }

    // In powers of 2, each with a tile of numbers behind it: the last tile reads beyond the keys.
    private static Scratch? Bias<TLanes, T>(AttentionRequest<T> request)
        where TLanes : struct, ILanes<TLanes, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (request.BiasParts == 0)
        {
            return null;
        }

        int length = request.Leads + AttentionTiles<TLanes, T>.Tile;
        var memory = new Scratch((long)request.BiasParts * length * sizeof(T));
        T factor = T.CreateTruncating(Log2E);
        for (int part = 0; part < request.BiasParts; part++)
        {
            for (int i = 0; i < request.Leads; i++)
            {
                memory.As<T>()[((long)part * length) + i] = factor * request.LeadBias[((long)part * request.Leads) + i];
            }
        }

        return memory;
    }
}
