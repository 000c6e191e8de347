using TorchAttention.Pooling;
using TorchSharp.Modules;

namespace TorchAttention.Models;

/// <summary>
/// Local linear attention of several heads: each head's output is the height at its query of a plane through the values, fitted with the
/// softmax weights of -|g (k - q)|^2 / 2, by <see cref="LocalLinearPooling"/>.
/// </summary>
/// <remarks>
/// <para>
/// Each head learns a scale g for each direction, and its ridge lambda. Sums and small systems are exact, in float64; time is queries x
/// keys, memory that of the inputs. State: <c>scale</c> (heads, d), <c>log_ridge</c> (heads).
/// </para>
/// <para>
/// With a projection it is Parallax's cheaper form (<see cref="LocalLinearPooling.PoolProjected"/>): no system is solved, and a head's
/// slope is r = P q + b, learned, and 0 at first, which is softmax attention. State: <c>scale</c> (heads, d), <c>projection</c> (heads, d,
/// d), <c>projection_bias</c> (heads, d).
/// </para>
/// </remarks>
public sealed class LocalLinearAttention : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    private readonly int _heads;

    [ComponentName(Name = "scale")]
    private readonly Parameter _scale;

    [ComponentName(Name = "log_ridge")]
    private readonly Parameter? _logRidge;

    [ComponentName(Name = "projection")]
    private readonly Parameter? _projection;

    [ComponentName(Name = "projection_bias")]
    private readonly Parameter? _projectionBias;

    /// <summary>Creates the layer.</summary>
    /// <param name="features">The directions d of a head's queries and keys, 1 to 16.</param>
    /// <param name="heads">How many heads, at least 1.</param>
    /// <param name="ridge">What every lambda starts at, positive; no matter with a projection.</param>
    /// <param name="scale">What every g = 1/h starts at, positive.</param>
    /// <param name="learnsRidge">Whether lambda is learned, or stays what is given; learned by default.</param>
    /// <param name="hasProjection">Whether slopes are a learned map of the query and not solved for; false by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public LocalLinearAttention(
        int features, int heads = 1, double ridge = 0.01, double scale = 1, bool learnsRidge = true, bool hasProjection = false)
        : base(nameof(LocalLinearAttention))
    {
        Guard.AtLeast(features, 1);
        if (features > LocalLinearPooling.MostFeatures)
        {
            throw new ArgumentOutOfRangeException(
                nameof(features), features, $"Expected 1 to {LocalLinearPooling.MostFeatures} features, got {features}.");
        }

        _heads = Guard.AtLeast(heads, 1);
        using Scalar first = Guard.Positive(scale);
        using Scalar log = Math.Log(Guard.Positive(ridge));
        _scale = nn.Parameter(full([heads, features], first, ScalarType.Float32));
        if (hasProjection)
        {
            _projection = nn.Parameter(zeros([heads, features, features], ScalarType.Float32));
            _projectionBias = nn.Parameter(zeros([heads, features], ScalarType.Float32));
        }
        else
        {
            _logRidge = nn.Parameter(full([heads], log, ScalarType.Float32), requires_grad: learnsRidge);
        }

        RegisterComponents();
    }

    /// <summary>g of each head and direction (heads, d).</summary>
    public Parameter Scale => _scale;

    /// <summary>log lambda of each head (heads); null with a projection.</summary>
    public Parameter? LogRidge => _logRidge;

    /// <summary>P of each head (heads, d, d), with r = P q + b; null without a projection.</summary>
    public Parameter? Projection => _projection;

    /// <summary>b of each head (heads, d); null without a projection.</summary>
    public Parameter? ProjectionBias => _projectionBias;

    /// <inheritdoc/>
    /// <param name="input1">Queries (batch, m, heads d).</param>
    /// <param name="input2">Keys (batch, n, heads d).</param>
    /// <param name="input3">Values (batch, n, heads c).</param>
    /// <returns>Outputs (batch, m, heads c).</returns>
    /// <exception cref="ArgumentException">Shapes or number types that do not fit each other.</exception>
    public override Tensor forward(Tensor input1, Tensor input2, Tensor input3)
    {
        Check(input1, input2, input3);
        using DisposeScope scope = NewDisposeScope();
        Tensor[][] heads = [.. ((Tensor[])[input1, input2, input3]).Select(tensor => tensor.chunk(_heads, 2))];
        Tensor[] outputs = [.. Enumerable.Range(0, _heads).Select(head => stack(Enumerable.Range(0, (int)input1.size(0)).Select(
            batch => Attend(head, heads[0][head][batch], heads[1][head][batch], heads[2][head][batch]))))];
        return cat(outputs, 2).MoveToOuterDisposeScope();
    }

    private Tensor Attend(int head, Tensor queries, Tensor keys, Tensor values) => _projection is null
        ? LocalLinearPooling.Pool(queries, keys, values, _scale[head], _logRidge![head].exp().reshape(1))
        : LocalLinearPooling.PoolProjected(
            queries, keys, values, _scale[head], queries.matmul(_projection[head].T).Plus(_projectionBias![head]));

    private void Check(Tensor queries, Tensor keys, Tensor values)
    {
        ArgumentNullException.ThrowIfNull(queries);
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        long all = _heads * _scale.size(1);
        bool fits = queries.dim() == 3 && keys.dim() == 3 && values.dim() == 3 && queries.size(2) == all && keys.size(2) == all
            && keys.size(0) == queries.size(0) && values.size(0) == keys.size(0) && values.size(1) == keys.size(1)
            && values.size(2) % _heads == 0 && queries.size(0) > 0;
        if (!fits)
        {
            throw new ArgumentException(
                $"Expected queries (batch, m, {all}), keys (batch, n, {all}) and values (batch, n, {_heads} c), got "
                    + $"{Guard.Shape(queries)}, {Guard.Shape(keys)} and {Guard.Shape(values)}.", nameof(values));
        }
    }
}
