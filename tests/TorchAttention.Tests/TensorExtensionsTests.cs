namespace TorchAttention.Tests;

public sealed class TensorExtensionsTests
{
    [Fact]
    public void ToDoubles_OfATransposedIntegerTensor_IsRowMajor()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor transposed = Numbers(6, ScalarType.Int32).reshape(2, 3).t();
        Assert.Equal([0, 3, 1, 4, 2, 5], transposed.ToDoubles());
    }

    [Fact]
    public void ToDoubles_OfAParameter_NeedsNoDetaching()
    {
        using TorchSharp.Modules.Parameter parameter = nn.Parameter(ones(2));
        Assert.Equal([1, 1], parameter.ToDoubles());
    }

    [Fact]
    public void ToMatrix_KeepsRowsAndColumns()
    {
        using Tensor rows = tensor(new[,] { { 1f, 2f, 3f }, { 4f, 5f, 6f } });
        Assert.Equal(new double[,] { { 1, 2, 3 }, { 4, 5, 6 } }, rows.ToMatrix());
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(3, 0)]
    public void ToMatrix_WithoutElements_IsEmpty(long rows, long columns)
    {
        using Tensor tensor = zeros(rows, columns);
        double[,] matrix = tensor.ToMatrix();
        Assert.Equal((rows, columns), (matrix.GetLength(0), matrix.GetLength(1)));
    }

    [Fact]
    public void ToMatrix_OfAVector_IsRefused()
    {
        using Tensor vector = zeros(3);
        ArgumentException e = Assert.Throws<ArgumentException>("tensor", vector.ToMatrix);
        Assert.Contains("Expected a matrix, got shape (3).", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CheckShape_TakesTheShapeAndRefusesOthers()
    {
        using Tensor tensor = zeros(2, 1, 6);
        tensor.CheckShape(2, 1, 6);
        ArgumentException e = Assert.Throws<ArgumentException>("tensor", () => tensor.CheckShape(2, 6));
        Assert.Contains("Expected shape (2, 6), got (2, 1, 6).", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => tensor.CheckShape(2, 1, 5));
    }
}
