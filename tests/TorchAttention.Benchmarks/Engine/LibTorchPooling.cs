using TorchAttention.Pooling;

namespace TorchAttention.Benchmarks.Engine;

/// <summary>Gaussian pooling at a data set's own points in libtorch, float32.</summary>
/// <remarks>Keys and values are made ready once, as a model would keep them; the queries belong to the work.</remarks>
internal sealed class LibTorchPooling : IDisposable
{
    private readonly Tensor _u;
    private readonly Tensor _values;
    private readonly Tensor _fusedKeys;
    private readonly Tensor _fusedValues;

    public LibTorchPooling(DataSet data, double bandwidth)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(data.X).reshape(-1, data.Features);

        // Around the mean: far from the origin the products of the fused form would lose all digits.
        _u = ((x - x.mean([0], keepdim: true)) / bandwidth).to(ScalarType.Float32);
        _values = tensor(data.Y).to(ScalarType.Float32);
        _fusedKeys = cat([_u, -0.5 * _u.square().sum(dim: 1, keepdim: true)], dim: 1).unsqueeze(0).unsqueeze(0);
        _fusedValues = nn.functional.pad(_values.unsqueeze(1), [0, data.Features]).unsqueeze(0).unsqueeze(0);
        scope.Detach(_u, _values, _fusedKeys, _fusedValues);
    }

    /// <summary>The textbook form, with the weights (queries, keys) as a matrix.</summary>
    public double[] Textbook()
    {
        using DisposeScope scope = NewDisposeScope();
        if (_u.size(1) == 1)
        {
            return AttentionPooling.AttentionPool(AttentionPooling.Diff(_u.flatten(), _u.flatten()), _values).Output.ToDoubles();
        }

        Tensor squares = AttentionPooling.Diff(_u.select(1, 0), _u.select(1, 0)).square();
        for (int j = 1; j < _u.size(1); j++)
        {
            squares.add_(AttentionPooling.Diff(_u.select(1, j), _u.select(1, j)).square());
        }

        return AttentionPooling.AttentionPool(squares.sqrt_(), _values).Output.ToDoubles();
    }

    /// <summary>
    /// The fused attention. -|q - k|^2 / 2 is q.k - |k|^2 / 2 and a term of the query alone, which the softmax drops. The scores are
    /// divided by the root of their width, so the queries are multiplied by it; the values are as wide as the keys, since the fused form
    /// wants that.
    /// </summary>
    public double[] Fused()
    {
        using DisposeScope scope = NewDisposeScope();
        double factor = Math.Sqrt(_u.size(1) + 1);
        Tensor queries = factor * nn.functional.pad(_u, [0, 1], value: 1);
        Tensor pooled = nn.functional.scaled_dot_product_attention(queries.unsqueeze(0).unsqueeze(0), _fusedKeys, _fusedValues);
        return pooled[0, 0].select(1, 0).ToDoubles();
    }

    public void Dispose()
    {
        _u.Dispose();
        _values.Dispose();
        _fusedKeys.Dispose();
        _fusedValues.Dispose();
    }
}
