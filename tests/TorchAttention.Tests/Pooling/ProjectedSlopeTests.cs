using MathNet.Numerics.LinearAlgebra;
using TorchAttention.Models;
using TorchAttention.Pooling;

namespace TorchAttention.Tests.Pooling;

/// <summary>Local linear attention whose slope is projected and not solved for.</summary>
public sealed class ProjectedSlopeTests
{
    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(3, 2, true)]
    public void Projected_IsItsFormulaWithTheGradientsOfAutograd(int d, int c, bool leavesOneOut)
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem problem = LocalLinearProblem.Draw(d, c, leavesOneOut, 0.1);
        (Tensor queries, Tensor keys, Tensor values, Tensor scale, Tensor? excluded) = problem.Inputs;
        Tensor r = queries.detach().sin().requires_grad_();

        Tensor output = LocalLinearPooling.PoolProjected(queries, keys, values, scale, r, excluded);

        Tensor u = (keys.unsqueeze(0) - queries.unsqueeze(1)) * scale;
        Tensor scores = u.Squared().sum(dim: 2).Times(-0.5);
        scores = excluded is null ? scores
            : scores.masked_fill(Numbers(keys.size(0)).eq(excluded.unsqueeze(1)), Held.MinusInfinity);
        Tensor p = scores.softmax(1);
        Tensor centred = u - (p.unsqueeze(2) * u).sum(dim: 1).unsqueeze(1);
        Tensor expected = (p * (centred * r.unsqueeze(1)).sum(dim: 2).FromOne()).matmul(values);
        Assert.InRange((expected - output).abs().max().ToDouble(), 0, 1e-11);
        Tensor[] parts = [queries, keys, values, scale, r];
        IList<Tensor> theirs = autograd.grad([(expected * problem.Factors).sum()], parts);
        IList<Tensor> ours = autograd.grad([(output * problem.Factors).sum()], parts);
        Assert.All(theirs.Zip(ours), pair => Assert.InRange((pair.First - pair.Second).abs().max().ToDouble(), 0, 1e-9));
    }

    // With the rho that the system gives as r, the two forms are one.
    [Fact]
    public void Projected_WithTheSolvedSlope_IsThePlane()
    {
        using DisposeScope scope = NewDisposeScope();
        LocalLinearProblem problem = LocalLinearProblem.Draw(1, 2, leavesOneOut: false, 0.05);
        (Tensor queries, Tensor keys, Tensor values, Tensor scale, _) = problem.Inputs;
        Tensor u = (keys.T - queries) * scale;
        Tensor p = u.Squared().Times(-0.5).softmax(1);
        Tensor mean = (p * u).sum(dim: 1).unsqueeze(1);
        Tensor growth = mean.Squared().Plus(1) * problem.Ridge;
        Tensor rho = mean / (p * (u - mean).Squared()).sum(dim: 1).unsqueeze(1).Plus(growth);
        Tensor output = LocalLinearPooling.PoolProjected(queries, keys, values, scale, rho);
        Assert.InRange((problem.Pool(byTiles: false) - output).abs().max().ToDouble(), 0, 1e-11);
    }

    [Fact]
    public void ProjectedHeads_BeginAsSoftmaxAttentionAndLearn()
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new LocalLinearAttention(features: 2, heads: 3, scale: 0.7, hasProjection: true);
        Tensor[] inputs = [.. ((long[][])[[2, 5, 6], [2, 9, 6], [2, 9, 12]]).Select(shape => randn(shape))];
        Tensor output = layer.call(inputs[0], inputs[1], inputs[2]);
        Tensor[] parts = [.. inputs.Select(part => part[1].chunk(3, 1)[2])];
        Tensor alone = StreamingPooling.Pool(parts[0], parts[1], parts[2], tensor([0.7f]));
        Assert.InRange((alone - output[1].narrow(1, 8, 4)).abs().max().ToDouble(), 0, 1e-6);
        (output * output).mean().backward();
        Assert.Equal(["projection", "projection_bias", "scale"], layer.state_dict().Keys.Order());
        Assert.Null(layer.LogRidge);
        Assert.All(layer.parameters(), parameter => Assert.True(parameter.grad!.abs().min().ToDouble() > 0));
        using var given = new LocalLinearAttention(features: 2, learnsRidge: false);
        Assert.Null(given.Projection);
        Assert.False(given.LogRidge!.requires_grad);
    }
}
