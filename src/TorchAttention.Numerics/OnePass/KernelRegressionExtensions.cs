using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Numerics.OnePass;

/// <summary>Models of rows in kilobytes.</summary>
public static class KernelRegressionExtensions
{
    /// <summary>What can be condensed.</summary>
    internal const string Condensable = "a model of one feature, one column, the gaussian kernel and the degree 0 or 1 without a ridge";

    /// <summary>
    /// The curve as pieces of polynomials with a proved bound: kilobytes that predict as the model does, however many its examples.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="tolerance">What a mean may be off by, as a part of the range of the means.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not between 1e-14 and 1.</exception>
    /// <exception cref="NotSupportedException">
    /// The model has several features or columns of values, another kernel than the Gaussian, a degree above 1 or a ridge.
    /// </exception>
    public static CondensedCurve Condense(this KernelRegression model, double tolerance = 1e-10)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (Obstacle(model) is string other)
        {
            throw new NotSupportedException($"Expected {Condensable}, got one with {other}.");
        }

        double h = model.Bandwidths[0];
        double cell = model.Options.Degree == 0 ? h : h / MomentRegression.CellsOfLine;
        var moments = new Moments(MomentGrid.Choose(model.Keys, model.Values, model.Count, cell, model.Options.Degree, model.Weights));
        moments.Add(model.Keys, model.Values, model.Weights);
        var options = new MomentOptions { Degree = model.Options.Degree, Bandwidth = h, Threads = model.Options.Threads };
        return CondensedCurve.Create(MomentRegression.Fit(moments, options), tolerance, model.Diagnostics);
    }

    /// <summary>What keeps a model from being condensed; null for nothing.</summary>
    internal static string? Obstacle(KernelRegression model) =>
        model.Features != 1 ? $"{model.Features} features"
        : model.Classes.Count > 0 ? "classes"
        : model.Columns != 1 ? $"{model.Columns} columns of values"
        : model.Options.Degree > 1 ? $"the degree {model.Options.Degree}"
        : model.Options.IsPolynomial ? "a ridge"
        : model.Options.Kernel != SmoothingKernel.Gaussian ? $"the kernel {model.Options.Kernel}"
        : null;
}
