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

    /// <summary>The mean of the leave-one-out squares, tr H, and the mean of the squares, pair by pair.</summary>
    public (double LeaveOneOut, double Trace, double MeanSquare) Dense(double h, int degree = 0, double[]? weights = null)
    {
        int n = X.Length;
        weights ??= [.. X.Select(_ => 1.0)];
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

        return (loo.Sum / n / weights.Average(), trace.Sum, squares.Sum / n / weights.Average());
    }

    // Means first, then sums about them, from the nearest place on: no digits are lost however far apart the rows are. Weights are relative
    // to the nearest row's, and where those of all other places are less than e^-300 of it they are raised to that: the line is the same.
    private (double F, double Own) Line(int at, double h, int degree, double[] s0, double level, bool withOwn)
    {
        int nearest = -1;
        for (int j = 0; j < X.Length; j++)
        {
            nearest = (withOwn || j != at) && (nearest < 0 || Math.Abs(X[j] - X[at]) < Math.Abs(X[nearest] - X[at])) ? j : nearest;
        }

        double top = X[nearest];
        double[] logs = new double[X.Length];
        double second = double.NegativeInfinity;
        for (int j = 0; j < X.Length; j++)
        {
            logs[j] = j == at && !withOwn ? double.NegativeInfinity : -0.5 * (X[j] - top) / h * ((X[j] - X[at] + (top - X[at])) / h);
            second = X[j] == top ? second : Math.Max(second, logs[j]);
        }

        double raised = degree > 0 ? Math.Max(0, -300 - second) : 0;
        (var weight, var sumX, var sumY) = (new Compensated(), new Compensated(), new Compensated());
        for (int j = 0; j < X.Length; j++)
        {
            logs[j] = s0[j] * Math.Exp(X[j] == top ? logs[j] : logs[j] + raised);
            weight.Add(logs[j]);
            sumX.Add(logs[j] * ((X[j] - top) / h));
            sumY.Add(logs[j] * (Y[j] - level));
        }

        (double meanX, double meanY) = (sumX.Sum / weight.Sum, sumY.Sum / weight.Sum);
        double scale = Math.Exp(0.5 * Math.Pow((top - X[at]) / h, 2));
        (var xx, var xy) = (new Compensated(), new Compensated());
        for (int j = 0; j < X.Length && degree > 0; j++)
        {
            double apart = ((X[j] - top) / h) - meanX;
            xx.Add(logs[j] * apart * apart);
            xy.Add(logs[j] * apart * (Y[j] - level - meanY));
        }

        double from = ((X[at] - top) / h) - meanX;
        return !(xx.Sum > 0) ? (meanY, scale / weight.Sum)
            : (meanY + (from * xy.Sum / xx.Sum), scale * ((1 / weight.Sum) + (from * from / xx.Sum)));
    }

    public override string ToString() => $"{Kind}, {X.Length} rows, h = {H:g4}";

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
