using TorchAttention.Cli.Output;

namespace TorchAttention.Cli.Regression;

/// <summary>The rows that <c>predict</c> writes: the query and the columns that are carried along, then what is predicted.</summary>
internal sealed class PredictedRows
{
    private readonly RowText _text;
    private readonly string[] _leading;
    private readonly int[] _places;
    private readonly string[] _features;

    /// <param name="text">Where they go.</param>
    /// <param name="features">The columns of the query.</param>
    /// <param name="kept">Those that are carried along, and features whose text is.</param>
    /// <param name="header">The columns of the file, where all are carried along in its order; null to have the kept first.</param>
    public PredictedRows(RowText text, string[] features, string[] kept, IReadOnlyList<string>? header)
    {
        _text = text;
        _leading = header is null ? [.. kept.Except(features), .. features] : [.. header];

        // A place among the features, or the complement of one among the kept.
        _places = Array.ConvertAll(
            _leading, name => Array.IndexOf(kept, name) is int k and >= 0 ? ~k : Array.IndexOf(features, name));
        _features = features;
    }

    /// <summary>Writes the header.</summary>
    /// <param name="predicted">What is predicted.</param>
    public void WriteHeader(params IEnumerable<string> predicted)
    {
        if (predicted.FirstOrDefault(_leading.Except(_features).Contains) is string taken)
        {
            throw CliException.WrongInput($"--keep: the predictions have a column '{taken}' of their own");
        }

        _text.WriteNames([.. _leading, .. predicted]);
    }

    /// <summary>Begins a row.</summary>
    /// <param name="query">The query (d).</param>
    /// <param name="kept">The text of each column that is carried along.</param>
    /// <param name="row">The row in there.</param>
    public void Begin(ReadOnlySpan<double> query, IReadOnlyList<List<string>> kept, int row)
    {
        foreach (int place in _places)
        {
            if (place >= 0)
            {
                _text.Add(query[place]);
            }
            else
            {
                _text.Add(kept[~place][row]);
            }
        }
    }

    /// <summary>Adds a number that is predicted.</summary>
    public void Add(double number) => _text.Add(number);

    /// <summary>Adds text that is predicted.</summary>
    public void Add(string text) => _text.Add(text);

    /// <summary>Ends the row.</summary>
    public void End() => _text.End();
}
