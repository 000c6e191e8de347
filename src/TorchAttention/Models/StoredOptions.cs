namespace TorchAttention.Models;

/// <summary>The options of models as the text of a file, and back.</summary>
internal static class StoredOptions
{
    public static Dictionary<string, string> Texts(KernelModelOptions options)
    {
        Dictionary<string, string> texts = OfWidths(options);
        if (options.Degree > 0)
        {
            texts["ridge"] = Text(options.Ridge);
            texts["learn_ridge"] = Text(options.LearnRidge);
        }

        return texts;
    }

    private static Dictionary<string, string> OfWidths(KernelModelOptions options) => new()
    {
        ["kernel"] = SmoothingKernel.Find(options.Kernel.Name) == options.Kernel
            ? options.Kernel.Name
            : throw new NotSupportedException(
                $"Expected a kernel of the library, which a file names, got '{options.Kernel.Name}'; save W and your own type's name."),
        ["lr"] = Text(options.LearningRate),
        ["leave_one_out"] = Text(options.LeaveOneOut),
        ["learn_values"] = Text(options.LearnValues),
        ["initial_w"] = Text(options.InitialW),
    };

    public static Dictionary<string, string> Texts(AttentionRegressionOptions options) => new()
    {
        ["score"] = options.Score.ToString(),
        ["hidden"] = Text(options.Hidden),
        ["heads"] = Text(options.Heads),
        ["dropout"] = Text(options.Dropout),
        ["lr"] = Text(options.LearningRate),
        ["leave_one_out"] = Text(options.LeaveOneOut),
        ["seed"] = Text(options.Seed),
    };

    public static Dictionary<string, string> Texts(InContextRegressionOptions options) => new()
    {
        ["hidden"] = Text(options.Hidden),
        ["heads"] = Text(options.Heads),
        ["blocks"] = Text(options.Blocks),
        ["vary"] = Text(options.Vary),
        ["lr"] = Text(options.LearningRate),
        ["seed"] = Text(options.Seed),
    };

    /// <summary>The options of a kernel model.</summary>
    /// <param name="reader">The file.</param>
    /// <param name="largest">The largest number that w's type holds.</param>
    /// <param name="degree">Its degree.</param>
    public static KernelModelOptions Kernel(StoredModel reader, double largest, int degree)
    {
        bool isFirst = reader.Text("version") == "1";
        return new KernelModelOptions
        {
            Degree = degree,
            Ridge = degree == 0 ? new KernelModelOptions().Ridge
                : NotNegative(reader, "ridge"),
            LearnRidge = degree > 0 && Flag(reader, "learn_ridge"),
            Kernel = SmoothingKernel.Find(reader.Text("kernel")) ?? throw reader.Unknown("kernel"),
            LearningRate = Positive(reader, "lr"),
            LeaveOneOut = Flag(reader, "leave_one_out"),
            LearnValues = !isFirst && Flag(reader, "learn_values"),
            InitialW = isFirst ? 1 : Number(reader, "initial_w", w => w > 0 && w <= largest, $"a positive number up to {Text(largest)}"),
        }.Checked();
    }

    public static AttentionRegressionOptions Attention(StoredModel reader) => new AttentionRegressionOptions
    {
        Score = reader.Name<AttentionScore>("score"),
        Hidden = Count(reader, "hidden"),
        Heads = Count(reader, "heads"),
        Dropout = Number(reader, "dropout", part => part is >= 0 and < 1, "a number of at least 0 and below 1"),
        LearningRate = Positive(reader, "lr"),
        LeaveOneOut = Flag(reader, "leave_one_out"),
        Seed = Seed(reader),
    }.Checked();

    public static InContextRegressionOptions InContext(StoredModel reader) => new InContextRegressionOptions
    {
        Hidden = Count(reader, "hidden"),
        Heads = Count(reader, "heads"),
        Blocks = Count(reader, "blocks"),
        Vary = NotNegative(reader, "vary"),
        LearningRate = Positive(reader, "lr"),
        Seed = Seed(reader),
    }.Checked();

    public static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(ulong number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(double number) => number.ToString("R", CultureInfo.InvariantCulture);

    private static string Text(bool flag) => flag ? "true" : "false";

    private static double Positive(StoredModel reader, string name) =>
        Number(reader, name, number => number > 0 && double.IsFinite(number), "a positive, finite number");

    private static double NotNegative(StoredModel reader, string name) =>
        Number(reader, name, number => number >= 0 && double.IsFinite(number), "a number of at least 0");

    private static double Number(StoredModel reader, string name, Func<double, bool> isUsable, string expected) =>
        double.TryParse(reader.Text(name), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && isUsable(number)
            ? number
            : throw reader.Unexpected(name, expected);

    private static int Count(StoredModel reader, string name) =>
        int.TryParse(reader.Text(name), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1
            ? number
            : throw reader.Unexpected(name, $"a whole number from 1 to {int.MaxValue}");

    private static ulong Seed(StoredModel reader) =>
        ulong.TryParse(reader.Text("seed"), NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed)
            ? seed
            : throw reader.Unexpected("seed", $"a whole number up to {ulong.MaxValue}");

    private static bool Flag(StoredModel reader, string name) =>
        reader.Text(name) switch { "true" => true, "false" => false, _ => throw reader.Unexpected(name, "true or false") };
}
