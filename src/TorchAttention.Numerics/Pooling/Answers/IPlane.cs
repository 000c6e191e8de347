namespace TorchAttention.Numerics.Pooling.Answers;

/// <summary>
/// The plane through the values around a query by weighted least squares, in bandwidths and normalised values; level in directions that the
/// keys leave open.
/// </summary>
internal interface IPlane
{
    /// <summary>Whether a direction is open.</summary>
    bool IsLevel { get; }

    /// <summary>The weight of one more pair at the query.</summary>
    double OwnWeight { get; }

    /// <summary>The plane's height at the query for a column of values.</summary>
    double Height(int column);

    /// <summary>Solves for the slopes of a column of values.</summary>
    void SolveSlopes(int column);

    /// <summary>The slope in a feature that <see cref="SolveSlopes"/> found.</summary>
    double Slope(int feature);

    /// <summary>sum_i l_i^2.</summary>
    double SquaredWeights();

    /// <summary>
    /// sum_i l_i r_i d_i for weights that change by the parts d_i, r_i the distance of a value from the plane: the change of the height.
    /// </summary>
    /// <remarks>
    /// Of a least-squares fit, that the weights of the sums change and the plane with them is in it: what the plane leaves is orthogonal to
    /// all planes.
    /// </remarks>
    /// <param name="feature">The feature that d_i = G u^2 / K is of, times the kernel's argument scale.</param>
    /// <param name="column">The column of values, for which <see cref="SolveSlopes"/> was called last.</param>
    double HeightChange(int feature, int column);

    /// <summary>The change of <see cref="OwnWeight"/> for weights that change so.</summary>
    double OwnWeightChange(int feature);
}
