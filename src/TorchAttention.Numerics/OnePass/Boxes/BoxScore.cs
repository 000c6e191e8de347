namespace TorchAttention.Numerics.OnePass.Boxes;

/// <summary>What moments say of some bandwidths: sums, each with its derivatives by log h_j (d) where they are asked for.</summary>
internal sealed class BoxScore(int features, int columns)
{
    /// <summary>sum s_i (y_i - f_-i(x_i))^2, of all columns.</summary>
    public double LeaveOneOut { get; set; }

    /// <summary>sum s_i (y_i - f(x_i))^2, of each column (v).</summary>
    public double[] Residuals { get; } = new double[columns];

    /// <summary>That of all columns.</summary>
    public double Residual => Residuals.Sum();

    /// <summary>tr H.</summary>
    public double Trace { get; set; }

    /// <summary>tr H'H.</summary>
    public double TraceOfSquare { get; set; }

    public double[] LeaveOneOutByLog { get; } = new double[features];

    public double[] ResidualByLog { get; } = new double[features];

    public double[] TraceByLog { get; } = new double[features];

    /// <summary>Rows that no other is near of: their error is an estimate.</summary>
    public long Lonely { get; set; }

    /// <summary>Boxes of many rows whose sums say too little of a plane.</summary>
    public int Uncertain { get; set; }

    /// <summary>Adds those of other rows.</summary>
    public void Add(BoxScore other)
    {
        LeaveOneOut += other.LeaveOneOut;
        Trace += other.Trace;
        TraceOfSquare += other.TraceOfSquare;
        Lonely += other.Lonely;
        Uncertain += other.Uncertain;
        for (int c = 0; c < Residuals.Length; c++)
        {
            Residuals[c] += other.Residuals[c];
        }

        for (int j = 0; j < LeaveOneOutByLog.Length; j++)
        {
            LeaveOneOutByLog[j] += other.LeaveOneOutByLog[j];
            ResidualByLog[j] += other.ResidualByLog[j];
            TraceByLog[j] += other.TraceByLog[j];
        }
    }
}
