using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Commands;

/// <summary>Predicts the rows of a file with a saved model, a chunk at a time.</summary>
internal static class PredictCommand
{
    private const string Auto = "auto";

    private static readonly Dictionary<string, IntervalKind> _intervals = new()
    {
        ["mean"] = IntervalKind.Mean,
        ["plain"] = IntervalKind.MeanWithoutBias,
        ["new"] = IntervalKind.NewObservation,
        ["new-quantiles"] = IntervalKind.NewObservationQuantiles,
        ["new-jackknife"] = IntervalKind.JackknifePlus,
    };

    /// <param name="trained">Models that fit does not save; null for none.</param>
    public static Command Create(ITrainedModels? trained)
    {
        var file = new CsvFileOptions();
        var model = new Option<string>("--model")
        {
            Description = trained is null ? "The model, as fit saves it"
                : "The model, as fit or train saves it; of train's the mean alone is predicted",
            HelpName = "file",
            Required = true,
        };
        Option<string?> data = Options.Text(
            Options.Data,
            "file",
            $"The queries: a file of CSV, {ExamplesOptions.Endings} with the model's features as columns, or - for CSV on standard input "
                + "(default -)");
        Option<string?> output = Options.Text(
            "--out",
            "file",
            $"Where the predictions go: a file, by its ending one of {RowText.Endings}, or CSV on standard output for - (default -)");
        Option<double?> level = Options.Fraction("--level", "The level of the intervals (default 0.95)");
        Option<string> interval = Options.OneOf(
            "--interval", "What lower and upper are of", Auto, _intervals.Keys.Prepend(Auto).ToDictionary(name => name));
        Option<string?> keep = Options.Text(
            "--keep", $"columns|{Queries.All}",
            $"Columns of the queries' file to carry along, separated by commas, or {Queries.All} in the file's order");
        Option<bool> simultaneous = Options.Flag("--simultaneous", "Bands that cover the whole curve at once (one feature)");
        Option<bool> slopes = Options.Flag("--slopes", "The derivative by each feature as well");
        Option<UnknownGroups> unknown = Options.OneOf(
            "--unknown-groups", "With a model of groups, what becomes of a row whose group has no curve", UnknownGroups.Error,
            Options.Names<UnknownGroups>());
        Option<UnseenLevels> unseen = Options.OneOf(
            "--unseen", "With a model of categories, what becomes of a row with a level that no example has: mean weighs all levels alike",
            UnseenLevels.Error, Options.Names<UnseenLevels>());
        IReadOnlyList<Option> ofTrained = trained?.Options ?? [];
        const string purpose = "Predict with a saved model: mean, standard error, band, neighbours for each row of a file";
        var command = new Command("predict", purpose) { Options.DataAlone(), model, data, output };
        file.AddTo(command);
        command.AddAll([keep, interval, level, simultaneous, slopes, unknown, unseen, .. ofTrained]);
        command.SetAction(parsed =>
        {
            var queries = new Queries(
                parsed.GetValue(data) ?? Examples.Standard,
                parsed.GetValue(output) ?? Examples.Standard,
                file.Read(parsed),
                parsed.GetValue(keep));
            string path = parsed.GetValue(model)!;
            SafeTensorsFile stored = Read(path, queries);

            // What fit saved is known before anything of TorchSharp is looked at.
            bool isFitted = stored.Metadata.GetValueOrDefault("model") is KernelRegression.ModelName or GroupedRegression.ModelName
                or MixedRegression.ModelName
                or CondensedCurve.ModelName or CondensedCurves.ModelName or CondensedSurface.ModelName;
            if (!isFitted && trained?.IsKnown(stored) == true)
            {
                Refuse("fit", [interval, level, simultaneous, slopes, unknown, unseen], "what train saves has no standard error");
                return PredictTrained(trained.Load(path, stored, parsed), queries);
            }

            Refuse("train", ofTrained, "what fit saves needs none");
            var options = new PredictionOptions
            {
                Level = parsed.GetValue(level) ?? new PredictionOptions().Level,
                IsSimultaneous = parsed.GetValue(simultaneous),
                HasSlopes = parsed.GetValue(slopes),
            };
            try
            {
                return PredictFitted(
                    path, stored, queries, options, parsed.GetValue(interval) ?? Auto,
                    parsed.GetResult(unknown) is { Implicit: false } ? parsed.GetValue(unknown) : null,
                    parsed.GetResult(unseen) is { Implicit: false } ? parsed.GetValue(unseen) : null);
            }
            catch (StorageException e) when (e.Kind == StorageProblem.OtherModel && trained is null)
            {
                throw CliException.WrongInput($"{e.Message}, a model of train, which torchattention predicts", e);
            }

            void Refuse(string whose, IReadOnlyList<Option> options, string why)
            {
                if (options.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is Option given)
                {
                    throw CliException.WrongInput($"{given.Name} applies to models of {whose} only: {why}");
                }
            }
        });
        return command;
    }

    private static SafeTensorsFile Read(string path, Queries queries)
    {
        if (path.Length == 0)
        {
            throw CliException.WrongInput("--model: expected a file, got ''");
        }

        if (queries.Output != Examples.Standard)
        {
            OutputPath.Check("--out", queries.Output);
            if (!RowText.IsKnown(queries.Output))
            {
                throw CliException.WrongInput(
                    $"--out: expected a file that ends in one of {RowText.Endings}, got '{PlainText.Brief(queries.Output)}'");
            }

            OutputPath.Differs("--out", queries.Output, path, "the model");
            OutputPath.Differs("--out", queries.Output, queries.Data, "the file of the queries");
        }

        DataStream.RefuseClosed("--model", path);
        return SafeTensorsFile.Read(path);
    }

    private static int PredictTrained(ITrainedModel trained, Queries queries)
    {
        using ITrainedModel model = trained;
        return queries.Predict([.. model.Features], new ColumnKind[model.Features.Count], null, [], written =>
        {
            model.WriteHeader(written);
            string source = queries.Data == Examples.Standard ? Examples.StandardInput : queries.Data;
            return (rows, _, keptText, cancellationToken) => model.WriteRows(source, written, rows, keptText, cancellationToken);
        });
    }

    private static int PredictFitted(
        string path, SafeTensorsFile file, Queries queries, PredictionOptions options, string interval, UnknownGroups? unknown,
        UnseenLevels? unseen)
    {
        (IPredictor model, GroupedRegression? groups, IReadOnlyDictionary<string, string> notes) = Load(path, file);
        if (unknown is not null && groups is null)
        {
            throw CliException.WrongInput("--unknown-groups: expected a model of groups, as fit --by saves it, got one of all rows");
        }

        if (unseen is not null && model is not MixedRegression)
        {
            throw CliException.WrongInput("--unseen: expected a model with categories, got one of numbers alone");
        }

        ModelNotes names = ModelNotes.Read(path, notes, model.Features);
        options = options with { Interval = _intervals.GetValueOrDefault(interval, PictureOptions.UsualInterval(model)) };
        bool hasInterval = options.Interval != IntervalKind.MeanWithoutBias;
        if (model.Classes.Count > 0 && (options.IsSimultaneous || options.HasSlopes || hasInterval))
        {
            string given = options.IsSimultaneous ? "--simultaneous" : options.HasSlopes ? "--slopes" : "--interval";
            throw CliException.WrongInput($"{given} does not apply to a model of classes, whose answers are probabilities");
        }

        if (options.IsSimultaneous && model is CondensedCurve or CondensedCurves or CondensedSurface)
        {
            throw CliException.WrongInput("--simultaneous: expected a model of rows, got a condensed curve, whose bands are pointwise");
        }

        if (model is MixedRegression && (options.IsSimultaneous || options.HasSlopes
            || options.Interval is not (IntervalKind.MeanWithoutBias or IntervalKind.NewObservation)))
        {
            string given = options.IsSimultaneous ? "--simultaneous" : options.HasSlopes ? "--slopes" : $"--interval {interval}";
            throw CliException.WrongInput(
                $"{given}: expected a model of numbers, got one with categories, which has --interval plain and new");
        }

        if (hasInterval && model is CondensedCurve or CondensedSurface)
        {
            throw CliException.WrongInput(
                "--interval: expected a model of rows, got a condensed curve, which has lost the residuals that intervals are made of");
        }

        if (options.HasSlopes && model is CondensedSurface)
        {
            throw CliException.WrongInput("--slopes: expected a model of rows or of one feature, got a condensed surface, which has none");
        }

        if (options.HasSlopes && model is KernelRegression { Options: { Degree: 0, Bandwidth.IsShare: true } })
        {
            throw CliException.WrongInput(
                "--slopes: expected a model of the degree 1 or above where the bandwidth is a share of the rows, got the degree 0");
        }

        if (options.IsSimultaneous && hasInterval && options.Interval != IntervalKind.Mean)
        {
            throw CliException.WrongInput("--simultaneous: expected an interval of the mean, got one of new observations");
        }

        if (options.Interval == IntervalKind.Mean && model is KernelRegression rows && model.Features > rows.MostFeaturesOfIntervals)
        {
            throw CliException.WrongInput(
                $"--interval mean: expected a model of at most {rows.MostFeaturesOfIntervals} features, got {model.Features}: in more the "
                    + "curve's bias is not estimated; --interval new does without");
        }

        if (options.Interval == IntervalKind.JackknifePlus && model is KernelRegression { Options.Periods.Count: > 0 })
        {
            throw CliException.WrongInput("--interval new-jackknife: expected features that do not repeat, got one of a --period");
        }

        if (options.IsSimultaneous && model.Features != 1)
        {
            throw CliException.WrongInput($"--simultaneous: expected a model of one feature, got {model.Features}");
        }

        if (options.IsSimultaneous && model is KernelRegression { Options.Periods.Count: > 0 })
        {
            throw CliException.WrongInput("--simultaneous: expected a feature that does not repeat, got one of a --period");
        }

        string? by = groups is null ? null : ModelNotes.GroupsOf(notes);
        IReadOnlyList<string>?[] levels = [.. (model as MixedRegression)?.Categories.Select(category => category?.Levels) ?? []];
        return queries.Predict(names.Features, names.Kinds, by, levels, written =>
        {
            var text = new PredictionText(written, model, names, options);
            text.WriteHeader();
            return (rows, group, keptText, cancellationToken) =>
            {
                if (unseen is not UnseenLevels.Mean)
                {
                    CheckLevels(rows, names, levels, keptText, queries.Data);
                }

                if (groups is null)
                {
                    text.WriteRows(rows, Predict(() => model.Predict(rows, options, null, cancellationToken), queries.Data), keptText);
                    return;
                }

                bool[] isKnown = Known(groups, group, by!, queries.Data, unknown ?? UnknownGroups.Error);
                Predictions at = Predict(() => groups.PredictKnown(group, isKnown, rows, options, cancellationToken), queries.Data);
                text.WriteRows(rows, at, keptText, isKnown);
            };
        });
    }

    private static (IPredictor Model, GroupedRegression? Groups, IReadOnlyDictionary<string, string> Notes) Load(
        string path, SafeTensorsFile file)
    {
        string? kind = file.Metadata.GetValueOrDefault("model");
        if (kind == GroupedRegression.ModelName)
        {
            (GroupedRegression groups, IReadOnlyDictionary<string, string> notes) = GroupedRegression.Load(path, file);

            // What can be asked of all curves can be asked of the one that has most features for its degree.
            return (groups.Groups.Select(name => groups[name]).MinBy(one => one.MostFeaturesOfIntervals)!, groups, notes);
        }

        (IPredictor model, IReadOnlyDictionary<string, string> kept) = kind switch
        {
            CondensedCurve.ModelName => CondensedCurve.Load(path, file),
            CondensedCurves.ModelName => CondensedCurves.Load(path, file),
            CondensedSurface.ModelName => CondensedSurface.Load(path, file),
            MixedRegression.ModelName => MixedRegression.Load(path, file),
            _ => ((IPredictor, IReadOnlyDictionary<string, string>))KernelRegression.Load(path, file),
        };
        return (model, null, kept);
    }

    private static void CheckLevels(
        double[] rows, ModelNotes names, IReadOnlyList<string>?[] levels, IReadOnlyList<List<string>> kept, string data)
    {
        for (int i = 0; levels.Length > 0 && i < rows.Length; i++)
        {
            (int row, int j) = Math.DivRem(i, names.Features.Length);
            if (levels[j] is { } known && double.IsNaN(rows[i]))
            {
                // The texts of features that are no numbers come last.
                string text = kept[^names.Kinds.Skip(j).Count(kind => kind != ColumnKind.Number)][row];
                throw CliException.WrongInput(
                    $"{PlainText.Brief(data, 500)}, column '{PlainText.Brief(names.Features[j])}': expected one of the model's levels "
                        + $"{PlainText.List(known)}, found '{PlainText.Brief(text)}'; --unseen mean weighs all levels alike there");
            }
        }
    }

    // Whether the group of each row has a curve.
    private static bool[] Known(GroupedRegression groups, List<string> group, string by, string data, UnknownGroups unknown)
    {
        bool[] isKnown = [.. group.Select(groups.Has)];
        int first = Array.IndexOf(isKnown, false);
        if (first < 0 || unknown == UnknownGroups.Empty)
        {
            return isKnown;
        }

        string name = group[first];
        string expected = groups.WithoutCurve.FirstOrDefault(one => one.Name == name) is { } known
            ? $"a group with a curve ({PlainText.Brief(name)} has none: {known.Reason})"
            : $"one of the model's {groups.Groups.Count} groups{PlainText.DidYouMean(name, groups.Groups)}";
        throw CliException.WrongInput(
            $"{PlainText.Brief(data, 500)}, column '{PlainText.Brief(by)}': expected {expected}, found '{PlainText.Brief(name)}'; "
                + "--unknown-groups empty leaves what is predicted for such rows empty");
    }

    private static Predictions Predict(Func<Predictions> predict, string data)
    {
        try
        {
            return predict();
        }
        catch (NoNeighbourException e)
        {
            throw new TableException(TableProblem.Unusable, data, e)
            {
                Expected = "rows with an example within reach of the kernel, since the model was fitted with --no-neighbour error",
                Found = $"{e.Queries.Count} without one",
            };
        }
    }

    /// <summary>What becomes of a row with a level that no example has.</summary>
    private enum UnseenLevels
    {
        Error,
        Mean,
    }

    /// <summary>What becomes of a row whose group has no curve.</summary>
    private enum UnknownGroups
    {
        Error,
        Empty,
    }
}
