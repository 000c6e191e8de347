using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Storage;
using TorchAttention.Numerics.Tables;
using TorchAttention.Training;

namespace TorchAttention.Tests.Models;

/// <summary>Models of standardised columns, in the columns' own units.</summary>
public sealed class ModelInUnitsTests : IDisposable
{
    private const int Rows = 60;

    private static readonly KernelModelOptions _perFeature = new() { Widths = KernelWidths.PerFeature };
    private static readonly KernelModelOptions _regional = new() { Widths = KernelWidths.PerRegion, Regions = 2 };

    private readonly string _folder = Directory.CreateTempSubdirectory("units").FullName;
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Models => [.. KernelModels.Names, .. Enum.GetNames<AttentionScore>()];

    private string Path => System.IO.Path.Combine(_folder, "model.safetensors");

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    // Days since 1970 in seconds, and a target far from 0: of the float32 that the models compute in, neither has the last digits.
    [Theory]
    [MemberData(nameof(Models))]
    public void LoadedModel_TakesAndGivesTheColumnsOwnUnits(string name)
    {
        (double[][] x, double[] y) = Columns(name);
        using TabularData data = new(x, y, seed: 4);
        Module trained = Create(name, data);
        new Trainer(new TrainerOptions { MaxEpochs = 2 }).Fit(trained, data);
        trained.eval();

        // With gradients the engine sums in another order.
        using IDisposable noGradients = no_grad();
        double[] expected = Array.ConvertAll(trained.call(data.XVal).ToDoubles(), data.YScale.Invert);
        double[] queries = ValidationRows(x, y, data);

        string[] names = [.. x.Select((_, j) => $"\"x\", {j}")];
        using var inUnits = new ModelInUnits(trained, ModelUnits.From(data, names, "é\n"));
        ModelFile.Save(inUnits, Path, new Dictionary<string, string> { ["data"] = "here" });
        using Module loaded = ModelFile.Load(Path, null, out IReadOnlyDictionary<string, string> notes);

        var model = Assert.IsType<ModelInUnits>(loaded);
        Assert.Equal(trained.GetType(), model.Model.GetType());
        Assert.Equal("here", notes["data"]);
        Assert.Equal(names, model.Units.X);
        Assert.Equal(data.XScales, model.Units.XScales);
        Assert.Equal(("é\n", data.YScale), (model.Units.Y, model.Units.YScale));
        Assert.Equal(expected, model.call(Tensor(queries, x.Length)).ToDoubles());
        Assert.Equal(expected, model.Predict(queries));
        ModelFile.Save(loaded, Path + "2", notes);
        Assert.Equal(File.ReadAllBytes(Path), File.ReadAllBytes(Path + "2"));

        using Tensor weights = model.AttentionWeights!.clone();
        model.Model.call(data.XVal);
        Assert.Equal(((IAttentionModel)model.Model).AttentionWeights!.ToDoubles(), weights.ToDoubles());
        Assert.Equal(data.XTrain.shape[0], weights.shape[^1]);
    }

    [Fact]
    public void Answers_HaveTheQueriesType()
    {
        using NWKernelRegression model = new(tensor([-1f, 0, 1]), tensor([-1f, 0, 1]));
        using var inUnits = new ModelInUnits(model, new ModelUnits { X = ["t"], XScales = [new(1e9, 10)], Y = "v", YScale = new(1e6, 1) });

        // The values are -1, 0 and 1 at 1e9 - 10, 1e9 and 1e9 + 10.
        Assert.Equal(1e6, inUnits.call(tensor([1_000_000_000L])).ToDoubles()[0]);
        Assert.Equal(ScalarType.Float32, inUnits.call(tensor([1_000_000_000L])).dtype);
        Assert.Equal(ScalarType.Float32, inUnits.call(tensor([1e9f])).dtype);
        Assert.Equal(ScalarType.Float64, inUnits.call(tensor([1e9])).dtype);
        double b = Math.Exp(-0.5), c = Math.Exp(-2);
        Assert.Equal(1e6 + ((1 - c) / (1 + b + c)), inUnits.call(tensor([1e9 + 10])).ToDoubles()[0], 1e-6);
    }

    [Fact]
    public void Gradients_AreInTheColumnsUnits()
    {
        (Tensor x, Tensor y) = KernelModels.Data("relevance");
        using var model = new NWKernelRegression(x, y, _perFeature);
        using ModelInUnits inUnits = InUnits(model, new Standardization(7, 5), new(100, 20), new(-3, 0.01));
        Tensor queries = tensor([120.0, -2.99, 140, -2.98], [2, 2], requires_grad: true);
        inUnits.call(queries).sum().backward();
        double[] steps = [1e-3, 1e-6];
        double[] slopes = queries.grad!.ToDoubles();
        for (int i = 0; i < slopes.Length; i++)
        {
            using IDisposable noGradients = no_grad();
            (double[] above, double[] below) = (queries.ToDoubles(), queries.ToDoubles());
            above[i] += steps[i % 2];
            below[i] -= steps[i % 2];
            double slope = (inUnits.Predict(above).Sum() - inUnits.Predict(below).Sum()) / (2 * steps[i % 2]);
            Assert.Equal(slope, slopes[i], 1e-5 * Math.Abs(slope));
        }
    }

    [Fact]
    public void LearnedNumbers_AreInTheColumnsUnits()
    {
        Standardization x = new(3, 4);
        Standardization other = new(-1, 0.5);
        Tensor one = tensor([0f, 1, 2, 3]);
        Tensor two = one.reshape(2, 2);
        Tensor values = tensor([1f, 2]);
        Assert.Equal([("w", 0.25)], Numbers(new NWKernelRegression(one, one), x));
        Assert.Equal([("w_1", 0.25), ("w_2", 0.25)], Numbers(new NWKernelRegression(one, one, _regional), x));
        Assert.Equal([("w_x0", 0.25), ("w_x1", 2)], Numbers(new NWKernelRegression(two, values, _perFeature), x, other));

        // One w for both columns has no unit of one of them.
        Assert.Equal([("w", 1)], Numbers(new NWKernelRegression(two, values, new()), x, other));
        Assert.Empty(Numbers(new AttentionRegression(one, one), x));

        static IReadOnlyList<(string, double)> Numbers(Module model, params Standardization[] scales)
        {
            using ModelInUnits inUnits = InUnits(model, new Standardization(1, 9), scales);
            return inUnits.LearnedNumbers();
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void TrainingOn_TakesTheStepsOfTheModelWithin(string name)
    {
        (double[][] x, double[] y) = Columns(name);
        using TabularData data = new(x, y, seed: 4);
        using Module alone = Create(name, data);
        using var inUnits = new ModelInUnits(Create(name, data), ModelUnits.From(data, [.. x.Select((_, j) => $"x{j}")], "y"));
        using var own = new OwnUnits(data);
        var options = new TrainerOptions { MaxEpochs = 2 };

        FitResult expected = new Trainer(options).Fit(alone, data);
        FitResult result = new Trainer(options).Fit(inUnits, own);

        Assert.Equal(expected.BestValLoss, result.BestValLoss, 1e-4 * expected.BestValLoss);
        Assert.All(alone.parameters().Zip(inUnits.Model.parameters()), pair => Assert.All(
            pair.First.ToDoubles().Zip(pair.Second.ToDoubles()), numbers => Assert.Equal(numbers.First, numbers.Second, 1e-3)));
        double loss = inUnits.Loss(tensor([y[0]]), tensor([y[1]])).ToDouble();
        Assert.Equal(Math.Pow((y[0] - y[1]) / data.YScale.Deviation, 2) / 2, loss, 1e-4 * loss);
    }

    // They would be standardised twice, and the training would go on as if nothing were wrong.
    [Fact]
    public void StandardisedData_AreForTheModelWithin()
    {
        (double[][] x, double[] y) = Columns("nw");
        using TabularData data = new(x, y, seed: 4);
        using var inUnits = new ModelInUnits(Create("nw", data), ModelUnits.From(data, ["seconds"], "height"));
        double before = inUnits.LearnedNumbers()[0].Value;
        ArgumentException e = Assert.Throws<ArgumentException>(() => new Trainer().Fit(inUnits, data));
        const string Problem = "Expected data in the units of seconds and height, got standardised data; train the Model within on them.";
        Assert.Contains(Problem, e.Message, StringComparison.Ordinal);
        Assert.Equal(before, inUnits.LearnedNumbers()[0].Value);
        new Trainer().Fit(inUnits.Model, data);
        Assert.NotEqual(before, inUnits.LearnedNumbers()[0].Value);
    }

    [Fact]
    public void WrongShapes_NameTheColumns()
    {
        (Tensor x, Tensor y) = KernelModels.Data("relevance", ScalarType.Float32);
        using ModelInUnits inUnits = InUnits(new NWKernelRegression(x, y, _perFeature), new Standardization(0, 1), new(0, 1), new(0, 1));
        foreach (Tensor wrong in new[] { zeros(3), zeros(3, 1), zeros(3, 3), zeros(1, 3, 2) })
        {
            string message = Assert.Throws<ArgumentException>(() => inUnits.call(wrong)).Message;
            Assert.Contains("Expected queries (m, 2) of x0, x1, got shape (", message, StringComparison.Ordinal);
        }

        Assert.Throws<ArgumentException>(() => inUnits.Predict([1, 2, 3]));
        Assert.Empty(inUnits.Predict([]));
    }

    [Fact]
    public void Units_AreChecked()
    {
        var units = new ModelUnits { X = ["a"], XScales = [new(0, 1)], Y = "y", YScale = new(0, 1) };
        foreach (ModelUnits wrong in new[]
        {
            units with { X = [] }, units with { X = ["a", "b"] }, units with { X = [null!] },
            units with { XScales = [new(0, 0)] }, units with { XScales = [new(0, -1)] },
            units with { XScales = [new(double.NaN, 1)] }, units with { YScale = new(0, double.PositiveInfinity) },
        })
        {
            using var model = new NWKernelRegression(ones(3), ones(3));
            Assert.Throws<ArgumentException>(() => new ModelInUnits(model, wrong));
        }

        using var inUnits = new ModelInUnits(new NWKernelRegression(ones(3), ones(3)), units);
        Assert.Throws<ArgumentException>(() => new ModelInUnits(inUnits, units));
    }

    [Fact]
    public void ModelOfOneKind_IsNotReadWithoutItsUnits()
    {
        using ModelInUnits inUnits = InUnits(new NWKernelRegression(tensor([1f, 2]), ones(2)), new Standardization(0, 1), [new(0, 2)]);
        ModelFile.Save(inUnits, Path);
        StorageException e = Assert.Throws<StorageException>(() => NWKernelRegression.Load(Path));
        Assert.Contains("found one in their units: ModelFile.Load reads it", e.Message, StringComparison.Ordinal);
    }

    // What train wrote before it kept units: names and scales were notes, and the answers are in standard deviations.
    [Fact]
    public void FileWithoutUnits_AnswersAsItDid()
    {
        using var model = new NWKernelRegression(tensor([-1f, 0, 1]), tensor([2f, 1, 4]));
        string[] notes = ["x", "x_mean", "x_deviation", "y", "y_mean", "y_deviation"];
        ModelFile.Save(model, Path, notes.ToDictionary(name => name, _ => "25"));
        using Module loaded = ModelFile.Load(Path);
        Assert.IsType<NWKernelRegression>(loaded);
        Assert.Equal("2", SafeTensorsFile.Read(Path).Metadata["version"]);
        Assert.Equal(model.call(tensor([0.5f])).ToDoubles(), loaded.call(tensor([0.5f])).ToDoubles());
    }

    [Fact]
    public void Predictions_LeaveNoTensorAlive()
    {
        (double[][] x, double[] y) = Columns("relevance");
        using TabularData data = new(x, y);
        using var inUnits = new ModelInUnits(Create(nameof(AttentionScore.Additive), data), ModelUnits.From(data, ["a", "b"], "y"));
        double[] queries = [.. Enumerable.Range(0, 50_000).Select(i => (double)i)];
        inUnits.Predict(queries);
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        inUnits.Predict(queries);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static (double[][] X, double[] Y) Columns(string name)
    {
        var random = new Random(5);
        double[] seconds = [.. Enumerable.Range(0, Rows).Select(i => 1.7e9 + (86_400 * (i + random.NextDouble())))];
        double[] other = [.. seconds.Select(_ => random.NextDouble() / 1000)];
        double[] y = [.. seconds.Select((t, i) => 1e5 + (30 * Math.Sin(t / 1e6)) + (2000 * other[i]))];
        bool isMatrix = KernelModels.IsMatrix(name) || !KernelModels.Names.Contains(name);
        return (isMatrix ? [seconds, other] : [seconds], y);
    }

    private static Module Create(string name, TabularData data) => KernelModels.Names.Contains(name)
        ? KernelModels.Create(name, data.XTrain, data.YTrain, new() { LearningRate = 0.1, LeaveOneOut = true, LearnValues = name != "nw" })
        : new AttentionRegression(data.XTrain, data.YTrain, new() { Score = Enum.Parse<AttentionScore>(name), Hidden = 8 });

    private static ModelInUnits InUnits(Module model, Standardization y, params Standardization[] x) =>
        new(model, new ModelUnits { X = [.. x.Select((_, j) => $"x{j}")], XScales = x, Y = "y", YScale = y });

    private static Tensor Tensor(double[] rows, int features) =>
        features == 1 ? tensor(rows) : tensor(rows, [rows.Length / features, features]);

    // The rows of the validation part, in its order, as they were before they were standardised.
    private static double[] ValidationRows(double[][] x, double[] y, TabularData data)
    {
        float[] targets = data.YVal.data<float>().ToArray();
        int[] rows = Array.ConvertAll(targets, target => Enumerable.Range(0, Rows).Single(i => (float)data.YScale.Apply(y[i]) == target));
        return [.. rows.SelectMany(i => x.Select(column => column[i]))];
    }

    /// <summary>Standardised data, put back.</summary>
    private sealed class OwnUnits(TabularData data) : RegressionData(
        (Back(data.XTrain, data.XScales), Back(data.YTrain, [data.YScale])),
        (Back(data.XVal, data.XScales), Back(data.YVal, [data.YScale])),
        data.BatchSize,
        Drawn())
    {
        public override IReadOnlyList<Standardization> XScales { get; } = [.. data.XScales.Select(_ => Standardization.None)];

        public override Standardization YScale => Standardization.None;

        // A generator that has drawn what the split of the other one's rows takes.
        private static Generator Drawn()
        {
            var generator = new Generator(4);
            randperm(Rows, ScalarType.Int64, CPU, generator: generator).Dispose();
            return generator;
        }

        private static Tensor Back(Tensor standardized, IReadOnlyList<Standardization> scales)
        {
            double[] deviations = [.. scales.Select(scale => scale.Deviation)];
            double[] means = [.. scales.Select(scale => scale.Mean)];
            return (standardized.to(ScalarType.Float64) * tensor(deviations)).Plus(tensor(means));
        }
    }
}
