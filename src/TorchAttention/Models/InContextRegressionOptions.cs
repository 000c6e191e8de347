namespace TorchAttention.Models;

/// <summary>How an <see cref="InContextRegression"/> is made and trained.</summary>
public sealed record InContextRegressionOptions
{
    /// <summary>The most blocks.</summary>
    public const int MostBlocks = 64;

    /// <summary>h, the length of a row's features, a multiple of the heads; 32 by default.</summary>
    public int Hidden { get; init; } = 32;

    /// <summary>The heads of each block; 4 by default.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>The blocks one after another, 1 to <see cref="MostBlocks"/>; 1 by default.</summary>
    public int Blocks { get; init; } = 1;

    /// <summary>
    /// The standard deviation of the random waves that an example's table gets at each training step, with a random sign, in standard
    /// deviations of the values; at least 0, 1 by default. They are drawn from torch's own generator.
    /// </summary>
    /// <remarks>At 0 the training loss falls to 0, and the error of rows that were held out rises.</remarks>
    public double Vary { get; init; } = 1;

    /// <summary>The learning rate of Adam, positive; 0.01 by default.</summary>
    public double LearningRate { get; init; } = 0.01;

    /// <summary>Decides the first parameters; 0 by default.</summary>
    public ulong Seed { get; init; }

    internal TransformerBlockOptions Block => new() { Size = Hidden, Heads = Heads, NormalizesFirst = true };

    internal InContextRegressionOptions Checked()
    {
        Guard.AtLeast(Hidden, 1);
        Guard.AtLeast(Heads, 1);
        if (Blocks is < 1 or > MostBlocks)
        {
            throw new ArgumentOutOfRangeException(nameof(Blocks), Blocks, $"Expected 1 to {MostBlocks} blocks, got {Blocks}.");
        }

        Guard.NotNegative(Vary);
        Guard.Positive(LearningRate);
        return Hidden % Heads == 0
            ? this
            : throw new ArgumentException($"Expected a hidden length that is a multiple of {Heads} heads, got {Hidden}.", nameof(Hidden));
    }
}
