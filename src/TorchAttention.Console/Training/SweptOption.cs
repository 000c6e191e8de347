namespace TorchAttention.Cli.Training;

/// <summary>An option and what a sweep gives it.</summary>
/// <param name="Name">The option.</param>
/// <param name="Values">The values, as they would stand behind it; of a range its ends.</param>
/// <param name="Range">The range that values are drawn from, where it is one.</param>
/// <param name="IsWhole">Whether the option takes whole numbers.</param>
internal sealed record SweptOption(string Name, IReadOnlyList<string> Values, (double Least, double Most)? Range, bool IsWhole)
{
    /// <summary>What it is called in tables.</summary>
    public string Key => Name.TrimStart('-');

    /// <summary>
    /// A value of the list, or a number of the range: its logarithm is drawn evenly, and it has four digits, for names that people read.
    /// </summary>
    public string Draw(Random random)
    {
        if (Range is not (double least, double most))
        {
            return Values[random.Next(Values.Count)];
        }

        double drawn = least * Math.Pow(most / least, random.NextDouble());
        string text = drawn.ToString(IsWhole ? "F0" : "G4", CultureInfo.InvariantCulture);
        double rounded = double.Parse(text, CultureInfo.InvariantCulture);
        return Math.Clamp(rounded, least, most).ToString("R", CultureInfo.InvariantCulture);
    }
}
