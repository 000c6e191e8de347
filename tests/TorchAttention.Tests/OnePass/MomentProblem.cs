using TorchAttention.Numerics.OnePass;

namespace TorchAttention.Tests.OnePass;

/// <summary>Rows of ten kinds, as people have them, and what is true of them, computed pair by pair.</summary>
internal sealed record MomentProblem(string Kind, double[] X, double[] Y, double H)
{
    public static readonly string[] Kinds =
        ["uniform", "lognormal", "clusters", "gaps", "ties", "heavy", "offset", "steep", "noiseless", "shadow"];

    /// <summary>A problem of its seed.</summary>
    public static MomentProblem Draw(int seed)
    {
        var random = new Random(seed);
        string kind = Kinds[seed % Kinds.Length];
        int n = (int)Math.Pow(10, 2 + (1.1 * random.NextDouble()));
        double[] x = new double[n];
        double gap = new[] { 0.3, 1, 3 }[random.Next(3)];
        double spread = Math.Pow(10, -3 + (2 * random.NextDouble()));
        int ties = random.Next(20, 200);
        double apart = 3 + (6 * random.NextDouble());
        for (int i = 0; i < n; i++)
        {
            double u = random.NextDouble();
            x[i] = kind switch
            {
                "lognormal" => Math.Exp(Normal(random)),
                "clusters" => random.Next(6) + (spread * Normal(random)),
                "gaps" => u < 0.5 ? u : u + gap,
                "ties" => Math.Round(u * ties) / 50,
                "heavy" => Normal(random) / Math.Pow(random.NextDouble() + 1e-3, 0.6),

                // Many rows in one place, few in another, some bandwidths away.
                "shadow" => i % 20 == 0 ? apart + (2 * u) : u * 0.5,
                _ => u,
            };
        }

        double noise = Math.Pow(10, -3 + (4 * random.NextDouble()));
        double scale = Math.Pow(10, -3 + (6 * random.NextDouble()));
        double offset = Math.Pow(10, 3 + (6 * random.NextDouble()));
        double[] y = [.. x.Select(at => kind switch
        {
            "steep" => (1e4 * Math.Tanh(50 * (at - 0.5))) + Normal(random),
            "noiseless" => Math.Exp(at),
            "offset" => (scale * (Math.Sin(3 * at) + (noise * Normal(random)))) + offset,
            "shadow" => (at < 1 ? 1e3 : 0) + (0.1 * Normal(random)),
            _ => Math.Sin(3 * at) + (noise * Normal(random)),
        })];
        double[] sorted = [.. x.Order()];
        double quartiles = sorted[3 * n / 4] - sorted[n / 4];
        return new MomentProblem(kind, x, y, kind == "shadow" ? 1 : quartiles * Math.Pow(10, -2 + (2.3 * random.NextDouble())));
    }

    /// <summary>Moments in cells of a width.</summary>
    /// <param name="cellWidth">The width.</param>
    /// <param name="degree">What they are for.</param>
    /// <param name="weights">The rows' weights; none for all alike.</param>
    public Moments Moments(double cellWidth, int degree = 0, double[]? weights = null)
    {
        var moments = new Moments(MomentGrid.Choose(X, Y, X.Length, cellWidth, degree, weights));
        moments.Add(X, Y, weights);
        return moments;
    }

    /// <summary>Weights over so many orders of ten.</summary>
    public double[] Weights(int seed, double orders)
    {
        var random = new Random(seed);
        return [.. X.Select(_ => Math.Pow(10, orders * (random.NextDouble() - 0.5)))];
    }

    /// <summary>
    /// The mean of the leave-one-out squares, tr H, the mean of the squares, pair by pair; and how many rows stand alone.
    /// </summary>
    public (double LeaveOneOut, double Trace, double MeanSquare, int Lonely) Dense(double h)
    {
        int n = X.Length;
        double level = Y.Average();
        (var loo, var trace, var squares) = (new Compensated(), new Compensated(), new Compensated());
        int lonely = 0;
        for (int i = 0; i < n; i++)
        {
            (var s0, var sy) = (new Compensated(), new Compensated());
            for (int j = 0; j < n; j++)
            {
                if (j != i)
                {
                    double u = (X[i] - X[j]) / h;
                    double weight = Math.Exp(-0.5 * u * u);
                    s0.Add(weight);
                    sy.Add(weight * (Y[j] - level));
                }
            }

            double y = Y[i] - level;
            double all = s0.Sum + 1;
            double residual = y - ((sy.Sum + y) / all);
            squares.Add(residual * residual);
            trace.Add(1 / all);
            if (s0.Sum <= 1e-10)
            {
                lonely++;
                continue;
            }

            double e = y - (sy.Sum / s0.Sum);
            loo.Add(e * e);
        }

        return (loo.Sum / n, trace.Sum, squares.Sum / n, lonely);
    }

    /// <summary>The same of lines, or of rows with weights.</summary>
    public (double LeaveOneOut, double Trace, double MeanSquare) Dense(double h, int degree, double[] weights)
    {
        int n = X.Length;
        double level = Y.Average();
        (var loo, var trace, var squares) = (new Compensated(), new Compensated(), new Compensated());
        for (int i = 0; i < n; i++)
        {
            (double f, double own) = Line(i, h, degree, weights, level, withOwn: true);
            (double without, _) = Line(i, h, degree, weights, level, withOwn: false);
            double residual = Y[i] - level - f;
            double e = Y[i] - level - without;
            squares.Add(weights[i] * residual * residual);
            trace.Add(weights[i] * own);
            loo.Add(weights[i] * e * e);
        }

        return (loo.Sum / weights.Sum(), trace.Sum, squares.Sum / weights.Sum());
    }

    // Means first, then sums about them: no digits are lost however far apart the rows are.
    private (double F, double Own) Line(int at, double h, int degree, double[] s0, double level, bool withOwn)
    {
        (var s, var sx, var sy) = (new Compensated(), new Compensated(), new Compensated());
        double[] weights = new double[X.Length];
        for (int j = 0; j < X.Length; j++)
        {
            double u = (X[at] - X[j]) / h;
            weights[j] = j == at && !withOwn ? 0 : s0[j] * Math.Exp(-0.5 * u * u);
            s.Add(weights[j]);
            sx.Add(weights[j] * u);
            sy.Add(weights[j] * (Y[j] - level));
        }

        (double meanX, double meanY) = (sx.Sum / s.Sum, sy.Sum / s.Sum);
        if (degree == 0)
        {
            return (meanY, 1 / s.Sum);
        }

        (var xx, var xy) = (new Compensated(), new Compensated());
        for (int j = 0; j < X.Length; j++)
        {
            double u = ((X[at] - X[j]) / h) - meanX;
            xx.Add(weights[j] * u * u);
            xy.Add(weights[j] * u * (Y[j] - level - meanY));
        }

        return (meanY - (meanX * xy.Sum / xx.Sum), (1 / s.Sum) + (meanX * meanX / xx.Sum));
    }

    public override string ToString() => $"{Kind}, {X.Length} rows, h = {H:g4}";

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>A sum with what is rounded away beside it.</summary>
    internal struct Compensated
    {
        private double _sum;
        private double _rest;

        public readonly double Sum => _sum + _rest;

        public void Add(double term)
        {
            double next = _sum + term;
            _rest += Math.Abs(_sum) >= Math.Abs(term) ? _sum - next + term : term - next + _sum;
            _sum = next;
        }
    }
}
