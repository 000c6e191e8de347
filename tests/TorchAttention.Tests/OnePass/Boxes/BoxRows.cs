namespace TorchAttention.Tests.OnePass.Boxes;

/// <summary>Rows of several features of some kinds, as people have them, and what is true of them, computed pair by pair.</summary>
internal sealed record BoxRows(int Features, double[] X, double[] Y)
{
    public static readonly string[] Kinds = ["uniform", "lognormal", "clusters", "gaps", "ties", "offset"];

    public static BoxRows Draw(string kind, int n, int features, int seed)
    {
        var random = new Random(seed);
        double[] x = new double[n * features];
        for (int i = 0; i < n; i++)
        {
            int cluster = random.Next(5);
            for (int j = 0; j < features; j++)
            {
                double u = random.NextDouble();
                x[(i * features) + j] = (j + 1) * kind switch
                {
                    "lognormal" => Math.Exp(0.7 * Normal(random)),
                    "clusters" => (cluster * (j + 2) % 5) + (0.2 * Normal(random)),
                    "gaps" => u < 0.5 ? u : u + 0.7,
                    "ties" => Math.Round(40 * u) / 20,
                    _ => u - 0.3,
                };
            }
        }

        double level = kind == "offset" ? 1e6 : 0;
        double[] y = [.. Enumerable.Range(0, n).Select(i =>
        {
            ReadOnlySpan<double> row = x.AsSpan(i * features, features);
            double sum = level + (0.3 * Normal(random)) + Math.Sin(4 * row[0]);
            return sum + Math.Cos(3 * row[1] / 2) + (features > 2 ? 0.5 * row[2] : 0);
        })];
        return new BoxRows(features, x, y);
    }

    public int Count => Y.Length;

    /// <summary>The mean of the leave-one-out squares, tr H, tr H'H and the mean of the squares.</summary>
    public (double LeaveOneOut, double Trace, double TraceOfSquare, double MeanSquare) Dense(double[] h)
    {
        (var loo, var trace, var square, var squares) = (new Sum(), new Sum(), new Sum(), new Sum());
        double level = Y.Average();
        for (int i = 0; i < Count; i++)
        {
            (var weight, var product, var both) = (new Sum(), new Sum(), new Sum());
            for (int k = 0; k < Count; k++)
            {
                if (k != i)
                {
                    double weightOf = Weight(i, k, h);
                    weight.Add(weightOf);
                    product.Add(weightOf * (Y[k] - level));
                    both.Add(weightOf * weightOf);
                }
            }

            double e = Y[i] - level - (product.Value / weight.Value);
            double own = 1 / (weight.Value + 1);
            loo.Add(e * e);
            trace.Add(own);
            square.Add((both.Value + 1) * own * own);
            squares.Add(e * e * (1 - own) * (1 - own));
        }

        return (loo.Value / Count, trace.Value, square.Value, squares.Value / Count);
    }

    /// <summary>The mean of the leave-one-out squares of planes, by orthogonal columns of all other rows.</summary>
    public double DensePlanes(double[] h)
    {
        double level = Y.Average();
        double[] errors = new double[Count];
        Parallel.For(0, Count, i =>
        {
            // Modified Gram-Schmidt of the columns 1, p_1 .. p_d and y, times the roots of the weights.
            int d = Features;
            double[][] columns = [.. Enumerable.Range(0, d + 2).Select(_ => new double[Count])];
            for (int k = 0; k < Count; k++)
            {
                double root = k == i ? 0 : Math.Sqrt(Weight(i, k, h));
                columns[0][k] = root;
                columns[d + 1][k] = root * (Y[k] - level);
                for (int j = 0; j < d; j++)
                {
                    columns[j + 1][k] = root * (X[(k * d) + j] - X[(i * d) + j]) / h[j];
                }
            }

            // The constant last: its coefficient is the plane's height at the row.
            double[][] order = [.. columns[1..(d + 1)], columns[0], columns[d + 1]];
            for (int a = 0; a <= d; a++)
            {
                double square = Product(order[a], order[a]);
                double part = 0;
                for (int b = a + 1; b <= d + 1; b++)
                {
                    part = Product(order[a], order[b]) / square;
                    for (int k = 0; k < Count; k++)
                    {
                        order[b][k] -= part * order[a][k];
                    }
                }

                errors[i] = Y[i] - level - part;
            }
        });
        return errors.Sum(e => e * e) / Count;

        static double Product(double[] a, double[] b)
        {
            var sum = new Sum();
            for (int k = 0; k < a.Length; k++)
            {
                sum.Add(a[k] * b[k]);
            }

            return sum.Value;
        }
    }

    /// <summary>Values (n, v): its own, and others of units and levels of their own.</summary>
    public double[] Columns(int columns) => [.. Enumerable.Range(0, Count).SelectMany(i => Enumerable.Range(0, columns).Select(
        c => c == 0 ? Y[i] : (100 * c) + (0.1 * c * (Math.Sin((c + 2) * X[i * Features]) + Math.Sin(31.7 * i)))))];

    /// <summary>Three classes, the last of them rare.</summary>
    public string[] Labels() => [.. Enumerable.Range(0, Count).Select(
        i => Math.Sin(4 * X[i * Features]) > Math.Sin(57.3 * i) ? "one" : i % 20 == 7 ? "rare" : "two, too")];

    /// <summary>The leave-one-out log loss of classes.</summary>
    public double LogLoss(string[] labels, double[] weights, double[] h)
    {
        double loss = 0;
        for (int i = 0; i < Count; i++)
        {
            (double own, double all) = (0, 0);
            for (int k = 0; k < Count; k++)
            {
                double weight = k == i ? 0 : (weights.Length == 0 ? 1 : weights[k]) * Weight(i, k, h);
                all += weight;
                own += labels[k] == labels[i] ? weight : 0;
            }

            loss -= (weights.Length == 0 ? 1 : weights[i]) * Math.Log(Math.Max(own / all, Math.ScaleB(1, -52)));
        }

        return loss / (weights.Length == 0 ? Count : weights.Sum());
    }

    /// <summary>The squares of rows from the means of other folds.</summary>
    public double SquaresOfFolds(double[] y, double[] weights, double[] h, int folds)
    {
        int columns = y.Length / Count;
        double WeightOf(int i) => weights.Length == 0 ? 1 : weights[i];
        int[] fold = [.. Enumerable.Range(0, Count).Select(i => TorchAttention.Numerics.OnePass.Moments.FoldOf(
            X.AsSpan(i * Features, Features), y.AsSpan(i * columns, columns), WeightOf(i), "", folds))];
        double squares = 0;
        for (int i = 0; i < Count; i++)
        {
            for (int c = 0; c < columns; c++)
            {
                (double weight, double product) = (0, 0);
                for (int k = 0; k < Count; k++)
                {
                    double own = fold[k] == fold[i] ? 0 : WeightOf(k) * Weight(i, k, h);
                    weight += own;
                    product += own * (y[(k * columns) + c] - y[c]);
                }

                double e = y[(i * columns) + c] - y[c] - (product / weight);
                squares += WeightOf(i) * e * e;
            }
        }

        return squares;
    }

    private double Weight(int i, int k, double[] h)
    {
        double square = 0;
        for (int j = 0; j < Features; j++)
        {
            double v = (X[(i * Features) + j] - X[(k * Features) + j]) / h[j];
            square += v * v;
        }

        return Math.Exp(-square / 2);
    }

    public static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    // Neumaier's.
    private sealed class Sum
    {
        private double _sum;
        private double _rest;

        public double Value => _sum + _rest;

        public void Add(double term)
        {
            double next = _sum + term;
            _rest += Math.Abs(_sum) >= Math.Abs(term) ? _sum - next + term : term - next + _sum;
            _sum = next;
        }
    }
}
