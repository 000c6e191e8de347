using MathNet.Numerics.LinearAlgebra;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

/// <summary>Inputs of local linear attention, with planes and gradients worked out another way.</summary>
internal sealed record LocalLinearProblem(PoolingInputs Inputs, Tensor Ridge, Tensor Factors)
{
    public static LocalLinearProblem Draw(int d, int c, bool leavesOneOut, double ridge, int keys = 150, int queries = 41)
    {
        using var generator = new Generator((ulong)(100 + d + (10 * c)));
        Tensor Random(params long[] shape) => rand(shape, ScalarType.Float64, generator: generator);
        Tensor k = Random(keys, d).Times(4);
        Tensor q = leavesOneOut ? k.narrow(0, 0, queries).clone() : Random(queries, d).Times(5);
        Tensor v = k.sum(dim: 1, keepdim: true).sin().Plus(Random(keys, c));
        Tensor g = Random(d).Plus(tensor(0.4));
        Tensor? excluded = leavesOneOut ? Held.Range(queries, CPU) : null;
        Tensor[] learned = [.. ((Tensor[])[q, k, v, g, tensor([ridge])]).Select(part => part.requires_grad_())];
        return new LocalLinearProblem(
            new PoolingInputs(learned[0], learned[1], learned[2], learned[3], excluded), learned[4],
            Random(queries, c).Plus(tensor(-0.3)));
    }

    public Tensor[] Parts => [Inputs.Queries, Inputs.Keys, Inputs.Values, Inputs.W, Ridge];

    public Tensor Pool(bool byTiles) => LocalLinearPooling.Pool(Inputs, Ridge, byTiles);

    // The worst over the queries of the largest eigenvalue of C with its ridge to the smallest.
    public double WorstCondition()
    {
        using IDisposable noGraph = no_grad();
        Tensor u = (Inputs.Keys.unsqueeze(0) - Inputs.Queries.unsqueeze(1)) * Inputs.W;
        Tensor p = u.Squared().sum(dim: 2).Times(-0.5).softmax(1).unsqueeze(2);
        Tensor mean = (p * u).sum(dim: 1);
        Tensor centred = u - mean.unsqueeze(1);
        Tensor growth = mean.Squared().sum(dim: 1).Plus(1) * Ridge;
        Tensor matrix = (p * centred).transpose(1, 2).matmul(centred)
            .Plus(growth.reshape(-1, 1, 1) * eye(u.size(2), dtype: ScalarType.Float64));
        Tensor values = linalg.eigvalsh(matrix);
        return (values.amax([1]) / values.amin([1])).max().ToDouble();
    }

    public double[][] Gradients(Tensor outputs, Tensor factors) =>
        [.. autograd.grad([(outputs * factors).sum()], Parts).Select(gradient => gradient.ToDoubles())];

    public Numerics.LocalLinear.LocalLinearInput Plain(int threads) => new()
    {
        Queries = Inputs.Queries.ToDoubles(),
        Keys = Inputs.Keys.ToDoubles(),
        Values = Inputs.Values.ToDoubles(),
        Scale = Inputs.W.ToDoubles(),
        Ridge = Ridge.ToDouble(),
        LeftOut = Inputs.Excluded is null ? [] : Array.ConvertAll(Inputs.Excluded.data<long>().ToArray(), place => (int)place),
        Threads = threads,
    };

    // Normal equations of sum p (v - a - b.u)^2 with a + b.u a plane through the centre, the slope held by the ridge; a at u = 0.
    public double[] Planes()
    {
        Numerics.LocalLinear.LocalLinearInput it = Plain(1);
        var heights = new List<double>();
        for (int query = 0; query < it.QueryCount; query++)
        {
            double[][] u = [.. Enumerable.Range(0, it.KeyCount).Select(i => Enumerable.Range(0, it.Features).Select(
                j => it.Scale[j] * (it.Keys[(i * it.Features) + j] - it.Queries[(query * it.Features) + j])).ToArray())];
            double[] p = [.. u.Select((row, i) => it.LeftOut.Length > 0 && it.LeftOut[query] == i ? 0
                : Math.Exp(-row.Sum(x => x * x) / 2))];
            double total = p.Sum();
            p = [.. p.Select(one => one / total)];
            double[] centre = [.. Enumerable.Range(0, it.Features).Select(j => p.Zip(u).Sum(pair => pair.First * pair.Second[j]))];
            double ridge = it.Ridge * (1 + centre.Sum(x => x * x));
            Matrix<double> design = Matrix<double>.Build.Dense(
                it.KeyCount, it.Features + 1, (i, j) => j == 0 ? 1 : u[i][j - 1] - centre[j - 1]);
            Matrix<double> weights = Matrix<double>.Build.DenseOfDiagonalArray(p);
            Matrix<double> normal = design.Transpose() * weights * design
                + Matrix<double>.Build.Dense(it.Features + 1, it.Features + 1, (i, j) => i == j && i > 0 ? ridge : 0);
            Matrix<double> values = Matrix<double>.Build.Dense(it.KeyCount, it.Columns, (i, j) => it.Values[(i * it.Columns) + j]);
            Matrix<double> plane = normal.Solve(design.Transpose() * weights * values);
            heights.AddRange(Enumerable.Range(0, it.Columns).Select(
                k => plane[0, k] - Enumerable.Range(0, it.Features).Sum(j => plane[j + 1, k] * centre[j])));
        }

        return [.. heights];
    }
}
