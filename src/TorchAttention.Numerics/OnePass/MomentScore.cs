namespace TorchAttention.Numerics.OnePass;

/// <summary>What moments say of a bandwidth; of one cell, or of all.</summary>
internal record struct MomentScore
{
    /// <summary>sum (y_i - f_-i(x_i))^2, and its derivative by log h.</summary>
    public double LeaveOneOut;
    public double LeaveOneOutByLog;

    /// <summary>sum (y_i - f(x_i))^2, and its derivative.</summary>
    public double Residual;
    public double ResidualByLog;

    /// <summary>tr H, its derivative, and tr H'H.</summary>
    public double Trace;
    public double TraceByLog;
    public double TraceOfSquare;

    /// <summary>What the leave-one-out sum is off by at most, part by part: docs/certificates.md.</summary>
    public double Truncation;
    public double Propagation;
    public double RoundingError;
    public double KeptRows;

    /// <summary>Rows that no other is near of: their error is an estimate.</summary>
    public long Lonely;

    /// <summary>Rows whose error is taken from other rows one by one.</summary>
    public long Settled;

    /// <summary>Cells of which nothing is proved.</summary>
    public int Uncertain;

    /// <summary>
    /// The same rows with another column of values: squares and bounds add up, tr H is that of any column, and a cell of which nothing is
    /// proved in one column is so in both.
    /// </summary>
    public readonly MomentScore With(in MomentScore column) => (this + column) with
    {
        Trace = Trace,
        TraceByLog = TraceByLog,
        TraceOfSquare = TraceOfSquare,
        Lonely = Math.Max(Lonely, column.Lonely),
        Uncertain = Math.Max(Uncertain, column.Uncertain),
    };

    public static MomentScore operator +(MomentScore a, MomentScore b) => new()
    {
        LeaveOneOut = a.LeaveOneOut + b.LeaveOneOut,
        LeaveOneOutByLog = a.LeaveOneOutByLog + b.LeaveOneOutByLog,
        Residual = a.Residual + b.Residual,
        ResidualByLog = a.ResidualByLog + b.ResidualByLog,
        Trace = a.Trace + b.Trace,
        TraceByLog = a.TraceByLog + b.TraceByLog,
        TraceOfSquare = a.TraceOfSquare + b.TraceOfSquare,
        Truncation = a.Truncation + b.Truncation,
        Propagation = a.Propagation + b.Propagation,
        RoundingError = a.RoundingError + b.RoundingError,
        KeptRows = a.KeptRows + b.KeptRows,
        Lonely = a.Lonely + b.Lonely,
        Settled = a.Settled + b.Settled,
        Uncertain = a.Uncertain + b.Uncertain,
    };
}
