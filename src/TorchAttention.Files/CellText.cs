using System.Globalization;

namespace TorchAttention.Files;

/// <summary>Values of files with types as the text that a CSV file would have, and as numbers.</summary>
internal static class CellText
{
    // Both are exact in float64, so that their quotient is the nearest number.
    private const decimal MostExact = 1L << 53;
    private const int MostExactPower = 22;

    public static string Format(bool value) => value ? "true" : "false";

    public static string Format(DateOnly value) => value.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    public static string Format(TimeOnly value) => value.ToString("HH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture);

    public static string Format(TimeSpan value) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(value < TimeSpan.Zero ? "-" : "")}{Math.Abs((long)value.TotalHours)}:{value.Duration():mm\\:ss\\.FFFFFFF}");

    public static string Format(DateTime value) => value.ToString(
        value.TimeOfDay == TimeSpan.Zero ? "yyyy-MM-dd" : "yyyy-MM-ddTHH:mm:ss.FFFFFFF", CultureInfo.InvariantCulture);

    public static double ToDouble(decimal value)
    {
        int power = value.Scale;
        decimal whole = new(decimal.GetBits(value)[0], decimal.GetBits(value)[1], decimal.GetBits(value)[2], value < 0, 0);
        return power <= MostExactPower && Math.Abs(whole) <= MostExact
            ? (double)whole / Math.Pow(10, power)
            : double.Parse(value.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }
}
