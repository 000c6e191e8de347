namespace TorchAttention.Runs;

/// <summary>Numbers as a run's files have them.</summary>
internal static class RunNumber
{
    /// <summary>The shortest text that gives the number back: as float32, which models compute in, where its range allows.</summary>
    public static string Format(double value) => value == 0 || float.IsNormal((float)value)
        ? ((float)value).ToString("R", CultureInfo.InvariantCulture)
        : value.ToString("R", CultureInfo.InvariantCulture);
}
