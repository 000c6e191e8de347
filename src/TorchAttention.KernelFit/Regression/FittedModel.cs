using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Regression.Groups;
using TorchAttention.Numerics.Regression.Likelihood;
using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Regression;

/// <summary>
/// A model that <c>fit</c> or <c>condense</c> saved, with the names of its columns: what can be asked of it, and its answers as rows.
/// </summary>
internal sealed class FittedModel
{
    private static readonly string[] _kinds =
    [
        KernelRegression.ModelName, GroupedRegression.ModelName, MixedRegression.ModelName, CondensedCurve.ModelName,
        CondensedCurves.ModelName, CondensedSurface.ModelName, LocalLikelihood.ModelName,
    ];

    private FittedModel(IPredictor model, GroupedRegression? groups, ModelNotes names, string? by)
    {
        Model = model;
        Groups = groups;
        Names = names;
        Levels = [.. (model as MixedRegression)?.Categories.Select(category => category?.Levels) ?? []];
        Columns = new QueryColumns(names.Features, names.Kinds, by, Levels);
    }

    /// <summary>What predicts; with groups the curve of one of them.</summary>
    public IPredictor Model { get; }

    /// <summary>The curves of groups; null where there are none.</summary>
    public GroupedRegression? Groups { get; }

    /// <summary>The names of its columns.</summary>
    public ModelNotes Names { get; }

    /// <summary>What it predicts from.</summary>
    public QueryColumns Columns { get; }

    private IReadOnlyList<string>?[] Levels { get; }

    /// <summary>Whether a file's content says that it is one.</summary>
    public static bool IsKnown(SafeTensorsFile file) => _kinds.Contains(file.Metadata.GetValueOrDefault("model"));

    /// <summary>Loads one.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its content.</param>
    /// <exception cref="StorageException">It is damaged, or of another model.</exception>
    public static FittedModel Load(string path, SafeTensorsFile file)
    {
        string? kind = file.Metadata.GetValueOrDefault("model");
        if (kind == GroupedRegression.ModelName)
        {
            (GroupedRegression groups, IReadOnlyDictionary<string, string> notes) = GroupedRegression.Load(path, file);

            // What can be asked of all curves can be asked of the one that has most features for its degree.
            KernelRegression least = groups.Groups.Select(name => groups[name]).MinBy(one => one.MostFeaturesOfIntervals)!;
            return new FittedModel(least, groups, ModelNotes.Read(path, notes, least.Features), ModelNotes.GroupsOf(notes));
        }

        (IPredictor model, IReadOnlyDictionary<string, string> kept) = kind switch
        {
            CondensedCurve.ModelName => CondensedCurve.Load(path, file),
            CondensedCurves.ModelName => CondensedCurves.Load(path, file),
            CondensedSurface.ModelName => CondensedSurface.Load(path, file),
            MixedRegression.ModelName => MixedRegression.Load(path, file),
            LocalLikelihood.ModelName => LocalLikelihood.Load(path, file),
            _ => ((IPredictor, IReadOnlyDictionary<string, string>))KernelRegression.Load(path, file),
        };
        return new FittedModel(model, null, ModelNotes.Read(path, kept, model.Features), null);
    }

    /// <summary>What is read for a request.</summary>
    public QueryColumns ColumnsFor(PredictionRequest request) => Columns with
    {
        MayBeUnseen = request.Unseen is UnseenLevels.Mean,
        RefuseGroup = Groups is null || request.Unknown is UnknownGroups.Empty ? null : group => Refused(Groups, group),
    };

    /// <summary>Refuses what cannot be asked of this model.</summary>
    /// <returns>What is asked, with the interval that this model has as a rule where none is named.</returns>
    /// <exception cref="CliException">One line that names the option.</exception>
    public PredictionOptions Check(PredictionRequest request)
    {
        if (request.Unknown is not null && Groups is null)
        {
            throw CliException.WrongInput("--unknown-groups: expected a model of groups, as fit --by saves it, got one of all rows");
        }

        if (request.Unseen is not null && Model is not MixedRegression)
        {
            throw CliException.WrongInput("--unseen: expected a model with categories, got one of numbers alone");
        }

        PredictionOptions options = request.Options with { Interval = request.Interval ?? PictureOptions.UsualInterval(Model) };
        bool hasInterval = options.Interval != IntervalKind.MeanWithoutBias;
        if (Model.Classes.Count > 0 && (options.IsSimultaneous || options.HasSlopes || hasInterval))
        {
            string given = options.IsSimultaneous ? "--simultaneous" : options.HasSlopes ? "--slopes" : "--interval";
            throw CliException.WrongInput($"{given} does not apply to a model of classes, whose answers are probabilities");
        }

        if (Model is LocalLikelihood likelihood)
        {
            Check(likelihood, options, request);
        }

        if (PictureOptions.IsRobust(Model)
            && (options.IsSimultaneous || options.Interval is not (IntervalKind.NewObservation or IntervalKind.NewObservationQuantiles)))
        {
            string given = options.IsSimultaneous ? "--simultaneous" : $"--interval {PredictOptions.NameOf(request.Interval)}";
            throw CliException.WrongInput(
                $"{given}: expected --interval new or new-quantiles for a fit with robust iterations: no band of its mean is known to "
                    + "cover it");
        }

        string condensed = $"a condensed {(Model is CondensedSurface ? "surface" : "curve")}";
        if (options.IsSimultaneous && Model is CondensedCurve or CondensedCurves or CondensedSurface)
        {
            throw CliException.WrongInput($"--simultaneous: expected a model of rows, got {condensed}, whose bands are pointwise");
        }

        if (Model is MixedRegression mixed)
        {
            Check(mixed, options, request);
        }

        bool hasNoise = Model is CondensedCurve { HasNoise: true } or CondensedCurves { HasNoise: true };
        if (hasInterval && Model is CondensedCurve or CondensedCurves or CondensedSurface
            && !(hasNoise && options.Interval == IntervalKind.NewObservation))
        {
            throw CliException.WrongInput(
                $"--interval: expected plain{(hasNoise ? " or new" : "")} of {condensed}, which has lost the residuals that others are "
                    + $"made of, got {PredictOptions.NameOf(request.Interval)}");
        }

        if (options.HasSlopes && Model is CondensedSurface)
        {
            throw CliException.WrongInput("--slopes: expected a model of rows or of one feature, got a condensed surface, which has none");
        }

        if (options.HasSlopes && Model is KernelRegression { Options: { Degree: 0, Bandwidth.IsShare: true } })
        {
            throw CliException.WrongInput(
                "--slopes: expected a model of the degree 1 or above where the bandwidth is a share of the rows, got the degree 0");
        }

        if (options.IsSimultaneous && hasInterval && options.Interval != IntervalKind.Mean)
        {
            throw CliException.WrongInput("--simultaneous: expected an interval of the mean, got one of new observations");
        }

        if (options.Interval == IntervalKind.Mean && Model is KernelRegression rows && Model.Features > rows.MostFeaturesOfIntervals)
        {
            throw CliException.WrongInput(
                $"--interval mean: expected a model of at most {rows.MostFeaturesOfIntervals} features, got {Model.Features}: in more the "
                    + "curve's bias is not estimated; --interval new does without");
        }

        if (options.Interval == IntervalKind.JackknifePlus && Model is KernelRegression { Options.Periods.Count: > 0 })
        {
            throw CliException.WrongInput("--interval new-jackknife: expected features that do not repeat, got one of a --period");
        }

        if (options.IsSimultaneous && Model.Features != 1)
        {
            throw CliException.WrongInput($"--simultaneous: expected a model of one feature, got {Model.Features}");
        }

        if (options.IsSimultaneous && Model is KernelRegression { Options.Periods.Count: > 0 })
        {
            throw CliException.WrongInput("--simultaneous: expected a feature that does not repeat, got one of a --period");
        }

        return options;
    }

    private static void Check(MixedRegression model, PredictionOptions options, PredictionRequest request)
    {
        bool isOther = options.Interval is not (IntervalKind.MeanWithoutBias or IntervalKind.Mean or IntervalKind.NewObservation);
        string given = options.IsSimultaneous ? "--simultaneous" : $"--interval {PredictOptions.NameOf(request.Interval)}";
        string? wrong = options.IsSimultaneous || isOther
            ? $"{given}: expected a model of numbers, got one with categories, which has --interval plain, mean and new"
            : options.HasSlopes && !model.HasSlopes
                ? "--slopes: expected the degree 1 or above, or the Gaussian kernel, got the degree 0 and the "
                    + $"{model.Options.Kernel} kernel"
            : options.Interval == IntervalKind.Mean && model.Categories.Count(one => one is null) is var numbers
                && numbers > model.MostNumbersOfIntervals
                ? $"--interval mean: expected at most {model.MostNumbersOfIntervals} columns of numbers, got {numbers}"
            : null;
        if (wrong is not null)
        {
            throw CliException.WrongInput(wrong);
        }
    }

    private static void Check(LocalLikelihood model, PredictionOptions options, PredictionRequest request)
    {
        string? wrong = options.IsSimultaneous ? "--simultaneous: expected a model of any numbers"
            : options.HasSlopes && model.Options.Degree == 0 ? "--slopes: expected a model of the degree 1 or above"
            : options.Interval is not (IntervalKind.Mean or IntervalKind.MeanWithoutBias)
                ? $"--interval {PredictOptions.NameOf(request.Interval)}: expected mean or plain"
            : options.Interval == IntervalKind.Mean && model.Features > model.MostFeaturesOfIntervals
                ? $"--interval mean: expected at most {model.MostFeaturesOfIntervals} features"
            : null;
        if (wrong is not null)
        {
            throw CliException.WrongInput($"{wrong}, got a fit of --family {Options.Name(model.Family)}");
        }
    }

    /// <summary>Writes the header, and gives what writes some rows of predictions.</summary>
    /// <param name="written">Where they go.</param>
    /// <param name="options">What is asked, checked.</param>
    /// <param name="data">Where the queries are from, for messages.</param>
    public RowsToPredict.WriteRows Begin(PredictedRows written, PredictionOptions options, string data)
    {
        var text = new PredictionText(written, Model, Names, options);
        text.WriteHeader();
        return (rows, group, kept, cancellationToken) =>
        {
            if (Groups is null)
            {
                text.WriteRows(rows, Predict(() => Model.Predict(rows, options, null, cancellationToken), data), kept);
                return;
            }

            bool[] isKnown = [.. group.Select(Groups.Has)];
            Predictions at = Predict(() => Groups.PredictKnown(group, isKnown, rows, options, cancellationToken), data);
            text.WriteRows(rows, at, kept, isKnown);
        };
    }

    // What was expected of a group without a curve; null for one that has one.
    private static string? Refused(GroupedRegression groups, string group) => groups.Has(group) ? null
        : groups.WithoutCurve.FirstOrDefault(one => one.Name == group) is { } known
            ? $"a group with a curve ({PlainText.Brief(group)} has none: {known.Reason})"
            : $"one of the model's {groups.Groups.Count} groups{PlainText.DidYouMean(group, groups.Groups)}";

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
}
