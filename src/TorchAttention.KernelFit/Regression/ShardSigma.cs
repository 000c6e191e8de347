namespace TorchAttention.Cli.Regression;

/// <summary>The standard deviation of the noise, of which errors of shards are made.</summary>
/// <param name="Given">That of each column of values (v); null to measure it at all rows.</param>
internal sealed record ShardSigma(double[]? Given)
{
    /// <summary>The option that says it.</summary>
    public const string Name = "--sigma";

    /// <summary>The word for all rows.</summary>
    public const string All = "all";

    /// <summary>The option.</summary>
    public static Option<ShardSigma?> Option() => new(Name)
    {
        Description = "With shards, the noise's standard deviation, for se, lower and upper: a number for each target, or "
            + $"{All} to measure it at all rows, which takes a mean at each",
        HelpName = $"{All}|numbers",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (text == All)
            {
                return new ShardSigma(Given: null);
            }

            double[] numbers = [.. text.Split(',').Select(part =>
                double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : double.NaN)];
            if (Array.TrueForAll(numbers, number => number >= 0 && double.IsFinite(number)))
            {
                return new ShardSigma(numbers);
            }

            result.AddError($"{Name}: expected {All}, or numbers of at least 0 separated by commas, got '{PlainText.Brief(text)}'");
            return null;
        },
    };
}
