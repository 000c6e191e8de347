using System.Globalization;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Tables;

public class TimeReaderTests
{
    [Theory]
    [InlineData("1970-01-01", ColumnKind.Date, 0)]
    [InlineData("2026-11-26", ColumnKind.Date, 20783)]
    [InlineData("2026-11", ColumnKind.Date, 20758)]
    [InlineData("1969-12-31T12:00", ColumnKind.Date, -0.5)]
    [InlineData("2026-11-26 6:00", ColumnKind.Date, 20783.25)]
    [InlineData("2026-11-26T18:00:00.000", ColumnKind.Date, 20783.75)]
    [InlineData("26.11.2026", ColumnKind.Date, 20783)]
    [InlineData("6.1.2026 12:00", ColumnKind.Date, 20459.5)]
    [InlineData("2026/11/26", ColumnKind.Date, 20783)]
    [InlineData("26 Nov 2026", ColumnKind.Date, 20783)]
    [InlineData("Nov 26, 2026 06:00", ColumnKind.Date, 20783.25)]
    [InlineData("26-Nov-2026", ColumnKind.Date, 20783)]
    [InlineData("2026-11-26T12:00Z", ColumnKind.Instant, 20783.5)]
    [InlineData("2026-11-26 12:00:00 +06:00", ColumnKind.Instant, 20783.25)]
    [InlineData("2026-11-26T12:00-0600", ColumnKind.Instant, 20783.75)]
    [InlineData("2026-11-26T12:00+06", ColumnKind.Instant, 20783.25)]
    [InlineData("8:30", ColumnKind.Duration, 8.5)]
    [InlineData("-0:00:36", ColumnKind.Duration, -0.01)]
    [InlineData("100:15:00.0", ColumnKind.Duration, 100.25)]
    public void Forms(string field, ColumnKind kind, double number)
    {
        Assert.True(new TimeReader(DateOrder.YearFirst).TryRead(field, out double read, out ColumnKind found));

        Assert.Equal(kind, found);
        Assert.Equal(number, read, 1e-15 * Math.Abs(number));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("-")]
    [InlineData("2026-13-01")]
    [InlineData("2026-02-29")]
    [InlineData("26/11/2026")]
    [InlineData("2026-11-26T25:00")]
    [InlineData("2026-11-26T12:00+25:00")]
    [InlineData("2026-11-26T12:00+x")]
    [InlineData("2026-11-26T12:00+01:99")]
    [InlineData("8:60")]
    [InlineData("8:5")]
    [InlineData("8:05:")]
    [InlineData("8:05:61")]
    [InlineData(":05")]
    [InlineData("8:05:1:1")]
    [InlineData("12-11-26T")]
    [InlineData("0001-01-01T00:00+14:00")]
    [InlineData("9999-12-31T23:59-01:00")]
    [InlineData("1000000000:00")]
    public void OtherText_IsNone(string field) => Assert.False(new TimeReader(DateOrder.YearFirst).TryRead(field, out _, out _));

    [Theory]
    [InlineData(DateOrder.DayFirst, "2026-11-03")]
    [InlineData(DateOrder.MonthFirst, "2026-03-11")]
    public void Slashes_AreReadAsOneSays(DateOrder order, string date)
    {
        Assert.True(new TimeReader(order).TryRead("03/11/2026", out double number, out ColumnKind kind));

        Assert.Equal(date, kind.Format(number));
    }

    [Fact]
    public void Formatted_IsReadAgainToTheMicrosecond()
    {
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            ColumnKind kind = (ColumnKind)random.Next(1, 4);
            double scale = Math.Pow(10, random.Next(0, 5));
            double number = (random.NextDouble() - 0.4) * scale;
            number = random.Next(3) == 0 ? Math.Round(number) : number;
            string text = kind.Format(number);

            Assert.True(new TimeReader(DateOrder.YearFirst).TryRead(text, out double read, out ColumnKind found), text);
            Assert.Equal(kind, found);
            double unit = kind == ColumnKind.Duration ? 3600 : 86_400;
            Assert.True(Math.Abs(read - number) * unit <= 2e-6, FormattableString.Invariant($"{number} as {text} is {read}"));
        }
    }

    [Theory]
    [InlineData("0:00:10")]
    [InlineData("0:10:50")]
    [InlineData("-8:30")]
    [InlineData("8:00:20.5")]
    [InlineData("8:00:00.000001")]
    [InlineData("99999999:59:10")]
    [InlineData("0001-01-01")]
    [InlineData("0001-01-01T20:15:07")]
    [InlineData("1582-10-15T20:15")]
    [InlineData("2300-07-09T11:13:10.5")]
    [InlineData("9999-12-31T23:59:50")]
    [InlineData("9999-12-31T23:59:59.999999")]
    [InlineData("9999-12-31T23:59:50.5Z")]
    public void Forms_AreWrittenAsTheyWereRead(string field)
    {
        Assert.True(new TimeReader(DateOrder.YearFirst).TryRead(field, out double number, out ColumnKind kind));

        Assert.Equal(field, kind.Format(number));
    }

    [Fact]
    public void Numbers_AreWrittenAsTheyAre() => Assert.Equal(
        0.1, double.Parse(ColumnKind.Number.Format(0.1), CultureInfo.InvariantCulture));
}
