namespace TorchAttention.Numerics.Regression;

/// <summary>A rule that chooses a bandwidth by the data.</summary>
public enum BandwidthRule
{
    /// <summary>
    /// Least squares cross-validation: the least mean of (y_i - f_-i(x_i))^2, where f_-i is fitted without example i. With a fixed bandwidth f_-i needs no fit of
    /// its own: the residual is (y_i - f(x_i)) / (1 - H_ii).
    /// </summary>
    LeaveOneOut,

    /// <summary>The corrected information criterion, ln(RSS/n) + 1 + 2 (tr H + 1) / (n - tr H - 2) (C. M. Hurvich, J. S. Simonoff and C.-L. Tsai, 1998).</summary>
    AICc,

    /// <summary>Generalised cross-validation, (RSS/n) / (1 - tr H / n)^2 (P. Craven and G. Wahba, 1979).</summary>
    GCV,

    /// <summary>
    /// The rule of thumb 0.9 min(s, IQR / 1.34) n^(-1/5) for one feature, (4 / (d + 2))^(1 / (d + 4)) s_j n^(-1 / (d + 4)) for several (B. W. Silverman, 1986).
    /// Made for densities: it does not look at y.
    /// </summary>
    Silverman,

    /// <summary>The rule of thumb s_j n^(-1 / (d + 4)) (D. W. Scott, 1992). Made for densities: it does not look at y.</summary>
    Scott,

    /// <summary>
    /// For one feature: the bandwidth that would be best for a local linear fit were the curve a polynomial of degree 4 fitted to all data, its noise the fit's
    /// (J. Fan and I. Gijbels, 1996, section 4.2).
    /// </summary>
    PlugIn,

    /// <summary>Cross-validation over a few folds: each is predicted from the others.</summary>
    KFold,
}
