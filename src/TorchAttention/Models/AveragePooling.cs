namespace TorchAttention.Models;

/// <summary>The chapter's first and dumbest estimator: every query gets the mean of the values, f(q) = (1/n) sum_i v_i.</summary>
public sealed class AveragePooling : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "values")]
    private readonly Tensor _values;

    /// <summary>Creates the estimator; it copies the values.</summary>
    /// <param name="values">Values (keys).</param>
    /// <exception cref="ArgumentException">The values are no vector.</exception>
    public AveragePooling(Tensor values)
        : base(nameof(AveragePooling))
    {
        _values = Guard.Vector(values).CloneWithoutGraph();
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <param name="input">Queries (queries), or (queries, d).</param>
    /// <returns>The mean of the values, repeated (queries).</returns>
    public override Tensor forward(Tensor input)
    {
        using Tensor mean = _values.mean();
        return mean.expand(Guard.Queries(input).shape[0]);
    }
}
