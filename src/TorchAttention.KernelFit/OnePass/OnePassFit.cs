using System.Diagnostics;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.OnePass;

/// <summary>A fit by moments: of rows that are read once, or of moments that others have made of theirs.</summary>
/// <param name="files">The rows; null for moments alone.</param>
/// <param name="momentFiles">The files of moments; none for rows.</param>
/// <param name="names">The columns' names where they are given.</param>
/// <param name="options">The bandwidth or its rule, and threads.</param>
/// <param name="cells">The width of the cells, for all features or for each; by a first look at the rows where null.</param>
internal sealed class OnePassFit(
    RowFiles? files, string[] momentFiles, (string? X, string? Y) names, KernelRegressionOptions options, double[]? cells) : IDisposable
{
    private const double CellsOfBandwidth = 4;

    // Farther out moments have no band.
    private const double MostBandwidths = 3;

    // At a bandwidth that is found with rows that were read again others may be open.
    private const int MostPassesAgain = 3;

    // What to try where the narrowest bandwidth is the best one: cells an eighth as wide.
    private const int Narrower = 8;

    // By a bandwidth that is given, or by a first look.
    private Cut Cut => new(
        cells ?? (options.Bandwidth.Values.Count == 1 ? [options.Bandwidth.Values[0] / CellsOfBandwidth] : null),
        options.Degree,
        Cut.FoldsOf(options.Bandwidth));

    /// <inheritdoc/>
    public void Dispose() => files?.Dispose();

    public int Run(FitSettings said)
    {
        string? option = said.Picture.By is not null ? "--by" : said.Picture.IsLogX ? "--log-x" : said.Picture.IsLogY ? "--log-y" : null;
        if (option is not null)
        {
            throw CliException.WrongInput($"{option}: expected a fit in memory, got one in one pass");
        }

        if (files is not null && double.IsFinite(options.Kernel.Support))
        {
            return new OrderedFit(files, options).Run(said);
        }

        Cut.Check(files?.Features ?? 1);
        if (files?.Features > 1 || momentFiles.Any(MomentFiles.AreOfBoxes))
        {
            return new SurfaceFit(files, momentFiles, names, options, cells).Run(said);
        }

        return OnePassRun.In(files, momentFiles, said, (directory, path, cancellationToken) =>
        {
            long start = Stopwatch.GetTimestamp();
            (MomentsOfFiles<Moments> read, MomentRegression model) = Fit(directory, said.IsQuiet || said.IsJson, cancellationToken);
            Action<string, IReadOnlyDictionary<string, string>> save = model.Columns == 1 && model.Classes.Count == 0
                ? model.Condense().Save
                : model.CondenseColumns().Save;
            FitFacts facts = Facts(read, model, Stopwatch.GetElapsedTime(start).TotalSeconds, path);
            directory.Write(() => save(path, ModelNotes.Create(facts.Features, facts.Target, facts.Kinds)));
            directory.WriteJson(RunFiles.Config, json => WriteConfig(json, read, said.Picture.Level));
            FitFiles.Write(directory, facts, said, [], FitFiles.CurvePictures(
                facts, read.Some, model, (model.LeastX, model.MostX), MostBandwidths * model.Bandwidth, said.Picture.Level));
        }, OnePassRun.Kept);
    }

    private (MomentsOfFiles<Moments> Read, MomentRegression Model) Fit(
        RunDirectory directory, bool isQuiet, CancellationToken cancellationToken)
    {
        MomentsOfFiles<Moments> read = files is null
            ? MomentFiles.LoadCells(momentFiles, names.X, names.Y)
            : ProgressBar.Show(
                "read", isQuiet, progress => MomentFiles.OfCells(files, Cut).Read(null, directory, progress, cancellationToken));
        if (read.Moments.Grid.Degree < options.Degree)
        {
            throw CliException.WrongInput(
                $"--degree: expected 0, as these moments are for, got {options.Degree}; make them with moments --degree {options.Degree}");
        }

        Cut.CheckFolds(read.Moments.Grid.Folds);
        return (read, Fit(read, files, options, isQuiet, cancellationToken));
    }

    /// <summary>A fit to moments, settled by their rows where these can be read again.</summary>
    public static MomentRegression Fit(
        MomentsOfFiles<Moments> read, RowFiles? files, KernelRegressionOptions options, bool isQuiet, CancellationToken cancellationToken)
    {
        MomentRegression model = ProgressBar.Show("fit", isQuiet, progress => MomentRegression.Fit(
            read.Moments,
            new MomentOptions { Degree = options.Degree, Bandwidth = options.Bandwidth, Threads = options.Threads },
            progress,
            cancellationToken));
        return files is { CanReadAgain: true } ? Settled(model, files, isQuiet, cancellationToken) : model;
    }

    // What sums leave open is settled by some of the rows.
    private static MomentRegression Settled(
        MomentRegression model, RowFiles files, bool isQuiet, CancellationToken cancellationToken)
    {
        for (int pass = 0; pass < MostPassesAgain && model.StartSecondPass() is { } rows; pass++)
        {
            MomentRegression open = model;
            model = ProgressBar.Show("settle", isQuiet, progress =>
            {
                foreach (RowBatch batch in files.Paths.Where(path => files.MayHave(path, rows.Intervals)).SelectMany(files.Read))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (batch.Labels is null)
                    {
                        rows.Add(batch.Keys, batch.Values, batch.Weights);
                    }
                    else
                    {
                        rows.AddClasses(batch.Keys, batch.Labels, batch.Weights);
                    }
                }

                return open.Settle(rows, progress, cancellationToken);
            });
        }

        return model;
    }

    private static string WhyOpen(RowFiles? files) => files is null ? "fit --one-pass of the rows themselves reads some again to settle it"
        : files.CanReadAgain ? "too many rows lie there to ask them one by one"
        : "what cannot be read a second time, as a pipe, cannot be settled";

    private FitFacts Facts(MomentsOfFiles<Moments> read, MomentRegression model, double seconds, string path) => new()
    {
        Data = OnePassRun.NameOf(files, momentFiles),
        Rows = read.Rows,
        DroppedRows = read.LeftOut.Missing,
        Features = [read.Columns.X],
        Kinds = read.Columns.Kinds,
        Target = read.Columns.Y,
        Weighting = read.Columns.Weighting(model.Count, model.TotalWeight),
        Targets = ModelNotes.Split(read.Columns.Y, model.Columns),
        Options = options,
        Bandwidths = [model.Bandwidth],
        Search = model.Search,
        SpansWithinOneStandardError = [],
        Notes = [.. Notes(read, model, files)],
        Diagnostics = model.Diagnostics,
        Certificate = model.Certificate,
        Classes = model.Classes,
        LogLoss = model.Classes.Count > 0 ? model.LeaveOneOutLogLoss : null,
        Seconds = seconds,
        Model = path,
    };

    /// <summary>What is to be said of a fit.</summary>
    public static IEnumerable<string> Notes(MomentsOfFiles<Moments> read, MomentRegression model, RowFiles? files)
    {
        if (model.Search is { } search)
        {
            foreach (string note in FitFiles.SearchNotes(
                search, [read.Columns.X], read.Columns.Y, model.Degree, [read.Moments.Grid.CellWidth / Narrower]))
            {
                yield return note;
            }
        }

        if (model.SetAside > 0)
        {
            yield return $"{FitNotes.FarRows(model.SetAside)}: {FitNotes.ChosenWithout(model.SetAside)}";
        }

        Certificate said = model.Certificate;
        if (said.LonelyRows > 0)
        {
            yield return $"{said.LonelyRows} {(said.LonelyRows == 1 ? "row has" : "rows have")} no other within six bandwidths: "
                + $"the nearest speaks for it, and the leave-one-out error is an estimate that far; {WhyOpen(files)}";
        }

        if (said.UncertainCells > 0)
        {
            yield return $"nothing is proved of the error in {said.UncertainCells} of {read.Moments.Cells} cells, which have little weight "
                + $"beside others nearby; narrower cells (--cell) prove more, and {WhyOpen(files)}";
        }
    }

    private void WriteConfig(Utf8JsonWriter json, MomentsOfFiles<Moments> read, double level)
    {
        json.WriteString("command", "fit");
        json.WriteString(
            "data",
            files is null ? string.Join(' ', momentFiles.Select(Path.GetFullPath))
                : File.Exists(files.Source) ? Path.GetFullPath(files.Source)
                : files.Source);
        json.WriteStrings("x", [read.Columns.X]);
        json.WriteString("y", read.Columns.Y);
        read.Columns.WriteWeights(json);
        json.WriteBoolean("classes", read.Moments.Grid.HasClasses);
        json.WriteBoolean("one_pass", true);
        json.WriteNumber("cell", read.Moments.Grid.CellWidth);
        json.WriteNumber("cells", read.Moments.Cells);
        FitFiles.WriteOptions(json, options, level);
    }
}
