// A model of one's own: attention pooling with a Laplace kernel, exp(-|q - k| w), whose w is learned; beside the chapter's Gaussian.
// dotnet run samples/own-model.cs prints "Laplace: w = 4.058, "; then change what forward and Loss compute.
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
using static TorchAttention.Pooling.AttentionPooling;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

LibTorch.EnsureLoaded();
using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 0);
using var laplace = new LaplaceRegression(data);
using var gaussian = new NWKernelRegression(data.XTrain, data.YTrain);

double[] x = data.XVal.ToDoubles();
var truth = new Series("Truth", x, data.YVal.ToDoubles());
var training = new Series("Training", data.XTrain.ToDoubles(), data.YTrain.ToDoubles());
Figures.PlotLines([truth, Learn("Laplace", laplace), Learn("Gaussian", gaussian)], "x", "y", [training]).Save("own-model.png");

Series Learn(string name, Module model)
{
    var adam = new OptimizerOptions { Kind = OptimizerKind.Adam, LearningRate = 0.05 };
    FitResult result = new Trainer(new TrainerOptions { MaxEpochs = 30, Optimizer = adam }).Fit(model, data);
    Console.WriteLine($"{name}: w = {model.parameters().Single().ToDouble():F3}, lowest validation loss {result.BestValLoss:F4}");
    using Tensor yHat = model.call(data.XVal);
    return new Series(name, x, yHat.ToDoubles());
}

internal sealed class LaplaceRegression : Module
{
    // TorchSharp keeps no plain number alive on its way to libtorch: x / 2 could fail beside a busy thread, x.mul(half) cannot.
    private readonly Scalar _half = 0.5;
    private readonly Parameter _w = nn.Parameter(ones(1));
    private readonly RegressionData _data;

    public LaplaceRegression(RegressionData data) : base(nameof(LaplaceRegression))
    {
        _data = data;
        RegisterComponents();
    }

    public override Tensor forward(Tensor queries) =>
        Pool(nn.functional.softmax(Diff(queries, _data.XTrain).abs().mul(_w).neg(), dim: 1), _data.YTrain);

    public override Tensor Loss(Tensor yHat, Tensor y) => nn.functional.mse_loss(yHat, y).mul(_half);

    // For a trainer that is given no optimiser.
    public override optim.Optimizer ConfigureOptimizers() => optim.Adam(parameters(), 0.05);
}
