using TorchAttention.Numerics.Attention;

namespace TorchAttention.Pooling;

/// <summary>A score over ranges of keys, and its textbook form: a matrix of queries x keys, with derivatives of every order.</summary>
/// <param name="Scale">What scores are multiplied by.</param>
/// <param name="Options">Everything else.</param>
internal sealed record TiledProblem<TScore>(double Scale, TiledOptions Options)
    where TScore : IScore
{
    /// <summary>Which keys a query sees.</summary>
    public IKeyRange Range { get; } = Options.Range ?? new AllKeys();

    /// <summary>Outputs (parts, queries, v).</summary>
    /// <param name="inputs">
    /// Queries (parts, queries, d), keys (parts, keys, d), values (parts, keys, v), biases (bias parts, leads) and weights (d), of which
    /// the last two may be empty.
    /// </param>
    public Tensor Textbook(IReadOnlyList<Tensor> inputs)
    {
        (Tensor queries, Tensor keys, Tensor values) = (inputs[0], inputs[1], inputs[2]);
        TensorLanes weight = TScore.HasWeights ? new(inputs[4]) : TensorLanes.All(1);
        TensorLanes terms = TScore.Add<TensorLanes, float>(
            TensorLanes.All(0), new(queries.unsqueeze(2)), new(keys.unsqueeze(1)), weight);
        Tensor scores = TScore.Finish<TensorLanes, float>(new(terms.Value.sum(dim: -1))).Value;
        Tensor leftOut = LeftOut((int)queries.size(0), (int)queries.size(1), (int)keys.size(1)).to(queries.device);
        leftOut = leftOut.logical_or(scores.detach().isneginf());
        scores = scores.masked_fill(leftOut, Held.Zero).Times(Scale);
        if (inputs[3].numel() > 0)
        {
            scores = scores.Plus(Bias(inputs[3], queries.size(0), queries.size(1), keys.size(1)));
        }

        return ScaledDotProduct.Softmax(scores, leftOut).matmul(values);
    }

    private static Tensor Bias(Tensor bias, long parts, long queries, long keys)
    {
        Tensor leads = Held.Range(keys, bias.device).unsqueeze(0) - Held.Range(queries, bias.device).unsqueeze(1)
            - tensor(1 - queries, device: bias.device);
        return bias.index_select(1, leads.flatten()).reshape(bias.size(0), queries, keys).repeat(parts / bias.size(0), 1, 1);
    }

    private Tensor LeftOut(int parts, int queries, int keys)
    {
        bool[] leftOut = new bool[(long)parts * queries * keys];
        for (int row = 0; row < parts * queries; row++)
        {
            (int first, int end) = Range.KeysOf(row / queries, row % queries, keys);
            Span<bool> places = leftOut.AsSpan(row * keys, keys);
            first = Math.Clamp(first, 0, keys);
            places[..first].Fill(true);
            places[Math.Clamp(end, first, keys)..].Fill(true);
        }

        return tensor(leftOut, ScalarType.Bool).reshape(parts, queries, keys);
    }
}
