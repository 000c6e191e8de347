using TorchAttention.Cli.Training;
using TorchAttention.Models;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Exercises;

/// <summary>Exercise 1: does parametric pooling gain from more training examples, and nonparametric pooling too?</summary>
internal static class MoreExamples
{
    private const int Draws = 3;
    private static readonly int[] _sizes = [50, 100, 200, 500, 1000, 2000, 5000];

    public static void Run(ExerciseRun run)
    {
        run.Begin("n", "nonparametric_rmse", "parametric_rmse", "w", "bandwidth");
        foreach (int n in _sizes)
        {
            double fixedError = 0;
            double learnedError = 0;
            double w = 0;
            for (ulong draw = 0; draw < Draws; draw++)
            {
                using Data.NonlinearData data = run.Draw(n, draw);
                using var nonparametric = new NonparametricAttentionPooling(data.XTrain, data.YTrain);
                using var parametric = new NWKernelRegression(data.XTrain, data.YTrain);
                run.Fit(parametric, data);
                fixedError += new Estimator("nonparametric", nonparametric, data, run.CancellationToken).ValRmse / Draws;
                learnedError += new Estimator("parametric", parametric, data, run.CancellationToken).ValRmse / Draws;
                w += parametric.W.ToDoubles()[0] / Draws;
            }

            run.Add(n, fixedError, learnedError, w, 1 / w);
        }

        run.Report();
        Console.WriteLine(
            $"Means over {Draws} draws of the data. With h = 1 the error stays: it is bias, and more data do not bend the curve. With a "
                + "learned w the");
        Console.WriteLine("kernel narrows as neighbours come closer, and the error falls.");
        double[] sizes = [.. run.Rows.Select(row => row[0])];
        run.Save("error", () => Figures.PlotLines(
            [new("h = 1", sizes, [.. run.Rows.Select(row => row[1])]), new("learned w", sizes, [.. run.Rows.Select(row => row[2])])],
            "number of training examples",
            "validation RMSE",
            options: new FigureOptions { IsLogX = true, Title = $"nonlinear: gaussian kernel, means over {Draws} draws of the data" }));
    }
}
