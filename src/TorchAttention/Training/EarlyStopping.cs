namespace TorchAttention.Training;

/// <summary>Ends training when the validation loss no longer falls; the module then has the parameters of its best epoch.</summary>
public sealed record EarlyStopping
{
    /// <summary>Epochs without a better validation loss after which training ends, at least 1; 10 by default.</summary>
    public int Patience { get; init; } = 10;

    /// <summary>How much lower a loss must be to count as better, at least 0; 0 by default.</summary>
    public double MinDelta { get; init; }

    internal void Check()
    {
        Guard.AtLeast(Patience, 1);
        Guard.NotNegative(MinDelta);
    }
}
