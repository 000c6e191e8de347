namespace TorchAttention.Models;

/// <summary>How an attention regression is made and trained.</summary>
public sealed record AttentionRegressionOptions
{
    /// <summary>The score; the dot product by default.</summary>
    public AttentionScore Score { get; init; }

    /// <summary>h, the length of the features and of the hidden layer, at least 1; 32 by default.</summary>
    public int Hidden { get; init; } = 32;

    /// <summary>The heads of <see cref="AttentionScore.MultiHead"/>, of which h is a multiple; 4 by default.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>
    /// The part of the weights that is set to 0 while training, from 0 up to 1; 0 by default. It is drawn from torch's own generator.
    /// </summary>
    public double Dropout { get; init; }

    /// <summary>The learning rate of Adam, positive; 0.01 by default.</summary>
    public double LearningRate { get; init; } = 0.01;

    /// <summary>
    /// Whether an example is kept from its own pair while training, keys and training examples being the same set; not by default.
    /// </summary>
    /// <remarks>
    /// Not for <see cref="AttentionScore.MultiHead"/>: the mean of all values but one tells which one is missing, (sum of all - its value)
    /// / (n - 1), and the linear map at the end learns to read it from there. The training loss falls to 0 and nothing is learned. Early
    /// stopping on the validation loss does what is wanted.
    /// </remarks>
    public bool LeaveOneOut { get; init; }

    /// <summary>Decides the first parameters; 0 by default.</summary>
    public ulong Seed { get; init; }

    internal AttentionRegressionOptions Checked()
    {
        if (!Enum.IsDefined(Score))
        {
            throw new ArgumentOutOfRangeException(nameof(Score), Score, "Expected one of the scores.");
        }

        Guard.AtLeast(Hidden, 1);
        Guard.AtLeast(Heads, 1);
        Guard.Positive(LearningRate);
        Guard.Part(Dropout);
        if (Score == AttentionScore.MultiHead && LeaveOneOut)
        {
            throw new ArgumentException(
                $"Expected no leave-one-out training with {Score}: its linear map reads the value that was left out from the mean of "
                + $"the others. Use early stopping.", nameof(LeaveOneOut));
        }

        return Score != AttentionScore.MultiHead || Hidden % Heads == 0
            ? this
            : throw new ArgumentException($"Expected a hidden length that is a multiple of {Heads} heads, got {Hidden}.", nameof(Hidden));
    }
}
