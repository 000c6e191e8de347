using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>The models that <c>train</c> learns, by name.</summary>
internal static class LearnedModel
{
    public const string Usual = "nw";

    public const string Region = "region";
    public const string MultiHead = "multi-head";

    private const string Relevance = "ard";
    private const string Key = "key";
    private const int UsualRegions = 5;

    private static readonly Dictionary<string, AttentionScore> _scores = new()
    {
        ["dot-product"] = AttentionScore.DotProduct,
        ["additive"] = AttentionScore.Additive,
        [MultiHead] = AttentionScore.MultiHead,
    };

    /// <summary>The names and what they mean, for the help.</summary>
    public static string Description { get; } =
        $"What is learned: {Usual} (one w, the chapter's), {Relevance} (a w for each column of x), {Region} (a w for each region of x), "
            + $"{Key} (a w for each key), or a score: {Scores}";

    /// <summary>Those whose score is learned, for messages.</summary>
    public static string Scores => string.Join(", ", _scores.Keys);

    /// <summary>Those that learn the widths of a kernel, for messages.</summary>
    public static string WithKernel => $"{Usual}, {Relevance}, {Region} and {Key}";

    /// <summary>Those that a device can compute without a matrix, for messages.</summary>
    public static string Streamed => $"{Usual} and {Relevance}";

    public static IReadOnlyList<string> Names { get; } = [Usual, Relevance, Region, Key, .. _scores.Keys];

    /// <summary>Whether the name is of a model whose score is learned, not its kernel.</summary>
    public static bool HasScore(string name) => _scores.ContainsKey(name);

    /// <summary>What to call the model among the estimators: the chapter's has the chapter's name.</summary>
    public static string EstimatorName(string name) => name == Usual ? "parametric" : name;

    /// <summary>Whether a learned number is a w, and not one of several that stand for many.</summary>
    public static bool IsWidth(string number) =>
        number == "w" || (number.StartsWith("w_", StringComparison.Ordinal) && char.IsAsciiDigit(number[^1]));

    /// <summary>Whether the model is one of <see cref="Streamed"/>.</summary>
    public static bool CanStream(string name) => name is Usual or Relevance;

    /// <summary>
    /// About how many matrices of mini-batch x keys a step holds: differences, scores, weights, and the gradients of each.
    /// </summary>
    public static double MatricesInAStep(TrainOptions options)
    {
        const double textbook = 8;
        bool isTall = options.Model == "additive" || (HasScore(options.Model) && options.LeaveOneOut);
        return isTall ? textbook * (options.Hidden)
            : HasScore(options.Model) || options.Method == AttentionMethod.Textbook ? textbook
            : 0;
    }

    /// <summary>Makes the model; needs libtorch.</summary>
    public static Module Create(TrainOptions options, RegressionData data)
    {
        if (_scores.TryGetValue(options.Model, out AttentionScore score))
        {
            return Attention(options, data, score);
        }

        bool isLine = data.XTrain.dim() == 1;
        if (!isLine && options.Model is Region or Key)
        {
            throw CliException.WrongInput(
                $"--model {options.Model} takes one column of --x, got {data.XTrain.shape[1]}; ard has a w for each");
        }

        var kernel = new KernelModelOptions
        {
            Kernel = options.Kernel,
            LearningRate = options.Lr,
            LeaveOneOut = options.LeaveOneOut,
            LearnValues = options.LearnValues,
        };
        int keys = checked((int)data.XTrain.shape[0]);
        int regions = options.Model == Key ? keys : options.Regions ?? Math.Min(UsualRegions, keys);
        if (regions > keys)
        {
            throw CliException.WrongInput($"--regions: expected at most one for each of {keys} examples to train on, got {regions}");
        }

        KernelRegressionModule model = options.Model switch
        {
            Relevance => new RelevanceKernelRegression(data.XTrain, data.YTrain, kernel),
            Region or Key => new RegionalKernelRegression(data.XTrain, data.YTrain, regions, kernel),
            _ => new NWKernelRegression(data.XTrain, data.YTrain, kernel),
        };
        model.Method = options.Method;
        return model;
    }

    private static AttentionRegression Attention(TrainOptions options, RegressionData data, AttentionScore score)
    {
        return score != AttentionScore.MultiHead || options.Hidden % options.Heads == 0
            ? new AttentionRegression(data.XTrain, data.YTrain, new AttentionRegressionOptions
            {
                Score = score,
                Hidden = options.Hidden,
                Heads = options.Heads,
                Dropout = options.Dropout,
                LearningRate = options.Lr,
                LeaveOneOut = options.LeaveOneOut,
                Seed = options.Seed,
            })
            : throw CliException.WrongInput($"--heads: expected a divisor of --hidden {options.Hidden}, got {options.Heads}");
    }
}
