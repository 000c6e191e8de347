using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Categories;

/// <summary>A fit on numbers and categories at the bandwidths and lambdas that a search has found.</summary>
internal sealed record MixedTrial(double[] Bandwidths, double[] Lambdas, Smoother.Fit Fit, Diagnostics Diagnostics);
