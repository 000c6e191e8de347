namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>What moments say of some bandwidths: sums, each with its derivatives by log h_j (d) where they are asked for.</summary>
internal sealed class BoxScore(int features)
{
    /// <summary>sum (y_i - f_-i(x_i))^2.</summary>
    public double LeaveOneOut { get; set; }

    /// <summary>sum (y_i - f(x_i))^2.</summary>
    public double Residual { get; set; }

    /// <summary>tr H.</summary>
    public double Trace { get; set; }

    /// <summary>tr H'H.</summary>
    public double TraceOfSquare { get; set; }

    public double[] LeaveOneOutByLog { get; } = new double[features];

    public double[] ResidualByLog { get; } = new double[features];

    public double[] TraceByLog { get; } = new double[features];

    /// <summary>Rows that no other is near of: their error is an estimate.</summary>
    public long Lonely { get; set; }

    /// <summary>Adds those of other rows.</summary>
    public void Add(BoxScore other)
    {
        LeaveOneOut += other.LeaveOneOut;
        Residual += other.Residual;
        Trace += other.Trace;
        TraceOfSquare += other.TraceOfSquare;
        Lonely += other.Lonely;
        for (int j = 0; j < LeaveOneOutByLog.Length; j++)
        {
            LeaveOneOutByLog[j] += other.LeaveOneOutByLog[j];
            ResidualByLog[j] += other.ResidualByLog[j];
            TraceByLog[j] += other.TraceByLog[j];
        }
    }
}
