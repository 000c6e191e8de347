namespace TorchAttention.Models;

/// <summary>How a kernel regression with learned widths is made and trained.</summary>
public sealed record KernelModelOptions
{
    /// <summary>
    /// The kernel; the Gaussian by default, the chapter's. The boxcar's gradient is 0 everywhere, so it cannot be learned.
    /// </summary>
    public SmoothingKernel Kernel { get; init; } = SmoothingKernel.Gaussian;

    /// <summary>What each w belongs to; one is shared by default, the chapter's.</summary>
    public KernelWidths Widths { get; init; }

    /// <summary>
    /// How many regions of equal count the sorted keys are cut into where each has a w (<see cref="KernelWidths.PerRegion"/>), from 1 to
    /// the number of keys; 5 by default.
    /// </summary>
    public int Regions { get; init; } = 5;

    /// <summary>The learning rate of plain SGD, positive; 1 by default.</summary>
    public double LearningRate { get; init; } = 1;

    /// <summary>
    /// Whether an example is kept from its own pair while training, keys and training examples being the same set; not by default.
    /// </summary>
    public bool LeaveOneOut { get; init; }

    /// <summary>Whether the values are learned beside w, which makes them a parameter; not by default.</summary>
    public bool LearnValues { get; init; }

    /// <summary>
    /// The degree of the local fit: 0, a mean of the values, the chapter's; or 1, a plane through them
    /// (<see cref="Pooling.LocalLinearPooling"/>): of the Gaussian, one w or one for each feature, up to 16 features, and on tensors of
    /// the same number type.
    /// </summary>
    public int Degree { get; init; }

    /// <summary>
    /// lambda of planes, by which slopes are held at 0, in squared bandwidths; not negative, 0.01 by default. Where it is learned, what it
    /// starts at, and positive.
    /// </summary>
    public double Ridge { get; init; } = 0.01;

    /// <summary>Whether lambda is learned beside w: its logarithm is a parameter then; not by default.</summary>
    public bool LearnRidge { get; init; }

    /// <summary>What every w = 1/h starts at, in 1/units of the keys, positive; 1 by default.</summary>
    public double InitialW { get; init; } = 1;

    internal KernelModelOptions Checked()
    {
        ArgumentNullException.ThrowIfNull(Kernel);
        Guard.Defined(Widths);
        Guard.AtLeast(Regions, 1);
        Guard.Positive(LearningRate);
        Guard.Positive(InitialW);
        CheckPlanes();
        return Kernel != SmoothingKernel.Boxcar
            ? this
            : throw new ArgumentException(
                $"Expected a kernel with a gradient "
                    + $"({string.Join(", ", SmoothingKernel.All.Where(kernel => kernel != SmoothingKernel.Boxcar))}), got {Kernel}: its "
                    + $"gradient is 0 everywhere, and w would never move.", nameof(Kernel));
    }

    private void CheckPlanes()
    {
        Guard.NotNegative(Ridge);
        if (Degree is not (0 or 1))
        {
            throw new ArgumentOutOfRangeException(nameof(Degree), Degree, $"Expected the degree 0 or 1, got {Degree}.");
        }

        if (LearnRidge && (Degree == 0 || Ridge == 0))
        {
            throw new ArgumentException(
                $"Expected the degree 1 and a positive ridge to learn it from, got the degree {Degree} and {Ridge}.", nameof(LearnRidge));
        }

        if (Degree == 1 && (Kernel != SmoothingKernel.Gaussian || Widths == KernelWidths.PerRegion))
        {
            throw new ArgumentException(
                $"Expected the gaussian kernel and one w, or one for each feature, with the degree 1, got {Kernel} and {Widths}.",
                nameof(Degree));
        }
    }
}
