using TorchAttention.Cli.Training;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.Exercises;

/// <summary>
/// Exercise 4: another parametric attention, one learned width for each region of the keys, beside the chapter's single w.
/// </summary>
internal static class RegionalWidths
{
    private const string Title = "nonlinear: gaussian kernel, learned widths, n = 50";
    private const int Regions = 5;
    private const int Epochs = 30;

    public static void Run(ExerciseRun run)
    {
        using NonlinearData data = run.Draw(50);
        using var single = new NWKernelRegression(data.XTrain, data.YTrain, leaveOneOut: true);
        using var regional = new NWKernelRegression(
            data.XTrain,
            data.YTrain,
            new KernelModelOptions { Widths = KernelWidths.PerRegion, Regions = Regions, LeaveOneOut = true });
        run.Fit(single, data, Epochs);
        run.Fit(regional, data, Epochs);

        double w = single.W.ToDoubles()[0];
        run.Begin("region", "regional_w", "regional_bandwidth", "single_w");
        foreach ((int i, double value) in regional.W.ToDoubles().Index())
        {
            run.Add(i + 1, value, 1 / value, w);
        }

        run.Report();
        var one = new Estimator("single", single, data, run.CancellationToken);
        var many = new Estimator("regional", regional, data, run.CancellationToken);
        Console.WriteLine(
            $"Validation RMSE after {Epochs} epochs: {one.ValRmse:F4} with one w, {many.ValRmse:F4} with {Regions} regional widths. Both "
                + "train leave-one-out: with");
        Console.WriteLine(
            "its own pair among the keys an example would reward ever narrower kernels, and more widths would only overfit faster.");
        double[] x = data.XVal.ToDoubles();
        run.Save("curves", () => Figures.PlotLines(
            [
                new("Truth", x, data.YVal.ToDoubles()),
                new("One w", x, one.Predict(data.XVal)),
                new($"{Regions} regions", x, many.Predict(data.XVal)),
            ],
            "x",
            "y",
            [new("Training", data.XTrain.ToDoubles(), data.YTrain.ToDoubles())],
            new FigureOptions { Title = Title }));
        one.Attend(data.XVal);
        many.Attend(data.XVal);
        run.Save("attention", () => Figures.ShowHeatmaps(
            [[single.AttentionWeights!.ToMatrix(), regional.AttentionWeights!.ToMatrix()]],
            "Sorted training inputs",
            "Sorted validation inputs",
            ["One w", $"{Regions} regional widths"],
            new FigureOptions { Title = Title, ColorLabel = "attention weight" }));
    }
}
