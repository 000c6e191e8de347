namespace TorchAttention.Models;

/// <summary>The sizes and parts of a <see cref="TransformerBlock"/>.</summary>
public sealed record TransformerBlockOptions
{
    /// <summary>h, the length of a row, a multiple of the heads.</summary>
    public required int Size { get; init; }

    /// <summary>The heads of the attention.</summary>
    public required int Heads { get; init; }

    /// <summary>The length between the two linear layers, at least 1; null, the default, for 2 h.</summary>
    public int? FeedForward { get; init; }

    /// <summary>The part of what attention and layers add that is set to 0 while training, from 0 up to 1; 0 by default.</summary>
    public double Dropout { get; init; }

    /// <summary>Whether the attention's projections have biases; false by default, as in the book.</summary>
    public bool HasBias { get; init; }

    /// <summary>Whether rows are normalised before attention and layers, not after them as in the book; false by default.</summary>
    public bool NormalizesFirst { get; init; }

    internal int Inner => FeedForward ?? 2 * Size;

    internal TransformerBlockOptions Checked()
    {
        Guard.AtLeast(Size, 1);
        Guard.AtLeast(Heads, 1);
        Guard.AtLeast(Inner, 1, nameof(FeedForward));
        Guard.Part(Dropout);
        return Size % Heads == 0
            ? this
            : throw new ArgumentException($"Expected a length that is a multiple of {Heads} heads, got {Size}.", nameof(Size));
    }
}
