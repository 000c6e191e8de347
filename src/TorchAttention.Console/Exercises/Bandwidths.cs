using TorchAttention.Cli.Training;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Exercises;

/// <summary>Exercise 3: a hyperparameter for the nonparametric form, the bandwidth h, and what it does to curve and weights.</summary>
internal static class Bandwidths
{
    private const string Title = "nonlinear: nonparametric, gaussian kernel, n = 50";
    private static readonly double[] _bandwidths = [0.05, 0.1, 0.2, 0.35, 0.5, 1, 2];
    private static readonly double[] _shown = [0.1, 0.35, 1];

    public static void Run(ExerciseRun run)
    {
        using NonlinearData data = run.Draw(50);
        run.Begin("bandwidth", "w", "val_loss", "val_rmse");
        var curves = new List<Series> { new("Truth", data.XVal.ToDoubles(), data.YVal.ToDoubles()) };
        var matrices = new List<double[,]>();
        foreach (double bandwidth in _bandwidths)
        {
            using var model = new NonparametricAttentionPooling(data.XTrain, data.YTrain, bandwidth);
            var estimator = new Estimator("nonparametric", model, data, run.CancellationToken);
            run.Add(bandwidth, 1 / bandwidth, estimator.ValLoss, estimator.ValRmse);
            if (_shown.Contains(bandwidth))
            {
                curves.Add(new Series(Name(bandwidth), data.XVal.ToDoubles(), estimator.Predict(data.XVal)));
                estimator.Attend(data.XVal);
                matrices.Add(model.AttentionWeights!.ToMatrix());
            }
        }

        run.Report();
        Console.WriteLine(
            "A narrow kernel follows the noise, a wide one flattens the curve; between them the error is least. "
                + "NonparametricAttentionPooling takes");
        Console.WriteLine("the bandwidth as an argument, train as --bandwidth.");
        Series training = new("Training", data.XTrain.ToDoubles(), data.YTrain.ToDoubles());
        run.Save("curves", () => Figures.PlotLines(curves, "x", "y", [training], new FigureOptions { Title = Title }));
        run.Save("attention", () => Figures.ShowHeatmaps(
            [matrices], "Sorted training inputs", "Sorted validation inputs", Array.ConvertAll(_shown, Name),
            new FigureOptions { Title = Title, ColorLabel = "attention weight" }));
    }

    private static string Name(double bandwidth) => "h = " + bandwidth.ToString(CultureInfo.InvariantCulture);
}
