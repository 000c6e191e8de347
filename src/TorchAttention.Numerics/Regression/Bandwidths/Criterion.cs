using TorchAttention.Numerics.Regression.Polynomials;
using TorchAttention.Numerics.Regression.Smoothing;

namespace TorchAttention.Numerics.Regression.Bandwidths;

/// <summary>
/// What a search makes small: its value at bandwidths, its gradient, and an estimate that costs little. A rule that searches has a class of
/// its own.
/// </summary>
/// <param name="smoother">The kernel and the degree.</param>
/// <param name="leaveOutTies">Whether an example is left out with all others at its place.</param>
internal abstract class Criterion(Smoother smoother, bool leaveOutTies)
{
    /// <summary>The error of values that do not vary at all: a mean square of 0 would have no logarithm.</summary>
    public const double LeastMeanSquare = 1e-300;

    // Relative to the variance of the values: the square of what the engine's sums are off by at most.
    private const double Rounding = 1e-20;

    /// <summary>Whether it jumps from one bandwidth to the next, and has no slope that says where it falls.</summary>
    public bool HasJumps => Smoother.Kernel.HasJump;

    /// <summary>Whether it has a kink wherever a neighbour comes within reach, and many valleys where data are few.</summary>
    public bool IsRough => !double.IsInfinity(Support);

    /// <summary>The |u| from which on a neighbour weighs nothing.</summary>
    public double Support => Smoother.Kernel.Support;

    /// <summary>Whether bandwidths are shares of the examples.</summary>
    public bool IsShare => Smoother.IsShare;

    /// <summary>The least share of so many examples that it can be asked for.</summary>
    public double LeastShareOf(int examples) => (NearestKeys.FewestFor(Smoother.Degree) + 1.0) / examples;

    /// <summary>How many fits it takes.</summary>
    public virtual int Fits => 1;

    /// <summary>Whether it can be estimated on an even grid.</summary>
    public virtual bool AllowsGrid => !LeaveOutTies;

    protected bool LeaveOutTies { get; } = leaveOutTies;

    protected Smoother Smoother { get; private set; } = smoother;

    /// <summary>Whether an estimate judges each example by the others alone.</summary>
    protected virtual bool LeavesOut => true;

    /// <summary>The same criterion, computed without other threads.</summary>
    public Criterion OnOneThread() => With(Smoother.OnOneThread());

    /// <summary>The same criterion of shares, nearly and sooner.</summary>
    public Criterion AtNodes() => With(Smoother.AtNodes());

    private Criterion With(Smoother smoother)
    {
        var other = (Criterion)MemberwiseClone();
        other.Smoother = smoother;
        return other;
    }

    /// <summary>Ends a search that was stopped.</summary>
    public void ThrowIfCancelled() => Smoother.Cancellation.ThrowIfCancellationRequested();

    /// <summary>Runs parts of a search on the threads that it may have.</summary>
    public void ForEach(int count, Action<int> run) => Smoother.ForEach(count, run);

    /// <summary>The data as the criterion is to see it.</summary>
    public virtual SmootherData Prepare(SmootherData data) => data;

    /// <summary>The criterion for bandwidths; infinite where they are not admissible.</summary>
    /// <param name="data">The data.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="isSingle">Whether float32 will do.</param>
    public abstract double At(SmootherData data, double[] bandwidths, bool isSingle = false);

    /// <summary>The criterion and its derivatives by the logarithms of the bandwidths.</summary>
    /// <param name="data">The data.</param>
    /// <param name="bandwidths">Bandwidths (d).</param>
    /// <param name="gradient">Where the derivatives go (d).</param>
    /// <param name="isSingle">Whether float32 will do.</param>
    public abstract double WithGradient(SmootherData data, double[] bandwidths, double[] gradient, bool isSingle);

    /// <summary>The criterion for a bandwidth as an even grid sees it; minus infinity where that is less than nothing.</summary>
    /// <param name="grid">The examples on the grid.</param>
    /// <param name="h">The bandwidth.</param>
    public double At(LineGrid grid, double h)
    {
        (double squares, double trace) = grid.At(Smoother.Kernel, Smoother.Degree, Smoother.Ridge, h, LeavesOut);
        return squares < 0 ? double.NegativeInfinity : Corrected(squares / grid.TotalWeight, trace, grid.Examples);
    }

    /// <summary>The criterion of a mean square alone, whatever freedom it was bought with.</summary>
    public virtual double OfMeanSquare(double meanSquare) => meanSquare;

    /// <summary>What differences of scores are counted by: the score itself, or 1 where it is a logarithm.</summary>
    public virtual double ScaleOf(double score) => score;

    /// <summary>A score of values in units in those of the values themselves.</summary>
    /// <param name="score">The score.</param>
    /// <param name="unit">The unit.</param>
    public virtual double InUnits(double score, double unit) => score * unit * unit;

    /// <summary>The score of a fit whose errors are nothing but rounding: no other is less.</summary>
    /// <param name="data">The data.</param>
    public double LeastScore(SmootherData data) => OfMeanSquare(RoundingOf(data));

    /// <summary>The criterion of a mean square and the trace of H that it was bought with.</summary>
    protected virtual double Corrected(double meanSquare, double trace, int examples) => meanSquare;

    /// <summary>Errors up to this are rounding, and no bandwidth's are better than another's.</summary>
    protected static double RoundingOf(SmootherData data) => Math.Max(Rounding * data.Variance, LeastMeanSquare);

    protected static double Floored(SmootherData data, double meanSquare) =>
        double.IsFinite(meanSquare) ? Math.Max(meanSquare, RoundingOf(data)) : double.PositiveInfinity;

    /// <summary>A mean of squares and its derivatives from sums; where it is nothing but rounding it has none.</summary>
    protected static double MeanOf(SmootherData data, double squares, double[] gradient)
    {
        double mean = squares / data.TotalWeight;
        double floored = Floored(data, mean);
        for (int j = 0; j < gradient.Length; j++)
        {
            gradient[j] = floored > mean ? 0 : gradient[j] / data.TotalWeight;
        }

        return floored;
    }

    /// <summary>The sum of the squares that a prediction of each place is off by, and its derivatives.</summary>
    /// <param name="data">The data.</param>
    /// <param name="predicted">The predictions (n, v).</param>
    /// <param name="byLog">Their derivatives by the logarithms of the bandwidths (n, v, d).</param>
    /// <param name="gradient">Where the derivatives of the sum go (d); empty where they are not asked for.</param>
    protected static double Squares(SmootherData data, double[] predicted, double[] byLog, double[] gradient)
    {
        Array.Clear(gradient);
        double sum = 0;
        for (int i = 0; i < predicted.Length; i++)
        {
            double residual = data.Values[i] - predicted[i];
            double weight = data.WeightAt(i / data.Columns);
            sum += weight * residual * residual;
            for (int j = 0; j < gradient.Length; j++)
            {
                gradient[j] -= 2 * weight * residual * byLog[(i * gradient.Length) + j];
            }
        }

        for (int i = 0; i < data.Squares.Length; i++)
        {
            sum += data.Squares[i];
        }

        return sum;
    }
}
