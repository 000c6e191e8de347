using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace TorchAttention.Cli.Output;

/// <summary>
/// Lines of points drawn with braille letters, 2 x 4 dots in each, over one pair of axes; the heights are logarithms where all are
/// positive.
/// </summary>
internal static class BrailleChart
{
    private const int DotsAcross = 2;
    private const int DotsDown = 4;
    private const int FirstPattern = 0x2800;

    // The bit of each dot of a letter, by row and column.
    private static readonly int[,] _bits = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } };

    /// <summary>The chart; nothing where no line has a point.</summary>
    /// <param name="lines">Name, colour and points of each line; a later one is on top.</param>
    /// <param name="width">Letters across, the scale's numbers included.</param>
    /// <param name="height">Letters down.</param>
    /// <param name="text">How to write a height.</param>
    public static IRenderable Render(
        IReadOnlyList<(string Color, IReadOnlyList<(double X, double Y)> Points)> lines, int width, int height, Func<double, string> text)
    {
        double[] ys = [.. lines.SelectMany(line => line.Points).Select(point => point.Y)];
        if (ys.Length == 0)
        {
            return new Text("");
        }

        bool isLogarithmic = ys.Min() > 0;
        (string most, string least) = (text(ys.Max()), text(ys.Min()));
        int margin = Math.Max(most.Length, least.Length) + 1;
        int columns = Math.Max(8, width - margin);
        (int[,] cells, int[,] owners) = Fill(lines, columns, height, isLogarithmic);
        var markup = new StringBuilder();
        for (int row = 0; row < height; row++)
        {
            string label = row == 0 ? most : row == height - 1 ? least : "";
            markup.Append("[grey]").Append(label.PadLeft(margin - 1)).Append("[/] ");
            for (int column = 0; column < columns; column++)
            {
                char letter = (char)(FirstPattern + cells[row, column]);
                markup.Append(cells[row, column] == 0 ? " " : $"[{lines[owners[row, column]].Color}]{letter}[/]");
            }

            markup.Append(row < height - 1 ? "\n" : "");
        }

        return new Markup(markup.ToString());
    }

    private static (int[,] Cells, int[,] Owners) Fill(
        IReadOnlyList<(string Color, IReadOnlyList<(double X, double Y)> Points)> lines, int columns, int rows, bool isLogarithmic)
    {
        (double X, double Y)[] all = [.. lines.SelectMany(line => line.Points)];
        (double left, double right) = (all.Min(point => point.X), all.Max(point => point.X));
        (double low, double high) = (Height(all.Min(point => point.Y)), Height(all.Max(point => point.Y)));
        var cells = new int[rows, columns];
        var owners = new int[rows, columns];
        for (int line = 0; line < lines.Count; line++)
        {
            (int X, int Y)? last = null;
            foreach ((double x, double y) in lines[line].Points)
            {
                int down = (rows * DotsDown) - 1 - Place(Height(y), low, high, rows * DotsDown);
                (int X, int Y) dot = (Place(x, left, right, columns * DotsAcross), down);
                Connect(last ?? dot, dot, line);
                last = dot;
            }
        }

        return (cells, owners);

        double Height(double y) => isLogarithmic ? Math.Log(y) : y;

        void Connect((int X, int Y) from, (int X, int Y) to, int line)
        {
            int steps = Math.Max(1, Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y)));
            for (int i = 0; i <= steps; i++)
            {
                int x = from.X + (int)Math.Round((double)(to.X - from.X) * i / steps);
                int y = from.Y + (int)Math.Round((double)(to.Y - from.Y) * i / steps);
                cells[y / DotsDown, x / DotsAcross] |= _bits[y % DotsDown, x % DotsAcross];
                owners[y / DotsDown, x / DotsAcross] = line;
            }
        }
    }

    private static int Place(double value, double least, double most, int count) =>
        most > least ? (int)Math.Round((value - least) / (most - least) * (count - 1)) : count / 2;
}
