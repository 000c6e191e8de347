using System.Diagnostics;
using TorchAttention.Cli.OnePass;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Commands;

/// <summary>Fits a model to a file: the model, a summary, pictures.</summary>
internal static class FitCommand
{
    private static readonly string[] _files = [RunFiles.Config, RunFiles.Fitted, RunFiles.Search, RunFiles.Summary];

    public static Command Create()
    {
        var examplesOptions = new ExamplesOptions();
        var fitOptions = new FitOptions();
        Option<double?> level = Options.Fraction("--level", "The level of the bands in the pictures (default 0.95)");
        Option<bool> logX = Options.Flag("--log-x", "The pictures' axes of features are of powers of 10; all features are positive then");
        Option<bool> logY = Options.Flag("--log-y", "The pictures' axis of the target is one of powers of 10; it is positive then");
        Option<string?> by = Options.Text(
            "--by", "column", "A column of groups: one more picture has a curve for each of the largest, fitted to its rows alone");
        Option<string?> model = Options.Text("--model", "file", $"Where the model goes (default {RunFiles.Model} in the run's folder)");
        Option<string?> output = Options.Out();
        Option<bool> noPlots = Options.NoPlots();
        Option<bool> quiet = Options.Quiet();
        Option<bool> json = Options.Json("the summary as JSON");
        var onePass = new OnePassOptions();
        var command = new Command("fit", "Fit a curve or surface to a file: bandwidth, errors, a model that predicts, pictures");
        examplesOptions.AddTo(command);
        fitOptions.AddTo(command);
        onePass.AddTo(command);
        command.AddAll(level, by, logX, logY, model, output, noPlots, quiet, json);
        command.SetAction(parsed =>
        {
            KernelRegressionOptions options = fitOptions.Read(parsed);
            var picture = new PictureOptions
            {
                Level = parsed.GetValue(level) ?? new PictureOptions().Level,
                IsLogX = parsed.GetValue(logX),
                IsLogY = parsed.GetValue(logY),
                By = parsed.GetValue(by),
            };
            var said = new FitSettings(
                picture,
                parsed.GetValue(model),
                parsed.GetValue(output),
                !parsed.GetValue(noPlots),
                parsed.GetValue(quiet),
                parsed.GetValue(json));
            if (onePass.Read(parsed, examplesOptions, options) is OnePassFit fit)
            {
                fitOptions.CheckOnePass(parsed);
                return fit.Run(said);
            }

            Examples examples = examplesOptions.Read(parsed, picture.By);
            return Run(examples, fitOptions.ReadFor(parsed, examples), said);
        });
        return command;
    }

    private static int Run(Examples examples, KernelRegressionOptions options, FitSettings said)
    {
        (PictureOptions picture, string? modelFile, string? output, bool plots, bool isQuiet, bool isJson) = said;
        picture.Check(examples, options);
        FitOptions.CheckBandwidths(options, examples);
        using var interruption = new Interruption();
        using RunDirectory directory = RunDirectory.Create(output, examples.Name, plots, interruption);
        interruption.AtOnce = directory.Dispose;
        string path = modelFile ?? Path.Combine(directory.Path, RunFiles.Model);
        OutputPath.Check("--model", path);
        OutputPath.Differs("--model", path, examples.Source, "the file of the data");
        foreach (string own in _files)
        {
            OutputPath.Differs("--model", path, Path.Combine(directory.Path, own), "a file of the run");
        }

        try
        {
            long start = Stopwatch.GetTimestamp();
            KernelRegression model = ProgressBar.Show(
                "fit", isQuiet || isJson, progress => examples.Fit(options, progress, interruption.Token));
            var summary = new FitSummary(examples, model, picture, Stopwatch.GetElapsedTime(start).TotalSeconds, path);
            directory.Write(() => model.Save(path, ModelNotes.Create(examples.Features, examples.Target, examples.Kinds)));
            directory.WritePictures(plots ? new FitPictures(examples.InOnePeriod(model), model, picture).List() : [], beside: () =>
            {
                directory.WriteJson(RunFiles.Config, summary.WriteConfig);
                directory.WriteText(RunFiles.Fitted, summary.WriteFitted);
                if (summary.Facts.HasSearch)
                {
                    directory.WriteText(RunFiles.Search, summary.Facts.WriteSearch);
                }
            });
            FitFacts facts = summary.Facts;
            string[] files =
            [
                RunFiles.Fitted, .. facts.HasSearch ? [RunFiles.Search] : Array.Empty<string>(),
                .. plots ? [$"{RunFiles.Plots}/"] : Array.Empty<string>(),
            ];
            directory.WriteJson(RunFiles.Summary, facts.WriteTo);
            if (isJson)
            {
                JsonText.Print(facts.WriteTo);
            }
            else if (!isQuiet)
            {
                facts.Print(directory, files);
            }

            return ExitCode.Done;
        }
        catch (OperationCanceledException e)
        {
            throw new CliException(
                ExitCode.Interrupted, File.Exists(path) ? $"interrupted; the model is in {path}" : "interrupted; there is no model yet", e);
        }
    }
}
