using System.Globalization;
using ScottPlot;

namespace TorchAttention.Plotting;

/// <summary>Ticks of an axis of logarithms to the base 10: 0.1, 0.2, 0.5, 1 on a short one, powers of 10 on a long one.</summary>
internal sealed class PowerTicks : ITickGenerator
{
    private readonly List<Tick> _ticks = [];

    public int MaxTickCount { get; set; } = 12;

    Tick[] ITickGenerator.Ticks => [.. _ticks];

    public void Regenerate(CoordinateRange range, Edge edge, PixelLength size, Paint paint, LabelStyle labelStyle)
    {
        _ticks.Clear();
        double[] digits = range.Length < 1.2 ? [1, 2, 3, 4, 5, 6, 8] : range.Length < 3.5 ? [1, 2, 5] : [1];
        int step = (int)Math.Ceiling(range.Length / MaxTickCount);
        for (int power = (int)Math.Floor(range.Min); power <= range.Max; power++)
        {
            foreach (double digit in digits)
            {
                double place = power + Math.Log10(digit);
                if (place >= range.Min && place <= range.Max && power % Math.Max(1, step) == 0)
                {
                    string format = power is >= -4 and <= 5 ? "0.####" : "0e0";
                    _ticks.Add(Tick.Major(place, (digit * Math.Pow(10, power)).ToString(format, CultureInfo.InvariantCulture)));
                }
            }
        }
    }
}
