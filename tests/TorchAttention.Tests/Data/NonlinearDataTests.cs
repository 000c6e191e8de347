using TorchAttention.Data;

namespace TorchAttention.Tests.Data;

public sealed class NonlinearDataTests
{
    [Fact]
    public void TrainingInputs_AreSortedInRange()
    {
        using var data = new NonlinearData(n: 200);
        double[] x = data.XTrain.ToDoubles();
        Assert.Equal(ScalarType.Float32, data.XTrain.dtype);
        Assert.Equal(x.Order(), x);
        Assert.All(x, value => Assert.InRange(value, 0, 5));
    }
}
