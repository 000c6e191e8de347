using SkiaSharp;

namespace TorchAttention.Plotting;

/// <summary>The font that pictures are labelled with.</summary>
public static class PlotFont
{
    /// <summary>What to tell a user on a machine where <see cref="Family"/> is null.</summary>
    public const string NoneInstalled =
        "none installed: pictures come without text (on Debian and Ubuntu, the package fonts-dejavu-core has one)";

    private static readonly string[] _preferred =
    [
        "DejaVu Sans", "Noto Sans", "Open Sans", "Liberation Sans", "Segoe UI", "Helvetica Neue", "Arial", "Helvetica", "Roboto", "Ubuntu",
    ];

    private static readonly Lazy<string?> _family = new(Choose);

    /// <summary>
    /// The family chosen on this machine: a known sans-serif one where there is one, else one that calls itself so, else any. Null where
    /// no font is installed: pictures then come out without text.
    /// </summary>
    public static string? Family => _family.Value;

    /// <summary>The families installed on this machine.</summary>
    public static IReadOnlyList<string> Installed =>
        [.. SKFontManager.Default.FontFamilies.Where(NotThePlaceholder).Order(StringComparer.Ordinal)];

    // Where there is no font at all, Skia lists one family without a name.
    private static bool NotThePlaceholder(string family) => family.Length > 0;

    private static string? Choose()
    {
        string[] installed = [.. Installed];
        return Array.Find(_preferred, installed.Contains)
            ?? Array.Find(
                installed, family => family.Contains("Sans", StringComparison.OrdinalIgnoreCase)
                && !family.Contains("Mono", StringComparison.OrdinalIgnoreCase))
            ?? installed.FirstOrDefault();
    }
}
