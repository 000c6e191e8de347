using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.OnePass;

/// <summary>The columns that moments are of.</summary>
/// <param name="X">The keys' columns, with commas between them.</param>
/// <param name="Y">The values' columns, with commas between them.</param>
/// <param name="Weights">The column of weights; null where rows have none.</param>
/// <param name="Kinds">What the keys are; numbers where empty.</param>
internal sealed record RowColumns(string X, string Y, string? Weights, IReadOnlyList<ColumnKind> Kinds)
{
    private const string XKey = "x";
    private const string KindsKey = "x_kinds";
    private const string YKey = "y";
    private const string WeightsKey = "weights";
    private const string FrequenciesKey = "frequencies";

    /// <summary>The column that says how often each row was read; null where each was once.</summary>
    public string? Frequencies { get; init; }

    private bool AreNumbers => Kinds.All(kind => kind == ColumnKind.Number);

    private string KindNames => string.Join(',', Kinds.Select(Options.Name));

    /// <summary>The names of so many features.</summary>
    public string[] Features(int count) => ModelNotes.Split(X, count);

    /// <summary>The columns in a sentence.</summary>
    public string List
    {
        get
        {
            string key = AreNumbers ? X : $"{X} ({KindNames})";
            return PlainText.List(
                Weights is not null ? [key, Y, Weights] : Frequencies is not null ? [key, Y, $"{Frequencies} (frequencies)"] : [key, Y]);
        }
    }

    /// <summary>The same columns as in a file's notes.</summary>
    public static RowColumns Of(IReadOnlyDictionary<string, string> notes)
    {
        Dictionary<string, ColumnKind> known = Options.Names<ColumnKind>();
        string[] kinds = notes.GetValueOrDefault(KindsKey, "").Split(',');
        return new RowColumns(
            notes.GetValueOrDefault(XKey, "x"), notes.GetValueOrDefault(YKey, "y"), notes.GetValueOrDefault(WeightsKey),
            [.. kinds.Select(kind => known.GetValueOrDefault(kind))])
        {
            Frequencies = notes.GetValueOrDefault(FrequenciesKey),
        };
    }

    /// <summary>How rows are weighted; null where they are not.</summary>
    /// <param name="rows">How many there are.</param>
    /// <param name="weight">What they weigh.</param>
    public RowWeighting? Weighting(long rows, double weight) =>
        Frequencies is not null ? new RowWeighting(Frequencies, WeightMeaning.Frequencies, rows)
        : Weights is not null ? new RowWeighting(Weights, WeightMeaning.Precisions, weight / rows)
        : null;

    /// <summary>Records them in a configuration.</summary>
    public void WriteWeights(Utf8JsonWriter json)
    {
        json.WriteString("weights", Weights ?? Frequencies);
        if (Frequencies is not null)
        {
            json.WriteString("weights_are", Options.Name(WeightMeaning.Frequencies));
        }
    }

    /// <summary>The columns of rows that were dealt to shards.</summary>
    /// <param name="path">The manifest's file.</param>
    /// <param name="manifest">The manifest.</param>
    public static RowColumns Of(string path, ShardManifest manifest)
    {
        ModelNotes names = ModelNotes.Read(path, manifest.Notes, manifest.Features);
        string? weights = manifest.HasWeights ? manifest.Notes.GetValueOrDefault(WeightsKey, WeightsKey) : null;
        return new RowColumns(string.Join(',', names.Features), names.Target, weights, names.Kinds);
    }

    /// <summary>Text that goes with shards.</summary>
    /// <param name="features">The number of features.</param>
    public Dictionary<string, string> ToShardNotes(int features)
    {
        Dictionary<string, string> notes = ModelNotes.Create(Features(features), Y, Kinds);
        if (Weights is not null)
        {
            notes[WeightsKey] = Weights;
        }

        return notes;
    }

    /// <summary>Text that goes with moments.</summary>
    public Dictionary<string, string> ToNotes()
    {
        var notes = new Dictionary<string, string> { [XKey] = X, [YKey] = Y };
        if (!AreNumbers)
        {
            notes[KindsKey] = KindNames;
        }

        if (Weights is not null)
        {
            notes[WeightsKey] = Weights;
        }

        if (Frequencies is not null)
        {
            notes[FrequenciesKey] = Frequencies;
        }

        return notes;
    }
}
