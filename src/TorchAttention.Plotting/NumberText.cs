using System.Globalization;

namespace TorchAttention.Plotting;

/// <summary>Numbers in titles and legends.</summary>
public static class NumberText
{
    private const int Digits = 4;
    private const int FirstGrouped = 10_000;

    /// <summary>A number in four digits: 0.3522, 170,300, 2.5e-12.</summary>
    /// <param name="value">The number.</param>
    public static string Format(double value) => Ticks.Number(
        double.Parse(value.ToString($"G{Digits}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));

    /// <summary>A count, in groups of three digits where it is long: 133, 12,000.</summary>
    /// <param name="count">The count.</param>
    public static string Format(long count) => count.ToString(count < FirstGrouped ? "0" : "#,0", CultureInfo.InvariantCulture);
}
