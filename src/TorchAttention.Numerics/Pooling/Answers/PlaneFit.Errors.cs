using TorchAttention.Numerics.Pooling.Loops;


namespace TorchAttention.Numerics.Pooling.Answers;

/// <content>How far errors in the sums can go.</content>
internal readonly unsafe ref partial struct PlaneFit
{
    /// <summary>How much an error in a sum, relative to the sum of weights, can grow on its way to the height; with one feature.</summary>
    /// <remarks>
    /// With m, q, C known to e (1 + |m|), e (1 + q), e (1 + q + 2 |m| + 2 m^2), values in [-1, 1] and their covariance with the positions
    /// at most sqrt C.
    /// </remarks>
    public static double Growth(in SumLayout layout, double* row)
    {
        var line = new Line(layout, row);
        return line.Variance > 0
            ? 1 + (((line.ErrorOfA * (line.Deviation + (2 * line.Mean))) + (line.A * line.ErrorOfCovariance)) / 2)
            : double.PositiveInfinity;
    }

    /// <summary>The same on its way to <see cref="HeightChange"/> and <see cref="OwnWeightChange"/>.</summary>
    public static double ChangeGrowth(in SumLayout layout, double* row, double argumentScale)
    {
        var line = new Line(layout, row);
        double unit = 1 / (Math.Abs(argumentScale) * row[SumLayout.WeightSum]);
        double size = Math.Max(
            Math.Abs(row[layout.BandwidthGradient]),
            Math.Max(Math.Abs(row[layout.PlaneGradient]), Math.Abs(row[layout.PlaneGradient + 1]))) * unit;
        double weight = 1 + (line.A * (1 + line.Mean));
        double slope = 1 / line.Deviation;
        double left = 2 + (line.Mean * slope) + slope;
        double errorOfSlope = (line.ErrorOfCovariance + (slope * line.ErrorOfVariance)) / line.Variance;
        double errorOfOrigin = 1 + (slope * (1 + line.Mean)) + (line.Mean * errorOfSlope);
        double grown = (weight * (weight + left))
            + (size * (((1 + line.Mean) * line.ErrorOfA * (weight + left)) + (weight * (errorOfOrigin + errorOfSlope))));
        return line.Variance > 0 ? grown : double.PositiveInfinity;
    }

    // With one feature and the query at 0: sizes, and how many times an error in the sums they are off by.
    private readonly ref struct Line
    {
        public Line(in SumLayout layout, double* row)
        {
            double mean = row[layout.Planes] / row[SumLayout.WeightSum];
            double square = row[layout.Planes + 1] / row[SumLayout.WeightSum];
            Mean = Math.Abs(mean);
            Variance = square - (mean * mean);
            Deviation = Math.Sqrt(Variance);
            A = Mean / Variance;
            ErrorOfVariance = 1 + square + (2 * Mean * (1 + Mean));
            ErrorOfA = (1 + Mean + (A * ErrorOfVariance)) / Variance;
            ErrorOfCovariance = 2 + Math.Sqrt(square) + (3 * Mean);
        }

        public double Mean { get; }

        public double Variance { get; }

        public double Deviation { get; }

        public double A { get; }

        public double ErrorOfVariance { get; }

        public double ErrorOfA { get; }

        public double ErrorOfCovariance { get; }
    }
}
