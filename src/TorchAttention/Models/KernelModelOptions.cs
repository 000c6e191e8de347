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

    /// <summary>What every w = 1/h starts at, in 1/units of the keys, positive; 1 by default.</summary>
    public double InitialW { get; init; } = 1;

    internal KernelModelOptions Checked()
    {
        ArgumentNullException.ThrowIfNull(Kernel);
        Guard.Defined(Widths);
        Guard.AtLeast(Regions, 1);
        Guard.Positive(LearningRate);
        Guard.Positive(InitialW);
        return Kernel != SmoothingKernel.Boxcar
            ? this
            : throw new ArgumentException(
                $"Expected a kernel with a gradient "
                    + $"({string.Join(", ", SmoothingKernel.All.Where(kernel => kernel != SmoothingKernel.Boxcar))}), got {Kernel}: its "
                    + $"gradient is 0 everywhere, and w would never move.", nameof(Kernel));
    }
}
