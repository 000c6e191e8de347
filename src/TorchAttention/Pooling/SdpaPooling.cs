namespace TorchAttention.Pooling;

/// <summary>
/// Gaussian attention pooling through libtorch's fused <c>scaled_dot_product_attention</c>: fast, where the data allow it.
/// </summary>
/// <remarks>
/// <para>-|(q - k) w|^2 / 2 is q'.k' - |k'|^2 / 2 with q' = q w and k' = k w, up to what depends on the query alone and cancels. So the
/// weights are those of dot products of (q', 1) and (k', -|k'|^2 / 2), times the root of their length, by which the operation divides.
/// Memory is linear where the device has a fused form.</para>
/// <para>The price: terms as large as (|x|/h)^2 cancel, and exponents are off by about eps (|x|/h)^2. Everything is centred on the keys
/// first, so |x| is half the keys' range and not their place; <see cref="ExponentError"/> says what is left. No key can be left out: that
/// would take a mask of queries x keys.</para>
/// <para>Where a query, or any key, is not finite or some 1e18 bandwidths away, in float32, outputs are NaN. Gradients that were asked for
/// with a graph of their own (<c>create_graph</c>) are the textbook form's, with a matrix of queries x keys, and have derivatives of every
/// order; they are NaN where an input was changed in place since.</para>
/// </remarks>
public static class SdpaPooling
{
    /// <summary>The relative error of a weight up to which <see cref="IsAccurate"/> says yes.</summary>
    public const double DefaultTolerance = 1e-4;

    // Fused forms ask for rows of whole vectors.
    private const long Alignment = 8;

    /// <summary>Pools the values at each query; differentiable with respect to all four inputs.</summary>
    /// <param name="queries">Queries (m, d), or (m) for one feature; float32 or float64, as the others.</param>
    /// <param name="keys">Keys (n, d), or (n).</param>
    /// <param name="values">Values (n, v), or (n).</param>
    /// <param name="w">1/h of each feature (d), or (1) for all.</param>
    /// <returns>Outputs (m, v), or (m) for values (n).</returns>
    /// <exception cref="ArgumentException">Shapes, number types or devices do not fit each other.</exception>
    public static Tensor Pool(Tensor queries, Tensor keys, Tensor values, Tensor w)
    {
        using DisposeScope scope = NewDisposeScope();
        PoolingInputs inputs = Checked(queries, keys, values, w);
        Tensor output = queries.size(0) == 0 ? TextbookForm.Gaussian(inputs).Output : Fused(inputs);
        return (values.dim() == 1 ? output.squeeze(1) : output).MoveToOuterDisposeScope();
    }

    private static Tensor Fused(PoolingInputs inputs)
    {
        (Tensor q, Tensor k) = Centred(inputs);

        // Centred as in the streaming form: outputs keep their digits however far from 0 the values lie.
        Tensor centre = inputs.Values.detach().mean([0]);
        long outputs = inputs.Values.size(1);
        long features = q.size(1) + 1;
        long length = (Math.Max(features, outputs) + Alignment - 1) / Alignment * Alignment;
        Tensor pooled = nn.functional.scaled_dot_product_attention(
            Padded(cat([q, ones_like(q.narrow(1, 0, 1))], dim: 1).Times(Math.Sqrt(length)), length),
            Padded(cat([k, (k * k).sum(dim: 1, keepdim: true).mul(Held.MinusHalf)], dim: 1), length),
            Padded(inputs.Values - centre, length));
        Tensor overflow = Overflow(q, length).Plus(Overflow(k, length).sum(dim: 0));
        Tensor output = pooled.squeeze(0).squeeze(0).narrow(1, 0, outputs).Plus(centre).Plus(overflow);
        return inputs.Wanted.Any ? TextbookFunction.Record(output, inputs) : output;
    }

    // 0 (rows, 1), or NaN where a row is not finite or so long that scores overflow: where no score is a number, fused forms have weights
    // of 0 and not of NaN.
    private static Tensor Overflow(Tensor rows, long length)
    {
        using IDisposable noGraph = no_grad();
        return (rows * rows).sum(dim: 1, keepdim: true).Times(4.0 * length).mul(Held.Zero);
    }

    /// <summary>
    /// An estimate of the largest relative error of a weight: 2 eps (r_q r_k + r_k^2 / 2), with eps the spacing of the number type at 1 and
    /// r the largest |x w| of queries and of keys, from the middle of the keys' range. For devices that multiply in full precision.
    /// </summary>
    /// <inheritdoc cref="IsAccurate"/>
    /// <returns>The estimate; NaN or infinite where the inputs are.</returns>
    public static double ExponentError(Tensor queries, Tensor keys, Tensor w)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGraph = no_grad();
        ArgumentNullException.ThrowIfNull(keys);
        (Tensor q, Tensor k) = Centred(Checked(queries, keys, keys, w));
        double query = queries.size(0) == 0 ? 0 : Longest(q);
        double key = Longest(k);
        double epsilon = queries.dtype == ScalarType.Float32 ? Math.ScaleB(1, -23) : Math.ScaleB(1, -52);
        return 2 * epsilon * (query * key + key * key / 2);
    }

    /// <summary>
    /// Whether <see cref="Pool"/> is accurate enough for these data: <see cref="ExponentError"/> is at most the tolerance.
    /// </summary>
    /// <param name="queries">Queries (m, d), or (m).</param>
    /// <param name="keys">Keys (n, d), or (n).</param>
    /// <param name="w">1/h of each feature (d), or (1) for all.</param>
    /// <param name="tolerance">The relative error of a weight that one accepts.</param>
    /// <exception cref="ArgumentException">Shapes, number types or devices do not fit each other.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is negative or not finite.</exception>
    public static bool IsAccurate(Tensor queries, Tensor keys, Tensor w, double tolerance = DefaultTolerance) =>
        ExponentError(queries, keys, w) <= Guard.NotNegative(tolerance);

    private static PoolingInputs Checked(Tensor queries, Tensor keys, Tensor values, Tensor w)
    {
        var inputs = new PoolingInputs(queries, keys, values, w);
        inputs.Check();
        return inputs.AsMatrices();
    }

    // In units of bandwidths from the middle of the keys' range. Weights do not depend on the middle, so no gradient passes through it.
    private static (Tensor Queries, Tensor Keys) Centred(PoolingInputs inputs)
    {
        Tensor keys = inputs.Keys.detach();
        Tensor middle = keys.amin([0]).Plus(keys.amax([0])).div(Held.Two);
        return ((inputs.Queries - middle) * inputs.W, (inputs.Keys - middle) * inputs.W);
    }

    private static double Longest(Tensor rows) => (rows * rows).sum(dim: 1).max().sqrt().ToDouble();

    // (rows, columns) as one batch of one head, with columns of zeros: (1, 1, rows, length).
    private static Tensor Padded(Tensor matrix, long length) =>
        nn.functional.pad(matrix, [0, length - matrix.size(1)]).unsqueeze(0).unsqueeze(0);
}
