namespace TorchAttention.Models;

/// <summary>A model that learns a few numbers which mean something to a reader, such as w = 1/h.</summary>
public interface ILearnedNumbers
{
    /// <summary>The numbers as they are now, by name; cheap enough to be asked for after each training step.</summary>
    /// <returns>Names and values, always the same names in the same order; none where the model's parameters mean nothing one by
    /// one.</returns>
    IReadOnlyList<(string Name, double Value)> LearnedNumbers();
}
