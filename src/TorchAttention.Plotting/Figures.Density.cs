using ScottPlot;

namespace TorchAttention.Plotting;

/// <content>Shades for examples that are too many to draw.</content>
public static partial class Figures
{
    private const int CellPixels = 5;

    // Values with so many steps between them or more are taken for any numbers.
    private const int MostSteps = 5000;

    // Shades of the logarithm: one row is seen beside a thousand.
    private static List<Coordinates> AddDensity(Plot plot, double[] x, double[] y)
    {
        (double left, double width, int columns) = Cells(x, Width / CellPixels);
        (double low, double height, int rows) = Cells(y, Height / CellPixels);
        double[,] counts = new double[rows, columns];
        foreach ((double across, double up) in x.Zip(y))
        {
            int column = Math.Clamp((int)((across - left) / width), 0, columns - 1);
            counts[rows - 1 - Math.Clamp((int)((up - low) / height), 0, rows - 1), column]++;
        }

        double[,] shades = new double[rows, columns];
        double most = 1;
        var covered = new List<Coordinates>();
        for (int i = 0; i < counts.Length; i++)
        {
            (int row, int column) = (i / columns, i % columns);
            shades[row, column] = counts[row, column] > 0 ? Math.Log(counts[row, column]) : double.NaN;
            if (counts[row, column] > 0)
            {
                most = Math.Max(most, shades[row, column]);
                covered.Add(new Coordinates(left + ((column + 0.5) * width), low + ((rows - row - 0.5) * height)));
            }
        }

        var extent = new CoordinateRect(left, left + (columns * width), low, low + (rows * height));
        plot.Add.Plottable(new MatrixImage(shades, new ScottPlot.Range(0, most), extent, Theme.Shade)
        {
            LegendText = "examples",
        });
        return covered;
    }

    // Rounded numbers need cells of as many steps each, or stripes would be seen where there are none.
    private static (double Start, double Width, int Count) Cells(double[] values, int most)
    {
        double[] distinct = [.. values.Distinct().Order()];
        double range = distinct[^1] - distinct[0];
        double least = distinct.Zip(distinct.Skip(1), (one, next) => next - one).DefaultIfEmpty(1).Min();
        double steps = Math.Round(range / least);
        if (!(steps < MostSteps))
        {
            return (distinct[0], range / most, most);
        }

        double step = steps > 0 ? range / steps : 1;
        double together = Math.Ceiling((steps + 1) / most);
        return (distinct[0] - (step / 2), step * together, (int)Math.Ceiling((steps + 1) / together));
    }
}
