using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;

namespace TorchAttention.Server.Metrics;

/// <summary>What is known of an instrument: a series of numbers for each set of tags.</summary>
internal sealed class Family
{
    // Of the many that a client could make up, further ones count together.
    private const int MostSeries = 1000;

    private static readonly double[] _seconds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300];

    private readonly ConcurrentDictionary<string, Series> _series = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<int, (KeyValuePair<string, object?>[] Tags, Series Series)> _known = new();
    private readonly string _help;
    private readonly string _type;

    public Family(Instrument instrument)
    {
        Type kind = instrument.GetType().GetGenericTypeDefinition();
        _type = kind == typeof(Histogram<>) ? "histogram"
            : kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>) ? "counter" : "gauge";
        string unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        Name = Plain(instrument.Name) + unit + (_type == "counter" ? "_total" : "");
        _help = instrument.Description ?? "";
        IsObserved = instrument.IsObservable;
    }

    /// <summary>The name that Prometheus knows.</summary>
    public string Name { get; }

    private bool IsObserved { get; }

    public void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        Series series = Find(tags);
        lock (series)
        {
            series.Sum = IsObserved ? value : series.Sum + value;
            series.Count++;
            if (_type == "histogram")
            {
                int bucket = Array.BinarySearch(_seconds, value);
                series.Buckets[bucket < 0 ? ~bucket : bucket]++;
            }
        }
    }

    public void WriteTo(StringBuilder text)
    {
        text.Append(CultureInfo.InvariantCulture, $"# HELP {Name} {_help}\n# TYPE {Name} {_type}\n");
        foreach ((string labels, Series series) in _series.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            lock (series)
            {
                if (_type != "histogram")
                {
                    Line("", labels, series.Sum);
                    continue;
                }

                long below = 0;
                for (int i = 0; i < _seconds.Length; i++)
                {
                    below += series.Buckets[i];
                    Line("_bucket", With(labels, _seconds[i].ToString("R", CultureInfo.InvariantCulture)), below);
                }

                Line("_bucket", With(labels, "+Inf"), series.Count);
                Line("_sum", labels, series.Sum);
                Line("_count", labels, series.Count);
            }
        }

        void Line(string ending, string labels, double value) => text.Append(
            CultureInfo.InvariantCulture, $"{Name}{ending}{(labels.Length == 0 ? "" : $"{{{labels}}}")} {value:R}\n");

        static string With(string labels, string bound) => $"{labels}{(labels.Length == 0 ? "" : ",")}le=\"{bound}\"";
    }

    // Text is made of tags once: most requests have those of the one before.
    private Series Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        int hash = tags.Length;
        foreach ((string _, object? value) in tags)
        {
            hash = HashCode.Combine(hash, value);
        }

        if (_known.TryGetValue(hash, out (KeyValuePair<string, object?>[] Tags, Series Series) known) && tags.SequenceEqual(known.Tags))
        {
            return known.Series;
        }

        string labels = Labels(tags);
        Series series = _series.GetOrAdd(
            _series.ContainsKey(labels) || _series.Count < MostSeries ? labels : "other=\"true\"", _ => new Series());
        if (_known.Count < MostSeries)
        {
            _known[hash] = (tags.ToArray(), series);
        }

        return series;
    }

    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }

        var text = new StringBuilder();
        foreach ((string name, object? value) in tags)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(Plain(name)).Append("=\"");
            text.Append(string.Create(CultureInfo.InvariantCulture, $"{value}").Replace("\\", "\\\\", StringComparison.Ordinal)
                .Replace("\"", "\\\"", StringComparison.Ordinal).ReplaceLineEndings("\\n")).Append('"');
        }

        return text.ToString();
    }

    private static string Plain(string name) => name.Replace('.', '_').Replace('-', '_');

    private sealed class Series
    {
        public long[] Buckets { get; } = new long[_seconds.Length + 1];

        public double Sum { get; set; }

        public long Count { get; set; }
    }
}
