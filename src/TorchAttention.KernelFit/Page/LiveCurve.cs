using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;

namespace TorchAttention.Cli.Page;

/// <summary>A curve that the page moves: one column of values over its features, of all rows or of a group.</summary>
internal class LiveCurve
{
    /// <summary>A browser fits so many rows by itself.</summary>
    public const int MostRows = 10_000;

    private const int PlaceCount = 300;
    private const int PlacesAmongRows = 200;
    private const int TrialCount = 41;

    // Of more rows than a browser fits: so many curves with so many places each, in digits that a picture shows.
    private const int ComputedCurves = 48;
    private const int ComputedPlaces = 200;
    private const int ShownDigits = 6;

    // From far too narrow to far too wide.
    private const double WidestOverFound = 16;

    private readonly KernelRegression _model;
    private readonly bool _isClass;
    private readonly (double Least, double Most)[] _ranges;
    private readonly double[][] _places;
    private readonly IReadOnlyDictionary<string, string> _notes;

    /// <param name="model">The fit.</param>
    /// <param name="label">What tells the curve from others: the group, the column, the class; empty where there are no others.</param>
    /// <param name="column">The column of values.</param>
    /// <param name="notes">The names of its columns, as a file has them.</param>
    public LiveCurve(KernelRegression model, string label, int column, IReadOnlyDictionary<string, string> notes)
    {
        (Label, _isClass, _notes) = (label, model.Classes.Count > 0, notes);
        _model = model.Columns == 1 ? model : OfColumn(model, column);
        _ranges = [.. Enumerable.Range(0, Features).Select(MeasureRange)];
        _places = [.. Enumerable.Range(0, Features).Select(MakePlaces)];
    }

    /// <summary>What tells it from others.</summary>
    public string Label { get; }

    /// <summary>The number of features d.</summary>
    public int Features => _model.Features;

    /// <summary>The number of rows that there are here.</summary>
    public int Count => _model.Count;

    /// <summary>The number of rows that the curve is of.</summary>
    public virtual long RowsInAll => Count;

    /// <summary>Whether there are others elsewhere, so that what is here is shown, and not fitted.</summary>
    protected virtual bool IsOfShards => false;

    // In order of one feature, so that the rows that are shown are spread over all.
    private int[] ShownRows => Count <= MostRows ? [.. Enumerable.Range(0, Count)]
        : [.. Enumerable.Range(0, MostRows).Select(i => (int)((long)i * (Count - 1) / (MostRows - 1)))];

    /// <summary>Writes what the page is to know of it.</summary>
    /// <param name="json">Where.</param>
    /// <param name="isAlone">Whether the page has no server to ask.</param>
    public void WriteTo(Utf8JsonWriter json, bool isAlone)
    {
        int[] rows = ShownRows;
        ReadOnlySpan<double> weights = _model.Weights;
        json.WriteString("label", Label);
        json.WriteNumber("rows", RowsInAll);
        json.WriteBoolean("isOfShards", IsOfShards);
        json.WriteNumbers("x", rows.SelectMany(i => Enumerable.Range(0, Features).Select(j => _model.Keys[(i * Features) + j])));
        json.WriteNumbers("y", rows.Select(i => _model.Values[i]));
        json.WriteNumbers("w", weights.Length == 0 ? [] : rows.Select(i => _model.Weights[i]));
        json.WriteNumbers("periods", Enumerable.Range(0, Features).Select(PeriodOf));
        json.WriteString("kernel", _model.Options.Kernel.Name);
        json.WriteNumber("degree", _model.Options.Degree);
        json.WriteNumbers("ridges", Enumerable.Range(0, KernelRegressionOptions.MostDegree + 1).Select(RidgeFor));
        json.WriteBoolean("isShare", _model.Options.Bandwidth.IsShare);
        json.WriteBoolean("isClass", _isClass);
        json.WriteNumbers("h", _model.Bandwidths);
        json.WriteNumbers("medians", Medians());
        json.WritePairs("range", Enumerable.Range(0, Features).Select(BoundsOf));
        json.WriteLists("places", _places);
        if (!isAlone)
        {
            return;
        }

        json.WriteObject("search", () => WriteSearch(json, new LiveSettings(this) { Slice = Medians() }));
        if (Features == 1)
        {
            json.WriteObject("fit", () => WriteAnswer(json, Answer(_model, _places[0], _isClass), isWhole: Count > MostRows));
        }

        if (Features == 1 && Count > MostRows)
        {
            json.WriteObject("computed", () => WriteComputed(json));
        }
    }

    /// <summary>Writes the curve for what is set on the page.</summary>
    public virtual void WriteAnswer(Utf8JsonWriter json, LiveSettings settings)
    {
        KernelRegression model = ModelFor(settings);
        WriteAnswer(json, Answer(model, QueriesFor(settings), _isClass, settings.HasNew || settings.IsExact), isWhole: true);
        if (settings.IsExact)
        {
            json.WriteNumberOrNull("error", Math.Sqrt(model.Diagnostics.LeaveOneOutError));
            json.WriteNumberOrNull("freedom", model.Diagnostics.EffectiveDegreesOfFreedom);
        }
    }

    /// <summary>Writes the leave-one-out errors over the bandwidth of the feature that is shown.</summary>
    public virtual void WriteSearch(Utf8JsonWriter json, LiveSettings settings)
    {
        int j = settings.Feature;
        double[] trials = TrialsOf(j);
        KernelRegression fitted = ModelFor(settings);
        json.WriteNumbers("h", trials);
        json.WriteNumbers("error", trials.Select(h =>
        {
            double[] widths = [.. settings.Bandwidths];
            widths[j] = h;
            return TryFit(fitted, OptionsFor(settings with { Bandwidths = widths })) is { } fit
                ? Math.Sqrt(fit.Diagnostics.LeaveOneOutError) : double.NaN;
        }));
    }

    /// <summary>Saves the model as it is set on the page.</summary>
    public virtual void Save(string path, LiveSettings settings) => ModelFor(settings).Save(path, _notes);

    private KernelRegression ModelFor(LiveSettings settings) => settings.Removed.Count == 0
        ? _model.With(OptionsFor(settings), keepsNoise: !settings.IsExact)
        : Without(settings.Removed).With(OptionsFor(settings), keepsNoise: false);

    /// <summary>What the page begins with.</summary>
    public (string Kernel, int Degree, IReadOnlyList<double> Bandwidths) Found =>
        (_model.Options.Kernel.Name, _model.Options.Degree, _model.Bandwidths);

    private static KernelRegression? TryFit(KernelRegression model, KernelRegressionOptions options)
    {
        try
        {
            return model.With(options, keepsNoise: true);
        }
        catch (ArgumentException)
        {
            // A share that is too small for the degree, a width beyond half a period: no error is known there.
            return null;
        }
    }

    private static LiveAnswer Answer(KernelRegression model, double[] queries, bool isClass, bool hasNew = true)
    {
        var options = new PredictionOptions { NoNeighbour = NoNeighbourPolicy.NaN, HasErrors = false };
        if (isClass || model.Features > model.MostFeaturesOfIntervals)
        {
            return new LiveAnswer(model.Predict(queries, options), null);
        }

        options = options with { HasErrors = true };
        return new LiveAnswer(
            model.Predict(queries, options with { Interval = IntervalKind.Mean }),
            hasNew ? model.Predict(queries, options with { Interval = IntervalKind.NewObservation }) : null);
    }

    /// <summary>The bandwidths that a search tries.</summary>
    protected double[] TrialsOf(int feature)
    {
        (double least, double most) = BoundsOf(feature);
        return FitPictures.Grid(least, most, TrialCount, isLog: true);
    }

    // A browser that fits by itself lacks the noise alone.
    private static void WriteAnswer(Utf8JsonWriter json, LiveAnswer answer, bool isWhole)
    {
        (Predictions mean, Predictions? observation) = answer;
        json.WriteNumbers("noise", observation?.NoiseDeviation ?? []);
        json.WriteNumberOrNull("quantile", mean.Quantile);
        json.WriteNumberOrNull("newQuantile", observation?.Quantile);
        if (isWhole)
        {
            WriteAnswer(json, mean, observation);
        }
    }

    /// <summary>Writes curves and bands.</summary>
    protected static void WriteAnswer(Utf8JsonWriter json, Predictions mean, Predictions? observation)
    {
        json.WriteNumbers("mean", mean.Mean);
        json.WriteNumbers("lower", mean.Lower);
        json.WriteNumbers("upper", mean.Upper);
        json.WriteNumbers("newLower", observation?.Lower ?? []);
        json.WriteNumbers("newUpper", observation?.Upper ?? []);
        json.WriteNumbers("neighbours", mean.EffectiveNeighbours);
    }

    private void WriteComputed(Utf8JsonWriter json)
    {
        (double least, double most) = BoundsOf(0);
        double[] widths = FitPictures.Grid(least, most, ComputedCurves, isLog: true);
        double[] places = FitPictures.Grid(_places[0][0], _places[0][^1], ComputedPlaces, isLog: false);
        var settings = new LiveSettings(this);
        Predictions[] curves = [.. widths.Select(h => Answer(ModelFor(settings with { Bandwidths = [h] }), places, _isClass).Mean)];
        json.WriteNumbers("places", places);
        json.WriteNumbers("h", widths);
        json.WriteLists("mean", curves.Select(curve => curve.Mean.Select(Shown)));
        json.WriteLists("lower", curves.Select(curve => curve.Lower.Select(Shown)));
        json.WriteLists("upper", curves.Select(curve => curve.Upper.Select(Shown)));
    }

    private static double Shown(double value) => double.Parse(
        value.ToString($"G{ShownDigits}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private static KernelRegression OfColumn(KernelRegression model, int column) => KernelRegression.Fit(
        model.Keys,
        [.. Enumerable.Range(0, model.Count).Select(i => model.Values[(i * model.Columns) + column])],
        model.Features,
        model.Options with { Bandwidth = Given(model.Options.Bandwidth.IsShare, model.Bandwidths), Degrees = [] },
        model.Weights);

    private KernelRegression Without(IReadOnlySet<int> removed)
    {
        int[] left = [.. Enumerable.Range(0, Count).Where(i => !removed.Contains(i))];
        return KernelRegression.Fit(
            [.. left.SelectMany(i => Enumerable.Range(0, Features).Select(j => _model.Keys[(i * Features) + j]))],
            [.. left.Select(i => _model.Values[i])],
            Features,
            _model.Options with { Bandwidth = Given(_model.Options.Bandwidth.IsShare, _model.Bandwidths), Degrees = [] },
            _model.Weights.Length == 0 ? [] : [.. left.Select(i => _model.Weights[i])]);
    }

    private static Bandwidth Given(bool isShare, IReadOnlyList<double> widths) =>
        isShare ? Bandwidth.Nearest(widths[0]) : Bandwidth.Fixed([.. widths]);

    private KernelRegressionOptions OptionsFor(LiveSettings settings) => _model.Options with
    {
        Kernel = settings.Kernel,
        Degree = settings.Degree,
        Degrees = [],
        Ridge = settings.Degree == 0 ? null : RidgeFor(settings.Degree),
        Bandwidth = Given(_model.Options.Bandwidth.IsShare, settings.Bandwidths),
    };

    /// <summary>The places that are asked.</summary>
    protected double[] QueriesFor(LiveSettings settings) => Features == 1 ? _places[0]
        : [.. _places[settings.Feature].SelectMany(place => settings.Slice.Select((at, j) => j == settings.Feature ? place : at))];

    // The ridge of the fit at its own degree; at others the one that goes with a choice of degrees.
    private double RidgeFor(int degree) =>
        degree == 0 ? 0 : degree == _model.Options.Degree ? _model.Options.RidgeInUse : _model.Options.For(degree).RidgeInUse;

    /// <summary>The middle of each feature (d).</summary>
    public double[] Medians() => [.. Enumerable.Range(0, Features).Select(
        j => FitPictures.Median([.. Enumerable.Range(0, Count).Select(i => _model.Keys[(i * Features) + j])]))];

    private double PeriodOf(int feature) =>
        _model.Options.Periods.Count > 0 ? _model.Options.Periods[feature] : double.PositiveInfinity;

    private (double Least, double Most) MeasureRange(int feature)
    {
        if (double.IsFinite(PeriodOf(feature)))
        {
            return (0, PeriodOf(feature));
        }

        (double least, double most) = (double.PositiveInfinity, double.NegativeInfinity);
        for (int i = feature; i < _model.Keys.Length; i += Features)
        {
            (least, most) = (Math.Min(least, _model.Keys[i]), Math.Max(most, _model.Keys[i]));
        }

        return (least, most);
    }

    private (double Least, double Most) BoundsOf(int feature)
    {
        double found = _model.Bandwidths[feature];
        (double least, double most) = _ranges[feature];
        double widest = _model.Options.Bandwidth.IsShare ? 1
            : Math.Min(
                Math.Max(most - least, 2 * found),
                double.IsFinite(PeriodOf(feature)) ? PeriodOf(feature) / (double.IsFinite(_model.Options.Kernel.Support) ? 2 : 8)
                    : double.PositiveInfinity);
        return (Math.Min(found / WidestOverFound, widest / 2), widest);
    }

    private double[] MakePlaces(int feature)
    {
        (double least, double most) = _ranges[feature];
        double[] grid = FitPictures.Grid(least, most, PlaceCount, isLog: false);
        if (Features > 1)
        {
            return grid;
        }

        // Where most rows lie in a small part of the range, an even grid passes over the curve there.
        IEnumerable<int> ranks = Enumerable.Range(0, PlacesAmongRows).Select(
            i => (int)((long)i * (Count - 1) / (PlacesAmongRows - 1)));
        return [.. grid.Concat(ranks.Select(i => _model.Keys[i])).Distinct().Order()];
    }

    private sealed record LiveAnswer(Predictions Mean, Predictions? NewObservation);
}
