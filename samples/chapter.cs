// The chapter "Attention Pooling": three estimators of one curve, the last of which learns its w, and their pictures.
// dotnet run samples/chapter.cs prints "parametric: loss 0.0300"; then change n, noiseStd, lr, MaxEpochs.
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
using static TorchSharp.torch;

LibTorch.EnsureLoaded();
using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 0);

using var average = new AveragePooling(data.YTrain);
using var nonparametric = new NonparametricAttentionPooling(data.XTrain, data.YTrain, bandwidth: 1);
using var parametric = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1);

var trainer = new Trainer(new TrainerOptions { MaxEpochs = 5 });
trainer.EpochCompleted += (_, e) => Console.WriteLine($"epoch {e.Epoch}: w = {parametric.W.ToDouble():F3}, loss {e.ValLoss:F4}");
trainer.Fit(parametric, data);

Show("average", average);
Show("nonparametric", nonparametric);
Show("parametric", parametric);

void Show(string name, nn.Module<Tensor, Tensor> model)
{
    using Tensor yHat = model.call(data.XVal);
    double[] y = data.YVal.ToDoubles();
    double loss = yHat.ToDoubles().Zip(y, (guess, truth) => (guess - truth) * (guess - truth) / 2).Average();
    Console.WriteLine($"{name}: loss {loss:F4}");

    Figures.PlotKernelReg(data.XTrain.ToDoubles(), data.YTrain.ToDoubles(), data.XVal.ToDoubles(), y, yHat.ToDoubles())
        .Save($"chapter-{name}.png");
    if (model is IAttentionModel { AttentionWeights: Tensor weights })
    {
        Figures.ShowHeatmaps(weights.ToMatrix(), "Sorted training inputs", "Sorted validation inputs")
            .Save($"chapter-{name}-attention.png");
    }
}
