namespace TorchAttention.Numerics.Tables;

/// <summary>Reads dates, times and durations as numbers; <see cref="ColumnKind"/> says their units.</summary>
internal sealed class TimeReader
{
    private const double HoursADay = 24;
    private const double MinutesAnHour = 60;
    private const double SecondsAnHour = 3600;

    // The year first, as ISO 8601 has it; the day first with points; the month by its name; with slashes as one says.
    private static readonly string[] _dates = ["yyyy-M-d", "yyyy-M", "yyyy/M/d", "d.M.yyyy", "d MMM yyyy", "MMM d, yyyy", "d-MMM-yyyy"];
    private static readonly string[] _times = ["", "'T'HH:mm", "'T'HH:mm:ss.FFFFFFF", " H:mm", " H:mm:ss.FFFFFFF"];

    // Days of the calendar's first and last moment.
    private static readonly (double First, double Last) _calendar = (
        (DateTime.MinValue - DateTime.UnixEpoch).TotalDays, (DateTime.MaxValue - DateTime.UnixEpoch).TotalDays);

    // In so many hours a number still tells milliseconds apart.
    private const double MostHours = 1e8;

    private readonly string[] _formats;

    // A column is written in one way, mostly.
    private string _last;

    /// <summary>How what is expected of dates with slashes ends, where it is said what they begin with.</summary>
    public const string First = " first";

    /// <summary>What is expected of dates with slashes; null where it is not said what they begin with.</summary>
    public string? ExpectedSlashes { get; }

    /// <param name="order">What a date with slashes begins with.</param>
    public TimeReader(DateOrder order)
    {
        string[] slashes = order switch { DateOrder.DayFirst => ["d/M/yyyy"], DateOrder.MonthFirst => ["M/d/yyyy"], _ => [] };
        _formats = [.. from date in _dates.Concat(slashes) from time in _times select date + time];
        _last = _formats[0];
        ExpectedSlashes = order switch
        {
            DateOrder.DayFirst => "a date with its day" + First,
            DateOrder.MonthFirst => "a date with its month" + First,
            _ => null,
        };
    }

    /// <summary>What is expected in a column of a kind.</summary>
    public static string Expected(ColumnKind kind) => kind switch
    {
        ColumnKind.Date => "a date or a time without a time zone, such as 2026-11-26 or 2026-11-26T20:15",
        ColumnKind.Instant => "a time with a time zone, such as 2026-11-26T20:15Z or 2026-11-26T20:15+01:00",
        ColumnKind.Duration => "a duration or a time of the day, such as 8:30 or 0:00:12.5",
        ColumnKind.Category => "a name",
        _ => "a number",
    };

    /// <summary>Reads a field.</summary>
    /// <param name="field">The field, without blanks around it.</param>
    /// <param name="number">The number.</param>
    /// <param name="kind">What the field is; a number where it is none of these.</param>
    /// <returns>Whether it is one.</returns>
    public bool TryRead(ReadOnlySpan<char> field, out double number, out ColumnKind kind)
    {
        (number, kind) = (0, ColumnKind.Number);
        int other = field.IndexOfAnyExceptInRange('0', '9');
        if (other == 0 && field[0] == '-')
        {
            other = 1 + field[1..].IndexOfAnyExceptInRange('0', '9');
        }

        // Hours and a colon; before a colon in a date there is something else.
        if (other > 0 && field[other] == ':')
        {
            kind = ColumnKind.Duration;
            return TryReadDuration(field, other, out number);
        }

        int zone = ZoneAt(field);
        if (!TryReadZone(field[zone..], out double hours) || !TryReadDate(field[..zone].TrimEnd(), out DateTime time))
        {
            return false;
        }

        kind = zone < field.Length ? ColumnKind.Instant : ColumnKind.Date;
        number = (time - DateTime.UnixEpoch).TotalDays - (hours / HoursADay);
        return number >= _calendar.First && number <= _calendar.Last;
    }

    /// <summary>
    /// A number of a column as text: in the forms of ISO 8601, to the microsecond, or to a tenth of a millisecond where the number says no
    /// more.
    /// </summary>
    public static string Format(double number, ColumnKind kind)
    {
        switch (kind)
        {
            case ColumnKind.Duration:
                TimeSpan duration = Rounded(Math.Abs(number) * SecondsAnHour);
                string fraction = duration.ToString(@"\.ffffff", null).TrimEnd('0').TrimEnd('.');
                string seconds = duration.Ticks % TimeSpan.TicksPerMinute == 0 ? "" : $":{duration.Seconds:00}{fraction}";
                return $"{(number < 0 ? "-" : "")}{(long)duration.TotalHours}:{duration.Minutes:00}{seconds}";
            case ColumnKind.Date or ColumnKind.Instant:
                TimeSpan most = DateTime.MaxValue - DateTime.UnixEpoch;
                TimeSpan since = Rounded(number * HoursADay * SecondsAnHour);
                DateTime time = DateTime.UnixEpoch + (since < most ? since : most);
                string format = kind == ColumnKind.Date && time.TimeOfDay == TimeSpan.Zero ? "yyyy-MM-dd"
                    : time.Second == 0 && time.Ticks % TimeSpan.TicksPerSecond == 0 ? "yyyy-MM-ddTHH:mm"
                    : "yyyy-MM-ddTHH:mm:ss.FFFFFF";
                return time.ToString(format, CultureInfo.InvariantCulture) + (kind == ColumnKind.Instant ? "Z" : "");
            default:
                return number.ToString("R", CultureInfo.InvariantCulture);
        }
    }

    // Finer than the number itself, 20:15 would be 20:14:59.999997.
    private static TimeSpan Rounded(double seconds)
    {
        const double microsecond = 1e-6;
        const long coarse = 100;
        long unit = Math.BitIncrement(Math.Abs(seconds)) - Math.Abs(seconds) < microsecond / 2 ? 1 : coarse;
        return TimeSpan.FromTicks((long)Math.Round(seconds / microsecond / unit) * unit * TimeSpan.TicksPerMicrosecond);
    }

    private static bool TryReadDuration(ReadOnlySpan<char> field, int colon, out double hours)
    {
        hours = 0;
        bool isNegative = field[0] == '-';
        ReadOnlySpan<char> rest = field[(colon + 1)..];
        int second = rest.IndexOf(':');
        ReadOnlySpan<char> minutes = second < 0 ? rest : rest[..second];
        ReadOnlySpan<char> seconds = second < 0 ? "0" : rest[(second + 1)..];
        if (!double.TryParse(field[(isNegative ? 1 : 0)..colon], NumberStyles.None, CultureInfo.InvariantCulture, out double h)
            || minutes.Length != 2 || !double.TryParse(minutes, NumberStyles.None, CultureInfo.InvariantCulture, out double m)
            || !double.TryParse(seconds, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double s)
            || m >= MinutesAnHour || s >= MinutesAnHour)
        {
            return false;
        }

        hours = (h + (m / MinutesAnHour) + (s / SecondsAnHour)) * (isNegative ? -1 : 1);
        return h < MostHours;
    }

    // After a colon Z, + and - begin a time zone; before one they may be part of a date.
    private static int ZoneAt(ReadOnlySpan<char> field)
    {
        int colon = field.IndexOf(':');
        int zone = colon < 0 ? -1 : field[colon..].IndexOfAny("Zz+-");
        return zone < 0 ? field.Length : colon + zone;
    }

    private static bool TryReadZone(ReadOnlySpan<char> zone, out double hours)
    {
        hours = 0;
        if (zone is "" or "Z" or "z")
        {
            return true;
        }

        // +1, +01, +0100, +01:00
        ReadOnlySpan<char> digits = zone[1..];
        int end = digits.IndexOf(':') is >= 0 and int colon ? colon : digits.Length == 4 ? 2 : digits.Length;
        ReadOnlySpan<char> minutes = digits[end..].TrimStart(':');
        if (!int.TryParse(digits[..end], NumberStyles.None, CultureInfo.InvariantCulture, out int h) || h > 14)
        {
            return false;
        }

        int m = 0;
        if (minutes.Length > 0 && !(int.TryParse(minutes, NumberStyles.None, CultureInfo.InvariantCulture, out m) && m < MinutesAnHour))
        {
            return false;
        }

        hours = (h + (m / MinutesAnHour)) * (zone[0] == '-' ? -1 : 1);
        return true;
    }

    private bool TryReadDate(ReadOnlySpan<char> field, out DateTime time)
    {
        if (DateTime.TryParseExact(field, _last, CultureInfo.InvariantCulture, DateTimeStyles.None, out time))
        {
            return true;
        }

        foreach (string format in _formats)
        {
            if (DateTime.TryParseExact(field, format, CultureInfo.InvariantCulture, DateTimeStyles.None, out time))
            {
                _last = format;
                return true;
            }
        }

        return false;
    }
}
