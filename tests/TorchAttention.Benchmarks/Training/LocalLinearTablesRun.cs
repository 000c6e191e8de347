using TorchAttention.Numerics.Tables;
using TorchAttention.Pooling;
using TorchSharp.Modules;

namespace TorchAttention.Benchmarks.Training;

/// <summary>
/// Prints the error of local linear attention, and of its projected form, beside that of softmax attention on ten tables: five-fold
/// cross-validation, the mean of four splits, around scales that each form learns by its own leave-one-out error on the other folds.
/// </summary>
internal static class LocalLinearTablesRun
{
    private const int Folds = 5;
    private const int Splits = 4;
    private const int Steps = 150;
    private const double Ridge = 0.01;

    private static readonly (string Name, bool HasProjection, Pooling Pool)[] _forms =
    [
        ("constant", false, (q, k, v, learned, own) => StreamingPooling.Pool(q, k, v, learned[0].exp(), own)),
        ("plane", false, (q, k, v, learned, own) => LocalLinearPooling.Pool(
            q, k, v, learned[0].exp(), tensor([Ridge], ScalarType.Float64), own)),
        ("projection", true, (q, k, v, learned, own) => LocalLinearPooling.PoolProjected(
            q, k, v, learned[0].exp(), q.matmul(learned[1].T) + learned[2], own)),
    ];

    // Learned: log g (d), and of a projection P (d, d) and b (d).
    private delegate Tensor Pooling(Tensor queries, Tensor keys, Tensor values, Parameter[] learned, Tensor? own);

    public static void Print()
    {
        set_num_threads(1);
        Console.WriteLine("| table | rows, features | RMSE of the average | of means | planes | projected slopes |");
        Console.WriteLine("|---|---|---|---|---|---|");
        foreach (RegressionTable table in RegressionTable.All())
        {
            double[][] squares = [.. new int[1 + _forms.Length].Select(_ => new double[table.Y.Length])];
            for (int split = 0; split < Splits; split++)
            {
                Validate(table, new Random(split), squares);
            }

            string ratios = string.Join(" | ", squares.Skip(2).Select(other => Compared(other, squares[1])));
            Console.WriteLine(
                $"| {table.Name} | {table.Y.Length}, {table.X.Length} | {Rmse(squares[0]):G4} | {Rmse(squares[1]):G4} | {ratios} |");
        }

    }

    // Adds to each row's squared errors those of one split into folds, in the order of the average and the forms.
    private static void Validate(RegressionTable table, Random random, double[][] squares)
    {
        int[] order = [.. Enumerable.Range(0, table.Y.Length)];
        random.Shuffle(order);
        for (int fold = 0; fold < Folds; fold++)
        {
            int[] held = [.. order.Where((_, place) => place % Folds == fold)];
            int[] kept = [.. order.Where((_, place) => place % Folds != fold)];
            using var part = new Part(table, kept, held);
            Add(squares[0], part.Squares(zeros(held.Length, ScalarType.Float64)));
            foreach ((int form, (_, bool hasProjection, Pooling pool)) in _forms.Index())
            {
                Add(squares[form + 1], part.Squares(part.Predict(pool, hasProjection)));
            }

            void Add(double[] to, double[] ofHeld)
            {
                foreach ((int row, double square) in held.Zip(ofHeld))
                {
                    to[row] += square / Splits;
                }
            }
        }
    }

    private static double Rmse(double[] squares) => Math.Sqrt(squares.Average());

    // The ratio of errors, with a star where squared errors differ by more than two standard errors of their differences.
    private static string Compared(double[] squares, double[] beside)
    {
        double[] differences = [.. squares.Zip(beside, (one, other) => one - other)];
        double mean = differences.Average();
        double error = Math.Sqrt(differences.Sum(one => (one - mean) * (one - mean)) / differences.Length / (differences.Length - 1));
        return $"{Rmse(squares) / Rmse(beside):F3}{(Math.Abs(mean) > 2 * error ? " *" : "")}";
    }

    /// <summary>Rows to learn from and rows that were held out, standardised by the first.</summary>
    private sealed class Part : IDisposable
    {
        private readonly DisposeScope _scope = NewDisposeScope();
        private readonly Tensor _x;
        private readonly Tensor _y;
        private readonly Tensor _queries;
        private readonly double[] _targets;
        private readonly Standardization _scale;

        public Part(RegressionTable table, int[] kept, int[] held)
        {
            _scale = Standardization.Measure([.. kept.Select(row => table.Y[row])]);
            Standardization[] scales = [.. table.X.Select(column => Standardization.Measure([.. kept.Select(row => column[row])]))];
            (_x, _queries) = (Rows(kept), Rows(held));
            _y = tensor(kept.Select(row => _scale.Apply(table.Y[row])).ToArray());
            _targets = [.. held.Select(row => table.Y[row])];

            Tensor Rows(int[] rows) => stack([.. table.X.Zip(scales).Select(
                column => tensor(rows.Select(row => column.Second.Apply(column.First[row])).ToArray()))], 1);
        }

        /// <summary>Learns from several first scales, and predicts by the one with the least leave-one-out error.</summary>
        public Tensor Predict(Pooling pool, bool hasProjection)
        {
            Parameter[] learned = ((double[])[1, 4]).Select(first => Learn(pool, hasProjection, first)).MinBy(it => it.Loss).Learned;
            using IDisposable noGraph = no_grad();
            return pool(_queries, _x, _y, learned, null);
        }

        public double[] Squares(Tensor predicted) =>
            [.. predicted.ToDoubles().Zip(_targets, (one, y) => Math.Pow(_scale.Invert(one) - y, 2))];

        public void Dispose() => _scope.Dispose();

        private (double Loss, Parameter[] Learned) Learn(Pooling pool, bool hasProjection, double first)
        {
            long d = _x.size(1);
            Parameter[] learned =
            [
                nn.Parameter(full([d], Math.Log(first), ScalarType.Float64)),
                .. hasProjection ? [nn.Parameter(zeros(d, d, ScalarType.Float64)), nn.Parameter(zeros(d, ScalarType.Float64))]
                    : (Parameter[])[],
            ];
            using var adam = optim.Adam(learned, 0.1);
            Tensor own = arange(_x.size(0));
            double loss = double.NaN;
            for (int step = 0; step < Steps; step++)
            {
                using DisposeScope scope = NewDisposeScope();
                adam.ParamGroups.First().LearningRate = 0.05 * (1 + Math.Cos(Math.PI * step / Steps));
                adam.zero_grad();
                Tensor square = (pool(_x, _x, _y, learned, own) - _y).square().mean();
                square.backward();
                adam.step();
                loss = square.ToDouble();
            }

            return (loss, learned);
        }
    }
}
