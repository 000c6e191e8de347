using System.Globalization;
using ScottPlot;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Plotting;

/// <summary>
/// Ticks at the beginnings of years, months, days, hours, minutes, seconds or parts of them, as many as have room: 2026, Nov 2026, 26 Nov,
/// 18:30.
/// </summary>
/// <param name="kind">What the axis counts; see <see cref="ColumnKind"/> for its unit.</param>
internal sealed class TimeTicks(ColumnKind kind) : ITickGenerator
{
    private const double HoursADay = 24;
    private const double SecondsAnHour = 3600;
    private const int MonthsAYear = 12;
    private const string Day = "d MMM yyyy";

    // Between two labels, so that they are read as two.
    private const float Gap = 14;

    // An axis may begin before a calendar's first year and end after its last one, where it has no ticks.
    private static readonly (double First, double Last) _calendar = (
        (DateTime.MinValue - DateTime.UnixEpoch).TotalDays + 1, (DateTime.MaxValue - DateTime.UnixEpoch).TotalDays - 1);

    private static readonly double[] _seconds =
    [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600,
        43_200, 86_400, 172_800, 432_000, 864_000,
    ];

    private static readonly int[] _months = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12_000];

    private readonly Ticks _numbers = new();
    private ITickGenerator? _others;
    private Tick[] _ticks = [];

    private bool IsDuration => kind == ColumnKind.Duration;

    public int MaxTickCount { get; set; } = 12;

    Tick[] ITickGenerator.Ticks => _others is null ? _ticks : _others.Ticks;

    public void Regenerate(CoordinateRange range, Edge edge, PixelLength size, Paint paint, LabelStyle labelStyle)
    {
        _others = null;
        double pixels = size.Length / range.Length;
        CoordinateRange all = range;
        range = IsDuration ? all : new(Math.Max(all.Min, _calendar.First), Math.Min(all.Max, _calendar.Last));
        IEnumerable<(double At, string Label)[]> choices = _seconds.Select(step => Even(range, step));
        choices = IsDuration ? choices
            : range.Min > range.Max ? []
            : choices.Concat(_months.Select(step => Calendar(range, step)));
        if (choices.FirstOrDefault(HasRoom) is not { Length: > 1 } chosen)
        {
            // Less than two milliseconds, or more than a calendar has.
            _others = _numbers;
            _others.Regenerate(all, edge, size, paint, labelStyle);
            return;
        }

        _ticks = Array.ConvertAll(chosen, tick => Tick.Major(tick.At, tick.Label));

        bool HasRoom((double At, string Label)[] ticks)
        {
            double[] lengths = Array.ConvertAll(ticks, tick => Length(tick.Label));
            return ticks.Length <= MaxTickCount && Enumerable.Range(1, Math.Max(0, ticks.Length - 1)).All(
                i => ((ticks[i].At - ticks[i - 1].At) * pixels) - ((lengths[i] + lengths[i - 1]) / 2) >= (edge.IsVertical() ? 0 : Gap));
        }

        double Length(string label)
        {
            PixelSize text = labelStyle.Measure(label, paint).Size;
            return edge.IsVertical() ? text.Height : text.Width;
        }
    }

    // Too many to look at are none.
    private (double At, string Label)[] Even(CoordinateRange range, double seconds)
    {
        double unit = SecondsAnHour * (IsDuration ? 1 : HoursADay);
        double step = seconds / unit;
        double first = Math.Ceiling(range.Min / step);
        double count = Math.Floor(range.Max / step) - first + 1;
        return count > MaxTickCount || count < 0 ? new (double, string)[MaxTickCount + 1]
            : WithDate([.. Enumerable.Range(0, (int)count).Select(i => (first + i) * step).Select(at => (at, Label(at, seconds)))]);
    }

    // Hours alone do not say of which day they are.
    private (double At, string Label)[] WithDate((double At, string Label)[] ticks)
    {
        if (!IsDuration && ticks.Length > 0 && Array.TrueForAll(ticks, tick => tick.Label.Contains(':', StringComparison.Ordinal)))
        {
            ticks[0].Label += $"\n{Time(ticks[0].At).ToString(Day, CultureInfo.InvariantCulture)}";
        }

        return ticks;
    }

    private string Label(double at, double seconds)
    {
        const int minute = 60;
        const int day = 86_400;
        if (IsDuration)
        {
            return kind.Format(at);
        }

        DateTime time = Time(at);
        string format = seconds >= day || time.TimeOfDay == TimeSpan.Zero ? Day
            : seconds >= minute ? "HH:mm" : seconds >= 1 ? "HH:mm:ss" : "HH:mm:ss.FFF";
        return time.ToString(format, CultureInfo.InvariantCulture);
    }

    private static DateTime Time(double at) => DateTime.UnixEpoch.AddMilliseconds(Math.Round(at * HoursADay * SecondsAnHour * 1000));

    private (double At, string Label)[] Calendar(CoordinateRange range, int months)
    {
        DateTime least = DateTime.UnixEpoch.AddDays(range.Min);
        int first = ((least.Year * MonthsAYear) + least.Month - 2 + months) / months * months;
        double count = range.Length / (28.0 * months);
        return count > 2 * MaxTickCount ? new (double, string)[MaxTickCount + 1]
            : [.. Enumerable.Range(0, (int)count + 2).Select(i => first + (i * months)).Select(Begin)
                .Where(time => time is not null).Select(time => (
                    (time!.Value - DateTime.UnixEpoch).TotalDays,
                    time.Value.ToString(months < MonthsAYear ? "MMM yyyy" : "yyyy", CultureInfo.InvariantCulture)))
                .Where(tick => tick.TotalDays >= range.Min && tick.TotalDays <= range.Max)];

        static DateTime? Begin(int month) =>
            month / MonthsAYear is >= 1 and <= 9999 and int year ? new DateTime(year, (month % MonthsAYear) + 1, 1) : null;
    }
}
