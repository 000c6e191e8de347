using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;

namespace TorchAttention.Numerics.Regression.Smoothing;

/// <content>Fits to many examples of one feature: at some places in each cell, which say those at all of its keys.</content>
internal sealed partial class Smoother
{
    // Parts of what a fit is made of that its last digits are lost to; of derivatives more are.
    private const double Known = 1e-13;
    private const double KnownOfDerivatives = 1e-12;

    // A kernel with an end is no analytic function.
    private CellNodes? CellsOf(SmootherData data, double[] bandwidths) =>
        kernel == SmoothingKernel.Gaussian && !isShare && data.Features == 1 && data.Periods.Length == 0
            ? CellNodes.Create(data.Keys, bandwidths[0])
            : null;

    private void PoolInCells(SmootherData data, CellNodes cells, double[] bandwidths, Answers all)
    {
        Answers at = PoolAt(data, cells.Queries, bandwidths, all);
        bool[] isRough = cells.NoneRough();
        double size = 0;
        foreach (double value in at.Values)
        {
            size = Math.Max(size, Math.Abs(value));
        }

        cells.LookAt(at.Values, data.Columns, size, Known, isRough);
        cells.LookAt(at.OwnWeight, 1, 0, Known, isRough);
        cells.LookAt(at.EffectiveNeighbours, 1, 0, Known, isRough);
        cells.LookAt(at.ByW, data.Columns, bandwidths[0] * size, KnownOfDerivatives, isRough);
        cells.LookAt(at.OwnByW, 1, 0, KnownOfDerivatives, isRough);
        foreach (((double[] some, int columns), (double[] every, _)) in at.Of(data.Columns).Zip(all.Of(data.Columns)))
        {
            cells.Spread(some, columns, isRough, every, ForEach);
        }

        int[] rough = cells.KeysIn(isRough);
        if (rough.Length > 0)
        {
            Answers ofRough = PoolAt(data, KeysOf(data, rough), bandwidths, all);
            foreach (((double[] some, int columns), (double[] every, _)) in ofRough.Of(data.Columns).Zip(all.Of(data.Columns)))
            {
                for (int i = 0; i < rough.Length && every.Length > 0; i++)
                {
                    some.AsSpan(i * columns, columns).CopyTo(every.AsSpan(rough[i] * columns));
                }
            }
        }
    }

    // What is asked for of all keys, at queries.
    private Answers PoolAt(SmootherData data, double[] queries, double[] bandwidths, Answers all)
    {
        int columns = data.Columns;
        double[] column(double[] ofAll, int inRow) => ofAll.Length == 0 ? [] : new double[queries.Length * inRow];
        var at = new Answers(
            column(all.Values, columns), column(all.OwnWeight, 1), column(all.EffectiveNeighbours, 1), column(all.ByW, columns),
            column(all.OwnByW, 1));
        var output = new PoolingOutput<double>
        {
            Values = at.Values,
            OwnWeight = at.OwnWeight,
            EffectiveNeighbours = at.EffectiveNeighbours,
            InverseBandwidthGradient = at.ByW,
            OwnWeightGradient = at.OwnByW,
        };
        Pool(data, data.Samples<double>(), queries, bandwidths, output, Options);
        return at;
    }

    /// <summary>What a fit says at places; empty where it is not asked.</summary>
    private sealed record Answers(double[] Values, double[] OwnWeight, double[] EffectiveNeighbours, double[] ByW, double[] OwnByW)
    {
        /// <summary>Each with its number of columns, of v columns of values.</summary>
        public IEnumerable<(double[] Numbers, int Columns)> Of(int columns) =>
            ((double[], int)[])[(Values, columns), (OwnWeight, 1), (EffectiveNeighbours, 1), (ByW, columns), (OwnByW, 1)];
    }
}
