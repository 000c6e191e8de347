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

    /// <summary>
    /// The sums that a criterion is made of, where all examples' are known by some places in each cell; null elsewhere.
    /// </summary>
    /// <param name="data">The data.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="leaveOut">Whether each example is judged by the others alone.</param>
    /// <param name="hasSlopes">Whether derivatives are asked for.</param>
    public FitSums? SumsInCells(SmootherData data, double[] bandwidths, bool leaveOut, bool hasSlopes)
    {
        if (PlacesOf(data) is not null || CellsOf(data, bandwidths) is not { } cells)
        {
            return null;
        }

        double[] asked = [0];
        double[] ifSlopes = hasSlopes ? asked : [];
        double least = leaveOut && hasSlopes ? LeastLeftOfSlope : LeastLeft;
        FitSums[] parts = [.. Enumerable.Range(0, cells.Parts + 1).Select(_ => new FitSums(data, leaveOut, least, -1 / bandwidths[0]))];
        PoolInCells(
            data, cells, bandwidths, new FitAnswers(data.Columns, asked, asked, [], ifSlopes, ifSlopes),
            (part, first, count, answers, place) => parts[part].Add(first, count, answers, place));
        FitSums sums = parts[^1];
        Array.ForEach(parts[..^1], sums.Add);
        int alone = sums.Doubtful.Count;
        if (leaveOut && alone > 0)
        {
            double[] byLog = new double[alone * data.Columns];
            (double[] said, alone) = AskWithGradient<double>(data, bandwidths, [.. sums.Doubtful], byLog);
            sums.AddDoubtful(said, byLog);
        }

        return sums.Finish(alone);
    }

    private void PoolInCells(SmootherData data, CellNodes cells, double[] bandwidths, FitAnswers asked, CellNodes.Visit visit)
    {
        FitAnswers at = PoolAt(data, cells.Queries, bandwidths, asked);
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
        int[] rough = cells.KeysIn(isRough);
        FitAnswers atRough = rough.Length == 0 ? at.For(0) : PoolAt(data, KeysOf(data, rough), bandwidths, asked);
        cells.ForEach(at, isRough, atRough, ForEach, visit);
    }

    // What is asked for, at queries.
    private FitAnswers PoolAt(SmootherData data, double[] queries, double[] bandwidths, FitAnswers asked)
    {
        FitAnswers at = asked.For(queries.Length);
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
}
