using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Plotting;
using TorchAttention.Pooling;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchAttention.Cli.Exercises;

/// <summary>Exercise 2: what the learned w is worth, and why training makes the attention weights sharper.</summary>
internal static class WhyWeightsSharpen
{
    private const string Title = "nonlinear: gaussian kernel, n = 50";

    public static void Run(ExerciseRun run)
    {
        using NonlinearData data = run.Draw(50);
        double[] widths = [.. Enumerable.Range(0, 61).Select(i => Math.Pow(10, -0.5 + i / 24.0))];
        var rows = new List<double[]>();
        foreach (double w in widths)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor all = AttentionPooling.Diff(data.XTrain, data.XTrain).Times(w);
            Tensor weights = AttentionPooling.Weights(all);
            Tensor own = eye(all.shape[0], all.shape[0], ScalarType.Bool, all.device);
            Tensor others = AttentionPooling.Weights(all.masked_fill(own, Held.Infinity));
            Tensor unseen = AttentionPooling.Weights(AttentionPooling.Diff(data.XVal, data.XTrain).Times(w));
            double[] losses =
                [Loss(weights, data.YTrain, data.YTrain), Loss(others, data.YTrain, data.YTrain), Loss(unseen, data.YTrain, data.YVal)];
            rows.Add([w, .. losses, weights.diagonal().mean().ToDouble()]);
        }

        run.Begin("w", "train_loss", "leave_one_out_loss", "val_loss", "own_weight");
        foreach (double[] row in rows.Where((_, i) => i % 6 == 0))
        {
            run.Add(row);
        }

        using var model = new NWKernelRegression(data.XTrain, data.YTrain);
        run.Fit(model, data);
        double learned = model.W.ToDoubles()[0];
        run.Report();
        Console.WriteLine(
            $"SGD went from w = 1 to w = {learned:F4} in the chapter's 5 epochs. A larger w is a smaller bandwidth 1/w = "
                + $"{1 / learned:F4}: fewer neighbours");
        Console.WriteLine(
            "share the weight, and each row of the heatmap sharpens. Every training example is among its own keys, so the training loss "
                + "only falls as");
        Console.WriteLine(
            $"its own weight grows to 1; without its own pair the loss is least at w = {Best(rows, 2):F4}, the validation loss at w = "
                + $"{Best(rows, 3):F4}.");
        run.Save("loss-by-w", () => Figures.PlotLines(
            [Line("training", 1), Line("leave-one-out", 2), Line("validation", 3)], "w", "loss",
            options: new FigureOptions { IsLogX = true, Title = Title }));
        run.Save("attention", () => Figures.ShowHeatmaps(
            [[Matrix(data, 1), Matrix(data, learned), Matrix(data, 3 * learned)]],
            "Sorted training inputs",
            "Sorted validation inputs",
            ["w = 1", $"w = {learned:F2} (learned)", $"w = {3 * learned:F2}"],
            new FigureOptions { Title = Title, ColorLabel = "attention weight" }));

        Series Line(string label, int column) => new(label, widths, [.. rows.Select(row => row[column])]);
    }

    private static double Loss(Tensor weights, Tensor values, Tensor targets) =>
        (AttentionPooling.Pool(weights, values) - targets).pow(Held.Two).div(Held.Two).mean().ToDouble();

    private static double Best(List<double[]> rows, int column) => rows.MinBy(row => row[column])![0];

    private static double[,] Matrix(NonlinearData data, double w)
    {
        using DisposeScope scope = NewDisposeScope();
        return AttentionPooling.Weights(AttentionPooling.Diff(data.XVal, data.XTrain).Times(w)).ToMatrix();
    }
}
