using MathNet.Numerics.LinearAlgebra;
using TorchAttention.Models;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

/// <summary>Local linear attention beside a least squares fit by hand, autograd on its matrices, and finite differences.</summary>
public sealed class LocalLinearPoolingTests
{
    public static TheoryData<int, int, bool, double> Problems => new(
        from d in (int[])[1, 2, 3, 7, 16]
        from c in (int[])[1, 3]
        from leavesOneOut in (bool[])[false, true]
        from ridge in (double[])[0, 0.01, 1]
        where d < 7 || ridge > 0
        select (d, c, leavesOneOut, ridge));

    [Theory]
    [MemberData(nameof(Problems))]
    public void Outputs_AreHeightsOfPlanes(int d, int c, bool leavesOneOut, double ridge)
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem problem = LocalLinearProblem.Draw(d, c, leavesOneOut, ridge);

        double[] loops = problem.Pool(byTiles: false).ToDoubles();
        double[] tiles = problem.Pool(byTiles: true).ToDoubles();

        double[] planes = problem.Planes();
        Assert.All(planes.Zip(loops), pair => Assert.Equal(pair.First, pair.Second, 1e-10));
        Assert.All(planes.Zip(tiles), pair => Assert.Equal(pair.First, pair.Second, 1e-10));
        double[] weights = LocalLinearPooling.Weights(problem.Inputs, problem.Ridge).sum(dim: 1).ToDoubles();
        Assert.All(weights, sum => Assert.Equal(1, sum, 1e-12));
    }

    [Theory]
    [MemberData(nameof(Problems))]
    public void Gradients_AreThoseOfAutograd(int d, int c, bool leavesOneOut, double ridge)
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem problem = LocalLinearProblem.Draw(d, c, leavesOneOut, ridge);
        Tensor factors = problem.Factors;

        Tensor dense = LocalLinearForm.Pool(problem.Inputs.AsMatrices(), problem.Ridge).Outputs;
        double[][] expected = problem.Gradients(dense, factors);

        foreach (bool byTiles in (bool[])[false, true])
        {
            double[][] found = problem.Gradients(problem.Pool(byTiles).reshape(dense.shape), factors);
            foreach ((double[] one, double[] other) in expected.Zip(found))
            {
                double scale = 1e-9 * (1 + one.Max(Math.Abs));
                Assert.All(one.Zip(other), pair => Assert.Equal(pair.First, pair.Second, scale));
            }
        }
    }

    // Of 41 queries: one by one, and seven at a time with a last tile of six.
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 7)]
    public void Tiles_AddUpToTheLoops(int d, int queriesInATile)
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem problem = LocalLinearProblem.Draw(d, 2, leavesOneOut: true, 0.01);
        Tensor loops = problem.Pool(byTiles: false);
        Tensor tiles = LocalLinearPooling.Pool(
            problem.Inputs, problem.Ridge, byTiles: true, tileNumbers: queriesInATile * problem.Inputs.Keys.numel());
        Assert.InRange((loops - tiles).abs().max().ToDouble(), 0, 1e-10);
        foreach ((double[] one, double[] other) in problem.Gradients(loops, problem.Factors)
            .Zip(problem.Gradients(tiles, problem.Factors)))
        {
            Assert.All(one.Zip(other), pair => Assert.Equal(pair.First, pair.Second, 1e-10 * (1 + one.Max(Math.Abs))));
        }
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(3, true)]
    public void Gradients_AreThoseOfDifferences(int d, bool leavesOneOut)
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem problem = LocalLinearProblem.Draw(d, 2, leavesOneOut, 0.05);
        double[][] found = problem.Gradients(problem.Pool(byTiles: false), problem.Factors);
        const double Step = 2e-4;
        using IDisposable noGraph = no_grad();
        foreach ((Tensor part, double[] gradient) in problem.Parts.Zip(found))
        {
            for (int i = 0; i < Math.Min(5, gradient.Length); i++)
            {
                // Of fourth order: off by a part in 1e10.
                double near = At(part, i, Step) - At(part, i, -Step);
                double far = At(part, i, 2 * Step) - At(part, i, -2 * Step);
                double difference = ((8 * near) - far) / (12 * Step);
                Assert.Equal(difference, gradient[i], 1e-8 * (1 + Math.Abs(difference)));
            }
        }

        double At(Tensor part, int place, double step)
        {
            Tensor flat = part.view(-1);
            double before = flat[place].ToDouble();
            flat[place] = tensor(before + step, ScalarType.Float64);
            double sum = (problem.Pool(byTiles: false) * problem.Factors).sum().ToDouble();
            flat[place] = tensor(before, ScalarType.Float64);
            return sum;
        }
    }

    [Fact]
    public void SecondDerivatives_AreThoseOfTheMatrices()
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem problem = LocalLinearProblem.Draw(2, 1, leavesOneOut: false, 0.1);
        double[] found = Second(problem.Pool(byTiles: false));
        double[] expected = Second(LocalLinearForm.Pool(problem.Inputs.AsMatrices(), problem.Ridge).Outputs);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-9 * (1 + Math.Abs(pair.First))));

        double[] Second(Tensor outputs)
        {
            Tensor first = autograd.grad(
                [(outputs * outputs * outputs).sum()], [problem.Inputs.W], create_graph: true, retain_graph: true)[0];
            return autograd.grad([(first * first).sum()], [problem.Inputs.W])[0].ToDoubles();
        }
    }

    // C's largest eigenvalue to its smallest, the ridge among them; beyond 1e7 both lose digits.
    [Theory]
    [InlineData(3e-2, 1e-5, 5e2)]
    [InlineData(1e-3, 1e-6, 1e5)]
    [InlineData(1e-4, 2e-7, 3e6)]
    public void NearlyCollinearKeys_HaveTheGradientsOfAutograd(double offLine, double ridge, double leastCondition)
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem drawn = LocalLinearProblem.Draw(2, 2, leavesOneOut: false, ridge);
        Tensor along = drawn.Inputs.Keys.detach().narrow(1, 0, 1);
        Tensor off = drawn.Inputs.Keys.detach().narrow(1, 1, 1).Times(offLine);
        Tensor keys = cat([along.Plus(off), along - off], 1).requires_grad_();
        LocalLinearProblem problem = drawn with { Inputs = drawn.Inputs with { Keys = keys } };
        Assert.InRange(problem.WorstCondition(), leastCondition, 1e7);

        double[][] expected = problem.Gradients(LocalLinearForm.Pool(problem.Inputs, problem.Ridge).Outputs, problem.Factors);
        double[][] found = problem.Gradients(problem.Pool(byTiles: false), problem.Factors);

        foreach ((double[] one, double[] other) in expected.Zip(found))
        {
            double scale = 1e-8 * (1 + one.Max(Math.Abs));
            Assert.All(one.Zip(other), pair => Assert.Equal(pair.First, pair.Second, scale));
        }
    }

    // The slope falls with the square of the distance, so the level is all that is left.
    [Fact]
    public void FarOutside_ItIsTheLocalConstant()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (int d in (int[])[1, 3])
        {
            LocalLinearProblem problem = LocalLinearProblem.Draw(d, 2, leavesOneOut: false, 1e-3);
            Tensor far = Filled([4, d], 1e5, ScalarType.Float64);
            Tensor plane = LocalLinearPooling.Pool(far, problem.Inputs.Keys, problem.Inputs.Values, problem.Inputs.W, problem.Ridge);
            Tensor level = StreamingPooling.Pool(far, problem.Inputs.Keys, problem.Inputs.Values, problem.Inputs.W);
            Assert.InRange((plane - level).abs().max().ToDouble(), 0, 1e-3);
        }
    }

    // A plain ridge would follow a slope of two keys for fifty bandwidths.
    [Theory]
    [InlineData(8)]
    [InlineData(55)]
    [InlineData(1e6)]
    public void FarOutside_APlaneBecomesLevel(double distance)
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem problem = LocalLinearProblem.Draw(1, 1, leavesOneOut: false, 1e-3);
        Tensor far = tensor([5 + distance], [1, 1]);
        Tensor output = LocalLinearPooling.Pool(
            far, problem.Inputs.Keys, problem.Inputs.Values, ones(1, ScalarType.Float64), problem.Ridge);
        (double least, double most) = (problem.Inputs.Values.min().ToDouble(), problem.Inputs.Values.max().ToDouble());
        Assert.InRange(output.ToDouble(), least - (most - least), most + (most - least));
    }

    [Fact]
    public void Straight_ValuesAreMetExactly_WithoutRidge()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor keys = LocalLinearProblem.Draw(3, 1, false, 0).Inputs.Keys.detach();
        Tensor slope = tensor([2.0, -1, 0.5]);
        Tensor queries = rand([20, 3], ScalarType.Float64);
        Tensor output = LocalLinearPooling.Pool(
            queries, keys, keys.matmul(slope).Plus(tensor(3.0)), tensor([1.5, 0.5, 1]), tensor([0.0]));
        Assert.All(
            queries.matmul(slope).Plus(tensor(3.0)).ToDoubles().Zip(output.ToDoubles()),
            pair => Assert.Equal(pair.First, pair.Second, 1e-11));
    }

    [Fact]
    public void Threads_DoNotChangeABit()
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem problem = LocalLinearProblem.Draw(3, 2, leavesOneOut: true, 0.01, keys: 700, queries: 700);
        double[][][] both = [.. ((int[])[1, 4]).Select(threads =>
        {
            var pass = Numerics.LocalLinear.LocalLinearPass.Run(problem.Plain(threads));
            Numerics.LocalLinear.LocalLinearGradients found = pass.Differentiate(problem.Factors.ToDoubles(), ofKeys: true);
            return (double[][])[pass.Outputs, found.Queries, found.Keys, found.Values, found.Scale, [found.Ridge]];
        })];
        Assert.Equal(both[0], both[1]);
    }

    [Fact]
    public void WhoSeesNoKey_Has0AndNoGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor queries = tensor([1.0, 2]).requires_grad_();
        foreach (bool byTiles in (bool[])[false, true])
        {
            Tensor output = LocalLinearPooling.Pool(
                new PoolingInputs(queries, tensor([1.5]), tensor([7.0]), ones(1, ScalarType.Float64), tensor([0L, -1])),
                tensor([0.1]),
                byTiles);
            Assert.Equal([0, 7], output.ToDoubles());
            Assert.Equal([0, 0], autograd.grad([output.sum()], [queries])[0].ToDoubles());
        }
    }

    [Fact]
    public void Heads_AreEachByThemselves()
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new LocalLinearAttention(features: 2, heads: 3, ridge: 0.1, scale: 0.7);
        Tensor[] inputs = [.. ((long[][])[[2, 5, 6], [2, 9, 6], [2, 9, 12]]).Select(shape => randn(shape).requires_grad_())];

        Tensor output = layer.call(inputs[0], inputs[1], inputs[2]);

        output.CheckShape(2, 5, 12);
        Tensor[] parts = [.. inputs.Select(part => part[1].chunk(3, 1)[2])];
        Tensor alone = LocalLinearPooling.Pool(parts[0], parts[1], parts[2], tensor([0.7f, 0.7f]), tensor([0.1f]));
        Assert.All(
            alone.ToDoubles().Zip(output[1].narrow(1, 8, 4).contiguous().ToDoubles()),
            pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        (output * output).mean().backward();
        Assert.All(layer.parameters(), parameter => Assert.True(parameter.grad!.abs().min().ToDouble() > 0));
        ArgumentException e = Assert.Throws<ArgumentException>(() => layer.call(inputs[0], inputs[1], zeros(2, 9, 4)));
        Assert.StartsWith(
            "Expected queries (batch, m, 6), keys (batch, n, 6) and values (batch, n, 3 c), got (2, 5, 6)",
            e.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_ThatAreNoneAreSeen()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor output = LocalLinearPooling.Pool(
            tensor([1.0, 2]), tensor([1.5, double.NaN]), tensor([7.0, 8]), ones(1, ScalarType.Float64), tensor([0.1]));
        Assert.All(output.ToDoubles(), number => Assert.Equal(double.NaN, number));
    }

    [Fact]
    public void Inputs_ThatDoNotFitAreRefused()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor one = ones(1, ScalarType.Float64);
        ArgumentException wide = Assert.Throws<ArgumentException>(() => LocalLinearPooling.Pool(
            zeros([2, 17], ScalarType.Float64), zeros([3, 17], ScalarType.Float64), zeros(3, ScalarType.Float64), one, one));
        Assert.StartsWith("Expected 1 to 16 features, got 17.", wide.Message, StringComparison.Ordinal);
        ArgumentException ridge = Assert.Throws<ArgumentException>(
            () => LocalLinearPooling.Pool(tensor([1.0]), tensor([1.0]), tensor([1.0]), one, tensor([1f, 2])));
        Assert.StartsWith("Expected one Float64 on cpu, got Float32 (2) on cpu.", ridge.Message, StringComparison.Ordinal);
    }
}
