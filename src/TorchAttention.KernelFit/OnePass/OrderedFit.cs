using System.Diagnostics;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.OnePass;

/// <summary>A fit with a kernel that ends, of rows that are read once and ordered in a file of the run's folder.</summary>
/// <param name="files">The rows.</param>
/// <param name="options">The kernel, the degree, the bandwidth or its rule.</param>
internal sealed class OrderedFit(RowFiles files, KernelRegressionOptions options)
{
    public int Run(FitSettings said)
    {
        if (!files.CanReadAgain && files.Paths.All(path => path == Examples.Standard || File.Exists(path)))
        {
            throw CliException.WrongInput(
                $"--kernel: expected gaussian for rows that are read once from a pipe, got {options.Kernel}, which needs a first look");
        }

        return OnePassRun.In(files, [], said, (directory, path, cancellationToken) =>
        {
            long start = Stopwatch.GetTimestamp();
            bool isQuiet = said.IsQuiet || said.IsJson;
            SomeRows some = files.Look();
            using OrderedRows rows = ProgressBar.Show("read", isQuiet, progress => Read(directory, some, progress, cancellationToken));
            OrderedRegression model = ProgressBar.Show("fit", isQuiet, progress => OrderedRegression.Fit(
                rows, options.Bandwidth.Rule is null ? null : InMemory(some, cancellationToken), options, progress, cancellationToken));
            CondensedCurves curves = ProgressBar.Show("condense", isQuiet, _ => model.CondenseColumns());
            FitFacts facts = Facts(rows, model, Stopwatch.GetElapsedTime(start).TotalSeconds, path);
            Action<string, IReadOnlyDictionary<string, string>> save = model.Columns == 1 && model.Classes.Count == 0
                ? curves.Curves[0].Save
                : curves.Save;
            directory.Write(() => save(path, ModelNotes.Create(facts.Features, facts.Target, facts.Kinds)));
            directory.WriteJson(RunFiles.Config, json => WriteConfig(json, said.Picture.Level));
            FitFiles.Write(directory, facts, said, [], FitFiles.CurvePictures(
                facts, some, curves, (model.LeastX, model.MostX), margin: 0, said.Picture.Level));
        });
    }

    private KernelRegression InMemory(SomeRows some, CancellationToken cancellationToken) => some.Labels is null
        ? KernelRegression.Fit(some.X, some.Y, 1, options, some.Weights, null, cancellationToken)
        : KernelRegression.FitClasses(some.X, some.Labels, 1, options, some.Weights, null, cancellationToken);

    private OrderedRows Read(RunDirectory directory, SomeRows some, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var rows = new OrderedRows(directory.Path, some.X, some.All, files.Targets, files.Weights is not null);
        try
        {
            long before = 0;
            double bytes = Math.Max(1, files.Bytes);
            foreach (string path in files.Paths)
            {
                foreach (RowBatch batch in files.Read(path))
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

                    progress?.Report((before + batch.BytesRead) / bytes);
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

    private FitFacts Facts(OrderedRows rows, OrderedRegression model, double seconds, string path) => new()
    {
        Data = files.Name,
        Rows = rows.Count + files.LeftOut.Beside,
        DroppedRows = files.LeftOut.Missing,
        Features = [files.Columns.X],
        Kinds = files.Columns.Kinds,
        Target = files.Columns.Y,
        Weighting = files.Columns.Weighting(rows.Count, rows.TotalWeight),
        Targets = ModelNotes.Split(files.Columns.Y, model.Columns),
        Options = options,
        Bandwidths = [model.Bandwidth],
        Search = model.Search,
        SpansWithinOneStandardError = [],
        Notes = [],
        Diagnostics = model.Diagnostics,
        Classes = model.Classes,
        LogLoss = model.Classes.Count > 0 ? model.LeaveOneOutLogLoss : null,
        Seconds = seconds,
        Model = path,
    };

    private void WriteConfig(Utf8JsonWriter json, double level)
    {
        json.WriteString("command", "fit");
        json.WriteString("data", File.Exists(files.Source) ? Path.GetFullPath(files.Source) : files.Source);
        json.WriteStrings("x", [files.Columns.X]);
        json.WriteString("y", files.Columns.Y);
        files.Columns.WriteWeights(json);
        json.WriteBoolean("classes", files.AreClasses);
        json.WriteBoolean("one_pass", true);
        FitFiles.WriteOptions(json, options, level);
    }
}
