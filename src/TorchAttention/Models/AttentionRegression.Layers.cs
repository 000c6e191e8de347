using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <content>The layers of each score.</content>
public sealed partial class AttentionRegression
{
    private bool HasHeads => Options.Score == AttentionScore.MultiHead;

    // (batch x heads, queries, keys), as the attention has them.
    private Tensor Weights => _attention switch
    {
        Attention attention => attention.AttentionWeights!,
        MultiHeadAttention heads => heads.AttentionWeights!,
        _ => throw new NotSupportedException($"Expected an attention with weights, got {_attention.GetType().Name}."),
    };

    private static (Sequential? Features, nn.Module<Tensor, Tensor, Tensor, Tensor?, Tensor> Attention, Linear? Output) Layers(
        int size, AttentionRegressionOptions options)
    {
        int hidden = options.Hidden;
        return options.Score switch
        {
            AttentionScore.Additive => (null, new AdditiveAttention(size, size, hidden, options.Dropout), null),
            AttentionScore.DotProduct => (Phi(), new DotProductAttention(options.Dropout), null),
            _ => (Phi(), new MultiHeadAttention(hidden, hidden, 1, hidden, options.Heads, options.Dropout), nn.Linear(hidden, 1)),
        };

        Sequential Phi() => nn.Sequential(nn.Linear(size, hidden), nn.Tanh(), nn.Linear(hidden, hidden));
    }

    /// <summary>The names and shapes of the parameters, without making them.</summary>
    /// <param name="size">The features of x.</param>
    /// <param name="options">The score and its sizes.</param>
    internal static IReadOnlyList<(string Name, long[] Shape)> Shapes(long size, AttentionRegressionOptions options)
    {
        long hidden = options.Hidden;
        List<(string, long[])> phi =
            [("features.0.weight", [hidden, size]), ("features.0.bias", [hidden]), ("features.2.weight", [hidden, hidden]),
                ("features.2.bias", [hidden])];
        return options.Score switch
        {
            AttentionScore.Additive =>
                [("attention.W_q.weight", [hidden, size]), ("attention.W_k.weight", [hidden, size]), ("attention.w_v.weight", [1, hidden])],
            AttentionScore.DotProduct => phi,
            _ =>
            [
                .. phi,
                ("attention.W_q.weight", [hidden, hidden]),
                ("attention.W_k.weight", [hidden, hidden]),
                ("attention.W_v.weight", [hidden, 1]),
                ("attention.W_o.weight", [hidden, hidden]),
                ("output.weight", [1, hidden]),
                ("output.bias", [1]),
            ],
        };
    }

    // (n, h), or x itself (n, d) where the score has no features.
    private Tensor Features(Tensor x)
    {
        Tensor rows = x.dim() == 1 ? x.unsqueeze(1) : x;
        return _features is null ? rows : _features.call(rows);
    }

    private Tensor Output(Tensor pooled) => (_output is null ? pooled : _output.call(pooled)).squeeze(-1);
}
