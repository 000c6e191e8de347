using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>The mean of (y_i - f_-i(x_i))^2, where f_-i is fitted without example i, or without all examples at its place.</summary>
internal sealed class LeaveOneOutCriterion(Smoother smoother, bool leaveOutTies) : Criterion(smoother, leaveOutTies)
{
    public override SmootherData Prepare(SmootherData data) => LeaveOutTies ? data.TiesTogether() : data;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override double At(SmootherData data, double[] bandwidths, bool isSingle = false)
    {
        if (!isSingle && Smoother.SumsInCells(data, bandwidths, leaveOut: true, hasSlopes: false) is { } sums)
        {
            return sums.IsAdmissible ? Floored(data, sums.Squares / data.TotalWeight) : double.PositiveInfinity;
        }

        Smoother.Fit fit = isSingle
            ? Smoother.At<float>(data, bandwidths, leaveOut: true)
            : Smoother.At<double>(data, bandwidths, leaveOut: true);
        if (!fit.IsAdmissible)
        {
            return double.PositiveInfinity;
        }

        double sum = 0;
        for (int i = 0; i < data.Count; i++)
        {
            sum += data.SquaresAt(i);
            for (int c = 0; c < data.Columns; c++)
            {
                double residual = data.Values[(i * data.Columns) + c] - fit.WithoutOwn[(i * data.Columns) + c];
                sum += data.WeightAt(i) * residual * residual;
            }
        }

        return Floored(data, sum / data.TotalWeight);
    }

    public override double WithGradient(SmootherData data, double[] bandwidths, double[] gradient, bool isSingle)
    {
        if (!isSingle && Smoother.SumsInCells(data, bandwidths, leaveOut: true, hasSlopes: true) is { } sums)
        {
            gradient[0] = sums.SquaresByLog;
            return sums.IsAdmissible ? MeanOf(data, sums.Squares, gradient) : double.PositiveInfinity;
        }

        double[] byLog = new double[data.Values.Length * data.Features];
        Smoother.Fit fit = isSingle
            ? Smoother.LeavingOutWithGradient<float>(data, bandwidths, byLog)
            : Smoother.LeavingOutWithGradient<double>(data, bandwidths, byLog);
        return fit.IsAdmissible ? MeanOf(data, Squares(data, fit.WithoutOwn, byLog, gradient), gradient) : double.PositiveInfinity;
    }
}
