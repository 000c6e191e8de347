using TorchAttention.Cli.Output;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Categories;

namespace TorchAttention.Cli.Regression;

/// <summary>
/// Predictions as rows of a CSV file: columns that are kept, the query, what is predicted, and a flag where that rests on little.
/// </summary>
/// <param name="rows">Where they go.</param>
/// <param name="columns">The number of columns of values.</param>
/// <param name="classes">The names of the classes that these are; none for values.</param>
/// <param name="names">The names of the columns.</param>
/// <param name="options">What is asked.</param>
/// <param name="hasSlopeErrors">Whether slopes have errors and intervals.</param>
/// <param name="categories">The category of each feature, by which there is no slope; null where all are numbers.</param>
internal sealed class PredictionText(
    PredictedRows rows,
    int columns,
    IReadOnlyList<string> classes,
    ModelNotes names,
    PredictionOptions options,
    bool hasSlopeErrors = false,
    IReadOnlyList<Category?>? categories = null)
{
    private const string NoNeighbour = "no_neighbour";
    public const string Outside = "outside";
    private const string NoGroup = "no_group";
    private const string Gap = "gap";
    private const string Level = "level";
    private const string Few = "few";
    private const string Noise = "noise";

    // Below so many no interval is known to cover what it says.
    private const double LeastNeighbours = 5;

    public PredictionText(PredictedRows rows, IPredictor model, ModelNotes names, PredictionOptions options)
        : this(
            rows, model.Columns, model.Classes, names, options,
            hasSlopeErrors: model is KernelRegression fitted ? fitted.HasSlopeErrors(options)
                : model is MixedRegression mixed && mixed.HasSlopeErrors(options), categories: (model as MixedRegression)?.Categories)
    {
    }

    private bool HasNoise => options.Interval
        is IntervalKind.NewObservation or IntervalKind.NewObservationQuantiles or IntervalKind.JackknifePlus;

    private bool IsClasses => classes.Count > 0;

    private IEnumerable<string> Predicted
    {
        get
        {
            IEnumerable<string> predicted = IsClasses ? [.. classes.Select(name => $"p_{name}"), "class"]
                : names.TargetsOf(columns).SelectMany(target => OfColumn(columns == 1 ? "" : $"_{target}"));
            return predicted.Append("neighbours").Append("flag");
        }
    }

    private IEnumerable<string> OfColumn(string ending) =>
    [
        $"mean{ending}", .. options.HasErrors ? [$"se{ending}", $"lower{ending}", $"upper{ending}"] : (string[])[],
        .. HasNoise ? [$"{Noise}{ending}"] : (string[])[],
        .. !options.HasSlopes ? [] : names.Features.Where((_, j) => HasSlope(j)).SelectMany(name => OfSlope($"slope_{name}{ending}")),
    ];

    private bool HasSlope(int feature) => categories?[feature] is null;

    private IEnumerable<string> OfSlope(string slope) =>
        hasSlopeErrors ? [slope, $"se_{slope}", $"lower_{slope}", $"upper_{slope}"] : [slope];

    /// <summary>Writes what is predicted for the rows without a target.</summary>
    /// <param name="writer">Where it goes.</param>
    /// <param name="examples">What the rows are of.</param>
    /// <param name="model">What predicts them.</param>
    /// <param name="options">How.</param>
    /// <param name="at">Their predictions.</param>
    /// <param name="by">The column of their groups; null for none.</param>
    /// <param name="isKnown">Whether the group of each has a curve; null where there are no groups.</param>
    public static void WriteUnanswered(
        TextWriter writer, Examples examples, IPredictor model, PredictionOptions options, Predictions at, string? by = null,
        bool[]? isKnown = null)
    {
        UnansweredRows rows = examples.Unanswered;
        int d = examples.Features.Count;
        int[] times = [.. Enumerable.Range(0, d).Where(j => examples.Kinds[j] != ColumnKind.Number)];
        IEnumerable<List<string>> texts = times.Select(j => Enumerable.Range(0, rows.Count)
            .Select(i => examples.Format(j, rows.X[(i * d) + j])).ToList());
        string[] features = [.. examples.Features];
        var written = new PredictedRows(
            new CsvText(writer, examples.Csv), features, [.. by is null ? (string[])[] : [by], .. times.Select(j => features[j])], null);
        var text = new PredictionText(
            written, model, ModelNotes.Read("", ModelNotes.Create(features, examples.Target, examples.Kinds), d), options);
        text.WriteHeader();
        text.WriteRows(rows.X, at, [.. by is null ? (List<string>[])[] : [[.. rows.Groups]], .. texts], isKnown);
    }

    public void WriteHeader() => rows.WriteHeader(Predicted);

    /// <param name="queries">Queries (m, d).</param>
    /// <param name="at">What is predicted there.</param>
    /// <param name="kept">The text of each column that is carried along.</param>
    /// <param name="isKnown">Whether the group of each has a curve; null where there are no groups.</param>
    public void WriteRows(double[] queries, Predictions at, IReadOnlyList<List<string>> kept, bool[]? isKnown = null)
    {
        int d = names.Features.Length;
        bool isJudged = options.Interval != IntervalKind.MeanWithoutBias;
        for (int i = 0; i < at.HasNeighbour.Length; i++)
        {
            rows.Begin(queries.AsSpan(i * d, d), kept, i);
            if (IsClasses)
            {
                ReadOnlySpan<double> probabilities = at.Mean.AsSpan(i * columns, columns);
                int best = 0;
                for (int c = 0; c < probabilities.Length; c++)
                {
                    rows.Add(probabilities[c]);
                    best = probabilities[c] > probabilities[best] ? c : best;
                }

                rows.Add(double.IsNaN(probabilities[best]) ? "" : classes[best]);
            }
            else
            {
                for (int c = i * columns; c < (i + 1) * columns; c++)
                {
                    rows.Add(at.Mean[c]);
                    if (options.HasErrors)
                    {
                        rows.Add(at.StandardError[c]);
                        rows.Add(at.Lower[c]);
                        rows.Add(at.Upper[c]);
                    }

                    if (HasNoise)
                    {
                        rows.Add(at.NoiseDeviation[c]);
                    }

                    for (int j = 0; options.HasSlopes && j < d; j++)
                    {
                        if (!HasSlope(j))
                        {
                            continue;
                        }

                        rows.Add(at.Slopes[(c * d) + j]);
                        if (hasSlopeErrors)
                        {
                            rows.Add(at.SlopeErrors[(c * d) + j]);
                            rows.Add(at.SlopeLower[(c * d) + j]);
                            rows.Add(at.SlopeUpper[(c * d) + j]);
                        }
                    }
                }
            }

            rows.Add(at.EffectiveNeighbours[i]);
            rows.Add(
                isKnown?[i] == false ? NoGroup
                    : !at.HasNeighbour[i] ? NoNeighbour : at.IsOutside[i] ? Outside : at.IsInGap[i] ? Gap : at.IsLevel[i] ? Level
                    : isJudged && at.EffectiveNeighbours[i] < LeastNeighbours ? Few : "");
            rows.End();
        }
    }
}
