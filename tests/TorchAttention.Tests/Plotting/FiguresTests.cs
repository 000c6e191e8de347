using System.Globalization;
using System.Text;
using System.Xml.Linq;
using SkiaSharp;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Tables;
using TorchAttention.Plotting;

namespace TorchAttention.Tests.Plotting;

public sealed class FiguresTests
{
    private static readonly SKColor _blue = SKColor.Parse("#0072b2");
    private static readonly SKColor _vermillion = SKColor.Parse("#d55e00");

    [Fact]
    public void Curve_RunsWhereTheDataSay()
    {
        // A straight line from corner to corner of the data: with equal margins on both sides it passes the middle of the frame.
        double[] line = [0, 1];
        using var picture = new Picture(Figures.PlotLines([new("rising", line, line)], "x", "y"));
        SKRectI frame = picture.Frame();

        Assert.Equal((720, 440), (picture.Width, picture.Height));
        Assert.True(Near(picture, frame, 0.5, 0.5, _blue));
        Assert.True(Near(picture, frame, 0.25, 0.25, _blue));
        Assert.False(Near(picture, frame, 0.25, 0.75, _blue));
    }

    [Fact]
    public void LineWithoutAName_IsDrawnWithoutALegend()
    {
        using var picture = new Picture(Figures.PlotLines([new("", [0, 1], [0, 1])], "x", "y"));
        SKRectI frame = picture.Frame();

        Assert.True(Near(picture, frame, 0.5, 0.5, _blue));
        Assert.InRange(frame.Right, 680, 720);
    }

    [Fact]
    public void KernelRegression_HasTruthPredictionAndTranslucentCircles()
    {
        double[] x = [0, 1, 2, 3, 4];
        using var picture = new Picture(Figures.PlotKernelReg([2], [0.5], x, [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]));
        SKRectI frame = picture.Frame();

        // Equal margins below 0 and above 1: the truth is as far from the bottom as the prediction from the top.
        int[] truth = RowsOf(picture, frame, _blue);
        int[] prediction = RowsOf(picture, frame, _vermillion);
        Assert.InRange(truth[^1] - truth[0], 0, 3);
        Assert.InRange(frame.Bottom - truth[^1], 10, frame.Height / 5);
        Assert.InRange(prediction[0] - frame.Top - (frame.Bottom - truth[^1]), -2, 2);
        SKColor circle = picture[(frame.Left + frame.Right) / 2, (frame.Top + frame.Bottom) / 2];
        Assert.InRange(circle.Red, 150, 210);
        Assert.Equal(circle.Red, circle.Blue);
    }

    [Theory]
    [InlineData(-719_162, -640_000, "0020 0200")]
    [InlineData(2_900_000, 2_932_896, "9920 9980")]
    [InlineData(-719_162, 2_932_896, "1000 8000")]
    public void AxisOfDates_HasYearsUpToTheCalendarsEnds(double first, double last, string years)
    {
        var options = new FigureOptions { XKind = ColumnKind.Date };

        SvgText[] texts = SvgText.Of(Figures.PlotLines([new("", [first, last], [0, 1])], "", "", options: options));

        Assert.All(years.Split(' '), year => Assert.Contains(texts, text => text.Text == year));
    }

    [Theory]
    [InlineData(0.8, "12:00:00.2 12:00:00.6")]
    [InlineData(0.02, "12:00:00.005 12:00:00.015")]
    [InlineData(20, "12:00:05 12:00:15")]
    public void AxisOfTimes_HasPartsOfSeconds(double seconds, string labels)
    {
        const double noon = 20_000.5;
        var options = new FigureOptions { XKind = ColumnKind.Date };

        SvgText[] texts = SvgText.Of(Figures.PlotLines([new("", [noon, noon + (seconds / 86_400)], [0, 1])], "", "", options: options));

        Assert.All(labels.Split(' '), label => Assert.Contains(texts, text => text.Text == label));
    }

    [Fact]
    public void Points_StayInsideTheFrame()
    {
        using var picture = new Picture(Figures.PlotLines([new("flat", [0, 1], [0, 0])], "x", "y", [new("far", [10], [100])]));
        SKRectI frame = picture.Frame();

        int circle = picture.Count(
            new SKRectI(frame.Right - 40, frame.Top + 1, frame.Right, frame.Top + 60),
            color => color is { Red: > 120 and < 215 } && color.Red == color.Blue);
        Assert.InRange(circle, 20, 200);
    }

    [Fact]
    public void Heatmap_PutsRowZeroAtTheTopAndTheLargestDarkest()
    {
        var matrix = new double[4, 5];
        matrix[0, 0] = 1;
        matrix[3, 2] = 0.5;
        using var picture = new Picture(Figures.ShowHeatmaps(matrix, "Keys", "Queries"));
        SKRectI frame = picture.Frame();

        Assert.Equal((580, 470), (picture.Width, picture.Height));
        Assert.Equal(SKColor.Parse("#6b0618"), Cell(picture, frame, 0, 0, 4, 5));
        SKColor half = Cell(picture, frame, 3, 2, 4, 5);
        Assert.InRange(half.Green, 100, 130);
        Assert.Equal(SKColor.Parse("#fff7f3"), Cell(picture, frame, 0, 4, 4, 5));
        Assert.Equal(SKColor.Parse("#fff7f3"), Cell(picture, frame, 3, 0, 4, 5));
    }

    [Fact]
    public void Heatmaps_ShareOneScale()
    {
        using var picture = new Picture(
            Figures.ShowHeatmaps([[new double[,] { { 0, 1 } }, new double[,] { { 0, 4 } }]], "Keys", "Queries", ["small", "large"]));
        using var alone = new Picture(Figures.ShowHeatmaps(new double[,] { { 0, 1 } }, "Keys", "Queries"));
        SKRectI frame = picture.Frame();
        SKRectI frameAlone = alone.Frame();

        Assert.Equal(SKColor.Parse("#6b0618"), Cell(alone, frameAlone, 0, 1, 1, 2));
        Assert.InRange(Cell(picture, frame, 0, 1, 1, 2).Green, 180, 210);
        Assert.Equal((2 * 330 + 110, 330), (picture.Width, picture.Height));
    }

    [Fact]
    public void OneValueEverywhere_StillHasAScale()
    {
        using var picture = new Picture(Figures.ShowHeatmaps(new double[,] { { 0.02, 0.02 }, { 0.02, 0.02 } }, "Keys", "Queries"));

        Assert.Equal(SKColor.Parse("#6b0618"), Cell(picture, picture.Frame(), 0, 0, 2, 2));
    }

    [Fact]
    public void ExamplesOnASurface_HaveTheColoursOfTheirValuesAndAreWholeAtTheEdge()
    {
        var surface = new double[20, 20];
        surface[10, 10] = 1;
        var corners = new Series("", [0, 10], [0, 10]);
        using var picture = new Picture(Figures.PlotSurface(surface, (0, 10), (0, 10), corners, "x", "y", "z", [1, 1]));
        using var empty = new Picture(Figures.PlotSurface(surface, (0, 10), (0, 10), corners, "x", "y", "z"));

        // The darkest shade of the scale, inside a circle of radius 4.5.
        static bool IsDarkRed(SKColor color) => color is { Red: > 80 and < 130, Green: < 30, Blue: < 40 };
        SKRectI frame = picture.Frame();
        var corner = new SKRectI(frame.Left + 1, frame.Bottom - 25, frame.Left + 25, frame.Bottom);
        Assert.InRange(picture.Count(corner, IsDarkRed), 35, 64);
        Assert.True(empty.Count(corner, IsDarkRed) < 5, "Expected empty circles where no values are given.");
        Assert.Throws<ArgumentException>(() => Figures.PlotSurface(surface, (0, 10), (0, 10), corners, "x", "y", "z", [1]));
    }

    [Fact]
    public void SearchOfTwoBandwidths_IsDrawnOverBothWithTheChosenMarked()
    {
        var random = new Random(2);
        double[] x = [.. Enumerable.Range(0, 120).Select(_ => random.NextDouble())];
        double[] y = [.. Enumerable.Range(0, 60).Select(i => x[2 * i] + (0.1 * random.NextDouble()))];
        using var picture = new Picture(Figures.PlotBandwidthSearch(KernelRegression.Fit(x, y, 2).Search!, ["a", "b"]));

        Assert.Equal((600, 440), (picture.Width, picture.Height));
        Assert.InRange(
            picture.Count(new SKRectI(0, 0, 440, 440), color => color is { Red: < 40, Green: > 90 and < 140, Blue: > 150 }), 60, 400);
    }

    [Fact]
    public void Text_IsDrawn()
    {
        Assert.SkipWhen(PlotFont.Family is null, "No font is installed.");
        using var labelled = new Picture(Figures.PlotLines([new("line", [0, 1], [0, 1])], "a long label below", "y"));
        using var bare = new Picture(Figures.PlotLines([new("line", [0, 1], [0, 1])], "", "y"));

        Assert.True(InkBelow(labelled) > InkBelow(bare) + 100, $"{InkBelow(labelled)} dark pixels with a label, {InkBelow(bare)} without");
        Assert.True(InkBelow(bare) > 50);

        static int InkBelow(Picture picture) =>
            picture.Count(new SKRectI(0, picture.Frame().Bottom + 8, picture.Width, picture.Height), Picture.IsDark);
    }

    [Theory]
    [InlineData(0, 1, "0", "0.5", "1")]
    [InlineData(-2, 3, "-2", "0", "2")]
    [InlineData(0, 1e-12, "0", "5e-13", "1e-12")]
    [InlineData(0, -2.5e-30, "0", "-1e-30", "-2e-30")]
    [InlineData(0, 5e10, "0", "2e10", "4e10")]
    [InlineData(1e9, 1000000005, "1,000,000,000", "1,000,000,002", "1,000,000,004")]
    [InlineData(1.2e12, 1.8e12, "1.2e12", "1.4e12", "1.8e12")]
    [InlineData(0.1, 0.3, "0.1", "0.2", "0.3")]
    [InlineData(0, 1e300, "0", "5e299", "1e300")]
    [InlineData(1.0001e-7, 1.0002e-7, "1.0001e-7", "1.0002e-7")]
    public void Ticks_AreShortNumbersOnEveryScale(double from, double to, params string[] expected)
    {
        Assert.SkipWhen(PlotFont.Family is null, "No font is installed.");
        Figure figure = Figures.PlotLines([new("line", [from, to], [from, to])], "across", "up");
        string[] numbers = [.. TextOf(figure).Except(["line", "across", "up"])];

        Assert.All(expected, number => Assert.Contains(number, numbers));
        Assert.All(numbers, number => Assert.InRange(number.Length, 1, 15));
        Assert.All(numbers, number => Assert.True(double.TryParse(number, CultureInfo.InvariantCulture, out _), number));
    }

    [Fact]
    public void ColorBarOfSmallNumbers_HasTheirScale()
    {
        Assert.SkipWhen(PlotFont.Family is null, "No font is installed.");
        Assert.Contains("5e-13", TextOf(Figures.ShowHeatmaps(new[,] { { 0, 1e-12 } }, "", "")));
    }

    [Fact]
    public void Font_IsSansSerif()
    {
        Assert.SkipUnless(
            PlotFont.Installed.Any(family => family.Contains("Sans", StringComparison.Ordinal)), "No sans-serif font is installed.");
        Assert.Contains("Sans", PlotFont.Family!, StringComparison.Ordinal);
    }

    [Fact]
    public void Svg_IsAWellFormedDocumentOfTheSameSizeWithTextAndCells()
    {
        Figure figure = Figures.ShowHeatmaps(new double[,] { { 0, 1 }, { 1, 0 } }, "Keys", "Queries");
        XElement svg = XDocument.Parse(figure.ToSvg()).Root!;

        Assert.Equal("svg", svg.Name.LocalName);
        Assert.Equal(("580", "470"), (svg.Attribute("width")!.Value, svg.Attribute("height")!.Value));
        Assert.Equal(2, svg.Descendants().Count(element => element.Name.LocalName == "image"));
        Assert.SkipWhen(PlotFont.Family is null, "No font is installed.");
        Assert.Contains(svg.Descendants(), element => element.Name.LocalName == "text" && element.Value.Trim() == "Keys");
    }

    [Fact]
    public void Density_IsDarkerWhereThereAreMoreExamples()
    {
        var random = new Random(1);
        double[] x = [.. Enumerable.Range(0, 40_000).Select(i => (i % 100 == 0 ? 0.6 : 0) + (0.4 * random.NextDouble()))];
        double[] y = [.. x.Select(_ => random.NextDouble())];
        double[] grid = [.. Enumerable.Range(0, 50).Select(i => i / 49.0)];
        Predictions at = KernelRegression.Fit(x[..400], y[..400], new KernelRegressionOptions { Bandwidth = 1 }).Predict(grid);
        using var picture = new Picture(Density(x, y, grid, at));
        SKRectI frame = picture.Frame();
        int Shades(double from, double to, Func<SKColor, bool> isShade) => picture.Count(
            new SKRectI(
                frame.Left + (int)(from * frame.Width), frame.Top + (frame.Height / 4), frame.Left + (int)(to * frame.Width),
                frame.Top + (frame.Height * 3 / 4)),
            color => color.Red == color.Green && color.Red == color.Blue && isShade(color));

        int many = Shades(0.1, 0.35, color => color.Red < 190);
        int few = Shades(0.7, 0.95, color => color.Red is > 190 and < 229);
        Assert.True(many > 0.7 * 0.25 * frame.Width * frame.Height / 2, $"{many} dark pixels of {frame.Width} x {frame.Height}.");
        Assert.True(few > 1000, $"{few} light pixels.");
        Assert.Equal(0, Shades(0.7, 0.95, color => color.Red is > 120 and < 170));
        Assert.Equal(0, Shades(0.45, 0.55, color => color.Red < 229));
    }

    // 300 places in columns for 144 at most, each of as many examples: but for the last column, one shade.
    [Fact]
    public void DensityOfRoundedNumbers_HasNoStripes()
    {
        double[] x = [.. Enumerable.Range(0, 9000).Select(i => i / 30 / 10.0)];
        double[] y = [.. Enumerable.Range(0, 9000).Select(i => i % 30 / 7.0)];
        Predictions at = KernelRegression.Fit([0.0, 30], [0.0, 1], new KernelRegressionOptions { Bandwidth = 30.0 }).Predict(
            [0, 0.1], new PredictionOptions { HasErrors = false });
        using var picture = new Picture(Density(x, y, [0, 0.1], at));
        SKRectI frame = picture.Frame();
        var inside = new SKRectI(frame.Left + (frame.Width / 8), frame.Top + 60, frame.Right - (frame.Width / 8), frame.Bottom - 60);
        SKColor shade = picture[inside.Left, inside.Top];

        Assert.InRange(shade.Red, 100, 228);
        Assert.Equal(inside.Width * inside.Height, picture.Count(inside, color => color == shade));

        // One place and one value have a cell too.
        Assert.NotEmpty(Density([1, 1, 1], [2, 2, 2], [0, 0.1], at).ToPng(1));
        Assert.NotEmpty(Density([], [], [0, 0.1], at).ToPng(1));
    }

    private static Figure Density(double[] x, double[] y, double[] grid, Predictions at) =>
        Figures.PlotRegression(x, y, grid, at, 0.95, "x", "y", new FigureOptions { IsDensity = true });

    [Fact]
    public void SamePicture_IsTheSameBytes()
    {
        double[] x = [1, 2, 3, 4, 5, 6];
        KernelRegression model = KernelRegression.Fit(x, [1, 3, 2, 5, 4, 6]);
        Func<Figure>[] pictures =
        [
            () =>
                Figures.PlotLines(
                    [new("id=\"cl_a\" url(#cl_b)", [0, 1], [0, 1]), new("two", [0, 1], [1, 0])], "x", "y", [new("points", x, x)]),
            () =>
                Figures.ShowHeatmaps(
                    [[new double[3, 4], new double[3, 4]], [new double[3, 4], new double[3, 4]]], "x", "y", ["a", "b", "c", "d"]),
            () => Figures.PlotRegression(x, x, x, model.Predict(x), 0.95, "x", "y"),
            () => Figures.PlotRegression(x, x, x, model.Predict(x), 0.95, "x", "y", new FigureOptions { IsDensity = true }),
            () => Figures.PlotSurface(new double[4, 4], (0, 1), (0, 1), new Series("", [0.5], [0.5]), "x", "y", "z"),
            () => Figures.PlotBandwidthSearch(model.Search!, ["x"]),
            () => Figures.PlotLinePanels(
                [new([new("a", x, x)], "x", "y"), new([new("", x, x)], "x", "z")], new FigureOptions { Title = "t", IsLogX = true }),
            () => Figures.PlotSurfacePanels(
                [new(new double[4, 4], "a", new Series("", [0.5], [0.5])), new(new double[4, 4], "b", new Series("", [], []))], (0, 1),
                (0, 1), "x", "y", new FigureOptions { Title = "t", ColorLabel = "p" }),
        ];
        foreach (Func<Figure> draw in pictures)
        {
            Figure figure = draw();
            string svg = figure.ToSvg();
            XDocument document = XDocument.Parse(svg);
            string[] ids = [.. document.Descendants().Select(element => element.Attribute("id")?.Value).OfType<string>()];
            string[] uses = [.. document.Descendants().SelectMany(element => element.Attributes()).Where(
                attribute => attribute.Value.StartsWith("url(#", StringComparison.Ordinal)).Select(attribute => attribute.Value[5..^1])];

            Assert.NotEmpty(ids);
            Assert.Equal(ids.Length, ids.Distinct().Count());
            Assert.Equal([], uses.Except(ids));
            Assert.Equal(svg, figure.ToSvg());
            Assert.Equal(svg, draw().ToSvg());
            Assert.Equal(figure.ToPng(), draw().ToPng());
        }

        Assert.Contains("id=\"cl_a\" url(#cl_b)", TextOf(pictures[0]()));
    }

    [Fact]
    public void OddNames_AreWrittenOutAndShort()
    {
        string odd = "a\u001b[31m\u202e\0b" + new string('x', 100_000);
        string[] text = TextOf(Figures.PlotLines([new(odd, [0, 1], [0, 1])], odd, odd, [new(odd, [0], [1])]));
        Assert.Equal(
            4, text.Count(label => label.StartsWith(@"a\u001b[31m\u202e\u0000bxx", StringComparison.Ordinal) && label.Length < 130));
    }

    [Fact]
    public void Save_WritesTheFormatOfTheName()
    {
        string folder = Directory.CreateTempSubdirectory("torchattention-").FullName;
        try
        {
            Figure figure = Figures.PlotLines([new("line", [0, 1], [0, 1])], "x", "y");
            figure.Save(Path.Combine(folder, "a.png"));
            figure.Save(Path.Combine(folder, "a.svg"));

            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(Path.Combine(folder, "a.png"))[..4]);
            Assert.StartsWith("<?xml", Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(folder, "a.svg"))), StringComparison.Ordinal);
            ArgumentException refused = Assert.Throws<ArgumentException>(() => figure.Save(Path.Combine(folder, "a.gif")));
            Assert.Contains("'.gif'", refused.Message, StringComparison.Ordinal);
            Assert.Equal(["a.png", "a.svg"], Directory.GetFiles(folder).Select(Path.GetFileName).Order());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void WrongInput_IsRefused()
    {
        Assert.Contains(
            "got 2 and 1", Assert.Throws<ArgumentException>(() => Figures.PlotLines([new("a", [0, 1], [0])], "x", "y")).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Figures.PlotLines([new("a", [0], [double.NaN])], "x", "y"));
        Assert.Throws<ArgumentException>(() => Figures.ShowHeatmaps(new double[0, 3], "x", "y"));
        Assert.Throws<ArgumentException>(() => Figures.ShowHeatmaps(new[,] { { double.NaN } }, "x", "y"));
        Assert.Throws<ArgumentException>(() => Figures.ShowHeatmaps([[new double[1, 1]], []], "x", "y"));
        Assert.Throws<ArgumentException>(() => Figures.ShowHeatmaps([[new double[1, 1]]], "x", "y", ["a", "b"]));
    }

    private static string[] TextOf(Figure figure) =>
        [.. XDocument.Parse(figure.ToSvg()).Descendants().Where(element => element.Name.LocalName == "text").Select(
            element => element.Value.Trim())];

    private static int[] RowsOf(Picture picture, SKRectI frame, SKColor color) =>
        [.. Enumerable.Range(frame.Top, frame.Height).Where(
            y => picture.Count(new SKRectI(frame.Left, y, frame.Right, y + 1), pixel => pixel == color) > frame.Width / 2)];

    private static bool Near(Picture picture, SKRectI frame, double fromLeft, double fromBottom, SKColor color)
    {
        int x = (int)Math.Round(frame.Left + fromLeft * frame.Width);
        int y = (int)Math.Round(frame.Bottom - fromBottom * frame.Height);
        return picture.Count(new SKRectI(x - 3, y - 3, x + 4, y + 4), pixel => pixel == color) > 0;
    }

    private static SKColor Cell(Picture picture, SKRectI frame, int row, int column, int rows, int columns) =>
        picture[(int)(frame.Left + (column + 0.5) * frame.Width / columns), (int)(frame.Top + (row + 0.5) * frame.Height / rows)];
}
