using TorchAttention.Models;

namespace TorchAttention.Tests.Models;

/// <summary>Tests that look at torch's own generator, of which there is one for all.</summary>
[CollectionDefinition(nameof(TorchsGenerator), DisableParallelization = true)]
public sealed class TorchsGenerator;

[Collection(nameof(TorchsGenerator))]
public sealed class FirstParametersTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Seed_DecidesThemAndTorchsGeneratorStaysWhereItWas()
    {
        Tensor before = Held.RandomState();
        double[] first = Parameters(5);

        Assert.Equal(before.ToDoubles(), Held.RandomState().ToDoubles());
        Assert.Equal(first, Parameters(5));
        Assert.NotEqual(first, Parameters(6));
    }

    [Fact]
    public void Parameters_ArePyTorchsForTheSameSeed()
    {
        using Tensor before = Held.RandomState();
        double[] expected;
        try
        {
            manual_seed(5);
            expected = [.. Flat(nn.Linear(1, 32)), .. Flat(nn.Linear(32, 32))];
        }
        finally
        {
            Held.SetRandomState(before);
        }

        Assert.Equal(expected, Parameters(5));
    }

    private static double[] Parameters(ulong seed)
    {
        using var model = new AttentionRegression(zeros(3), zeros(3), new() { Seed = seed });
        return [.. Flat(model)];
    }

    private static IEnumerable<double> Flat(nn.Module module) =>
        [.. module.parameters().SelectMany(parameter => parameter.reshape(-1).ToDoubles())];
}
