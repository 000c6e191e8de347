using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>The models that <c>train</c> learns, by name.</summary>
internal static class LearnedModel
{
    public const string Usual = "nw";

    private const string Relevance = "ard";
    private const string Region = "region";
    private const string Key = "key";
    private const int UsualRegions = 5;

    private static readonly Dictionary<string, AttentionScore> _scores = new()
    {
        ["dot-product"] = AttentionScore.DotProduct,
        ["additive"] = AttentionScore.Additive,
        ["multi-head"] = AttentionScore.MultiHead,
    };

    /// <summary>The names and what they mean, for the help.</summary>
    public static string Description { get; } =
        $"What is learned: {Usual} (one w, the chapter's), {Relevance} (a w for each column of x), {Region} (a w for each region of x), {Key} (a w for each key), or a score: {string.Join(", ", _scores.Keys)}";

    public static IReadOnlyList<string> Names { get; } = [Usual, Relevance, Region, Key, .. _scores.Keys];

    /// <summary>Whether the name is of a model whose score is learned, not its kernel.</summary>
    public static bool HasScore(string name) => _scores.ContainsKey(name);

    /// <summary>What to call the model among the estimators: the chapter's has the chapter's name.</summary>
    public static string EstimatorName(string name) => name == Usual ? "parametric" : name;

    /// <summary>Whether a learned number is a w, and not one of several that stand for many.</summary>
    public static bool IsWidth(string number) => number == "w" || (number.StartsWith("w_", StringComparison.Ordinal) && char.IsAsciiDigit(number[^1]));

    /// <summary>Refuses options of other models.</summary>
    public static void Check(TrainOptions options)
    {
        bool hasScore = HasScore(options.Model);
        Refuse(options.Regions, options.Model == Region, $"--regions applies to --model {Region} only");
        Refuse(options.Kernel, !hasScore, $"--kernel applies to --model {Usual}, {Relevance}, {Region} and {Key} only");
        Refuse(options.LearnValues ? true : null, !hasScore, $"--learn-values applies to --model {Usual}, {Relevance}, {Region} and {Key} only");
        Refuse(options.Hidden, hasScore, $"--hidden applies to --model {string.Join(", ", _scores.Keys)} only");
        Refuse(options.Dropout, hasScore, $"--dropout applies to --model {string.Join(", ", _scores.Keys)} only");
        Refuse(options.Heads, options.Model == "multi-head", "--heads applies to --model multi-head only");
        Refuse(options.Method == AttentionMethod.Engine ? true : null, !hasScore, $"--method engine applies to --model {Usual}, {Relevance}, {Region} and {Key} only");
        Refuse(options.Method == AttentionMethod.Streaming ? true : null, options.Model is Usual or Relevance, $"--method streaming applies to --model {Usual} and {Relevance} only");
        Refuse(options.LeaveOneOut ? true : null, options.Model != "multi-head", "--leave-one-out does not apply to --model multi-head, whose last linear map reads the value that was left out from the mean of the others; use --patience");
        bool isGaussian = options.Kernel is null || options.Kernel == SmoothingKernel.Gaussian;
        Refuse(options.Method == AttentionMethod.Streaming ? true : null, isGaussian, "--method streaming applies to --kernel gaussian only");
    }

    /// <summary>About how many matrices of mini-batch x keys a step holds: differences, scores, weights, and the gradients of each.</summary>
    public static double MatricesInAStep(TrainOptions options)
    {
        const double textbook = 8;
        bool isTall = options.Model == "additive" || (HasScore(options.Model) && options.LeaveOneOut);
        return isTall ? textbook * (options.Hidden ?? new AttentionRegressionOptions().Hidden)
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
            throw CliException.WrongInput($"--model {options.Model} takes one column of --x, got {data.XTrain.shape[1]}; ard has a w for each");
        }

        var kernel = new KernelModelOptions
        {
            Kernel = options.Kernel ?? SmoothingKernel.Gaussian,
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
        var usual = new AttentionRegressionOptions();
        (int hidden, int heads) = (options.Hidden ?? usual.Hidden, options.Heads ?? usual.Heads);
        return score != AttentionScore.MultiHead || hidden % heads == 0
            ? new AttentionRegression(data.XTrain, data.YTrain, new AttentionRegressionOptions
            {
                Score = score,
                Hidden = hidden,
                Heads = heads,
                Dropout = options.Dropout ?? usual.Dropout,
                LearningRate = options.Lr,
                LeaveOneOut = options.LeaveOneOut,
                Seed = options.Seed,
            })
            : throw CliException.WrongInput($"--heads: expected a divisor of --hidden {hidden}, got {heads}");
    }

    private static void Refuse(object? value, bool applies, string message)
    {
        if (value is not null && !applies)
        {
            throw CliException.WrongInput(message);
        }
    }
}
