using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <content>Rows with weights.</content>
internal sealed partial class MomentFit
{
    // 1 / (1 - H)^2 of a row's own part H = s A / D as a sum of powers of s, each with moments of its own.
    private void AddWeighted(int cell, Scratch scratch, in SumErrors errors, int degree, double heaviest, ref MomentScore score)
    {
        var ignored = default(MomentScore);
        double most = OwnMargin * heaviest * scratch.Own.Max();
        double[] square = PowersOf(most, h => 1 / ((1 - h) * (1 - h)));
        double[] cube = PowersOf(most, h => 2 / ((1 - h) * (1 - h) * (1 - h)));
        (double[] f, double[] ff, double[] own) = (scratch.F, scratch.FF, scratch.Own);
        double[] power = scratch.Power;
        double[] of = scratch.Others;
        Array.Fill(power, 1);
        for (int m = 0; m < MomentGrid.Towers; m++)
        {
            MomentLevel.Tower tower = _level.Light[m];
            ReadOnlySpan<double> masses = tower.M.AsSpan(cell * K, K);
            ReadOnlySpan<double> sums = tower.V.AsSpan(cell * K, K);
            ReadOnlySpan<double> squares = tower.Q.AsSpan(cell * K, K);
            score.LeaveOneOut += Product(scratch, power, squares, square[m], ref score)
                + Product(scratch, Times(power, f), sums, -2 * square[m], ref score)
                + Product(scratch, Times(power, ff), masses, square[m], ref score);
            if (!_isCertified)
            {
                AddByLog(m, masses, sums, squares, ref score);
            }

            for (int i = 0; i < own.Length; i++)
            {
                power[i] *= own[i];
            }
        }

        if (_isCertified)
        {
            CertifyWeighted(cell, scratch, errors, degree, heaviest, most, square, ref score);
        }

        void AddByLog(
            int m, ReadOnlySpan<double> masses, ReadOnlySpan<double> sums, ReadOnlySpan<double> squares, ref MomentScore score)
        {
            score.LeaveOneOutByLog += Product(scratch, Times(power, scratch.FByLog), sums, -2 * square[m], ref ignored)
                + Product(scratch, Times(power, scratch.FFByLog), masses, 2 * square[m], ref ignored);
            if (m == 0)
            {
                return;
            }

            // The derivative of H has a power of s more.
            for (int i = 0; i < own.Length; i++)
            {
                scratch.Fitted[i] = power[i] / own[i] * scratch.OwnByLog[i];
            }

            score.LeaveOneOutByLog += Product(scratch, scratch.Fitted, squares, cube[m - 1], ref ignored)
                + Product(scratch, Times(scratch.Fitted, f), sums, -2 * cube[m - 1], ref ignored)
                + Product(scratch, Times(scratch.Fitted, ff), masses, cube[m - 1], ref ignored);
        }

        double[] Times(double[] a, double[] b)
        {
            for (int i = 0; i < of.Length; i++)
            {
                of[i] = a[i] * b[i];
            }

            return of;
        }
    }

    // The polynomial through a function at Chebyshev's nodes from 0 to the most, by powers.
    internal static double[] PowersOf(double most, Func<double, double> function)
    {
        const int Count = MomentGrid.Towers;
        double[] nodes = Chebyshev.Nodes(Count);
        double[] divided = new double[Count];
        for (int i = 0; i < Count; i++)
        {
            nodes[i] = (1 + nodes[i]) / 2;
            divided[i] = function(most * nodes[i]);
        }

        for (int order = 1; order < Count; order++)
        {
            for (int i = Count - 1; i >= order; i--)
            {
                divided[i] = (divided[i] - divided[i - 1]) / (nodes[i] - nodes[i - order]);
            }
        }

        // Newton's form by Horner's scheme.
        double[] powers = new double[Count];
        for (int i = Count - 1; i >= 0; i--)
        {
            for (int k = Count - 1; k > 0; k--)
            {
                powers[k] = powers[k - 1] - (nodes[i] * powers[k]);
            }

            powers[0] = divided[i] - (nodes[i] * powers[0]);
        }

        double unit = 1;
        for (int k = 0; k < Count; k++, unit *= most)
        {
            powers[k] /= unit;
        }

        return powers;
    }
}
