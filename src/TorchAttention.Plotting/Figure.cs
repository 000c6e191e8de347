using System.Text;
using System.Text.RegularExpressions;
using ScottPlot;
using SkiaSharp;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Plotting;

/// <summary>A finished picture: one plot, or several side by side.</summary>
public sealed partial class Figure
{
    private const int MostPixelRatio = 8;
    private const int TitleLeft = 12;
    private const int TitleTop = 9;

    // Lines and marks on one colour are smaller as they are than as differences of neighbours, and written in a third of the time.
    private static readonly SKPngEncoderOptions _png = new(SKPngEncoderFilterFlags.None, 6);

    private readonly IReadOnlyList<(Plot Plot, PixelRect Place)> _panels;
    private readonly LabelStyle? _title;
    private bool _measured;

    internal Figure(int width, int height, IReadOnlyList<(Plot Plot, PixelRect Place)> panels, string title = "")
    {
        Width = width;
        Height = height;
        _panels = panels;
        if (title.Length == 0)
        {
            return;
        }

        _title = Theme.NewTitle(title);
        Fitting.Wrap(_title, width - (2 * TitleLeft));
        using Paint paint = Paint.NewDisposablePaint();
        int room = (int)Math.Ceiling(_title.Measure(_title.Text, paint).Height) + TitleTop;
        Height += room;
        _panels = [.. panels.Select(panel => (panel.Plot, panel.Place.WithDelta(0, room)))];
    }

    internal Figure(int width, int height, Plot plot, string title = "")
        : this(width, height, [(plot, new PixelRect(0, width, height, 0))], title)
    {
    }

    /// <summary>The width in the pixels of the layout.</summary>
    public int Width { get; }

    /// <summary>The height in the pixels of the layout.</summary>
    public int Height { get; }

    /// <summary>The picture as a PNG file.</summary>
    /// <param name="pixelRatio">The file's pixels for each of the layout's, in either direction: 2 is sharp on today's screens.</param>
    /// <exception cref="ArgumentOutOfRangeException">The ratio is below 1 or above 8.</exception>
    public byte[] ToPng(int pixelRatio = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pixelRatio, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pixelRatio, MostPixelRatio);
        var info = new SKImageInfo(Width * pixelRatio, Height * pixelRatio, SKColorType.Rgba8888, SKAlphaType.Premul);
        using SKSurface surface = SKSurface.Create(info);
        surface.Canvas.Scale(pixelRatio);
        Draw(surface.Canvas);
        using SKPixmap pixels = surface.PeekPixels();
        using SKData png = pixels.Encode(_png) ?? throw new InvalidOperationException("The picture could not be written as PNG.");
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
            Fitting.Fit(plot);
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

        if (_title is not null)
        {
            using Paint paint = Paint.NewDisposablePaint();
            _title.Render(canvas, new Pixel(TitleLeft, TitleTop), paint);
        }
    }
}
