using TorchAttention.Pooling;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// A block of a transformer: attention, then two linear layers for each row, each added to what came in and normalised. The book's
/// <c>TransformerEncoderBlock</c>, and PyTorch's <c>nn.TransformerEncoderLayer</c>.
/// </summary>
/// <remarks>
/// <para>
/// With A(x, c) multi-head attention of the rows x to the rows c, F(x) = W2 relu(W1 x + b1) + b2 and a norm N over a row's numbers, it is y
/// = N1(x + A(x, c)), N2(y + F(y)) as in the book, or with <see cref="TransformerBlockOptions.NormalizesFirst"/> y = x + A(N1(x), N1(c)),
/// y + F(N2(y)), which trains deeper stacks. Where c is x, it is self-attention.
/// </para>
/// <para>
/// Dropout falls on A and F, as in the book, and on the attention's weights. State: <c>attention</c>, <c>norm1</c>, <c>dense1</c>,
/// <c>dense2</c>, <c>norm2</c>.
/// </para>
/// </remarks>
public sealed class TransformerBlock : nn.Module<Tensor, Tensor, AttentionMasks?, Tensor>
{
    private readonly TransformerBlockOptions _options;

    [ComponentName(Name = "attention")]
    private readonly MultiHeadAttention _attention;

    [ComponentName(Name = "norm1")]
    private readonly LayerNorm _norm1;

    [ComponentName(Name = "dense1")]
    private readonly Linear _dense1;

    [ComponentName(Name = "dense2")]
    private readonly Linear _dense2;

    [ComponentName(Name = "norm2")]
    private readonly LayerNorm _norm2;

    /// <summary>Creates the block with PyTorch's initial weights of linear layers.</summary>
    /// <param name="options">Sizes and parts.</param>
    /// <exception cref="ArgumentException">A length that is no multiple of the heads.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A length below 1, or a part below 0 or not below 1.</exception>
    public TransformerBlock(TransformerBlockOptions options)
        : base(nameof(TransformerBlock))
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Checked();
        (int size, int inner) = (options.Size, options.Inner);
        _attention = new MultiHeadAttention(
            new MultiHeadOptions { QuerySize = size, Heads = options.Heads, Dropout = options.Dropout, HasBias = options.HasBias });
        (_norm1, _norm2) = (nn.LayerNorm(size), nn.LayerNorm(size));
        (_dense1, _dense2) = (nn.Linear(size, inner), nn.Linear(inner, size));
        RegisterComponents();
    }

    /// <summary>The weights of the last pass, before dropout (batch, heads, rows, context); null before the first.</summary>
    public Tensor? AttentionWeights => _attention.AttentionWeights;

    /// <inheritdoc/>
    /// <param name="input1">Rows x (batch, rows, h).</param>
    /// <param name="input2">What they attend to, c (batch, context, h); x itself for self-attention.</param>
    /// <param name="input3">Which rows of the context count for which; all where null.</param>
    /// <returns>Rows (batch, rows, h).</returns>
    /// <exception cref="ArgumentException">Shapes, number types or devices that do not fit each other.</exception>
    public override Tensor forward(Tensor input1, Tensor input2, AttentionMasks? input3)
    {
        using DisposeScope scope = NewDisposeScope();
        if (_options.NormalizesFirst)
        {
            Tensor rows = _norm1.call(input1);
            Tensor context = ReferenceEquals(input1, input2) ? rows : _norm1.call(input2);
            Tensor sum = input1.Plus(Dropped(_attention.Attend(rows, context, context, input3)));
            return sum.Plus(Dropped(Feed(_norm2.call(sum)))).MoveToOuterDisposeScope();
        }

        Tensor attended = _norm1.call(input1.Plus(Dropped(_attention.Attend(input1, input2, input2, input3))));
        return _norm2.call(attended.Plus(Dropped(Feed(attended)))).MoveToOuterDisposeScope();
    }

    /// <summary>The names and shapes of the parameters, without making them.</summary>
    internal static IEnumerable<(string Name, long[] Shape)> Shapes(TransformerBlockOptions options)
    {
        (long size, long inner) = (options.Size, options.Inner);
        foreach (string projection in (string[])["q", "k", "v", "o"])
        {
            yield return ($"attention.W_{projection}.weight", [size, size]);
            if (options.HasBias)
            {
                yield return ($"attention.W_{projection}.bias", [size]);
            }
        }

        yield return ("norm1.weight", [size]);
        yield return ("norm1.bias", [size]);
        yield return ("dense1.weight", [inner, size]);
        yield return ("dense1.bias", [inner]);
        yield return ("dense2.weight", [size, inner]);
        yield return ("dense2.bias", [size]);
        yield return ("norm2.weight", [size]);
        yield return ("norm2.bias", [size]);
    }

    private Tensor Feed(Tensor rows) => _dense2.call(_dense1.call(rows).relu());

    private Tensor Dropped(Tensor rows) => nn.functional.dropout(rows, _options.Dropout, training);
}
