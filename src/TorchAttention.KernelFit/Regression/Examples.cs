using TorchAttention.Cli.Output;
using TorchAttention.Files;
using TorchAttention.Numerics;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Groups;

namespace TorchAttention.Cli.Regression;

/// <summary>Features and target of a file's rows.</summary>
internal sealed partial record Examples
{
    /// <summary>Standard input, where a file is expected.</summary>
    public const string Standard = "-";

    /// <summary>More texts are hardly names of classes.</summary>
    public const int MostClasses = 1000;
    public const string StandardInput = "standard input";

    /// <summary>A short name for folders.</summary>
    public required string Name { get; init; }

    /// <summary>The file or table, for messages.</summary>
    public required string Source { get; init; }

    public required IReadOnlyList<string> Features { get; init; }

    /// <summary>What the features are.</summary>
    public required IReadOnlyList<ColumnKind> Kinds { get; init; }

    public required string Target { get; init; }

    /// <summary>Keys (n, d).</summary>
    public required double[] X { get; init; }

    /// <summary>Values (n); empty for classes.</summary>
    public required double[] Y { get; init; }

    /// <summary>The class of each row; null for a regression.</summary>
    public IReadOnlyList<string>? Labels { get; init; }

    /// <summary>The text of the target that is 1, where there are two and the other is 0; null for numbers.</summary>
    public string? Yes { get; init; }

    /// <summary>The group of each row; null where there are none.</summary>
    public IReadOnlyList<string>? Groups { get; init; }

    public double[] Weights { get; init; } = [];

    public long DroppedRows { get; init; }

    /// <summary>The rows without a target, which are predicted; none as a rule.</summary>
    public UnansweredRows Unanswered { get; init; } = new([], [], []);

    /// <summary>The column of weights; null for none.</summary>
    public string? WeightsColumn { get; init; }

    /// <summary>What they are.</summary>
    public WeightMeaning WeightsAre { get; init; }

    /// <summary>Whether a missing name of a category is a level of its own.</summary>
    public bool MissingIsLevel { get; init; }

    /// <summary>How the file was read.</summary>
    public CsvOptions Csv { get; init; } = new();

    /// <summary>The category of each feature, null where it is one of numbers; null where all are.</summary>
    public IReadOnlyList<Category?>? Categories { get; init; }

    /// <summary>A number of a feature as its column writes it.</summary>
    public string Format(int feature, double x) =>
        Categories?[feature] is { } category ? category.Levels[(int)x] : Kinds[feature].Format(x);

    public double WeightAt(int row) => Weights.Length == 0 ? 1 : Weights[row];

    public int Count => X.Length / Features.Count;

    public static Examples Read(string data, string? x, string? y, string? weights, bool classes, CsvOptions options,
        WeightMeaning weightsAre = default, string? by = null, bool predictsMissing = false,
        bool missingIsLevel = false, IReadOnlyDictionary<string, string[]>? categories = null)
    {
        BuiltInTable? builtIn = BuiltInTable.Find(data);
        if (builtIn is null && data != Standard && !Path.Exists(data) && !data.AsSpan().ContainsAny('/', '\\', '.'))
        {
            throw CliException.WrongInput(
                $"--data: no table or file '{PlainText.Brief(data)}'; the built-in tables are {ExamplesOptions.BuiltIn}");
        }

        using TableRows rows = builtIn is not null ? CsvRows.Open(builtIn.Open(), builtIn.Name) : Open(data, options);
        (string[] features, string target) = Choose(builtIn, rows.Header, x, y, data, options.Delimiter);
        if (!rows.Header.Contains(target) && target.Split(',') is { Length: > 1 } targets && targets.All(rows.Header.Contains))
        {
            throw CliException.WrongInput($"--y: expected one column, got '{PlainText.Brief(target)}'; fit --one-pass takes several");
        }

        string[] columns = [.. features, .. classes ? (string[])[] : [target], .. weights is null ? (string[])[] : [weights]];
        if (columns.Append(target).Distinct().Count() < columns.Length + (classes ? 1 : 0))
        {
            throw CliException.WrongInput($"--x: expected columns that are not named twice, got {PlainText.List(columns)}");
        }

        if (predictsMissing && classes)
        {
            throw CliException.WrongInput("--missing predict: expected a target of numbers, got classes");
        }

        if (by is not null && (classes || columns.Contains(by)))
        {
            throw CliException.WrongInput(classes ? "--by: expected a target of numbers, got classes"
                : $"--by: expected another column than the features, the target and the weights, got '{PlainText.Brief(by)}'");
        }

        if (categories?.Keys.FirstOrDefault(name => !features.Contains(name)) is string stranger)
        {
            throw CliException.WrongInput(
                $"--category, --ordered: expected one of the features {PlainText.List(features)}, got '{PlainText.Brief(stranger)}'");
        }

        rows.Choose(
            columns, classes ? target : by, notNegative: weights, kinds: [.. features.Select(
                name => categories?.ContainsKey(name) == true ? ColumnKind.Category : (ColumnKind?)null)],
            mayMiss: predictsMissing ? target : null);
        if (missingIsLevel)
        {
            rows.TakeMissingAsLevel();
        }

        if (weightsAre == WeightMeaning.Frequencies)
        {
            rows.ExpectWhole();
        }

        List<double>[] values = [.. columns.Select(_ => new List<double>())];
        var labels = new List<string>();
        int count = ReadRows(rows, values, labels, null, classes ? [] : [target]);
        if (count == 0 || rows.MissingNumber is not null)
        {
            throw rows.MissingNumber ?? rows.NoData();
        }

        int classCount = labels.Distinct().Count();
        if (classes && classCount > MostClasses)
        {
            throw TooManyClasses(data, target, $"{classCount}");
        }

        double[] keys = new double[count * features.Length];
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < features.Length; j++)
            {
                keys[(i * features.Length) + j] = values[j][i];
            }
        }

        Category?[] found = [];
        if (Array.FindIndex(rows.Kinds.ToArray(), kind => kind == ColumnKind.Category) is >= 0 and int text)
        {
            found = categories is not null ? CategoryOptions.Arrange(rows, features, keys, categories, data)
                : throw CliException.WrongInput(
                    $"{PlainText.Brief(data, 500)}, column '{PlainText.Brief(features[text])}': expected numbers, found "
                        + $"'{PlainText.Brief(rows.LevelsOf(text)[0])}'");
        }

        var examples = new Examples
        {
            Name = builtIn?.Name ?? (data == Standard ? "stdin" : Path.GetFileNameWithoutExtension(data)),
            Source = builtIn?.Name ?? (data == Standard ? StandardInput : data),
            Features = features,
            Kinds = [.. rows.Kinds.Take(features.Length)],
            Target = target,
            X = keys,
            Y = classes ? [] : [.. values[features.Length]],
            Labels = classes ? labels : null,
            Groups = by is null ? null : labels,
            Weights = weights is null ? [] : [.. values[^1]],
            DroppedRows = rows.DroppedRows,
            WeightsColumn = weights,
            WeightsAre = weightsAre,
            MissingIsLevel = missingIsLevel,
            Csv = options,
            Categories = found.Length == 0 ? null : found,
        };
        return examples.Y.Any(double.IsNaN) ? examples.WithUnanswered() : examples;
    }

    // Those without a target apart from the others.
    private Examples WithUnanswered()
    {
        ILookup<bool, int> isMissing = Enumerable.Range(0, Count).ToLookup(i => double.IsNaN(Y[i]));
        (int[] rows, int[] unanswered) = ([.. isMissing[false]], [.. isMissing[true]]);
        int d = Features.Count;
        double[] keysOf(int[] rows) => [.. rows.SelectMany(i => X.AsSpan(i * d, d).ToArray())];
        return rows.Length == 0
            ? throw new TableException(TableProblem.Empty, Source)
            {
                Column = Target,
                Expected = "numbers to fit the others' to",
                Found = $"none in {Count} rows",
            }
            : this with
            {
                X = keysOf(rows),
                Y = [.. rows.Select(i => Y[i])],
                Groups = Groups is null ? null : [.. rows.Select(i => Groups[i])],
                Weights = Weights.Length == 0 ? [] : [.. rows.Select(i => Weights[i])],
                Unanswered = new UnansweredRows(
                    unanswered, keysOf(unanswered), Groups is null ? [] : [.. unanswered.Select(i => Groups[i])]),
            };
    }

    /// <summary>The same for pictures: features that repeat within their period, which begins at 0.</summary>
    public Examples InOnePeriod(IReadOnlyList<double> periods) =>
        periods.Count == 0 ? this : this with
        {
            X = [.. X.Select((x, i) => periods[i % periods.Count] is var period && double.IsFinite(period)
                ? x - (period * Math.Floor(x / period)) : x)],
            Kinds = [.. Kinds.Zip(periods, (kind, period) =>
                double.IsFinite(period) && kind != ColumnKind.Duration ? ColumnKind.Number : kind)],
        };

    /// <summary>Writes what they are, at the beginning of what was found.</summary>
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("data", Name);
        json.WriteNumber("rows", Count);
        json.WriteNumber("dropped_rows", DroppedRows);
        json.WriteNumber("predicted_rows", Unanswered.Count);
        json.WriteStrings("x", Features);
        json.WriteStrings("x_kinds", Kinds.Select(Options.Name));
        json.WriteString("y", Target);
        WriteWeights(json);
    }

    /// <summary>Opens a file, or standard input for -.</summary>
    public static TableRows Open(string data, CsvOptions options)
    {
        DataStream.RefuseClosed("--data", data);
        return data.Length == 0 ? throw CliException.WrongInput("--data: expected a file, got ''")
            : data == Standard ? CsvRows.Open(DataStream.OpenInput("--data"), StandardInput, options)
            : TableFile.Open(data, options);
    }

    /// <summary>Fits a model to the rows.</summary>
    public KernelRegression Fit(KernelRegressionOptions options, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        int d = Features.Count;
        return Named(() => Labels is null
            ? KernelRegression.Fit(X, Y, d, options, Weights, progress, cancellationToken)
            : KernelRegression.FitClasses(X, Labels, d, options, Weights, progress, cancellationToken));
    }

    /// <summary>Fits a curve to each group.</summary>
    public GroupedRegression FitGroups(
        KernelRegressionOptions options, GroupBandwidths bandwidths, IProgress<double>? progress, CancellationToken cancellationToken) =>
        Named(() => GroupedRegression.Fit(
            Groups!, X, Y, Features.Count, options, bandwidths, Weights, progress, cancellationToken));

    /// <summary>Does some work; what is wrong with the data is said of columns, where the library counts features.</summary>
    public T Named<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (RegressionDataException e)
        {
            throw new TableException(TableProblem.Unusable, Source, e)
            {
                Column = e.Kind == RegressionProblem.Weights ? WeightsColumn
                    : e.Feature is int feature ? Features[feature]
                    : e.ValueColumn is not null ? Target : null,
                Expected = e.Expected,
                Found = e is { Kind: RegressionProblem.NoSpread, Feature: int same } && Kinds[same] != ColumnKind.Number
                    ? $"{Kinds[same].Format(X[same])} everywhere: no bandwidth can be chosen by it" : e.Got,
            };
        }
    }

    /// <summary>The error for a column of too many classes.</summary>
    public static TableException TooManyClasses(string data, string target, string found) => new(TableProblem.TooManyClasses, data)
    {
        Column = target,
        Expected = $"at most {MostClasses} classes",
        Found = $"{found} different texts; a column of numbers is fitted without --classes",
    };

    // A column of text where numbers are expected may well be one of classes.
    public static int ReadRows(
        TableRows rows,
        List<double>[] values,
        List<string> labels,
        List<string>[]? kept,
        IReadOnlyList<string>? targets,
        int most = int.MaxValue)
    {
        try
        {
            return Advised(() => rows.Read(values, most, labels, kept));
        }
        catch (TableException e) when (e.Kind == TableProblem.NotANumber && IsName(e.Found!))
        {
            string advice = targets?.Contains(e.Column) == true
                ? targets.Count == 1 ? "for a column of classes add --classes" : "a column of classes is fitted alone, with --classes"
                : "the first row has a number there; --category says that its fields are names";
            throw CliException.WrongInput($"{e.Message}; {advice}", e);
        }
    }

    /// <summary>Reads numbers, and says of those that are missing or written otherwise which option is for them.</summary>
    public static T Advised<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (TableException e) when (e.Kind == TableProblem.NotANumber && IsGrouped(e.Found!))
        {
            throw CliException.WrongInput($"{e.Message}; --decimal-comma and --thousands say how numbers are written", e);
        }
        catch (TableException e) when (e.Kind == TableProblem.NotANumber && e.Found!.Count(letter => letter == '/') == 2
            && !e.Expected!.EndsWith(TimeReader.First, StringComparison.Ordinal))
        {
            throw CliException.WrongInput($"{e.Message}; --dates day-first or month-first says how others are read", e);
        }
        catch (TableException e) when (e.Kind == TableProblem.Missing)
        {
            throw CliException.WrongInput($"{e.Message}; --missing drop leaves such rows out", e);
        }
    }

    // 1,000 and 3% are numbers written otherwise, and inf is none that can be used.
    private static bool IsName(string field) =>
        !field.Any(char.IsAsciiDigit) && !field.TrimStart('+', '-').StartsWith("inf", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a field is a number with marks that are not understood.</summary>
    private static bool IsGrouped(string field) =>
        field.Any(char.IsAsciiDigit) && !field.All(char.IsAsciiDigit) && field.LastIndexOf('-') <= 0
            && field.All(letter => char.IsAsciiDigit(letter) || "+-.,' \u00a0\u202f".Contains(letter));

    /// <summary>The columns asked for, or those that a file of two has.</summary>
    public static (string[] Features, string Target) Choose(
        BuiltInTable? builtIn, IReadOnlyList<string> header, string? x, string? y, string data, char delimiter)
    {
        string[]? features = x?.Split(',').Select(name => name.Trim()).ToArray();
        if (features is not null && features.Contains(""))
        {
            throw CliException.WrongInput($"--x: expected columns separated by commas, got '{x}'");
        }

        if (builtIn is not null)
        {
            string target = y ?? builtIn.Y;
            return (features ?? [builtIn.X == target ? builtIn.Y : builtIn.X], target);
        }

        return features is not null && y is not null ? (features, y)
            : header.Count == 2
            ? (features ?? [header[0] == y ? header[1] : header[0]], y ?? (features?[0] == header[1] ? header[0] : header[1]))
            : throw CliException.WrongInput(
                $"{PlainText.Brief(data, 500)}: name the columns with --x and --y; {CsvTable.Describe(header, delimiter)}");
    }
}
