using System.Text;
using System.Text.RegularExpressions;
using ScottPlot;
using SkiaSharp;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Plotting;

/// <summary>A finished picture: one plot, or several side by side.</summary>
public sealed partial class Figure
{
    private readonly IReadOnlyList<(Plot Plot, PixelRect Place)> _panels;
    private bool _measured;

    internal Figure(int width, int height, IReadOnlyList<(Plot Plot, PixelRect Place)> panels)
    {
        Width = width;
        Height = height;
        _panels = panels;
    }

    internal Figure(int width, int height, Plot plot)
        : this(width, height, [(plot, new PixelRect(0, width, height, 0))])
    {
    }

    /// <summary>The width in pixels.</summary>
    public int Width { get; }

    /// <summary>The height in pixels.</summary>
    public int Height { get; }

    /// <summary>The picture as a PNG file.</summary>
    public byte[] ToPng()
    {
        using SKSurface surface = SKSurface.Create(new SKImageInfo(Width, Height, SKColorType.Rgba8888, SKAlphaType.Premul));
        Draw(surface.Canvas);
        using SKImage image = surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    /// <summary>The picture as an SVG document; the same picture is the same text.</summary>
    public string ToSvg()
    {
        using var stream = new MemoryStream();
        using (SKCanvas canvas = SKSvgCanvas.Create(new SKRect(0, 0, Width, Height), stream))
        {
            Draw(canvas);
        }

        // Clearing leaves a black rectangle behind the plot's own white one; where its edge falls between two pixels of a screen it shines
        // through.
        string svg = Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
        return Numbered(ClearedToBlack().Replace(svg, "<rect fill=\"white\" "));
    }

    /// <summary>Writes the picture whole or not at all, in the format that the name's ending says.</summary>
    /// <param name="path">A file that ends in .png or .svg.</param>
    /// <exception cref="ArgumentException">The ending is neither.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        byte[] content = Path.GetExtension(path).ToUpperInvariant() switch
        {
            ".PNG" => ToPng(),
            ".SVG" => Encoding.UTF8.GetBytes(ToSvg()),
            _ => throw new ArgumentException($"Expected a path that ends in .png or .svg, got '{Path.GetExtension(path)}'.", nameof(path)),
        };
        WholeFile.Write(path, stream => stream.Write(content));
    }

    [GeneratedRegex("""(?<!<clipPath id="[^"]*">\s*)<rect (?=width="\d+" height="\d+"/>)""")]
    private static partial Regex ClearedToBlack();

    // The library counts clips and images over all pictures of the process.
    private static string Numbered(string svg)
    {
        var numbers = new Dictionary<string, int>();
        return Tag().Replace(svg, tag => Id().Replace(tag.Value, id =>
        {
            numbers.TryAdd(id.Value, numbers.Count);
            return $"{id.Groups[1].Value}{numbers[id.Value]}";
        }));
    }

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex("""(?<= id="| xlink:href="#|"url\(#)([a-z]+_)[0-9a-f]+(?="|\)")""")]
    private static partial Regex Id();

    // A plot's first rendering runs twice, the second time with the room that its labels turned out to need. An SVG would keep both on top
    // of each other: text and circles twice as dark, the file twice as large.
    private void MeasureOnce()
    {
        if (_measured)
        {
            return;
        }

        using var nowhere = new SKNoDrawCanvas(Width, Height);
        foreach ((Plot plot, PixelRect place) in _panels)
        {
            plot.Render(nowhere, place);
        }

        _measured = true;
    }

    private void Draw(SKCanvas canvas)
    {
        MeasureOnce();
        canvas.Clear(SKColors.White);
        foreach ((Plot plot, PixelRect place) in _panels)
        {
            // A plot clears the whole canvas before it draws itself.
            canvas.Save();
            canvas.ClipRect(new SKRect(place.Left, place.Top, place.Right, place.Bottom));
            plot.Render(canvas, place);
            canvas.Restore();
        }
    }
}
