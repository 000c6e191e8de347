using TorchAttention.Data;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>From the units that a model trains in to those of the data's own columns.</summary>
internal readonly record struct Units(IReadOnlyList<Standardization> Xs, Standardization Y)
{
    public static Units Of(RegressionData data) => new(data.XScales, data.YScale);

    /// <summary>A mean of (y^ - y)^2 / 2, in squared units of y.</summary>
    public double Loss(double loss) => loss * Y.Deviation * Y.Deviation;

    /// <summary>A number as the shortest text that gives it back: as float32, which models compute in, where its range allows.</summary>
    public static string Text(double value) => value == 0 || float.IsNormal((float)value)
        ? ((float)value).ToString("R", CultureInfo.InvariantCulture)
        : value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>A column of inputs (n) or (n, d).</summary>
    public double[] XsOf(torch.Tensor x, int column = 0)
    {
        int columns = Xs.Count;
        Standardization scale = Xs[column];
        return [.. x.ToDoubles().Where((_, i) => i % columns == column).Select(scale.Invert)];
    }

    public double[] YsOf(torch.Tensor y) => Array.ConvertAll(y.ToDoubles(), Y.Invert);
}
