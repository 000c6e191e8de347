using System.Diagnostics;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.OnePass;

/// <summary>A fit of several features by moments: of rows that are read once, or of moments that others have made of theirs.</summary>
/// <param name="files">The rows; null for moments alone.</param>
/// <param name="momentFiles">The files of moments; none for rows.</param>
/// <param name="names">The columns' names where they are given.</param>
/// <param name="options">The bandwidths or their rule, and threads.</param>
/// <param name="cells">The widths of the boxes; by the bandwidths or by a first look at the rows where null.</param>
internal sealed class SurfaceFit(
    RowFiles? files, string[] momentFiles, (string? X, string? Y) names, KernelRegressionOptions options, double[]? cells)
{
    private const int Side = 120;
    private const int MostDrawn = 1000;

    // A search among more rows than these takes longer in memory than people wait for an answer that they have nearly.
    private const int MostInMemory = 20_000;

    // What to try where the narrowest bandwidth is the best one: boxes a quarter as wide.
    private const int Narrower = 4;

    public int Run(FitSettings said) => OnePassRun.In(files, momentFiles, said, (directory, path, cancellationToken) =>
    {
        long start = Stopwatch.GetTimestamp();
        bool isQuiet = said.IsQuiet || said.IsJson;
        MomentsOfFiles<BoxMoments> read = Read(directory, isQuiet, cancellationToken);
        SomeRows? atHand = read.Some is { IsAll: true } some && some.All <= MostInMemory && files!.Paths.Count == 1 ? some : null;
        BoxRegression model = ProgressBar.Show("fit", isQuiet, progress => BoxRegression.Fit(
            read.Moments,
            new MomentOptions { Degree = options.Degree, Bandwidth = options.Bandwidth, Threads = options.Threads },
            atHand is { } all ? new RowsOfBoxes(all.X, all.Y, all.Labels, all.Weights) : null,
            progress,
            cancellationToken));
        KernelRegression? rows = model.OfRows ?? InMemory(atHand, model, isQuiet, cancellationToken);
        CondensedSurface? surface = rows is null ? model.Condense(cancellationToken: cancellationToken) : null;
        Action<string, IReadOnlyDictionary<string, string>> save = rows is null ? surface!.Save : rows.Save;
        FitFacts facts = Facts(read, model, rows, Stopwatch.GetElapsedTime(start).TotalSeconds, path);
        directory.Write(() => save(path, ModelNotes.Create(facts.Features, facts.Target, facts.Kinds)));
        directory.WriteJson(RunFiles.Config, json => WriteConfig(json, read, said.Picture.Level));
        FitFiles.Write(directory, facts, said, [], Pictures(facts, read, rows is null ? surface! : rows));
    }, OnePassRun.Kept);

    // What sums say too little of is settled in memory, where the first look has all rows and these are not too many. Folds are of sums.
    private KernelRegression? InMemory(SomeRows? atHand, BoxRegression model, bool isQuiet, CancellationToken cancellationToken) =>
        model.UncertainBoxes > 0 && atHand is { } some && options.Bandwidth.Rule != BandwidthRule.KFold
            ? ProgressBar.Show("settle", isQuiet, progress => KernelRegression.Fit(
                some.X, some.Y, model.Features, options, some.Weights, progress, cancellationToken))
            : null;

    private MomentsOfFiles<BoxMoments> Read(RunDirectory directory, bool isQuiet, CancellationToken cancellationToken)
    {
        double[]? widths = cells ?? (options.Bandwidth.Values.Count > 0 ? [.. options.Bandwidth.Values] : null);
        var cut = new Cut(widths, options.Degree, Cut.FoldsOf(options.Bandwidth));
        MomentsOfFiles<BoxMoments> read = files is null ? MomentFiles.LoadBoxes(momentFiles, names.X, names.Y)
            : ProgressBar.Show(
            "read", isQuiet, progress => MomentFiles.OfBoxes(files, cut).Read(null, directory, progress, cancellationToken));
        cut.CheckFolds(read.Moments.Grid.Folds);
        int given = options.Bandwidth.Values.Count;
        int features = read.Moments.Grid.Features;
        return given <= 1 || given == features ? read
            : throw CliException.WrongInput($"--bandwidth: expected one number or {features}, one for each feature, got {given}");
    }

    private FitFacts Facts(MomentsOfFiles<BoxMoments> read, BoxRegression model, KernelRegression? rows, double time, string path) => new()
    {
        Data = OnePassRun.NameOf(files, momentFiles),
        Rows = read.Rows,
        DroppedRows = read.LeftOut.Missing,
        Features = read.Columns.Features(model.Features),
        Kinds = read.Columns.Kinds,
        Target = read.Columns.Y,
        Weighting = read.Columns.Weighting(model.Count, model.TotalWeight),
        Targets = ModelNotes.Split(read.Columns.Y, model.Columns),
        Options = options,
        Bandwidths = rows?.Bandwidths ?? model.Bandwidths,
        Search = rows is null ? model.Search : rows.Search,
        SpansWithinOneStandardError = [],
        Notes = [.. Notes(read, model, rows)],
        Diagnostics = rows?.Diagnostics ?? model.Diagnostics,
        Classes = model.Classes,
        LogLoss = model.Classes.Count > 0 ? model.LeaveOneOutLogLoss : null,
        Seconds = time,
        Model = path,
    };

    private static IEnumerable<string> Notes(MomentsOfFiles<BoxMoments> read, BoxRegression model, KernelRegression? rows)
    {
        foreach (string note in (rows is null ? model.Search : rows.Search) is { } search
            ? FitFiles.SearchNotes(
                search, read.Columns.Features(model.Features), read.Columns.Y, model.Degree,
                rows is null ? [.. read.Moments.Grid.Widths.Select(width => width / Narrower)] : [])
            : [])
        {
            yield return note;
        }

        if (model.LonelyRows > 0 && rows is null)
        {
            yield return $"{model.LonelyRows} {(model.LonelyRows == 1 ? "row has" : "rows have")} no other within six bandwidths: "
                + (model.Degree == 0 ? "the nearest speaks for it" : "the plane of the nearest speaks for it");
        }

        if (model.UncertainBoxes > 0)
        {
            yield return $"in {model.UncertainBoxes} of {read.Moments.Boxes} boxes rows lie close together or on a line beside the "
                + "bandwidths: " + (rows is null
                    ? "errors of planes are a rough estimate there; narrower cells (--cell) tell more, and a fit in memory all"
                    : "sums say too little of planes there, and the rows were fitted in memory");
        }

        if (model.AreThin)
        {
            yield return "a feature is what others add up to but for less than a 256th of its range, and sums hold too few digits of what "
                + "is left: " + (rows is null
                    ? "the error is a rough estimate; a fit in memory tells more, as does one without that feature"
                    : "the rows were fitted in memory");
        }
        else if (model.OfRows is not null)
        {
            yield return $"{model.Count} rows lie in {read.Moments.Boxes} boxes, too few in each for their sums to gain anything: they "
                + "were fitted as rows, as in memory";
        }
        else if (rows is null)
        {
            yield return "the leave-one-out error is an estimate: no bound is proved with several features";
        }
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
        read.Columns.WriteWeights(json);
        json.WriteBoolean("classes", read.Moments.Grid.HasClasses);
        json.WriteBoolean("one_pass", true);
        json.WriteNumbers("cell", read.Moments.Grid.Widths);
        json.WriteNumber("cells", read.Moments.Boxes);
        FitFiles.WriteOptions(json, options, level);
    }

    private static IEnumerable<(string Name, Func<Figure> Draw)> Pictures(
        FitFacts facts, MomentsOfFiles<BoxMoments> read, IPredictor surface)
    {
        var title = new FigureOptions { Title = FitFiles.TitleOf(facts), XKind = facts.KindOf(0), YKind = facts.KindOf(1) };
        var plane = new Plane(facts, read, surface);
        if (facts.Features.Count == 2 && surface.Classes.Count > 0)
        {
            yield return ("probabilities", () => plane.Probabilities(title));
        }

        for (int column = 0; column < surface.Columns && facts.Features.Count == 2 && surface.Classes.Count == 0; column++)
        {
            int c = column;
            yield return (surface.Columns == 1 ? "fit" : $"fit-{c + 1}", () => plane.Surface(c, title));
        }

        if (facts.HasSearch)
        {
            yield return ("bandwidth", () => Figures.PlotBandwidthSearch(facts.Search!, facts.Features, title));
        }
    }

    /// <summary>Pictures over both features.</summary>
    private sealed class Plane(FitFacts facts, MomentsOfFiles<BoxMoments> read, IPredictor surface)
    {
        private readonly (double Least, double Most) _first = read.Moments.Ranges[0];
        private readonly (double Least, double Most) _second = read.Moments.Ranges[^1];

        /// <summary>One target.</summary>
        public Figure Surface(int column, FigureOptions title)
        {
            int[] drawn = Drawn(_ => true);
            return Figures.PlotSurface(
                Means()[column], _first, _second, Circles(drawn), facts.Features[0], facts.Features[1], facts.Targets[column],
                [.. drawn.Select(i => read.Some!.Y[(i * surface.Columns) + column])], title);
        }

        /// <summary>The largest classes.</summary>
        public Figure Probabilities(FigureOptions title)
        {
            double[][,] means = Means();
            int[] shown = [.. Enumerable.Range(0, means.Length)
                .OrderByDescending(c => means[c].Cast<double>().Where(double.IsFinite).Sum()).Take(FitPictures.MostClasses)];
            string most = shown.Length < means.Length ? $"; {shown.Length} of {means.Length} classes" : "";
            return Figures.PlotSurfacePanels(
                [.. shown.Select(c => new SurfacePanel(
                    means[c], NameOf(surface.Classes[c]), Circles(Drawn(i => read.Some!.Labels![i] == surface.Classes[c]))))],
                _first, _second, facts.Features[0], facts.Features[1],
                title with { Title = title.Title + most, ColorLabel = "probability", YKind = facts.KindOf(1) });
        }

        private string NameOf(string label) =>
            $"{PlainText.Brief(label)} (n = {NumberText.Format(read.Moments.CountOf(label))})";

        private int[] Drawn(Func<int, bool> isAsked)
        {
            int[] rows = [.. Enumerable.Range(0, (read.Some?.X.Length ?? 0) / 2).Where(isAsked)];
            int step = Math.Max(1, (rows.Length + MostDrawn - 1) / MostDrawn);
            return [.. rows.Where((_, i) => i % step == 0)];
        }

        private Series Circles(int[] rows) =>
            new("", [.. rows.Select(i => read.Some!.X[2 * i])], [.. rows.Select(i => read.Some!.X[(2 * i) + 1])]);

        // The second feature from its largest place down, as a picture's rows go; nothing where no row is near.
        private double[][,] Means()
        {
            static double At((double Least, double Most) range, int i) => range.Least + ((range.Most - range.Least) * i / (Side - 1));
            double[] places = [.. Enumerable.Range(0, Side * Side).SelectMany(
                i => (double[])[At(_first, i % Side), At(_second, Side - 1 - (i / Side))])];
            Predictions predictions = surface.Predict(places);
            double[][,] means = [.. Enumerable.Range(0, surface.Columns).Select(_ => new double[Side, Side])];
            for (int i = 0; i < Side * Side; i++)
            {
                for (int c = 0; c < means.Length; c++)
                {
                    means[c][i / Side, i % Side] = predictions.IsInGap[i] ? double.NaN : predictions.Mean[(i * means.Length) + c];
                }
            }

            return means;
        }
    }
}
