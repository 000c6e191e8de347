namespace TorchAttention.Cli.Output;

/// <summary>Numbers as text.</summary>
internal static class Digits
{
    /// <summary>A number as people read it, in five digits.</summary>
    public static string Short(double value) => ResultText.Short(value);

    /// <summary>A number that may be missing.</summary>
    public static string Short(double? value) => value is double number ? Short(number) : "";

    /// <summary>The number that a text is in five digits; another text as it is.</summary>
    public static string Short(string text) => double.TryParse(text, CultureInfo.InvariantCulture, out double value) ? Short(value) : text;

    /// <summary>A number in the fewest digits that give it back.</summary>
    public static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
