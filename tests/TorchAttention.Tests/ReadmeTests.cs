using System.Diagnostics;
using System.Text.RegularExpressions;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Tables;
using TorchAttention.Plotting;
using TorchAttention.Pooling;
using TorchAttention.Runs;
using TorchAttention.Tests.Console;
using TorchAttention.Training;
using TorchAttention.Training.Schedules;
using Parameter = TorchSharp.Modules.Parameter;

namespace TorchAttention.Tests;

/// <summary>The code that the README and its pages show is what runs; alone, since it writes to the process's current folder.</summary>
[Collection(nameof(Training.AloneTests))]
public sealed class ReadmeTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    public static TheoryData<string> PagesWithCode => [.. Page.All.Where(path => Page.Read(path).Blocks("csharp").Any())];

    [Theory]
    [MemberData(nameof(PagesWithCode))]
    public void Snippets_AreTheCodeBelow(string path)
    {
        string[] files = [nameof(ReadmeTests), nameof(AddingSnippetsTests), nameof(FormatsSnippetsTests), nameof(AttentionSnippetsTests)];
        string here = string.Concat(files.Select(name => Squeeze(File.ReadAllText(
            Path.Combine(ConsoleProcess.Repository, "tests", "TorchAttention.Tests", $"{name}.cs")))));
        Assert.All(Page.Read(path).Blocks("csharp"), snippet => Assert.Contains(Squeeze(snippet), here, StringComparison.Ordinal));
    }

    [Fact]
    public void Snippets_AreAllFound() =>
        Assert.Equal(
            Page.All.Sum(path => Regex.Count(Page.Read(path).Text, "^```csharp", RegexOptions.Multiline)),
            Page.All.Sum(path => Page.Read(path).Blocks("csharp").Count()));

    [Fact]
    public void PoolingSnippet_SmoothsTheCurve()
    {
        (double[] atTwo, double[] pooled, double[] neighbours, PoolingReport report, double[] answer) = RunPoolingSnippet();

        Assert.Equal((2 * Math.Sin(2)) + Math.Pow(2, 0.8), Assert.Single(atTwo), 0.01);
        Assert.Equal((2 * Math.Sin(2.5)) + Math.Pow(2.5, 0.8), pooled[50_000], 0.001);
        Assert.InRange(neighbours[50_000], 700, 720);
        Assert.Equal(PoolingMethod.Line, report.Method);
        Assert.Equal(pooled[50_000], Assert.Single(answer), 1e-9);
    }

    [Fact]
    public void MetricsSnippet_MakesAColumn()
    {
        using var data = new NonlinearData();
        using var model = new NWKernelRegression(data.XTrain, data.YTrain);
        InFolder(() => RunMetricsSnippet(new Trainer(), model));
        Assert.Equal("epoch,train_loss,val_loss,w,mae", File.ReadLines(_console.PathOf("metrics/epochs.csv")).First());
    }

    [Fact]
    public void OnePassSnippet_SavesTheCurve()
    {
        var random = new Random(1);
        double[] Numbers() => [.. Enumerable.Range(0, 2000).Select(_ => random.NextDouble())];
        (double[] X, double[] Y)[] all = [.. Enumerable.Range(0, 3).Select(_ => Numbers()).Select(
            x => (x, x.Select(at => Math.Sin(9 * at) + random.NextDouble()).ToArray()))];

        InFolder(() => RunOnePassSnippet(all[0].X, all[0].Y, all));

        CondensedCurve saved = CondensedCurve.Load(_console.PathOf("curve.safetensors")).Curve;
        Assert.Equal(6000, saved.Count);
        Assert.InRange(saved.Predict([0.5]).Mean[0], Math.Sin(4.5) + 0.3, Math.Sin(4.5) + 0.7);
    }

    private void InFolder(Action run)
    {
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = _console.Folder;
        try
        {
            run();
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    private static void RunOnePassSnippet(double[] someX, double[] someY, IEnumerable<(double[] X, double[] Y)> batches)
    {
        var moments = new Moments(MomentGrid.Choose(someX, someY, rows: 100_000_000));
        foreach ((double[] x, double[] y) in batches)
        {
            moments.Add(x, y);
        }

        MomentRegression model = MomentRegression.Fit(moments);
        System.Console.WriteLine($"h = {model.Bandwidth}, error {model.Diagnostics.LeaveOneOutError}, {model.Certificate}");
        CondensedCurve curve = model.Condense(tolerance: 1e-10);
        curve.Save("curve.safetensors");
    }

    [Fact]
    public void RegressionSnippet_SavesTheCurve()
    {
        File.Copy(
            Path.Combine(ConsoleProcess.Repository, "src", "TorchAttention.Numerics", "Tables", "Data", "mcycle.csv"),
            _console.PathOf("mcycle.csv"));
        File.Copy(
            Path.Combine(ConsoleProcess.Repository, "src", "TorchAttention.Numerics", "Tables", "Data", "ethanol.csv"),
            _console.PathOf("ethanol.csv"));
        InFolder(() =>
        {
            RunRegressionSnippet();
            RunSurfaceSnippet();
        });
        Assert.Equal(1.4758, KernelRegression.Load(_console.PathOf("curve.safetensors")).Model.Bandwidths[0], 1e-4);
    }

    [Fact]
    public void Snippet_DrawsItsPictures()
    {
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = _console.Folder;
        try
        {
            RunSnippet();
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }

        Assert.True(new FileInfo(_console.PathOf("curve.png")).Length > 5000);
        Assert.True(new FileInfo(_console.PathOf("attention.svg")).Length > 5000);
    }

    [Fact]
    public void OwnModelSnippet_TrainsAndGoesOn()
    {
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = _console.Folder;
        try
        {
            FitResult first = RunOwnModelSnippet();
            Assert.InRange(first.BestValLoss, 0, 0.1);
            Assert.Equal(first, RunOwnModelSnippet());
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    private static void RunSnippet()
    {
        using var data = new NonlinearData(n: 50, batchSize: 10, noiseStd: 0.5, seed: 0);
        using var model = new NWKernelRegression(data.XTrain, data.YTrain, lr: 1);
        var trainer = new Trainer(new TrainerOptions { MaxEpochs = 5 });
        trainer.EpochCompleted += (_, e) => System.Console.WriteLine($"epoch {e.Epoch}: {e.ValLoss:F4}");
        trainer.Fit(model, data);

        using Tensor yHat = model.call(data.XVal);
        Figure curve = Figures.PlotKernelReg(
            data.XTrain.ToDoubles(), data.YTrain.ToDoubles(), data.XVal.ToDoubles(), data.YVal.ToDoubles(), yHat.ToDoubles());
        curve.Save("curve.png");
        Figure heatmap = Figures.ShowHeatmaps(model.AttentionWeights!.ToMatrix(), "Sorted training inputs", "Sorted validation inputs");
        heatmap.Save("attention.svg");
    }

    private static FitResult RunOwnModelSnippet()
    {
        using var data = new NonlinearData();
        using var model = new LaplaceRegression(data);
        var trainer = new Trainer(new TrainerOptions
        {
            MaxEpochs = 100,
            GradientClipVal = 1,
            Schedule = new CosineSchedule { WarmupSteps = 20 },
            EarlyStopping = new EarlyStopping { Patience = 20 },
        });
        using var checkpoints = new Checkpoints("checkpoints", new CheckpointOptions { EverySeconds = 10 });
        checkpoints.Watch(trainer);
        Checkpoint? last = Checkpoints.Latest("checkpoints", out _);
        using var log = new MetricsLog(trainer, "metrics", from: last);
        FitResult result = trainer.Fit(model, data, last);
        System.Console.WriteLine($"best after epoch {result.BestEpoch} of {result.Epochs}: {result.BestValLoss:F4}");
        return result;
    }

    private static void RunMetricsSnippet(Trainer trainer, NWKernelRegression model)
    {
        trainer.Metrics.Add("mae", (module, batch) => nn.functional.l1_loss(module.call(batch.X), batch.Y).ToDouble());
        using var log = new MetricsLog(trainer, "metrics", model);
        var clock = Stopwatch.StartNew();
        trainer.StepCompleted += (_, e) =>
        {
            if (clock.Elapsed > TimeSpan.FromHours(1))
            {
                trainer.Stop();
            }
        };
    }

    private static (double[] AtTwo, double[] Pooled, double[] Neighbours, PoolingReport Report, double[] Answer) RunPoolingSnippet()
    {
        double[] x = [.. Enumerable.Range(0, 100_000).Select(i => i * 5e-5)];
        double[] y = [.. x.Select(q => (2 * Math.Sin(q)) + Math.Pow(q, 0.8))];
        double[] atTwo = KernelPooling.Pool<Epanechnikov>([2.0], x, y, 0.1);

        double[] pooled = new double[x.Length];
        double[] neighbours = new double[x.Length];
        PoolingReport report = KernelPooling.Pool<Gaussian>(
            new PoolingInput<double> { Queries = x, Keys = x, Values = y, Bandwidths = [0.01] },
            new PoolingOutput<double> { Values = pooled, EffectiveNeighbours = neighbours });
        System.Console.WriteLine($"{report.Method}: {report.Reason}; within {report.ErrorBound:E0} of the range of y");

        using var samples = new Samples<double>(keys: x, values: y);
        using var pooler = new Pooler<double>(SmoothingKernel.Gaussian, samples, new PoolingWidths { Bandwidths = [0.01] });
        double[] answer = new double[1];
        pooler.At([2.5], new PoolingOutput<double> { Values = answer });
        System.Console.WriteLine($"{answer[0]:F4}");
        return (atTwo, pooled, neighbours, report, answer);
    }

    private static void RunRegressionSnippet()
    {
        Table table = CsvTable.Read("mcycle.csv", ["times", "accel"]);
        KernelRegression curve = KernelRegression.Fit(table["times"], table["accel"], new KernelRegressionOptions { Degree = 1 });
        Predictions at = curve.Predict([10, 20, 30]);
        System.Console.WriteLine($"at 20: {at.Mean[1]:F1}, between {at.Lower[1]:F1} and {at.Upper[1]:F1}");
        curve.Save("curve.safetensors");
    }

    private static void RunSurfaceSnippet()
    {
        (KernelRegression again, _) = KernelRegression.Load("curve.safetensors");
        System.Console.WriteLine($"h = {again.Bandwidths[0]:G4}, {again.Diagnostics.EffectiveDegreesOfFreedom:F1} degrees of freedom");

        Table ethanol = CsvTable.Read("ethanol.csv", ["E", "C", "NOx"]);
        var options = new KernelRegressionOptions { Bandwidth = Bandwidth.AICc };
        KernelRegression surface = KernelRegression.Fit(ethanol.Rows("E", "C"), ethanol["NOx"], features: 2, options);
        Predictions there = surface.Predict([0.9, 12, 1.1, 15]);
        System.Console.WriteLine($"{there.Mean[0]:F3} +- {there.StandardError[0]:F3} where E = 0.9 and C = 12");
    }

#pragma warning disable SA1502, IDE0055 // As short as the README shows it.
    private sealed class LaplaceRegression : Module
    {
        private readonly Parameter _w = nn.Parameter(ones(1));
        private readonly RegressionData _data;

        public LaplaceRegression(RegressionData data) : base(nameof(LaplaceRegression))
        {
            _data = data;
            RegisterComponents();
        }

        public override Tensor forward(Tensor queries) =>
            AttentionPooling.Pool(nn.functional.softmax(-(AttentionPooling.Diff(queries, _data.XTrain) * _w).abs(), dim: 1), _data.YTrain);
        public override Tensor Loss(Tensor yHat, Tensor y) => nn.functional.mse_loss(yHat, y);
        public override optim.Optimizer ConfigureOptimizers() => optim.Adam(parameters(), 0.05);
    }
#pragma warning restore SA1502, IDE0055

    private static string Squeeze(string text) =>
        Regex.Replace(text.Replace("System.Console", "Console", StringComparison.Ordinal), @"\s+", " ").Trim();
}
