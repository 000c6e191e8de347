using TorchAttention.Numerics;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Tests.Regression;

public sealed class MixedRegressionTests : IDisposable
{
    private const int N = 120;
    private static readonly Category?[] _columns =
        [null, new Category(["a", "b", "c"]), null, new Category(["S", "M", "L", "XL"], CategoryKernel.LiRacine)];

    private readonly string _file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
    private readonly double[] _x = new double[4 * N];
    private readonly double[] _y = new double[N];

    public MixedRegressionTests()
    {
        var random = new Random(5);
        for (int i = 0; i < N; i++)
        {
            double[] row = [random.NextDouble(), random.Next(3), random.NextDouble(), random.Next(4)];
            row.CopyTo(_x, 4 * i);
            _y[i] = Math.Sin(5 * row[0]) + row[1] + (0.2 * row[3]) + (0.1 * random.NextDouble());
        }
    }

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData(WeightMeaning.Precisions, 0)]
    [InlineData(WeightMeaning.Frequencies, 0)]
    [InlineData(WeightMeaning.Precisions, 1)]
    public void ExamplesOfWeight0_CountForNothingAndAreFitted(WeightMeaning meaning, int degree)
    {
        double[] weights = [.. Enumerable.Range(0, N).Select(i => (double)(i % 3))];
        int[] left = [.. Enumerable.Range(0, N).Where(i => i % 3 > 0)];
        double[] x = [.. left.SelectMany(i => _x[(4 * i)..((4 * i) + 4)])];
        double[] y = [.. _y.Select((value, i) => i % 3 == 0 ? 1e6 : value)];
        var options = new KernelRegressionOptions { WeightsAre = meaning, Degree = degree };

        MixedRegression model = MixedRegression.Fit(_x, y, _columns, options, weights: weights);

        MixedRegression without = MixedRegression.Fit(
            x, [.. left.Select(i => y[i])], _columns, options, weights: [.. left.Select(i => weights[i])]);
        Assert.Equal(without.Bandwidths, model.Bandwidths);
        Assert.Equal(without.Lambdas, model.Lambdas);
        Assert.Equal(without.Count, model.Count);
        Assert.Equal(without.Diagnostics.LeaveOneOutError, model.Diagnostics.LeaveOneOutError);
        Assert.Equal(without.Predict(_x).Mean, model.Fitted, (a, b) => Math.Abs(a - b) < 1e-9);
    }

    [Theory]
    [InlineData(CategoryKernel.LiRacine, false)]
    [InlineData(CategoryKernel.WangVanRyzin, false)]
    [InlineData(CategoryKernel.AitchisonAitken, true)]
    public void Predictions_AreTheSumOverAllPairs(CategoryKernel kernel, bool isWeighted)
    {
        double[] weights = isWeighted ? [.. Enumerable.Range(0, N).Select(i => 1.0 + (i % 3))] : [];
        Category?[] columns = [.. _columns[..3], new Category(_columns[3]!.Levels, kernel)];
        double[] lambdas = [0.2, 0.3];
        MixedRegression model = MixedRegression.Fit(
            _x, _y, columns, new KernelRegressionOptions { Bandwidth = Bandwidth.Fixed(0.1, 0.3) }, lambdas, weights);
        double[] query = [0.4, 1, 0.6, 2];
        Predictions at = model.Predict(query);
        (double mean, double neighbours, _) = Direct(query, -1);
        Assert.Equal(mean, at.Mean[0], 1e-12);
        Assert.Equal(neighbours, at.EffectiveNeighbours[0], 1e-10);
        (double squares, double trace) = (0, 0);
        for (int i = 0; i < N; i++)
        {
            double[] row = _x[(4 * i)..((4 * i) + 4)];
            squares += WeightOf(i) * Math.Pow(_y[i] - Direct(row, i).Mean, 2);
            (double fitted, _, double sum) = Direct(row, -1);
            trace += WeightOf(i) * Pair(row, i) / sum;
            Assert.Equal(fitted, model.Fitted[i], 1e-12);
        }

        Assert.Equal(squares / Enumerable.Range(0, N).Sum(WeightOf), model.Diagnostics.LeaveOneOutError, 1e-12);
        Assert.Equal(trace, model.Diagnostics.EffectiveDegreesOfFreedom, 1e-10);

        double WeightOf(int i) => isWeighted ? weights[i] : 1;

        double Pair(double[] at, int i)
        {
            double squared = Math.Pow((_x[4 * i] - at[0]) / 0.1, 2) + Math.Pow((_x[(4 * i) + 2] - at[2]) / 0.3, 2);
            double steps = Math.Abs(_x[(4 * i) + 3] - at[3]);
            double ordered = kernel switch
            {
                CategoryKernel.LiRacine => Math.Pow(0.3, steps),
                CategoryKernel.WangVanRyzin => steps == 0 ? 0.7 : 0.35 * Math.Pow(0.3, steps),
                _ => steps == 0 ? 0.7 : 0.1,
            };
            return Math.Exp(-squared / 2) * (_x[(4 * i) + 1] == at[1] ? 0.8 : 0.1) * ordered;
        }

        (double Mean, double Neighbours, double Sum) Direct(double[] at, int without)
        {
            (double sum, double values, double ofSquares) = (0, 0, 0);
            for (int i = 0; i < N; i++)
            {
                double weight = i == without ? 0 : WeightOf(i) * Pair(at, i);
                sum += weight;
                values += weight * _y[i];
                ofSquares += weight == 0 ? 0 : weight * weight / (WeightOf(i) * N / Enumerable.Range(0, N).Sum(WeightOf));
            }

            return (values / sum, sum * sum / ofSquares, sum);
        }
    }

    // statsmodels 0.13.5, KernelReg(y, [x, u, o], 'cuo', 'lc', bw=[0.2, 0.3, 0.4]).
    [Fact]
    public void Predictions_AreThoseOfStatsmodels()
    {
        double[] x = [0.1, 0, 0, 0.25, 1, 1, 0.4, 2, 3, 0.55, 0, 2, 0.7, 1, 1, 0.9, 2, 0];
        Category?[] columns = [null, new Category(["0", "1", "2"]), new Category(["0", "1", "2", "3"], CategoryKernel.WangVanRyzin)];
        MixedRegression model = MixedRegression.Fit(
            x, [1, 2, 4, 3, 2.5, 0.5], columns, new KernelRegressionOptions { Bandwidth = 0.2 }, [0.3, 0.4]);
        double[] found = model.Predict([0.3, 1, 2, 0.6, 2, 0]).Mean;
        Assert.Equal(2.48063527, found[0], 1e-8);
        Assert.Equal(0.98833126, found[1], 1e-8);
        Assert.Equal(1.42227663, model.Diagnostics.LeaveOneOutError, 1e-8);
    }

    [Fact]
    public void ASearch_FindsWhatCounts_AndWhatDoesNot()
    {
        MixedRegression model = MixedRegression.Fit(_x, _y, _columns);
        Assert.True(model.Counts(1));
        Assert.True(model.Counts(3));
        Assert.InRange(model.Lambdas[1], 0, 0.2);
        Assert.True(double.IsNaN(model.Lambdas[0]) && double.IsNaN(model.Bandwidths[1]));

        // The second number and a category of noise do not help: the widest.
        var random = new Random(1);
        double[] x = [.. _x];
        for (int i = 0; i < N; i++)
        {
            x[(4 * i) + 3] = random.Next(4);
        }

        double[] y = [.. _y.Select((value, i) => value - (0.2 * _x[(4 * i) + 3]))];
        MixedRegression noise = MixedRegression.Fit(x, y, _columns);
        Assert.True(noise.Lambdas[3] > model.Lambdas[3], $"{noise}");
        double least = noise.Diagnostics.LeaveOneOutError;
        Assert.All([0.8, 1.25], factor =>
        {
            double[] h = [noise.Bandwidths[0] * factor, noise.Bandwidths[2]];
            MixedRegression other = MixedRegression.Fit(
                x, y, _columns, new KernelRegressionOptions { Bandwidth = Bandwidth.Fixed(h) }, [noise.Lambdas[1], noise.Lambdas[3]]);
            Assert.True(other.Diagnostics.LeaveOneOutError >= least);
        });
    }

    [Fact]
    public void ACategoryOfNoise_GetsTheLargestLambda()
    {
        var random = new Random(2);
        double[] numbers = [.. Enumerable.Range(0, 200).Select(_ => random.NextDouble())];
        double[] y = [.. numbers.Select(number => Math.Sin(6 * number) + (0.3 * random.NextDouble()))];
        double[] x = [.. numbers.SelectMany(number => (double[])[number, random.Next(2)])];
        MixedRegression model = MixedRegression.Fit(x, y, [null, new Category(["a", "b"])]);
        Assert.Equal(0.5, model.Lambdas[1]);
        Assert.False(model.Counts(1));
        KernelRegression plain = KernelRegression.Fit(numbers, y);
        Assert.Equal(plain.Bandwidths[0], model.Bandwidths[0], plain.Bandwidths[0] * 1e-3);
        Assert.Equal(plain.Predict([0.3]).Mean[0], model.Predict([0.3, 0]).Mean[0], 1e-4);
    }

    [Fact]
    public void AnUnseenLevel_WeighsAllAlike()
    {
        MixedRegression model = MixedRegression.Fit(_x, _y, _columns, new KernelRegressionOptions { Bandwidth = 0.2 }, [0.1, 0.2]);
        MixedRegression alike = MixedRegression.Fit(_x, _y, _columns, new KernelRegressionOptions { Bandwidth = 0.2 }, [2.0 / 3, 0.2]);
        Assert.Equal(alike.Predict([0.5, 0, 0.5, 1]).Mean[0], model.Predict([0.5, double.NaN, 0.5, 1]).Mean[0], 1e-12);
    }

    [Fact]
    public void ALoadedModel_PredictsTheSame()
    {
        MixedRegression model = MixedRegression.Fit(_x, _y, _columns, new KernelRegressionOptions { Bandwidth = 0.2 }, [0.1, 0.2]);
        model.Save(_file);
        (MixedRegression again, _) = MixedRegression.Load(_file);
        var options = new PredictionOptions { Interval = IntervalKind.NewObservation };
        double[] query = [0.4, 1, 0.6, 2, 0.1, 2, 0.9, 0];
        Assert.Equal(model.Predict(query, options).Upper, again.Predict(query, options).Upper);
        Assert.Equal(model.Lambdas, again.Lambdas);
        Assert.Equal(_columns[1]!.Levels, again.Categories[1]!.Levels);
        Assert.Equal(StorageProblem.OtherModel, Assert.Throws<StorageException>(() => KernelRegression.Load(_file)).Kind);
    }

    [Fact]
    public void ANewObservation_FallsIntoItsInterval()
    {
        MixedRegression model = MixedRegression.Fit(_x, _y, _columns);
        var options = new PredictionOptions { Interval = IntervalKind.NewObservation, Level = 0.9 };
        Predictions at = model.Predict(_x, options);
        Assert.True(double.IsFinite(at.Quantile), $"{model.Diagnostics} {at}");
        Assert.InRange(_y.Index().Count(pair => pair.Item >= at.Lower[pair.Index] && pair.Item <= at.Upper[pair.Index]), 106, N);
    }

    [Fact]
    public void WrongInput_IsRefused()
    {
        static string Message(Action action) => Assert.Throws<ArgumentException>(action).Message;
        Assert.Contains(
            "a level from 0 to 2 in column 1 of row 0, got 3", Message(() => MixedRegression.Fit([0.1, 3, 0.2, 0], [1], _columns)),
            StringComparison.Ordinal);
        Assert.Contains("one category and one column of numbers", Message(() => MixedRegression.Fit([1, 2], [1, 2], [null])),
            StringComparison.Ordinal);
        Assert.Contains("a period", Message(
            () => MixedRegression.Fit(_x, _y, _columns, new KernelRegressionOptions { Periods = [1, 1, 1, 1] })), StringComparison.Ordinal);
        Assert.Contains("the bandwidth plugin", Message(
            () => MixedRegression.Fit(_x, _y, _columns, new KernelRegressionOptions { Bandwidth = Bandwidth.PlugIn })),
            StringComparison.OrdinalIgnoreCase);
        Assert.Contains(
            "a lambda from 0", Message(() => MixedRegression.Fit(_x, _y, _columns, null, [0.9, 0.2])), StringComparison.Ordinal);
        MixedRegression model = MixedRegression.Fit(_x, _y, _columns, new KernelRegressionOptions { Bandwidth = 0.2 }, [0.1, 0.2]);
        var jackknife = new PredictionOptions { Interval = IntervalKind.JackknifePlus };
        Assert.Contains("got the interval JackknifePlus", Message(() => model.Predict([0.1, 0, 0.2, 0], jackknife)),
            StringComparison.Ordinal);
        Assert.Throws<RegressionDataException>(
            () => MixedRegression.Fit([1, 0, 1, 1, 1, 0], [1, 2, 3], [null, new Category(["a", "b"])]));
    }
}
