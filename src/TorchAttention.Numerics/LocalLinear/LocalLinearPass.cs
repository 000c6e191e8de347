using System.Runtime.Intrinsics;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Vectors;

namespace TorchAttention.Numerics.LocalLinear;

/// <summary>
/// Local linear attention: the height at a query of the plane through the values, fitted by least squares with the softmax weights
/// p_i of the scores -|u_i|^2 / 2, u_i = g (k_i - q).
/// </summary>
/// <remarks>
/// <para>
/// With S1 = sum p u, uc = u - S1, C = sum p uc uc' + lambda (1 + |S1|^2) I, T0 = sum p v, X = sum p uc (v - T0)', rho = C^-1 S1 and B =
/// C^-1 X the output is a = T0 - B' S1 = sum l_i v_i, l_i = p_i (1 - rho.uc_i). The l sum to 1. Inside the keys the ridge hardly acts; far
/// outside, where |S1| grows, the plane becomes level, and the output the softmax attention's. A direction that all keys are alike in is
/// left out where lambda is 0.
/// </para>
/// <para>
/// Time queries x keys x d (d + c); memory the inputs, some numbers a query, and tiles; for gradients of keys and values up to 16 copies
/// of these, at most 128 MB. The same bits for any number of threads.
/// </para>
/// </remarks>
internal sealed unsafe class LocalLinearPass
{
    // Each part of the queries sums up gradients of keys and values of its own; these are added in order.
    private const int MostParts = 16;
    private const long MostNumbersOfParts = 1 << 24;
    private const int QueriesInPart = 64;

    private readonly LocalLinearInput _input;
    private readonly PackedKeys _packed;
    private readonly Work _work;

    private LocalLinearPass(LocalLinearInput input, CancellationToken cancellationToken)
    {
        _input = input;
        _packed = new PackedKeys(input);
        _work = new Work(Math.Min(input.Threads ?? Environment.ProcessorCount, Environment.ProcessorCount), null, cancellationToken);
        Rows = new LocalLinearRows(input.QueryCount, input.Features, input.Columns);
    }

    /// <summary>The outputs a (m, c); 0 where a query sees no key.</summary>
    public double[] Outputs => Rows.Outputs;

    private LocalLinearRows Rows { get; }

    /// <summary>Computes the outputs.</summary>
    public static LocalLinearPass Run(LocalLinearInput input, CancellationToken cancellationToken = default)
    {
        var pass = new LocalLinearPass(input, cancellationToken);
        int parts = (input.QueryCount + QueriesInPart - 1) / QueriesInPart;
        pass._work.ForEach(parts, () => pass.NewLoops(), (part, loops) =>
            loops.Fit(part * QueriesInPart, Math.Min(input.QueryCount, (part + 1) * QueriesInPart)));
        return pass;
    }

    /// <summary>The gradients.</summary>
    /// <param name="outputGradient">The factor of each output (m, c).</param>
    /// <param name="ofKeys">Whether those of keys and values are wanted.</param>
    public LocalLinearGradients Differentiate(double[] outputGradient, bool ofKeys)
    {
        (int d, int c) = (_input.Features, _input.Columns);
        long numbers = ofKeys ? (long)_packed.Count * (d + c) : 0;
        int parts = (int)Math.Clamp(Math.Min(MostNumbersOfParts / Math.Max(1, numbers), _input.QueryCount / QueriesInPart), 1, MostParts);
        double[] byQuery = new double[_input.Queries.Length];
        double[][] byKey = [.. Enumerable.Range(0, parts).Select(_ => new double[numbers])];
        double[][] byScale = [.. Enumerable.Range(0, parts).Select(_ => new double[d + 1])];
        _work.ForEach(parts, () => NewLoops(), (part, loops) =>
        {
            (int first, int end) = (PlaceOf(part), PlaceOf(part + 1));
            loops.Differentiate(first, end, outputGradient, byQuery, byKey[part], byScale[part]);
        });
        double[] keys = Sum(byKey);
        double[] scale = Sum(byScale);
        return new LocalLinearGradients(
            byQuery,
            ofKeys ? _packed.Unpack(keys, d + c, 0, d) : [],
            ofKeys ? _packed.Unpack(keys, d + c, d, c) : [],
            scale[..d],
            scale[d]);

        int PlaceOf(int part) => (int)((long)_input.QueryCount * part / parts);
    }

    private ILocalLinearLoops NewLoops() =>
        Vector512.IsHardwareAccelerated ? new LocalLinearLoops<Lanes512<double>>(_input, _packed, Rows)
        : Vector256.IsHardwareAccelerated ? new LocalLinearLoops<Lanes256<double>>(_input, _packed, Rows)
        : new LocalLinearLoops<Lanes128<double>>(_input, _packed, Rows);

    private static double[] Sum(double[][] parts)
    {
        double[] sum = parts[0];
        foreach (double[] part in parts.Skip(1))
        {
            for (int i = 0; i < sum.Length; i++)
            {
                sum[i] += part[i];
            }
        }

        return sum;
    }
}
