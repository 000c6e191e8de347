using ScottPlot;

namespace TorchAttention.Plotting;

/// <summary>
/// Ticks of an axis of logarithms to the base 10: 0.1, 0.2, 0.5, 1 on a short one, powers of 10 on a long one, as many as have room.
/// </summary>
internal sealed class PowerTicks : ITickGenerator
{
    // Between two numbers, so that they are read as two.
    private const float Gap = 12;
    private const double MostWithMinor = 8;
    private const double StepsOfAShortAxis = 5;

    private static readonly double[][] _digits = [[1, 2, 3, 4, 5, 6, 8], [1, 2, 5], [1, 3], [1]];

    private Tick[] _ticks = [];

    public int MaxTickCount { get; set; } = 12;

    Tick[] ITickGenerator.Ticks => _ticks;

    public void Regenerate(CoordinateRange range, Edge edge, PixelLength size, Paint paint, LabelStyle labelStyle)
    {
        (double least, double most) = (Math.Pow(10, range.Min), Math.Pow(10, range.Max));
        double pixels = size.Length / range.Length;
        IEnumerable<double[]> choices = _digits.Select(digits => Values(digits, 1))
            .Concat(Enumerable.Range(2, Math.Max(1, (int)range.Length)).Select(step => Values([1], step)));
        double[] major = choices.Where(HasRoom).FirstOrDefault(values => values.Length > 1) ?? Even(least, most);
        IEnumerable<double> minor = range.Length > MostWithMinor ? [] : Values([1, 2, 3, 4, 5, 6, 7, 8, 9], 1).Except(major);
        _ticks =
        [
            .. major.Select(value => Tick.Major(Math.Log10(value), Ticks.Number(value))),
            .. minor.Select(value => Tick.Minor(Math.Log10(value))),
        ];

        double[] Values(double[] digits, int step) =>
            [.. Enumerable.Range((int)Math.Floor(range.Min), (int)range.Length + 2).Where(power => power % step == 0)
                .SelectMany(power => digits.Select(digit => digit * Math.Pow(10, power)))
                .Where(value => value >= least && value <= most)];

        bool HasRoom(double[] values)
        {
            double[] lengths = Array.ConvertAll(values, Length);
            double gap = edge.IsVertical() ? 0 : Gap;
            return values.Length <= MaxTickCount && Enumerable.Range(1, Math.Max(0, values.Length - 1)).All(
                i => (Math.Log10(values[i] / values[i - 1]) * pixels) - ((lengths[i] + lengths[i - 1]) / 2) >= gap);
        }

        double Length(double value)
        {
            PixelSize text = labelStyle.Measure(Ticks.Number(value), paint).Size;
            return edge.IsVertical() ? text.Height : text.Width;
        }
    }

    // Part of a decade has no power in it, and on so short a piece logarithms are almost even.
    private static double[] Even(double least, double most)
    {
        double rough = (most - least) / StepsOfAShortAxis;
        double unit = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = unit * (rough / unit < 2 ? 2 : rough / unit < 5 ? 5 : 10);
        double first = Math.Ceiling(least / step);
        return [.. Enumerable.Range(0, (int)StepsOfAShortAxis + 1).Select(i => (first + i) * step).Where(value => value <= most)];
    }
}
