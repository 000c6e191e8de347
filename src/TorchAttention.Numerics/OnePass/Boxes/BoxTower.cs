namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>
/// Sums of s^m times the terms, of y - r and of (y - r)^2 times these (boxes, terms), for each column of values. Of classes y is 1 at a
/// class's own rows and 0 at others, and y^2 the same.
/// </summary>
internal sealed class BoxTower
{
    private readonly bool _areClasses;

    public BoxTower(int length, int columns, bool areClasses)
    {
        _areClasses = areClasses;
        M = new double[length];
        V = [.. Enumerable.Range(0, columns).Select(_ => new double[length])];
        Q = areClasses ? V : [.. V.Select(_ => new double[length])];
    }

    public double[] M { get; }

    public double[][] V { get; }

    public double[][] Q { get; }

    /// <summary>Adds a row's term.</summary>
    /// <param name="at">Where.</param>
    /// <param name="term">The term, with its weight.</param>
    /// <param name="column">The column.</param>
    /// <param name="y">The value above the box's level.</param>
    public void AddValue(int at, double term, int column, double y)
    {
        V[column][at] += term * y;
        if (!_areClasses)
        {
            Q[column][at] += term * y * y;
        }
    }

    /// <summary>Adds a box to one twice as wide along a feature.</summary>
    /// <param name="terms">The terms.</param>
    /// <param name="to">The wide boxes.</param>
    /// <param name="toBox">Which.</param>
    /// <param name="box">The narrow box.</param>
    /// <param name="feature">The feature.</param>
    /// <param name="half">Which half it is.</param>
    /// <param name="apart">What its levels are above the other's (v).</param>
    public void AddHalf(BoxTerms terms, BoxTower to, int toBox, int box, int feature, double[] half, double[] apart)
    {
        for (int term = 0; term < terms.Count; term++)
        {
            int at = (toBox * terms.Count) + term;
            int degree = terms.Degrees[term][feature];
            for (int k = 0; k <= degree; k++)
            {
                double factor = half[(degree * MomentLevel.MostTerms) + k];
                int from = (box * terms.Count) + terms.With(term, feature, k);
                double m = M[from];
                to.M[at] += factor * m;
                for (int c = 0; c < V.Length; c++)
                {
                    double v = V[c][from];
                    to.V[c][at] += factor * (v + (apart[c] * m));
                    if (!_areClasses)
                    {
                        to.Q[c][at] += factor * (Q[c][from] + (2 * apart[c] * v) + (apart[c] * apart[c] * m));
                    }
                }
            }
        }
    }
}
