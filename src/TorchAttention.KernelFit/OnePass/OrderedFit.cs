using System.Diagnostics;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;
using TorchAttention.Plotting;

namespace TorchAttention.Cli.OnePass;

/// <summary>A fit with a kernel that ends, of rows that are read once and ordered in a file of the run's folder.</summary>
/// <param name="files">The rows.</param>
/// <param name="options">The kernel, the degree, the bandwidth or its rule.</param>
internal sealed class OrderedFit(RowFiles files, KernelRegressionOptions options)
{
    private const int CurvePoints = 400;
    private const int MostDrawn = 2000;

    public int Run(FitSettings said)
    {
        string? other = said.Model is not null ? "--model" : files.Weights is not null ? "--weights" : null;
        if (other is not null)
        {
            throw CliException.WrongInput($"{other}: expected the gaussian kernel beside it in one pass, got {options.Kernel}");
        }

        if (!files.CanReadAgain && files.Paths.All(path => path == Examples.Standard || File.Exists(path)))
        {
            throw CliException.WrongInput(
                $"--kernel: expected gaussian for rows that are read once from a pipe, got {options.Kernel}, which needs a first look");
        }

        return OnePassRun.In(files, [], said, (directory, _, cancellationToken) =>
        {
            long start = Stopwatch.GetTimestamp();
            bool isQuiet = said.IsQuiet || said.IsJson;
            SomeRows some = files.Look();
            using OrderedRows rows = ProgressBar.Show("read", isQuiet, progress => Read(directory, some, progress, cancellationToken));
            OrderedRegression model = ProgressBar.Show(
                "fit", isQuiet, progress => OrderedRegression.Fit(rows, some.X, some.Y, options, progress, cancellationToken));
            double[] places = [.. Enumerable.Range(0, CurvePoints).Select(
                i => model.LeastX + (i * (model.MostX - model.LeastX) / (CurvePoints - 1)))];
            Predictions curve = model.Predict(places, said.Picture.Level);
            FitFacts facts = Facts(rows, model, Stopwatch.GetElapsedTime(start).TotalSeconds);
            directory.WriteJson(RunFiles.Config, json => WriteConfig(json, said.Picture.Level));
            directory.WriteText(RunFiles.Curve, writer => WriteCurve(writer, places, curve));
            FitFiles.Write(
                directory, facts, said, [RunFiles.Curve], Pictures(facts, some, places, curve, said.Picture.Level));
        }, _ => "there is no curve yet");
    }

    private OrderedRows Read(RunDirectory directory, SomeRows some, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var rows = new OrderedRows(directory.Path, some.X, some.All);
        try
        {
            long before = 0;
            foreach (string path in files.Paths)
            {
                foreach (RowBatch batch in files.Read(path, read => progress?.Report((before + read) / Math.Max(1.0, files.Bytes))))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    rows.Add(batch.Keys, batch.Values);
                }

                before += File.Exists(path) ? new FileInfo(path).Length : 0;
            }
        }
        catch
        {
            rows.Dispose();
            throw;
        }

        return rows;
    }

    private FitFacts Facts(OrderedRows rows, OrderedRegression model, double seconds) => new()
    {
        Data = files.Name,
        Rows = rows.Count,
        DroppedRows = files.Dropped,
        Features = [files.Columns.X],
        Kinds = files.Columns.Kinds,
        Target = files.Columns.Y,
        Options = options,
        Bandwidths = [model.Bandwidth],
        Search = model.Search,
        SpansWithinOneStandardError = [],
        Notes = [$"there is no model of kilobytes of a kernel that ends: {RunFiles.Curve} has the curve at {CurvePoints} places"],
        Diagnostics = model.Diagnostics,
        Seconds = seconds,
        Model = null,
    };

    private void WriteCurve(TextWriter writer, double[] places, Predictions curve)
    {
        ColumnKind kind = files.Columns.Kinds[0];
        writer.WriteLine("x,mean,lower,upper");
        for (int i = 0; i < places.Length; i++)
        {
            double[] numbers = [curve.Mean[i], curve.Lower[i], curve.Upper[i]];
            string place = kind == ColumnKind.Number ? Digits.Exact(places[i]) : kind.Format(places[i]);
            writer.WriteLine(string.Join(',', numbers.Select(number => double.IsNaN(number) ? "" : Digits.Exact(number)).Prepend(place)));
        }
    }

    private void WriteConfig(Utf8JsonWriter json, double level)
    {
        json.WriteString("command", "fit");
        json.WriteString("data", File.Exists(files.Source) ? Path.GetFullPath(files.Source) : files.Source);
        json.WriteStrings("x", [files.Columns.X]);
        json.WriteString("y", files.Columns.Y);
        json.WriteBoolean("one_pass", true);
        FitFiles.WriteOptions(json, options, level);
    }

    private static IEnumerable<(string Name, Func<Figure> Draw)> Pictures(
        FitFacts facts, SomeRows some, double[] places, Predictions curve, double level)
    {
        var title = new FigureOptions
        {
            IsDensity = some.X.Length > MostDrawn,
            XKind = facts.KindOf(0),
            Title = FitFiles.TitleOf(facts),
        };
        yield return ("fit", () => Figures.PlotRegression(
            some.X, some.Y, places, curve, level, facts.Features[0], facts.Target, title));
        if (facts.Search is { } search)
        {
            yield return ("bandwidth", () => Figures.PlotBandwidthSearch(search, facts.Features, title));
        }
    }
}
