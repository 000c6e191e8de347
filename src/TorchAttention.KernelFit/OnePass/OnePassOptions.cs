using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.OnePass;

/// <summary>The options of fit that ask for one pass over the rows, and when it is taken without being asked for.</summary>
/// <param name="clusters">Clusters that may have the rows; null for none.</param>
internal sealed class OnePassOptions(IShardClusters? clusters)
{
    // In memory such a file takes some gigabytes.
    private const long MostInMemory = 1L << 30;

    private readonly Option<bool> _onePass = Options.Flag(
        "--one-pass",
        "Read the rows once and keep moments of them instead: any number of rows, the same numbers, and with one feature a bound on "
            + "the error (at most three features); taken by itself for files beyond 1 GB and for patterns such as 'big/*.csv'");

    private readonly Option<string[]> _moments = new("--moments")
    {
        Description = "Fit moments that were saved by moments, instead of rows; several are added",
        HelpName = "files",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string?> _shards = Shards();
    private readonly Option<double[]?> _cell = Cell();

    public static Option<string?> Shards() => Options.Text(
        "--shards", "file", $"Instead of --data, rows that shard dealt to files: their {ShardManifest.FileName}; they are read once");

    public static Option<double[]?> Cell() => Options.PositiveNumbers(
        "--cell",
        "The width of the cells that moments are kept in, of each feature with commas between them, rounded down to a power of 2 "
            + "(default: a third of a first bandwidth)");

    /// <summary>Rows of shards, of files or of a cluster; null where no shards are asked for.</summary>
    /// <param name="shards">What <c>--shards</c> says.</param>
    /// <param name="clusters">Clusters that may have the rows; null for none.</param>
    /// <param name="parsed">The options.</param>
    public static RowFiles? FilesOf(string? shards, IShardClusters? clusters, ParseResult parsed)
    {
        string? cluster = clusters is null ? null : parsed.GetValue(clusters.Option);
        return shards is not null
            ? new RowFiles(
                shards, cluster is null ? null : manifest => clusters!.ConnectAsync(cluster, manifest, parsed).GetAwaiter().GetResult())
            : cluster is null ? null
            : throw CliException.WrongInput($"--shards: expected the {ShardManifest.FileName} of what the cluster serves, got none");
    }

    public void AddTo(Command command)
    {
        command.AddAll(_onePass, _moments, _shards, _cell);
        command.AddAll(clusters is null ? [] : [clusters.Option, .. clusters.PeerOptions]);
    }

    /// <summary>The fit in one pass, where it is asked for or needed; else null.</summary>
    public OnePassFit? Read(ParseResult parsed, ExamplesOptions examples, KernelRegressionOptions options)
    {
        (string? data, string? x, string? y, string? weights, CsvOptions csv) = examples.Names(parsed);
        string[] moments = parsed.GetValue(_moments) ?? [];
        Option asked = _onePass;
        RowFiles? shards = FilesOf(parsed.GetValue(_shards), clusters, parsed);
        if (shards is not null)
        {
            asked = _shards;
            examples.Refuse(parsed, asked.Name);
            if (moments.Length > 0)
            {
                throw CliException.WrongInput("--shards: expected no --moments beside it, which are of other rows");
            }

            x = shards.Columns.X;
        }
        else if (moments.Length > 0)
        {
            asked = _moments;
            if (data is not null)
            {
                throw CliException.WrongInput("--moments: expected no --data beside moments, which hold what is needed of the rows");
            }

            if (parsed.NumbersOf(_cell) is not null)
            {
                throw CliException.WrongInput("--cell: expected none beside --moments, which have the cells' width");
            }

            string? given = weights is not null ? "--weights" : examples.AreClasses(parsed) ? "--classes" : null;
            if (given is not null)
            {
                throw CliException.WrongInput($"--moments: expected no {given} beside moments, which have them or not");
            }
        }
        else if (!parsed.GetValue(_onePass))
        {
            bool isLong = data is not null && File.Exists(data) && new FileInfo(data).Length > MostInMemory;
            bool isMany = data is not null && data != Examples.Standard && BuiltInTable.Find(data) is null
                && (RowFiles.IsPattern(data) || (isLong && IsAnswered(options)));
            if (!isMany)
            {
                return parsed.NumbersOf(_cell) is null ? null
                    : throw CliException.WrongInput("--cell: expected --one-pass beside it");
            }
        }

        WeightMeaning weightsAre = examples.MeaningOf(parsed);
        if (examples.AreClasses(parsed))
        {
            FitOptions.CheckDegreeOfClasses(options);
        }

        bool ends = double.IsFinite(options.Kernel.Support);
        if (ends && moments.Length == 0 && parsed.NumbersOf(_cell) is not null)
        {
            throw CliException.WrongInput($"--cell: expected the gaussian kernel beside it, got {options.Kernel}, which has no moments");
        }

        bool isOfMoments = moments.Length > 0;
        bool isOfBoxes = isOfMoments ? moments.Any(MomentFiles.AreOfBoxes) : x?.Contains(',', StringComparison.Ordinal) == true;
        if (isOfBoxes)
        {
            CheckBoxes(asked.Name, options);
        }

        if ((!isOfBoxes && !IsAnswered(options)) || (ends && (isOfMoments || options.Bandwidth.Rule == BandwidthRule.KFold)))
        {
            if (isOfMoments && options.Bandwidth.Values.Count > 1)
            {
                // There are moments of several bandwidths, and a file that is none of them is what is wrong.
                MomentFiles.LoadCells(moments, x, y);
            }

            throw CliException.WrongInput(
                $"{asked.Name}: expected {(isOfMoments ? "the gaussian kernel, " : "")}the degree 0 or 1 without a ridge, and a "
                    + $"bandwidth of one number or loo, gcv{(ends ? " or aicc" : ", aicc or kfold")}, got {options.Kernel.Name}, "
                    + $"{FitOptions.Local(options)} and {FitOptions.NameOf(options.Bandwidth)}"
                    + (options.SearchBounds is null ? "" : " with --search-bounds")
                    + (options.LeaveOutTies ? " with --leave-out-ties" : ""));
        }

        return new OnePassFit(
            moments.Length > 0 ? null
                : shards ?? new RowFiles(
                    data ?? throw CliException.WrongInput("--data: expected a file or a built-in table, got none"), x, y, weights, csv,
                    examples.AreClasses(parsed), weightsAre: weightsAre),
            moments,
            (x, y),
            options,
            parsed.NumbersOf(_cell));
    }

    private static void CheckBoxes(string asked, KernelRegressionOptions options)
    {
        // Of several bandwidths there is one for each feature.
        bool isOfEach = options.Bandwidth is { Rule: null, Values.Count: > 1 };
        if (double.IsFinite(options.Kernel.Support) || !IsAnswered(isOfEach ? options with { Bandwidth = Bandwidth.Fixed(1) } : options))
        {
            throw CliException.WrongInput(
                $"{asked}: expected the gaussian kernel, the degree 0 or 1 without a ridge, and bandwidths of numbers or loo, gcv, aicc or "
                    + $"kfold with several features, got {options.Kernel.Name}, {FitOptions.Local(options)} and "
                    + FitOptions.NameOf(options.Bandwidth)
                    + (options.SearchBounds is null ? "" : " with --search-bounds")
                    + (options.LeaveOutTies ? " with --leave-out-ties" : ""));
        }
    }

    /// <summary>Whether moments of one feature answer, or rows in order.</summary>
    public static bool IsAnswered(KernelRegressionOptions options) =>
        !options.IsPolynomial && options.RobustIterations == 0 && options.Degrees.Count == 0 && options.Ridge is null or 0
        && options.SearchBounds is null && !options.LeaveOutTies
        && (options.Bandwidth.Values.Count == 1
            || options.Bandwidth.Rule is BandwidthRule.LeaveOneOut or BandwidthRule.GCV or BandwidthRule.AICc or BandwidthRule.KFold);
}
