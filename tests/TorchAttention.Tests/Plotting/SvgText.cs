using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using SkiaSharp;
using TorchAttention.Plotting;

namespace TorchAttention.Tests.Plotting;

/// <summary>A text of a figure, and the place that its letters take.</summary>
internal sealed partial record SvgText(string Text, SKRect Place)
{
    // Parts of the font's size: the last letter's width, and what is above and below the line that letters stand on.
    private const float LastLetter = 0.5f;
    private const float Above = 0.72f;
    private const float Below = 0.2f;

    public static SvgText[] Of(Figure figure) =>
        [.. XDocument.Parse(figure.ToSvg()).Descendants().Where(element => element.Name.LocalName == "text").Select(Read)];

    private static SvgText Read(XElement text)
    {
        float[] x = Numbers(text, "x");
        float y = Numbers(text, "y")[0];
        float size = Numbers(text, "font-size")[0];
        float[] turn = Numbers(text, "transform");
        SKMatrix matrix = turn.Length == 2 ? SKMatrix.CreateTranslation(turn[0], turn[1])
            : new SKMatrix(turn[0], turn[2], turn[4], turn[1], turn[3], turn[5], 0, 0, 1);
        var upright = new SKRect(x[0], y - (Above * size), x[^1] + (LastLetter * size), y + (Below * size));
        return new SvgText(text.Value.Trim(), matrix.MapRect(upright));
    }

    private static float[] Numbers(XElement element, string attribute) =>
        [.. Number().Matches(element.Attribute(attribute)!.Value).Select(match => float.Parse(match.Value, CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"-?\d+(\.\d+)?(e-?\d+)?")]
    private static partial Regex Number();
}
