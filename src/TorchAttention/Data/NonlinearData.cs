namespace TorchAttention.Data;

/// <summary>The chapter's regression problem: y = 2 sin(x) + x^0.8 + noise, x uniform on [0, 5).</summary>
/// <remarks>
/// <para>Training: n inputs, drawn and sorted, with noise of mean 0. Validation: x = 0, 5/n, 10/n, ... below 5, without noise.</para>
/// <para>
/// The draws are PyTorch's: the same seed gives <c>torch.rand(n) * 5</c>, sorted, and then <c>torch.randn(n)</c>. The book's text says that
/// the noise has standard deviation 0.5, its code draws it with 1; both are a matter of <c>noiseStd</c>.
/// </para>
/// <para>
/// The validation set is <c>torch.arange(0, 5, 5/n)</c> as PyTorch rounds it: for some n (61, say) 5/n is rounded down and a last
/// input at 5 joins, n + 1 in all.
/// </para>
/// </remarks>
public sealed class NonlinearData : RegressionData
{
    private const double Width = 5;

    /// <summary>Draws the data.</summary>
    /// <param name="n">Training examples, at least 1.</param>
    /// <param name="batchSize">Examples in a mini-batch, at least 1.</param>
    /// <param name="noiseStd">The noise's standard deviation, at least 0.</param>
    /// <param name="seed">PyTorch's <c>manual_seed</c>.</param>
    /// <param name="device">Where the tensors live; the CPU by default. The draws are the CPU's on every device.</param>
    /// <exception cref="ArgumentOutOfRangeException">n or the batch size is below 1, or the noise is negative or not finite.</exception>
    public NonlinearData(int n = 50, int batchSize = 10, double noiseStd = 0.5, ulong seed = 0, Device? device = null)
        : this(Guard.AtLeast(n, 1), Guard.AtLeast(batchSize, 1), Guard.NotNegative(noiseStd), new Generator(seed), device ?? CPU)
    {
    }

    private NonlinearData(int n, int batchSize, double noiseStd, Generator generator, Device device)
        : base(DrawTraining(n, noiseStd, generator, device), DrawValidation(n, device), batchSize, generator)
    {
        NoiseStd = noiseStd;
    }

    /// <summary>The noise's standard deviation.</summary>
    public double NoiseStd { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Standardization> XScales { get; } = [Standardization.None];

    /// <inheritdoc/>
    public override Standardization YScale => Standardization.None;

    /// <summary>The function behind the noise: 2 sin(x) + x^0.8.</summary>
    /// <param name="x">Inputs of any shape, at least 0.</param>
    /// <returns>Outputs of the same shape.</returns>
    public static Tensor Truth(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);

        // A float exponent: PyTorch's vectorised pow rounds 0.8 to the tensor's type, and the recorded runs have its numbers.
        using DisposeScope scope = NewDisposeScope();
        using Scalar exponent = 0.8f;
        return sin(x).mul(Held.Two).Plus(x.pow(exponent)).MoveToOuterDisposeScope();
    }

    private static (Tensor X, Tensor Y) DrawTraining(int n, double noiseStd, Generator generator, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor x, _) = sort(rand(n, ScalarType.Float32, CPU, generator: generator).Times(Width));
        Tensor y = Truth(x).Plus(randn(n, ScalarType.Float32, CPU, generator: generator).Times(noiseStd));
        return scope.MoveToOuter(x.to(device), y.to(device));
    }

    private static (Tensor X, Tensor Y) DrawValidation(int n, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        using Scalar start = 0.0;
        using Scalar end = Width;
        using Scalar step = Width / n;
        Tensor x = arange(start, end, step, ScalarType.Float32, CPU);
        return scope.MoveToOuter(x.to(device), Truth(x).to(device));
    }
}
