using SkiaSharp;
using TorchAttention.Plotting;

namespace TorchAttention.Tests.Plotting;

/// <summary>A rendered figure, for probing its pixels.</summary>
internal sealed class Picture : IDisposable
{
    private readonly SKBitmap _bitmap;

    public Picture(Figure figure)
    {
        _bitmap = SKBitmap.Decode(figure.ToPng(pixelRatio: 1)) ?? throw new InvalidOperationException("Not a picture.");
    }

    public int Width => _bitmap.Width;

    public int Height => _bitmap.Height;

    public SKColor this[int x, int y] => _bitmap.GetPixel(x, y);

    /// <summary>Pixels in the rectangle for which the condition holds.</summary>
    public int Count(SKRectI rectangle, Func<SKColor, bool> condition)
    {
        int count = 0;
        for (int y = rectangle.Top; y < rectangle.Bottom; y++)
        {
            for (int x = rectangle.Left; x < rectangle.Right; x++)
            {
                count += condition(_bitmap.GetPixel(x, y)) ? 1 : 0;
            }
        }

        return count;
    }

    /// <summary>The frame of the leftmost data area: where a dark line runs down and across.</summary>
    public SKRectI Frame()
    {
        int left = Enumerable.Range(0, Width).First(x => Count(new SKRectI(x, 0, x + 1, Height), IsDark) > Height / 2);
        int right = Enumerable.Range(left + 1, Width - left - 1).First(x => Count(new SKRectI(x, 0, x + 1, Height), IsDark) > Height / 2);
        int top = Enumerable.Range(0, Height).First(y => Count(new SKRectI(left, y, right, y + 1), IsDark) > (right - left) * 3 / 4);
        int bottom = Enumerable.Range(0, Height).Last(y => Count(new SKRectI(left, y, right, y + 1), IsDark) > (right - left) * 3 / 4);
        return new SKRectI(left, top, right, bottom);
    }

    public static bool IsDark(SKColor color) => color is { Red: < 100, Green: < 100, Blue: < 100 };

    public void Dispose() => _bitmap.Dispose();
}
