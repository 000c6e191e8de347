using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Plotting;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <content>What is said and drawn of a run.</content>
internal static partial class TrainJob
{
    private static RunPictures Draw(
        DataSource source, RegressionData data, ProgressBoard board, Estimator[] estimators,
        NonparametricAttentionPooling nonparametric, Module learned, LearnedNumbers numbers, IReadOnlyList<(double Epoch, double[] Values)> trace)
    {
        var pictures = new RunPictures(source, data);
        foreach (Estimator estimator in estimators)
        {
            pictures.AddPredictions(estimator.Name, estimator);
        }

        pictures.AddAttention("nonparametric-attention", estimators[1], nonparametric);
        pictures.AddAttention($"{estimators[2].Name}-attention", estimators[2], (IAttentionModel)learned);
        pictures.AddLoss("loss", board);
        if (numbers.Names.Count > 1)
        {
            pictures.AddNumbers("w", numbers, trace);
        }

        if (learned is RegionalKernelRegression regional)
        {
            pictures.AddWidths("widths", regional);
        }

        return pictures;
    }

    private static void Report(RunSummary summary, RunDirectory directory, TrainOptions options)
    {
        if (options.Json)
        {
            RunDirectory.PrintJson(summary.WriteTo);
        }
        else if (!options.Quiet)
        {
            summary.Print(directory, plots: !options.NoPlots);
            if (!options.NoPlots && PlotFont.Family is null)
            {
                Console.WriteLine($"fonts: {PlotFont.NoneInstalled}");
            }
        }
    }
}
