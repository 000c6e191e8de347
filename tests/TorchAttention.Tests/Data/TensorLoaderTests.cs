using TorchAttention.Data;

namespace TorchAttention.Tests.Data;

public sealed class TensorLoaderTests
{
    [Fact]
    public void Shuffling_GivesEachExampleOnceInANewOrderEachEpoch()
    {
        using var scope = NewDisposeScope();
        TensorLoader loader = Loader(10, 4, shuffle: true);

        long[][] first = Epoch(loader);
        long[][] second = Epoch(loader);

        Assert.Equal([4, 4, 2], first.Select(batch => batch.Length));
        Assert.Equal(Enumerable.Range(0, 10).Select(i => (long)i), first.SelectMany(batch => batch).Order());
        Assert.NotEqual(first.SelectMany(batch => batch), second.SelectMany(batch => batch));
        Assert.Equal((3, 10), (loader.Count, loader.ExampleCount));
    }

    [Fact]
    public void InOrder_KeepsTheOrder()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([[0, 1, 2], [3, 4, 5], [6]], Epoch(Loader(7, 3, shuffle: false)));
    }

    [Fact]
    public void Indices_LeadToTheExamples()
    {
        using var scope = NewDisposeScope();
        foreach (Batch batch in Loader(10, 3, shuffle: true))
        {
            Assert.Equal(batch.Indices.data<long>().Select(i => (double)i), batch.X.ToDoubles());
            Assert.Equal(batch.X.ToDoubles().Select(x => -x), batch.Y.ToDoubles());
        }
    }

    [Fact]
    public void SeveralFeatures_StayInTheirRows()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor y = Numbers(7, ScalarType.Float32);
        foreach (Batch batch in new TensorLoader(stack([y, -y], 1), y, 3, shuffle: true, generator))
        {
            batch.X.CheckShape(batch.Y.shape[0], 2);
            Assert.Equal(batch.Y.ToDoubles().SelectMany(value => new[] { value, -value }), batch.X.ToDoubles());
        }
    }

    [Fact]
    public void WrongArguments_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(0);
        Assert.Throws<ArgumentOutOfRangeException>(() => new TensorLoader(zeros(3), zeros(3), 0, false, generator));
        Assert.Contains(
            "(3), got 2", Assert.Throws<ArgumentException>(() => new TensorLoader(zeros(3), zeros(2), 1, false, generator)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "got shape (3, 1, 1)",
            Assert.Throws<ArgumentException>(() => new TensorLoader(zeros(3, 1, 1), zeros(3), 1, false, generator)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new TensorLoader(zeros(0), zeros(0), 1, false, generator));
    }

    private static TensorLoader Loader(int n, int batchSize, bool shuffle)
    {
        Tensor x = Numbers(n, ScalarType.Float32);
        return new TensorLoader(x, -x, batchSize, shuffle, new Generator(3));
    }

    private static long[][] Epoch(TensorLoader loader) => [.. loader.Select(batch => batch.Indices.data<long>().ToArray())];
}
