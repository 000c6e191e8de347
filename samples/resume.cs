// A training that stops after 15 of 40 epochs and goes on from its checkpoint; its numbers are those of one that never stopped.
// dotnet run samples/resume.cs prints "the same, bit for bit"; the checkpoint is in the folder checkpoints.
// Outside the repository, packages take the place of the projects: #:package TorchAttention@0.1.0, and so on.

#:project ../src/TorchAttention/TorchAttention.csproj
#:project ../src/TorchAttention.Plotting/TorchAttention.Plotting.csproj
#:property UsesLibTorch=true
#:property UseCurrentRuntimeIdentifier=true
#:property PublishAot=false

using TorchAttention;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Plotting;
using TorchAttention.Training;
using TorchSharp;

LibTorch.EnsureLoaded();
const string folder = "checkpoints";

(double W, Series Losses) whole = Train(epochs: 40, from: null, saves: false);
Train(epochs: 15, from: null, saves: true);
Checkpoint last = Checkpoints.Latest(folder, out _) ?? throw new IOException($"No checkpoint could be written to {folder}.");
Console.WriteLine($"goes on after step {last.Step}, in epoch {last.Epoch}");
(double W, Series Losses) resumed = Train(epochs: 40, last, saves: false);

Console.WriteLine($"without a stop w = {whole.W:R}");
Console.WriteLine($"with one       w = {resumed.W:R}");
Console.WriteLine(whole.W == resumed.W ? "the same, bit for bit" : "different");
Figures.PlotLines([whole.Losses], "epoch", "validation loss", [resumed.Losses with { Label = "resumed" }],
    new FigureOptions { IsCountedX = true }).Save("resume.png");

// Model and data are made anew each time, as after a start of the program.
static (double W, Series Losses) Train(int epochs, Checkpoint? from, bool saves)
{
    using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 0);
    using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1, leaveOneOut: true);
    var adam = new OptimizerOptions { Kind = OptimizerKind.Adam, LearningRate = 0.05 };
    var trainer = new Trainer(new TrainerOptions { MaxEpochs = epochs, Optimizer = adam });
    var losses = new List<(double Epoch, double Loss)>();
    trainer.EpochCompleted += (_, e) => losses.Add((e.Epoch, e.ValLoss));

    using var checkpoints = new Checkpoints(folder);
    if (saves)
    {
        checkpoints.Watch(trainer);
    }

    trainer.Fit(model, data, from);
    return (model.W.ToDouble(), new Series("without a stop", [.. losses.Select(at => at.Epoch)], [.. losses.Select(at => at.Loss)]));
}
