using System.Diagnostics;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.OnePass;

/// <summary>A fit of several features by moments: of rows that are read once, or of moments that others have made of theirs.</summary>
/// <param name="files">The rows; null for moments alone.</param>
/// <param name="momentFiles">The files of moments; none for rows.</param>
/// <param name="options">The bandwidths or their rule, and threads.</param>
/// <param name="cells">The widths of the boxes; by the bandwidths or by a first look at the rows where null.</param>
internal sealed class SurfaceFit(RowFiles? files, string[] momentFiles, KernelRegressionOptions options, double[]? cells)
{
    private const int Side = 120;
    private const int MostDrawn = 1000;

    // What to try where the narrowest bandwidth is the best one: boxes a quarter as wide.
    private const int Narrower = 4;

    public int Run(FitSettings said) => OnePassRun.In(files, momentFiles, said, (directory, path, cancellationToken) =>
    {
        long start = Stopwatch.GetTimestamp();
        bool isQuiet = said.IsQuiet || said.IsJson;
        MomentsOfFiles<BoxMoments> read = Read(directory, isQuiet, cancellationToken);
        BoxRegression model = ProgressBar.Show("fit", isQuiet, progress => BoxRegression.Fit(
            read.Moments,
            new MomentOptions { Bandwidth = options.Bandwidth, Threads = options.Threads },
            progress,
            cancellationToken));
        CondensedSurface surface = model.Condense(cancellationToken: cancellationToken);
        FitFacts facts = Facts(read, model, Stopwatch.GetElapsedTime(start).TotalSeconds, path);
        directory.Write(() => surface.Save(path, ModelNotes.Create(facts.Features, facts.Target, facts.Kinds)));
        directory.WriteJson(RunFiles.Config, json => WriteConfig(json, read, said.Picture.Level));
        FitFiles.Write(directory, facts, said, [], Pictures(facts, read, surface));
    }, OnePassRun.Kept);

    private MomentsOfFiles<BoxMoments> Read(RunDirectory directory, bool isQuiet, CancellationToken cancellationToken)
    {
        double[]? widths = cells ?? (options.Bandwidth.Values.Count > 0 ? [.. options.Bandwidth.Values] : null);
        MomentsOfFiles<BoxMoments> read = files is null ? MomentsOfFiles<BoxMoments>.Load(momentFiles) : ProgressBar.Show(
            "read", isQuiet, progress => MomentFiles.OfBoxes(files, new Cut(widths, 0, 0)).Read(
                null, directory, progress, cancellationToken));
        int given = options.Bandwidth.Values.Count;
        int features = read.Moments.Grid.Features;
        return given <= 1 || given == features ? read
            : throw CliException.WrongInput($"--bandwidth: expected one number or {features}, one for each feature, got {given}");
    }

    private FitFacts Facts(MomentsOfFiles<BoxMoments> read, BoxRegression model, double seconds, string path) => new()
    {
        Data = OnePassRun.NameOf(files, momentFiles),
        Rows = model.Count,
        DroppedRows = read.Dropped,
        Features = read.Columns.Features(model.Features),
        Kinds = read.Columns.Kinds,
        Target = read.Columns.Y,
        Options = options,
        Bandwidths = model.Bandwidths,
        Search = model.Search,
        SpansWithinOneStandardError = [],
        Notes = [.. Notes(read, model)],
        Diagnostics = model.Diagnostics,
        Seconds = seconds,
        Model = path,
    };

    private static IEnumerable<string> Notes(MomentsOfFiles<BoxMoments> read, BoxRegression model)
    {
        foreach (string note in model.Search is { } search
            ? FitFiles.SearchNotes(
                search, read.Columns.Features(model.Features), read.Columns.Y, 0,
                [.. read.Moments.Grid.Widths.Select(width => width / Narrower)])
            : [])
        {
            yield return note;
        }

        if (model.LonelyRows > 0)
        {
            yield return $"{model.LonelyRows} {(model.LonelyRows == 1 ? "row has" : "rows have")} no other within six bandwidths: "
                + "the nearest speaks for it";
        }

        yield return "the leave-one-out error is an estimate: no bound is proved with several features";
    }

    private void WriteConfig(Utf8JsonWriter json, MomentsOfFiles<BoxMoments> read, double level)
    {
        json.WriteString("command", "fit");
        json.WriteString(
            "data",
            files is null ? string.Join(' ', momentFiles.Select(Path.GetFullPath))
                : File.Exists(files.Source) ? Path.GetFullPath(files.Source)
                : files.Source);
        json.WriteStrings("x", read.Columns.Features(read.Moments.Grid.Features));
        json.WriteString("y", read.Columns.Y);
        json.WriteBoolean("one_pass", true);
        json.WriteNumbers("cell", read.Moments.Grid.Widths);
        json.WriteNumber("cells", read.Moments.Boxes);
        FitFiles.WriteOptions(json, options, level);
    }

    private static IEnumerable<(string Name, Func<Figure> Draw)> Pictures(
        FitFacts facts, MomentsOfFiles<BoxMoments> read, CondensedSurface surface)
    {
        var title = new FigureOptions { Title = FitFiles.TitleOf(facts), XKind = facts.KindOf(0), YKind = facts.KindOf(1) };
        if (facts.Features.Count == 2)
        {
            yield return ("fit", () => Surface(facts, read, surface, title));
        }

        if (facts.HasSearch)
        {
            yield return ("bandwidth", () => Figures.PlotBandwidthSearch(facts.Search!, facts.Features, title));
        }
    }

    // The second feature from its largest place down, as a picture's rows go; nothing where no row is near.
    private static Figure Surface(FitFacts facts, MomentsOfFiles<BoxMoments> read, CondensedSurface surface, FigureOptions title)
    {
        ((double least, double most) first, (double least, double most) second) = (read.Moments.Ranges[0], read.Moments.Ranges[1]);
        double At((double Least, double Most) range, int i) => range.Least + ((range.Most - range.Least) * i / (Side - 1));
        double[] places = [.. Enumerable.Range(0, Side * Side).SelectMany(
            i => (double[])[At(first, i % Side), At(second, Side - 1 - (i / Side))])];
        Predictions predictions = surface.Predict(places);
        double[,] means = new double[Side, Side];
        for (int i = 0; i < Side * Side; i++)
        {
            means[i / Side, i % Side] = predictions.IsInGap[i] ? double.NaN : predictions.Mean[i];
        }

        double[] x = read.Some?.X ?? [];
        double[] y = read.Some?.Y ?? [];
        int step = Math.Max(1, (y.Length + MostDrawn - 1) / MostDrawn);
        int[] drawn = [.. Enumerable.Range(0, y.Length).Where(i => i % step == 0)];
        var points = new Series("", [.. drawn.Select(i => x[2 * i])], [.. drawn.Select(i => x[(2 * i) + 1])]);
        return Figures.PlotSurface(
            means, first, second, points, facts.Features[0], facts.Features[1], facts.Target, [.. drawn.Select(i => y[i])], title);
    }
}
