namespace TorchAttention.Files;

/// <summary>Some rows of a column.</summary>
/// <param name="Values">The numbers; NaN where there is none.</param>
/// <param name="Texts">What stands there instead, null for nothing; null where there is no text at all.</param>
internal sealed record Fields(double[] Values, string?[]? Texts = null)
{
    /// <summary>How many rows there are; the array may be longer.</summary>
    public int Rows { get; init; } = Values.Length;

    /// <summary>Text alone.</summary>
    public static Fields OfText(string?[] texts)
    {
        double[] values = new double[texts.Length];
        Array.Fill(values, double.NaN);
        return new Fields(values, texts);
    }

    /// <summary>Whether some rows are finite numbers, every one.</summary>
    public bool AreNumbers(int start, int count)
    {
        // Anything but a finite number makes the sum a NaN for good.
        double sum = 0;
        foreach (double value in Values.AsSpan(start, count))
        {
            sum += value - value;
        }

        return sum == 0;
    }
}
