using TorchAttention.Numerics.Regression.Polynomials;

namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The leave-one-out log loss of classes, -(1 / W) sum_i s_i log((S_c - s_i) / (S0 - s_i)) with S_c and S0 the sums of the weights of the
/// row's class and of all rows, at the row. An estimate: it has no certificate.
/// </summary>
internal sealed class MomentLogLoss
{
    /// <summary>A probability counts as no less: that of a class that has no other row within reach is known to no digit.</summary>
    internal const double LeastProbability = 1.0 / (1L << 52);

    private readonly MomentLevel[] _all;
    private readonly MomentSums _sums;
    private readonly FarSums[] _far;
    private readonly CellBasis _basis;
    private readonly CellCache<(double[] Nodes, double[] Light)> _cells;

    /// <summary>Prepares a bandwidth.</summary>
    /// <param name="all">All rows, with a column for each class (v).</param>
    /// <param name="h">The bandwidth.</param>
    public MomentLogLoss(MomentLevel[] all, double h)
    {
        _all = all;
        _sums = new MomentSums(all[0], h, 0, isCertified: false);
        _far = [.. all.Select(level => new FarSums(level, h, 0))];
        _basis = CellBasis.Proving(all[0].K);
        _cells = new CellCache<(double[], double[])>(id => (WeightsAt(_sums, id, true), WeightsAt(_sums, id, false)));
    }

    /// <summary>The rows of a class, their part of the sum.</summary>
    /// <param name="level">The rows of the class alone.</param>
    /// <param name="column">Its column.</param>
    public double Of(MomentLevel level, int column)
    {
        var sums = new MomentSums(level, _sums.Bandwidth, 0, isCertified: false);
        double sum = 0;
        for (int i = 0; i < level.Count; i++)
        {
            sum += level.HasLight(i) ? OfMany(level, i, sums) : 0;
            sum += level.Rows[i].Length > 0 ? OfFew(level, i, sums, column) : 0;
        }

        return sum;
    }

    // A scalar product of the class's moments with the logarithm, which is a polynomial in the cell.
    private double OfMany(MomentLevel level, int cell, MomentSums sums)
    {
        int terms = level.K;
        double[] own = ValuesOf(WeightsAt(sums, level.Ids[cell], true));
        double[] all = ValuesOf(_cells.At(level.Ids[cell]).Nodes);
        double[] function = new double[own.Length];
        if (!level.HasWeights)
        {
            for (int i = 0; i < function.Length; i++)
            {
                function[i] = -Math.Log(Math.Max(LeastProbability, (own[i] - 1) / (all[i] - 1)));
            }

            return Product(function, level.All.M);
        }

        // With weights log(1 - s / S) is a sum of few powers of s.
        double heaviest = level.Weights[cell] / level.MostKept;
        double least = own.Min();
        double most = least > 0 ? Math.Min(MomentFit.OwnMargin * heaviest / least, 0.9) : 0.9;
        double[] log = MomentFit.PowersOf(most, part => Math.Log(1 - part));
        double sum = 0;
        for (int m = 0; m < log.Length; m++)
        {
            for (int i = 0; i < function.Length; i++)
            {
                double powers = log[m] * (Math.Pow(own[i], -m) - Math.Pow(all[i], -m));
                function[i] = (m == 0 ? -Math.Log(Math.Max(LeastProbability, own[i] / all[i])) : 0) - powers;
            }

            sum += Product(function, level.Light[m].M);
        }

        return sum;

        double Product(double[] values, double[] moments)
        {
            double[] polynomial = new double[terms];
            _basis.Fit(values, polynomial);
            double product = 0;
            for (int k = 0; k < terms; k++)
            {
                product += polynomial[k] * moments[(cell * terms) + k];
            }

            return product;
        }
    }

    // Rows of a class that has few in the cell, one by one.
    private double OfFew(MomentLevel level, int cell, MomentSums sums, int column)
    {
        long id = level.Ids[cell];
        double[] others = Polynomial(WeightsAt(sums, id, false));
        double[] allOthers = Polynomial(_cells.At(id).Light);
        int inAll = Array.BinarySearch(_all[0].Ids, id);
        double sum = 0;
        foreach (KeptRow row in level.Rows[cell])
        {
            double t = level.PlaceIn(id, row.X);
            double own = Chebyshev.At(others, t) + KeptAt(level.Rows[cell], row);
            double all = Chebyshev.At(allOthers, t) + KeptAt(_all[0].Rows[inAll], row);
            if (!_all[0].Rows[inAll].Any(kept => kept.X == row.X && kept.Weight == row.Weight))
            {
                // It is no large part of all rows of the cell, and among their sums.
                all -= row.Weight;
            }

            double probability = all > MomentFit.Lonely * row.Weight ? own / all
                : _far[column].At(row.X, new KeptRow(row.X, 1, row.Weight));
            sum -= row.Weight * Math.Log(Math.Clamp(probability, LeastProbability, 1));
        }

        return sum;
    }

    // What the other kept rows weigh there.
    private double KeptAt(KeptRow[] rows, KeptRow at)
    {
        double sum = 0;
        bool isLeftOut = false;
        foreach (KeptRow row in rows)
        {
            if (!isLeftOut && row.X == at.X && row.Weight == at.Weight)
            {
                isLeftOut = true;
                continue;
            }

            double v = (row.X - at.X) / _sums.Bandwidth;
            sum += row.Weight * Math.Exp(-0.5 * v * v);
        }

        return sum;
    }

    // S0 at the nodes of a cell, with the rows that it keeps or without them.
    private static double[] WeightsAt(MomentSums sums, long id, bool withKept)
    {
        double[] rows = new double[LocalSums.Rows * sums.K];
        sums.At(id, 0, withKept ? OwnRows.All : OwnRows.NotKept, rows);
        return rows[..sums.K];
    }

    private double[] Polynomial(double[] nodes)
    {
        double[] polynomial = new double[nodes.Length];
        _basis.Interpolate(nodes, polynomial);
        return polynomial;
    }

    private double[] ValuesOf(double[] nodes)
    {
        double[] values = new double[_basis.Nodes];
        _basis.Evaluate(Polynomial(nodes), values);
        return values;
    }
}
