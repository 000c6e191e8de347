using MathNet.Numerics.Distributions;

namespace TorchAttention.Benchmarks.Suite;

/// <summary>The curve of a data set.</summary>
internal enum Truth
{
    Sine,
    Doppler,
    Bumps,
    Step,
    Kink,
    ExponentialRise,
    Line,
    Constant,
    Wage,
    Motorcycle,
}

/// <summary>How its noise is distributed.</summary>
internal enum Noise
{
    Normal,
    Growing,

    /// <summary>Student's t of 3 degrees of freedom.</summary>
    HeavyTailed,
    Skewed,
    Proportional,
}

/// <summary>How its places lie.</summary>
internal enum Design
{
    Uniform,
    Beta,
    Gap,
    Ties,
}

/// <summary>Examples of a curve, and fresh places to judge a fit at.</summary>
/// <param name="X">Places (n), as drawn.</param>
/// <param name="Y">Values (n).</param>
/// <param name="Fresh">Further places of the same design.</param>
internal sealed record CurveDraw(double[] X, double[] Y, double[] Fresh);

/// <summary>
/// One of 50 data sets of one feature: ten curves with five kinds of noise each, designs and sizes of 50 to 2,000 dealt among them.
/// </summary>
/// <remarks>
/// Each row uses 16 numbers u of SplitMix64, whose state begins at 100,000 k + repetition; those of the fresh places follow those of the
/// examples. Normal numbers are Box and Muller's of two of them. Tests prove by checksums that these are the draws of the study that chose
/// the ridge.
/// </remarks>
internal sealed record CurveSet(int Number)
{
    /// <summary>How many sets there are.</summary>
    public const int Sets = 50;

    /// <summary>How many fresh places a draw has.</summary>
    public const int FreshPlaces = 200;

    private const int NumbersInRow = 16;
    private static readonly int[] _counts = [50, 100, 200, 500, 2000];

    public Truth Truth => (Truth)(Number / 5);

    public Noise Noise => (Noise)(Number % 5);

    public Design Design => (Design)(((int)Truth + (int)Noise) % 4);

    /// <summary>n.</summary>
    public int Count => _counts[((int)Truth + (2 * (int)Noise)) % 5];

    /// <summary>The curve's height.</summary>
    public double At(double x) => Truth switch
    {
        Truth.Sine => Math.Sin(4 * Math.PI * x),
        Truth.Doppler => 2 * Math.Sqrt(Math.Max(0, x * (1 - x))) * Math.Sin(2.1 * Math.PI / (x + 0.15)),
        Truth.Bumps => (0.8 * Bump((x - 0.2) / 0.04)) + (1.2 * Bump((x - 0.5) / 0.1)) + Bump((x - 0.8) / 0.05),
        Truth.Step => x >= 0.25 ? 1 : 0,
        Truth.Kink => Math.Max(1 - (4 * x), ((4 * x) - 1) / 3),
        Truth.ExponentialRise => (Math.Exp(5 * x) - 1) / (Math.Exp(5) - 1),
        Truth.Line => x,
        Truth.Constant => 1,
        Truth.Wage => Math.Log(1 + x),
        _ => x < 0.25 ? 0 : -1.5 * Math.Sin(2 * Math.PI * (x - 0.25) / 0.45) * Math.Exp(-4 * (x - 0.25)),
    };

    /// <summary>The noise's standard deviation, that of the skewed and the heavy-tailed too.</summary>
    public double DeviationAt(double x) => Noise switch
    {
        Noise.Growing => 0.2 * (0.2 + (1.6 * (Truth == Truth.Wage ? x / (1 + x) : x))),
        Noise.Proportional => 0.02 + (0.3 * Math.Abs(At(x))),
        _ => 0.2,
    };

    /// <summary>The probability that the noise, in its deviations, is below a number.</summary>
    public double Below(double deviations) => Noise switch
    {
        Noise.HeavyTailed => StudentT.CDF(0, 1, 3, deviations * Math.Sqrt(3)),
        Noise.Skewed => deviations > -1 ? 1 - Math.Exp(-(deviations + 1)) : 0,
        _ => Normal.CDF(0, 1, deviations),
    };

    /// <summary>What a part of the noise is below, and what the same part is above, in deviations.</summary>
    public (double Low, double High) QuantilesOfNoise(double part) => Noise switch
    {
        Noise.HeavyTailed => (StudentT.InvCDF(0, 1, 3, part) / Math.Sqrt(3), StudentT.InvCDF(0, 1, 3, 1 - part) / Math.Sqrt(3)),
        Noise.Skewed => (-Math.Log(1 - part) - 1, -Math.Log(part) - 1),
        _ => (Normal.InvCDF(0, 1, part), Normal.InvCDF(0, 1, 1 - part)),
    };

    /// <summary>Draws a repetition.</summary>
    public CurveDraw Draw(int repetition)
    {
        ulong state = (ulong)((100_000 * Number) + repetition);
        double[] u = new double[NumbersInRow];
        double[] x = new double[Count + FreshPlaces];
        double[] y = new double[Count];
        for (int i = 0; i < x.Length; i++)
        {
            for (int j = 0; j < u.Length; j++)
            {
                u[j] = Uniform(ref state);
            }

            x[i] = Place(u);
            if (i < Count)
            {
                y[i] = At(x[i]) + (DeviationAt(x[i]) * Error(u));
            }
        }

        return new CurveDraw(x[..Count], y, x[Count..]);
    }

    // G. L. Steele, D. Lea and C. H. Flood (2014); the middle of one of 2^53 equal parts of 0 to 1.
    private static double Uniform(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15;
        ulong z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return ((z >> 11) + 0.5) * Math.ScaleB(1, -53);
    }

    private static double Bump(double u) => Math.Exp(-u * u);

    private static double Gauss(double[] u, int first) =>
        Math.Sqrt(-2 * Math.Log(u[first])) * Math.Cos(2 * Math.PI * u[first + 1]);

    private double Place(double[] u)
    {
        if (Truth == Truth.Wage)
        {
            double income = Math.Exp((Design == Design.Beta ? 1.2 : 0.8) * Gauss(u, 0));
            return Design == Design.Gap && income > 1 ? income + 1 : Design == Design.Ties ? Math.Round(5 * income) / 5 : income;
        }

        return Design switch
        {
            // The second smallest of six is Beta(2, 5).
            Design.Beta => u.Take(6).Order().ElementAt(1),
            Design.Gap => u[0] < 0.58 ? 0.3 * u[1] : u[0] < 0.98 ? 0.6 + (0.4 * u[1]) : 0.3 + (0.3 * u[1]),
            Design.Ties => Math.Round(20 * u[0]) / 20,
            _ => u[0],
        };
    }

    private double Error(double[] u) => Noise switch
    {
        Noise.HeavyTailed => Gauss(u, 6)
            / Math.Sqrt((Gauss(u, 8) * Gauss(u, 8)) + (Gauss(u, 10) * Gauss(u, 10)) + (Gauss(u, 12) * Gauss(u, 12))),
        Noise.Skewed => -Math.Log(u[6]) - 1,
        _ => Gauss(u, 6),
    };
}
