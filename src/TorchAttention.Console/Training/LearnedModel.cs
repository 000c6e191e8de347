using TorchAttention.Cli.Runs;
using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>A model that <c>train</c> learns.</summary>
/// <param name="Name">What <c>--model</c> calls it.</param>
/// <param name="Meaning">What is learned, for the help; null where that is a score.</param>
/// <param name="Make">Makes it; needs libtorch.</param>
internal sealed record LearnedModel(string Name, string? Meaning, Func<TrainOptions, RegressionData, Module> Make)
{
    public const string Usual = "nw";
    public const string LocalLinear = "local-linear";
    public const string Region = "region";
    public const string MultiHead = "multi-head";
    public const string InContext = "in-context";

    private const string Key = "key";

    /// <summary>Every model.</summary>
    public static readonly IReadOnlyList<LearnedModel> All =
    [
        new(Usual, "one w, the chapter's", (it, data) => Kernel(it, data, KernelWidths.Shared))
        {
            CanStream = true,
            HasSlices = true,
            EstimatorName = "parametric",
        },
        new("ard", "a w for each column of x", (it, data) => Kernel(it, data, KernelWidths.PerFeature))
        {
            CanStream = true,
            HasSlices = true,
            IsOfColumns = true,
        },
        new(LocalLinear, "a w for each column, and planes in place of means", Planes)
        {
            CanStream = true,
            IsOfColumns = true,
        },
        new(Region, "a w for each region of x", (it, data) => Regional(it, data, RegionsOf(it, data))) { HasSlices = true },
        new(Key, "a w for each key", (it, data) => Regional(it, data, KeysOf(data))) { HasSlices = true },
        new("dot-product", null, (it, data) => Attention(it, data, AttentionScore.DotProduct)),
        new("additive", null, (it, data) => Attention(it, data, AttentionScore.Additive)) { HasPairVectors = true },
        new(MultiHead, null, (it, data) => Attention(it, data, AttentionScore.MultiHead)) { HasHeads = true },
        new(InContext, "a transformer block that reads the training rows", Context) { HasHeads = true, LeavesOneOut = true },
    ];

    /// <summary>The names and what they mean, for the help.</summary>
    public static string Description =>
        $"What is learned: {string.Join(", ", All.Where(it => it.Meaning is not null).Select(it => $"{it.Name} ({it.Meaning})"))}, "
            + $"or a score: {string.Join(", ", All.Where(it => it.Meaning is null).Select(it => it.Name))}";

    /// <summary>Those whose score or whole network is learned, for messages.</summary>
    public static string Scores => string.Join(", ", All.Where(it => it.HasScore).Select(it => it.Name));

    /// <summary>Those that learn the widths of a kernel, for messages.</summary>
    public static string WithKernel => Listed(it => !it.HasScore);

    /// <summary>Those that can drop weights, for messages.</summary>
    public static string WithDropout => Listed(it => it.HasDropout);

    /// <summary>Those with several heads, for messages.</summary>
    public static string WithHeads => Listed(it => it.HasHeads);

    /// <summary>Those that a device can compute without a matrix, for messages.</summary>
    public static string Streamed => Listed(it => it.CanStream);

    /// <summary>Those whose mini-batches are computed in slices, for messages.</summary>
    public static string WithSlices => Listed(it => it.HasSlices);

    /// <summary>What to call the model among the estimators: the chapter's has the chapter's name.</summary>
    public string EstimatorName { get; init; } = Name;

    /// <summary>Whether a device can compute it without a matrix.</summary>
    public bool CanStream { get; private init; }

    /// <summary>Whether its mini-batches are computed in slices, by formulas.</summary>
    public bool HasSlices { get; private init; }

    /// <summary>Whether each key has a w of its own.</summary>
    public bool HasWidthsOfKeys => Name == Key;

    /// <summary>Whether each column has a w of its own.</summary>
    public bool IsOfColumns { get; private init; }

    /// <summary>Whether a score or a whole network is learned, not a kernel.</summary>
    public bool HasScore => Meaning is null || Name == InContext;

    /// <summary>Whether it can drop weights while training.</summary>
    public bool HasDropout => Meaning is null;

    /// <summary>Whether it has several heads.</summary>
    public bool HasHeads { get; private init; }

    /// <summary>Whether it always keeps examples from their own pairs.</summary>
    public bool LeavesOneOut { get; private init; }

    private bool HasPairVectors { get; init; }

    /// <summary>The model of a name; null where there is none.</summary>
    public static LearnedModel? Find(string name) => All.FirstOrDefault(it => it.Name == name);

    /// <summary>Whether a learned number is a w, and not one of several that stand for those of many regions.</summary>
    public bool IsWidth(string number) =>
        RunFolder.IsWidth(number) && (Name is not (Region or Key) || char.IsAsciiDigit(number[^1]));

    /// <summary>
    /// About how many matrices of mini-batch x keys a step holds: differences, scores, weights, and the gradients of each.
    /// </summary>
    public double MatricesInAStep(TrainOptions options)
    {
        const double textbook = 8;
        return HasPairVectors || (HasScore && options.LeaveOneOut) ? textbook * options.Hidden
            : HasHeads ? textbook * options.Heads
            : HasScore || options.Method == AttentionMethod.Textbook ? textbook
            : 0;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static string Listed(Func<LearnedModel, bool> which)
    {
        string[] names = [.. All.Where(which).Select(it => it.Name)];
        return $"{string.Join(", ", names[..^1])} and {names[^1]}";
    }

    private static NWKernelRegression Kernel(TrainOptions options, RegressionData data, KernelWidths widths, int regions = 1) =>
        new(data.XTrain, data.YTrain, KernelOptions(options) with { Widths = widths, Regions = regions }) { Method = options.Method };

    private static NWKernelRegression Planes(TrainOptions options, RegressionData data)
    {
        if (data.XTrain.dim() == 2 && data.XTrain.size(1) > LocalLinearPooling.MostFeatures)
        {
            throw CliException.WrongInput(
                $"--x: expected at most {LocalLinearPooling.MostFeatures} columns with --model {options.Model.Name}, got "
                    + $"{data.XTrain.size(1)}");
        }

        KernelModelOptions planes = KernelOptions(options) with
        {
            Widths = KernelWidths.PerFeature,
            Degree = 1,
            Ridge = options.Ridge,
            LearnRidge = options.LearnRidge,
        };
        return new NWKernelRegression(data.XTrain, data.YTrain, planes) { Method = options.Method };
    }

    private static KernelModelOptions KernelOptions(TrainOptions options) => new()
    {
        Kernel = options.Kernel,
        LearningRate = options.Lr,
        LeaveOneOut = options.LeaveOneOut,
        LearnValues = options.LearnValues,
    };

    private static NWKernelRegression Regional(TrainOptions options, RegressionData data, int regions)
    {
        if (data.XTrain.dim() != 1)
        {
            throw CliException.WrongInput(
                $"--model {options.Model.Name} takes one column of --x, got {data.XTrain.shape[1]}; ard has a w for each");
        }

        return regions <= KeysOf(data)
            ? Kernel(options, data, KernelWidths.PerRegion, regions)
            : throw CliException.WrongInput(
                $"--regions: expected at most one for each of {KeysOf(data)} examples to train on, got {regions}");
    }

    private static int RegionsOf(TrainOptions options, RegressionData data) =>
        options.Regions ?? Math.Min(new KernelModelOptions().Regions, KeysOf(data));

    private static int KeysOf(RegressionData data) => checked((int)data.XTrain.shape[0]);

    private static AttentionRegression Attention(TrainOptions options, RegressionData data, AttentionScore score) =>
        new(data.XTrain, data.YTrain, new AttentionRegressionOptions
        {
            Score = score,
            Hidden = options.Hidden,
            Heads = options.Heads,
            Dropout = options.Dropout,
            LearningRate = options.Lr,
            LeaveOneOut = options.LeaveOneOut,
            Seed = options.Seed,
        });

    private static InContextRegression Context(TrainOptions options, RegressionData data) =>
        new(data.XTrain, data.YTrain, new InContextRegressionOptions
        {
            Hidden = options.Hidden,
            Heads = options.Heads,
            Blocks = options.Blocks,
            LearningRate = options.Lr,
            Seed = options.Seed,
        });
}
