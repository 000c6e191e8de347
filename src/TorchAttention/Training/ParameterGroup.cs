namespace TorchAttention.Training;

/// <summary>Settings of an optimiser that hold for some parameters in place of its own: PyTorch's parameter groups, by name.</summary>
/// <param name="Names">
/// The parameters' names as <c>named_parameters()</c> has them, whatever their case; <c>*</c> stands for any text, so that
/// <c>*.bias</c> is every bias.
/// </param>
public sealed record ParameterGroup(string Names)
{
    /// <summary>The learning rate, at least 0: 0 leaves the parameters where they are. Null, the default, for the optimiser's.</summary>
    /// <remarks>A schedule multiplies it by the same factor as the optimiser's.</remarks>
    public double? LearningRate { get; init; }

    /// <summary>The weight decay, at least 0; null, the default, for the optimiser's.</summary>
    public double? WeightDecay { get; init; }

    /// <summary>Whether a parameter is among them.</summary>
    /// <param name="name">The parameter's name.</param>
    public bool Has(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string[] parts = Names.Split('*');
        if (parts is [string whole])
        {
            return name.Equals(whole, StringComparison.OrdinalIgnoreCase);
        }

        if (name.Length < parts[0].Length + parts[^1].Length
            || !name.StartsWith(parts[0], StringComparison.OrdinalIgnoreCase)
            || !name.EndsWith(parts[^1], StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        int at = parts[0].Length;
        int end = name.Length - parts[^1].Length;
        foreach (string part in parts[1..^1])
        {
            int found = name.IndexOf(part, at, end - at, StringComparison.OrdinalIgnoreCase);
            if (found < 0)
            {
                return false;
            }

            at = found + part.Length;
        }

        return true;
    }

    internal void Check()
    {
        ArgumentException.ThrowIfNullOrEmpty(Names);
        Guard.NotNegative(LearningRate ?? 0, nameof(LearningRate));
        Guard.NotNegative(WeightDecay ?? 0, nameof(WeightDecay));
    }
}
