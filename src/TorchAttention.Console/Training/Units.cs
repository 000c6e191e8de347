using TorchAttention.Data;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>From the units that a model trains in to those of the data's own columns.</summary>
internal readonly record struct Units(IReadOnlyList<Standardization> Xs, Standardization Y)
{
    public static Units From(RegressionData data) => new(data.XScales, data.YScale);

    /// <summary>A mean of (y^ - y)^2 / 2, in squared units of y.</summary>
    public double Loss(double loss) => loss * Y.Deviation * Y.Deviation;

    /// <summary>A column of inputs (n) or (n, d).</summary>
    public double[] XsOf(torch.Tensor x, int column = 0)
    {
        int columns = Xs.Count;
        Standardization scale = Xs[column];
        return [.. x.ToDoubles().Where((_, i) => i % columns == column).Select(scale.Invert)];
    }

    public double[] YsOf(torch.Tensor y) => Array.ConvertAll(y.ToDoubles(), Y.Invert);
}
