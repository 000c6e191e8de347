using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Numerics.OnePass;

/// <summary>Models of rows in kilobytes.</summary>
public static class KernelRegressionExtensions
{
    /// <summary>What can be condensed.</summary>
    internal const string Condensable = "a model of one feature, the gaussian kernel and the degree 0 or 1 without a ridge";

    /// <summary>
    /// The curve as pieces of polynomials with a proved bound: kilobytes that predict as the model does, however many its examples.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="tolerance">What a mean may be off by, as a part of the range of the means.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not between 1e-14 and 1.</exception>
    /// <exception cref="NotSupportedException">
    /// The model has several features, classes, several columns of values, another kernel than the Gaussian, a degree above 1 or a ridge.
    /// </exception>
    public static CondensedCurve Condense(this KernelRegression model, double tolerance = 1e-10)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Columns == 1 && model.Classes.Count == 0 ? CondensedCurve.Create(Fit(model), tolerance, model.Diagnostics)
            : throw new NotSupportedException(
                $"Expected one column of values, got {model.Columns}{(model.Classes.Count > 0 ? " classes" : "")}; CondenseColumns has a "
                    + "curve for each.");
    }

    /// <summary>The curves of all columns of values, or of all classes.</summary>
    /// <inheritdoc cref="Condense" path="/param"/>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is not between 1e-14 and 1.</exception>
    /// <exception cref="NotSupportedException">
    /// The model has several features, another kernel than the Gaussian, a degree above 1 or a ridge.
    /// </exception>
    public static CondensedCurves CondenseColumns(this KernelRegression model, double tolerance = 1e-10) =>
        CondensedCurves.Create(Fit(model), tolerance, model.Diagnostics, model.Classes);

    // To the values of all columns: a class's are 1 at its own examples and 0 at others.
    private static MomentRegression Fit(KernelRegression model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (Obstacle(model) is string other)
        {
            throw new NotSupportedException($"Expected {Condensable}, got one with {other}.");
        }

        double h = model.Bandwidths[0];
        double cell = MomentRegression.CellOfPieces(h, model.Options.Degree);
        var moments = new Moments(MomentGrid.Choose(model.Keys, model.Values, model.Count, cell, model.Options.Degree, model.Weights));
        moments.Add(model.Keys, model.Values, model.Weights);
        var options = new MomentOptions { Degree = model.Options.Degree, Bandwidth = h, Threads = model.Options.Threads };
        return MomentRegression.Fit(moments, options);
    }

    /// <summary>What keeps a model from being condensed; null for nothing.</summary>
    internal static string? Obstacle(KernelRegression model) =>
        model.Features != 1 ? $"{model.Features} features"
        : model.Options.Periods.Count > 0 ? "a feature that repeats"
        : model.Options.Bandwidth.IsShare ? "a share of the examples for a bandwidth"
        : model.Options.RobustIterations > 0 ? "robust iterations"
        : model.Options.Degree > 1 ? $"the degree {model.Options.Degree}"
        : model.Options.IsPolynomial ? "a ridge"
        : model.Options.Kernel != SmoothingKernel.Gaussian ? $"the kernel {model.Options.Kernel}"
        : null;
}
