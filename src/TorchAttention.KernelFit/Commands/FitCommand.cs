using System.Diagnostics;
using TorchAttention.Cli.OnePass;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Page;
using TorchAttention.Cli.Regression;
using TorchAttention.Cli.Runs;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Numerics.Regression.Likelihood;

namespace TorchAttention.Cli.Commands;

/// <summary>Fits a model to a file: the model, a summary, pictures.</summary>
internal static class FitCommand
{
    private static readonly string[] _files =
        [RunFiles.Config, RunFiles.Fitted, RunFiles.Groups, RunFiles.Predicted, RunFiles.Report, RunFiles.Search, RunFiles.Summary];

    /// <param name="clusters">Clusters that may have the rows; null for none.</param>
    public static Command Create(IShardClusters? clusters = null)
    {
        var examplesOptions = new ExamplesOptions(predictsMissing: true);
        var fitOptions = new FitOptions();
        Option<double?> level = Options.Fraction("--level", "The level of the bands in the pictures (default 0.95)");
        Option<bool> logX = Options.Flag("--log-x", "The pictures' axes of features are of powers of 10; all features are positive then");
        Option<bool> logY = Options.Flag("--log-y", "The pictures' axis of the target is one of powers of 10; it is positive then");
        Option<string?> by = GroupOptions.By(
            "A column of groups, each of which gets a curve of its own, fitted to its rows alone; the model has them all");
        Option<GroupBandwidths> byBandwidth = GroupOptions.Bandwidths();
        Option<string?> model = Options.Text("--model", "file", $"Where the model goes (default {RunFiles.Model} in the run's folder)");
        Option<string?> output = Options.Out();
        Option<bool> noPlots = Options.NoPlots();
        Option<bool> report = Options.Flag(
            "--report", $"Write the run as one page as well, {RunFiles.Report}, whose curve, band and attention follow the bandwidth");
        Option<bool> quiet = Options.Quiet();
        Option<bool> json = Options.Json("the summary as JSON");
        var onePass = new OnePassOptions(clusters);
        var familyOptions = new FamilyOptions();
        var command = new Command("fit", "Fit a curve or surface to a file: bandwidth, errors, a model that predicts, pictures");
        examplesOptions.AddTo(command);
        fitOptions.AddTo(command);
        familyOptions.AddTo(command);
        onePass.AddTo(command);
        command.AddAll(level, by, byBandwidth, logX, logY, model, output, noPlots, report, quiet, json);
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
                parsed.GetValue(report),
                parsed.GetValue(quiet),
                parsed.GetValue(json));
            ResponseFamily? family = familyOptions.Read(parsed, examplesOptions, picture.By);
            using OnePassFit? fit = onePass.Read(parsed, examplesOptions, options);
            if (fit is not null)
            {
                fitOptions.CheckOnePass(parsed);
                if (family is not null)
                {
                    throw CliException.WrongInput("--family: expected a fit in memory, got one in one pass");
                }

                if (examplesOptions.PredictsMissing(parsed) || examplesOptions.MissingIsLevel(parsed))
                {
                    string missing = examplesOptions.PredictsMissing(parsed) ? "predict" : "level";
                    throw CliException.WrongInput($"--missing {missing}: expected a fit in memory, got one in one pass");
                }

                return fit.Run(said);
            }

            GroupBandwidths? groups = GroupOptions.Read(parsed, picture.By, byBandwidth);
            Examples examples = familyOptions.Examples(parsed, examplesOptions, family, picture.By);
            options = fitOptions.ReadFor(parsed, examples);
            if (family is ResponseFamily known)
            {
                FamilyOptions.Check(options, examples);
                picture.Check(examples, options);
                FitOptions.CheckBandwidths(options, examples);
                return Run(examples, said, (progress, token) => LikelihoodSummary.Fit(examples, known, options, picture, progress, token));
            }

            if (examples.Categories is not null)
            {
                CategoryOptions.Check(examples, options, picture);
                return Run(examples, said, (_, token) => MixedSummary.Fit(examples, options, picture, token));
            }

            picture.Check(examples, options);
            FitOptions.CheckBandwidths(options, examples);
            GroupOptions.Check(options, groups);
            return groups is GroupBandwidths shared
                ? Run(examples, said, (progress, token) => GroupsSummary.Fit(examples, options, picture, shared, progress, token))
                : Run(examples, said, (progress, token) => new FitSummary(examples, examples.Fit(options, progress, token), picture));
        });
        return command;
    }

    private static int Run(Examples examples, FitSettings said, Func<IProgress<double>?, CancellationToken, IFitResult> fit)
    {
        (PictureOptions _, string? modelFile, string? output, bool plots, bool hasReport, bool isQuiet, bool isJson) = said;
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
            IFitResult result = ProgressBar.Show("fit", isQuiet || isJson, progress => fit(progress, interruption.Token));
            var time = new FitTime(Stopwatch.GetElapsedTime(start).TotalSeconds, path);
            directory.Write(() => result.Save(path));
            (string Name, Action<TextWriter> Write)[] texts = [.. result.Texts];
            directory.WritePictures(plots ? result.Pictures : [], beside: () =>
            {
                directory.WriteJson(RunFiles.Config, result.WriteConfig);
                foreach ((string name, Action<TextWriter> write) in texts)
                {
                    directory.WriteText(name, write);
                }
            });
            string[] files =
            [
                .. texts.Select(text => text.Name), .. plots ? [$"{RunFiles.Plots}/"] : Array.Empty<string>(),
                .. hasReport ? [RunFiles.Report] : Array.Empty<string>(),
            ];
            directory.WriteJson(RunFiles.Summary, json => result.WriteTo(json, time));
            if (hasReport)
            {
                RunReport.Write(directory);
            }

            if (isJson)
            {
                JsonText.Print(json => result.WriteTo(json, time));
            }
            else if (!isQuiet)
            {
                result.Print(time, directory, files);
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
