using System.Globalization;
using SkiaSharp;
using TorchAttention.Numerics.Regression;
using TorchAttention.Plotting;

namespace TorchAttention.Tests.Plotting;

/// <summary>What stands around a picture is whole, is read as what it is, and leaves the picture its room.</summary>
public sealed class LayoutTests
{
    private const string LongName = "turnover of the last twelve months before taxes and fees in all of the company's stores";

    private static readonly double[] _unit = [.. Enumerable.Range(0, 60).Select(i => i / 59.0)];

    public static TheoryData<string> Pictures => [.. All.Keys];

    private static Dictionary<string, Func<Figure>> All { get; } = new()
    {
        ["lines"] = () => Figures.PlotLines(
            [new(LongName, _unit, Times(7e6)), new("short", _unit, Times(-2e6))], LongName, LongName,
            options: new FigureOptions { Title = $"sales: {LongName}, gaussian kernel, h = 12,000, n = 160" }),
        ["large numbers"] = () => Figures.PlotResiduals(Times(6e6), Times(-3e8), "revenue"),
        ["log axis"] = () => Figures.PlotLines(
            [new("error", [.. _unit.Select(u => Math.Pow(10, 6 * u))], _unit)], "n", "RMSE", options: new FigureOptions { IsLogX = true }),
        ["short log axis"] = () => Figures.PlotLines(
            [new("error", [.. _unit.Select(u => 1.02 + (u / 20))], _unit)], "n", "RMSE", options: new FigureOptions { IsLogX = true }),
        ["two log axes"] = () => Figures.PlotLines(
            [new("error", [.. _unit.Select(u => 100 + u)], [.. _unit.Select(u => Math.Pow(10, 6 * u))])], "n", "RMSE",
            options: new FigureOptions { IsLogX = true, IsLogY = true }),
        ["surface"] = () => Figures.PlotSurface(
            Large(), (0, 1e6), (0, 1e6), new Series("", [5e5], [5e5]), LongName, LongName, LongName,
            options: new FigureOptions { Title = LongName }),
        ["surfaces"] = () => Figures.PlotSurfacePanels(
            [.. Enumerable.Range(0, 5).Select(i => new SurfacePanel(Large(), $"{LongName} {i}", new Series("", [], [])))],
            (0, 1e7), (0, 1e8), LongName, LongName,
            new FigureOptions { Title = LongName, ColorLabel = LongName, ColorRange = (0, 3.2e7) }),
        ["heatmaps"] = () => Figures.ShowHeatmaps(
            [[Large(), Large()]], LongName, LongName, [LongName, "b"],
            new FigureOptions { Title = LongName, ColorLabel = "attention weight" }),
        ["panels"] = () => Figures.PlotLinePanels(
            [.. Enumerable.Range(0, 5).Select(i => new LinesPanel([new("", _unit, Times(1e6))], LongName, $"{LongName} {i}"))],
            new FigureOptions { Title = LongName }),
        ["search over two"] = () => Figures.PlotBandwidthSearch(Searched(), [LongName, "revenue"]),
    };

    [Theory]
    [MemberData(nameof(Pictures))]
    public void Text_IsInsideThePictureAndReadable(string picture)
    {
        Assert.SkipWhen(PlotFont.Family is null, "No font is installed.");
        Figure figure = All[picture]();
        SvgText[] texts = SvgText.Of(figure);

        Assert.True(texts.Length > 4, $"Expected labels and ticks, got {texts.Length} texts.");
        Assert.All(texts, text => Assert.True(
            text.Place is { Left: >= 0, Top: >= 0 } && text.Place.Right <= figure.Width && text.Place.Bottom <= figure.Height,
            $"'{text.Text}' at {text.Place} leaves {figure.Width} x {figure.Height}."));
        foreach ((int i, SvgText text) in texts.Index())
        {
            Assert.All(texts[(i + 1)..], other => Assert.False(
                text.Place.IntersectsWith(other.Place), $"'{text.Text}' at {text.Place} and '{other.Text}' at {other.Place} collide."));
        }
    }

    [Theory]
    [MemberData(nameof(Pictures))]
    public void Picture_HasMostOfTheRoom(string picture)
    {
        using var drawn = new Picture(All[picture]());
        Assert.InRange(drawn.Frame().Width, picture is "surfaces" or "panels" or "heatmaps" ? 180 : 300, 720);
    }

    [Fact]
    public void LongNumbers_AreGroupedAndYearsAreNot()
    {
        Assert.SkipWhen(PlotFont.Family is null, "No font is installed.");
        Assert.Contains("12,000", Texts(Figures.PlotLines([new("", [2000, 2020], [0, 12_500])], "year", "visitors")));
        Assert.Contains("2010", Texts(Figures.PlotLines([new("", [2000, 2020], [0, 12_500])], "year", "visitors")));
        Assert.Equal(
            ["133", "9999", "12,000", "0.3522", "170,400", "-1.5", "2.5e-12", "0"],
            [NumberText.Format(133), NumberText.Format(9999), NumberText.Format(12_000), NumberText.Format(0.352194),
                NumberText.Format(170_353.2),
                NumberText.Format(-1.5), NumberText.Format(2.5e-12), NumberText.Format(0.0)]);
    }

    [Theory]
    [InlineData(50, 5000, "50", "100", "1000", "5000")]
    [InlineData(0.3, 100, "0.5", "1", "10", "100")]
    [InlineData(1e-8, 1e8, "1e-6", "1", "1,000,000")]
    [InlineData(1e-300, 1e300, "1")]
    [InlineData(41, 43, "41.5", "42", "43")]
    public void AxisOfPowers_HasPlainNumbersAtTheirPlaces(double least, double most, params string[] expected)
    {
        Assert.SkipWhen(PlotFont.Family is null, "No font is installed.");
        Figure figure = Figures.PlotLines([new("", [least, most], [0, 1])], "", "", options: new FigureOptions { IsLogX = true });
        SvgText[] texts = SvgText.Of(figure);
        float low = texts.Max(text => text.Place.Bottom);
        SvgText[] ticks = [.. texts.Where(text => text.Place.Bottom > low - 2).OrderBy(text => text.Place.MidX)];
        double[] numbers = Array.ConvertAll(ticks, tick => double.Parse(tick.Text, CultureInfo.InvariantCulture));

        Assert.All(expected, number => Assert.Contains(number, ticks.Select(tick => tick.Text)));
        Assert.Equal(numbers.Order(), numbers);
        Assert.InRange(ticks.Length, 2, 12);
    }

    [Fact]
    public void UpwardAxisOfPowers_EndsBandsAboveZero()
    {
        double[] x = [1, 10, 100];
        bool[] none = new bool[3];
        var at = new Predictions
        {
            Mean = [1, 10, -1],
            Lower = [-5, 5, -2],
            Upper = [2, 20, 1],
            HasNeighbour = [true, true, true],
            IsInGap = none,
            IsLevel = none,
            IsOutside = none,
        };
        var options = new FigureOptions { IsLogX = true, IsLogY = true };
        Figure figure = Figures.PlotRegression([1, 100], [1, 100], x, at, 0.95, "x", "y", options);
        SvgText[] numbers = [.. SvgText.Of(figure).Where(text => double.TryParse(text.Text, out _))];
        Assert.Contains(numbers, text => text.Text == "100");
        Assert.DoesNotContain(numbers, text => text.Text is "0" or "0.1");
        Assert.Throws<ArgumentException>(() => Figures.PlotRegression([1, 100], [0, 100], x, at, 0.95, "x", "y", options));

        var band = new Series("", x, [1, 10, 100]) { Band = [(-5, 2), (5, 20), (0, 200)] };
        Figure lines = Figures.PlotLines([band], "x", "y", options: options);
        Assert.DoesNotContain(SvgText.Of(lines), text => text.Text is "0" or "0.1");
        Assert.Throws<ArgumentException>(() => Figures.PlotLines([new("", x, [0, 1, 2])], "x", "y", options: options));
    }

    [Fact]
    public void SurfacesOverAxesOfPowers_HaveTheirPlainNumbers()
    {
        double[,] surface = { { 1, 2 }, { 3, 4 } };
        var options = new FigureOptions { IsLogX = true, IsLogY = true };
        var examples = new Series("", [0.1, 10], [100, 10_000]);
        string[] one = Texts(Figures.PlotSurface(surface, (0.1, 10), (100, 10_000), examples, "a", "b", "c", [1, 2], options));
        Assert.Superset(new HashSet<string> { "0.1", "1", "10", "100", "1000", "10,000" }, one.ToHashSet());
        string[] panel = Texts(Figures.PlotSurfacePanels(
            [new SurfacePanel(surface, "t", examples)], (0.1, 10), (100, 10_000), "a", "b", options));
        Assert.Superset(new HashSet<string> { "0.1", "10", "100", "10,000" }, panel.ToHashSet());
        Assert.Throws<ArgumentException>(() => Figures.PlotSurface(
            surface, (0.1, 10), (100, 10_000), examples with { X = [0, 10] }, "a", "b", "c", [1, 2], options));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(400)]
    public void CountedPlaces_AreMarkedWhole(int epochs)
    {
        var line = new Series("", [0.2, epochs], [1000, 2000]);
        Figure figure = Figures.PlotLines([line], "epoch", "", options: new FigureOptions { IsCountedX = true });
        Assert.Contains(Texts(figure), text => int.TryParse(text, out int epoch) && epoch <= epochs);
        Assert.DoesNotContain(Texts(figure), text => text.Contains('.', StringComparison.Ordinal));
    }

    [Fact]
    public void PlaceThatIsNotPositive_IsRefusedOnAnAxisOfPowers() => Assert.Throws<ArgumentException>(
        () => Figures.PlotLines([new("", [0, 1], [0, 1])], "", "", options: new FigureOptions { IsLogX = true }));

    [Fact]
    public void Legend_IsInsideWhereThereIsRoom()
    {
        using var rising = new Picture(Figures.PlotLines([new("line", [0, 1], [0, 1])], "x", "y"));
        double[] everywhere = [.. Enumerable.Range(0, 900).Select(i => i % 30 / 29.0)];
        double[] up = [.. Enumerable.Range(0, 900).Select(i => i / 30 / 29.0)];
        using var full = new Picture(Figures.PlotLines([new("line", [0, 1], [0, 1])], "x", "y", [new("points", everywhere, up)]));

        Assert.InRange(rising.Frame().Right, 690, 719);
        Assert.InRange(full.Frame().Right, 500, 640);
    }

    [Fact]
    public void LegendOfSeveralPlots_StandsBesideThemOnce()
    {
        Assert.SkipWhen(PlotFont.Family is null, "No font is installed.");
        LinesPanel[] panels = [new([new("a name", _unit, _unit)], "x", "y"), new([new("", _unit, _unit)], "z", "y")];
        Figure figure = Figures.PlotLinePanels(panels);
        SvgText name = Assert.Single(SvgText.Of(figure), text => text.Text == "a name");

        Assert.True(name.Place.Left > SvgText.Of(figure).Where(text => text.Text == "z").Max(text => text.Place.Right));
        Assert.InRange(figure.Width, name.Place.Right + 10, 3 * 360);

        // Where the plots leave a place free, it is there.
        Figure ofThree = Figures.PlotLinePanels([.. panels, panels[1]]);
        Assert.Equal(2 * 360, ofThree.Width);
    }

    [Fact]
    public void Png_HasTwicePixelsOfTheSameLayout()
    {
        Figure figure = Figures.PlotLines([new("line", [0, 1], [0, 1])], "x", "y");
        using SKBitmap sharp = SKBitmap.Decode(figure.ToPng());
        using SKBitmap plain = SKBitmap.Decode(figure.ToPng(pixelRatio: 1));
        using SKBitmap half = sharp.Resize(plain.Info, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));

        Assert.Equal((1440, 880, 720, 440), (sharp.Width, sharp.Height, plain.Width, plain.Height));
        int differing = half.Pixels.Zip(plain.Pixels).Count(pair => Math.Abs(pair.First.Green - pair.Second.Green) > 128);
        Assert.InRange(differing, 0, plain.Pixels.Length / 100);
        Assert.Throws<ArgumentOutOfRangeException>(() => figure.ToPng(0));
    }

    [Fact]
    public void Surfaces_ShareTheScaleTheyAreGiven()
    {
        var points = new Series("", [0.5], [0.5]);
        SKColor Middle((double, double)? range)
        {
            using var picture = new Picture(Figures.PlotSurface(
                new double[,] { { 2, 2 }, { 2, 2 } }, (0, 1), (0, 1), points, "x", "y", "z", [2],
                new FigureOptions { ColorRange = range }));
            SKRectI frame = picture.Frame();
            return picture[frame.Left + (frame.Width / 4), frame.Top + (frame.Height / 4)];
        }

        Assert.Equal(SKColor.Parse("#6b0618"), Middle(null));
        Assert.Equal(SKColor.Parse("#fff7f3"), Middle((2, 5)));
        Assert.InRange(Middle((0, 4)).Green, 100, 130);
    }

    [Fact]
    public void Band_IsDrawnAroundItsLine()
    {
        Series line = new("", [0, 1], [0.5, 0.5]) { Band = [(0.3, 0.7), (0.3, 0.7)] };
        using var picture = new Picture(Figures.PlotLinePanels([new([line], "x", "y")], new FigureOptions { YRange = (0, 1) }));
        SKRectI frame = picture.Frame();
        SKColor At(double up) => picture[frame.Left + (frame.Width / 3), (int)(frame.Bottom - (up * frame.Height))];

        Assert.InRange(At(0.4).Blue, 230, 252);
        Assert.Equal(At(0.4), At(0.62));
        Assert.Equal(SKColors.White, At(0.77));
        Assert.Throws<ArgumentException>(
            () => Figures.PlotLines([new Series("", [0, 1], [0, 1]) { Band = [(0, 1)] }], "x", "y"));
    }

    private static double[] Times(double factor) => Array.ConvertAll(_unit, u => factor * u);

    private static double[,] Large() => new[,] { { 0, 1e6 }, { 3.2e7, 5 } };

    private static string[] Texts(Figure figure) => Array.ConvertAll(SvgText.Of(figure), text => text.Text);

    private static TorchAttention.Numerics.Regression.Bandwidths.BandwidthSearch Searched()
    {
        var random = new Random(2);
        double[] x = [.. Enumerable.Range(0, 120).Select(i => random.NextDouble() * (i % 2 == 0 ? 1 : 1e7))];
        double[] y = [.. Enumerable.Range(0, 60).Select(i => 1e6 * (x[2 * i] + random.NextDouble()))];
        return KernelRegression.Fit(x, y, 2).Search!;
    }
}
