using System.Runtime.InteropServices;
using System.Text;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Files;
using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.OnePass;

/// <summary>Files of rows that are read once, a batch at a time: memory does not grow with them.</summary>
internal sealed partial class RowFiles : IDisposable
{
    private const int BatchRows = 1 << 16;

    // As many rows as a row group usually has: the next one is read while these are added up.
    private const int BatchesAhead = 16;

    /// <summary>A first look takes so many rows.</summary>
    public const int PilotRows = 100_000;

    /// <summary>How many rows come down a pipe nobody knows; cells for so many are not much too narrow or too wide for others.</summary>
    public const long RowsOfPipe = 10_000_000;

    private readonly string _data;
    private readonly string? _x;
    private readonly string[]? _y;
    private readonly string? _weights;
    private readonly CsvOptions _csv;
    private readonly bool _areSummed;
    private readonly bool _areCounted;
    private double _mostCopies = double.PositiveInfinity;
    private double _copies;
    private bool _areBeside;
    private string[]? _columns;

    // As the first row that is read has it.
    private ColumnKind[]? _kinds;

    // In the order that they are met; a row's values have the place of its class. Another list takes its place when one is new.
    private string[] _classes = [];

    /// <param name="data">A file, a pattern of names, a built-in table, or - for standard input.</param>
    /// <param name="x">The keys' columns.</param>
    /// <param name="y">The values' columns.</param>
    /// <param name="weights">The weights' column; null for none.</param>
    /// <param name="csv">How files are written.</param>
    /// <param name="areClasses">Whether the target is the name of a class.</param>
    /// <param name="areSummed">Whether rows become sums of one, two or three features, rather than staying rows.</param>
    /// <param name="weightsAre">What the weights are: a row is read as often as its frequency says.</param>
    public RowFiles(
        string data, string? x, string? y, string? weights, CsvOptions csv, bool areClasses = false, bool areSummed = true,
        WeightMeaning weightsAre = default)
    {
        (_data, _x, _weights, _csv, AreClasses, _areSummed) = (data, x, weights, csv, areClasses, areSummed);
        _areCounted = weightsAre == WeightMeaning.Frequencies;
        _y = y is not null && areClasses ? [y] : y?.Split(',').Select(name => name.Trim()).ToArray();
        if (_y?.Contains("") == true)
        {
            throw CliException.WrongInput($"--y: expected columns separated by commas, got '{PlainText.Brief(y!)}'");
        }

        Features = x?.Split(',').Length ?? 1;
        if (areSummed && Features > BoxGrid.MostFeatures)
        {
            throw CliException.WrongInput(
                $"--x: expected at most {BoxGrid.MostFeatures} columns in one pass, got {Features}: boxes of more have too many sums each; "
                    + "a fit in memory takes any number");
        }

        Paths = IsPattern(data) ? Matching(data) : [data];
        Name = data == Examples.Standard ? "stdin" : Path.GetFileNameWithoutExtension(Paths[0]);
        Source = data == Examples.Standard ? Examples.StandardInput : data;
        CanReadAgain = data != Examples.Standard && Paths.All(path => BuiltInTable.Find(path) is not null || IsPlainFile(path));
    }

    /// <summary>The files, in the order of their names.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>A short name for folders.</summary>
    public string Name { get; }

    /// <summary>What was asked for, for messages.</summary>
    public string Source { get; }

    /// <summary>How a file is written.</summary>
    public CsvOptions Csv => _csv;

    /// <summary>Whether the rows can be read a second time; those of a pipe cannot.</summary>
    public bool CanReadAgain { get; }

    /// <summary>The columns; known once a row was looked at.</summary>
    public RowColumns Columns => new(
        string.Join(',', _columns![..Features]), string.Join(',', _columns[Features..(Features + Targets)]), Weights, _kinds ?? [])
    {
        Frequencies = _areCounted ? _weights : null,
    };

    /// <summary>The number of features.</summary>
    public int Features { get; }

    /// <summary>Whether the target is the name of a class.</summary>
    public bool AreClasses { get; }

    /// <summary>The number of targets.</summary>
    public int Targets => _y?.Length ?? 1;

    /// <summary>The column of weights; null where rows have none, as those that are read as often as it says.</summary>
    public string? Weights => _areCounted ? null : _weights;

    /// <summary>Whether there are rows that do not count, as all are where none does.</summary>
    public bool AreBeside => _areBeside || LeftOut.Beside > 0;

    /// <summary>The column that an error is about; null where it says none.</summary>
    public string? ColumnOf(RegressionDataException e) => e.Kind == RegressionProblem.Weights ? _weights
        : e.Feature is int feature && _columns is not null ? _columns[feature] : null;

    /// <summary>The error for rows that cannot be fitted.</summary>
    /// <param name="e">Why not.</param>
    /// <param name="path">The file that they are of; all that was asked for where null.</param>
    public TableException Unusable(RegressionDataException e, string? path = null) => new(TableProblem.Unusable, path ?? Source, e)
    {
        Column = ColumnOf(e),
        Expected = e.Expected,
        Found = e.Got,
    };

    /// <summary>Whether a name stands for several files.</summary>
    public static bool IsPattern(string data) => data.AsSpan().ContainsAny('*', '?') && !Path.Exists(data);

    /// <summary>The rows of a file; the last batch, which says how many were left out in all, has none.</summary>
    /// <param name="path">One of <see cref="Paths"/>.</param>
    public IEnumerable<RowBatch> Read(string path)
    {
        var leftOut = default(RowsLeftOut);
        foreach (RowBatch batch in ReadAhead.Of(_shards is null ? ReadBatches(path) : ReadShard(path), BatchesAhead))
        {
            yield return batch;
            leftOut = batch.LeftOut;
        }

        LeftOut += leftOut;
    }

    // Batches that are under way have lists of their own, which are used again for later ones.
    private IEnumerable<RowBatch> ReadBatches(string path)
    {
        using Stream? stream = TableFile.IsCsv(path) ? Open(path) : null;
        using TableRows rows = stream is null ? TableFile.Open(path, _csv) : CsvRows.Open(stream, NameOf(path), _csv);
        Choose(rows, path);
        List<double>[][] lists = [.. Enumerable.Range(0, ReadAhead.Held(BatchesAhead)).Select(_ => NewLists())];
        RowCopies? copies = _areCounted
            ? new RowCopies([.. NewLists(), []], read => Read(rows, read, BatchRows), _mostCopies)
            : null;
        int count = 1;
        long beside = 0;
        for (int at = 0; count > 0; at = (at + 1) % lists.Length)
        {
            List<double>[] values = lists[at];
            Array.ForEach(values, column => column.Clear());
            count = copies?.AddTo(values, BatchRows) ?? Read(rows, values, BatchRows);
            beside += copies?.TakeBeside() ?? (Weights is null ? 0 : CollectionsMarshal.AsSpan(values[^1]).Count(0.0));
            yield return new RowBatch(values, Features, Targets, new RowsLeftOut(rows.DroppedRows, beside))
            {
                Labels = LabelsOf(values),
                BytesRead = rows is ColumnRows columns ? columns.BytesRead : stream is { CanSeek: true } ? stream.Position : 0,
            };
        }

        _copies += copies?.Total ?? 0;
    }

    /// <summary>How many rows of those read do not count.</summary>
    public RowsLeftOut LeftOut { get; private set; }

    /// <summary>The bytes of all files; 0 where nobody knows.</summary>
    public long Bytes => CanReadAgain ? Paths.Where(IsPlainFile).Sum(path => new FileInfo(path).Length) : 0;

    private void Choose(TableRows rows, string path)
    {
        if (_columns is null)
        {
            (string[] features, string target) = Examples.Choose(
                BuiltInTable.Find(path), rows.Header, _x, _y?[0], NameOf(path), _csv.Delimiter);
            string[] targets = _y ?? [target];
            _columns = features.FirstOrDefault(targets.Contains) is string both
                ? throw CliException.WrongInput($"--x: expected another column than --y, got {PlainText.Brief(both)} for both")
                : features.Distinct().Count() < features.Length
                ? throw CliException.WrongInput($"--x: expected columns that are not named twice, got {PlainText.List(features)}")
                : targets.Distinct().Count() < targets.Length
                ? throw CliException.WrongInput($"--y: expected columns that are not named twice, got {PlainText.List(targets)}")
                : [.. features, .. targets, .. _weights is null ? (string[])[] : [_weights]];
        }

        string[] numbers = [.. _columns.Where((_, i) => !AreClasses || i != Features)];
        rows.Choose(
            numbers, AreClasses ? _columns[Features] : null, notNegative: _weights,
            kinds: _kinds is null ? new ColumnKind?[Features] : [.. _kinds.Select(kind => (ColumnKind?)kind)]);
        if (_areCounted)
        {
            rows.ExpectWhole();
        }
    }

    private List<double>[] NewLists() =>
        [.. Enumerable.Range(0, Features + Targets + (Weights is null ? 0 : 1)).Select(_ => new List<double>())];

    /// <summary>Some rows looked at.</summary>
    /// <param name="columns">Their columns.</param>
    /// <param name="rows">How many there are in all, roughly.</param>
    public SomeRows Some(List<double>[] columns, long rows)
    {
        Order(columns);
        return new SomeRows(columns, Features, Targets, rows) { Labels = LabelsOf(columns) };
    }

    // The first row says what the keys are.
    private int Read(TableRows rows, List<double>[] values, int most)
    {
        if (_kinds is not null)
        {
            return ReadMore(rows, values, most);
        }

        int first = ReadMore(rows, values, 1);
        if (first == 0)
        {
            return 0;
        }

        ColumnKind[] kinds = [.. rows.Kinds.Take(Features)];
        if (Array.IndexOf(kinds, ColumnKind.Category) is >= 0 and int text)
        {
            throw CliException.WrongInput(
                $"{PlainText.Brief(Source, 500)}, column '{PlainText.Brief(_columns![text])}': expected numbers or times, found "
                    + $"'{PlainText.Brief(rows.LevelsOf(text)[0])}'" + (_areSummed ? "; a fit in memory takes categories" : ""));
        }

        _kinds = kinds;
        return first + ReadMore(rows, values, most - 1);
    }

    // A class is a number here, its place among those met so far.
    private int ReadMore(TableRows rows, List<double>[] values, int most)
    {
        // Rows that stay rows have neither classes nor categories to advise.
        if (!_areSummed)
        {
            return Examples.Advised(() => rows.Read(values, most));
        }

        if (!AreClasses)
        {
            return Examples.ReadRows(rows, values, [], null, _columns![Features..(Features + Targets)], most);
        }

        List<string> labels = [];
        int count = Examples.ReadRows(rows, [.. values.Where((_, i) => i != Features)], labels, null, null, most);
        var places = _classes.Index().ToDictionary(pair => pair.Item, pair => pair.Index);
        foreach (string label in labels)
        {
            if (!places.TryGetValue(label, out int place))
            {
                place = places.Count;
                places.Add(label, place);
            }

            values[Features].Add(place);
        }

        if (places.Count > _classes.Length)
        {
            _classes = places.Count <= Examples.MostClasses ? [.. places.OrderBy(pair => pair.Value).Select(pair => pair.Key)]
                : throw Examples.TooManyClasses(Source, _columns![Features], $"{places.Count}");
        }

        return count;
    }

    private string[]? LabelsOf(List<double>[] columns)
    {
        string[] classes = _classes;
        return AreClasses ? [.. columns[Features].Select(place => classes[(int)place])] : null;
    }

    private static Stream Open(string path) =>
        BuiltInTable.Find(path) is BuiltInTable table ? new MemoryStream(Encoding.UTF8.GetBytes(table.Open().ReadToEnd()))
        : path == Examples.Standard ? DataStream.OpenInput(Options.Data)
        : OpenFile(path);

    /// <summary>Opens a file.</summary>
    /// <exception cref="TableException">It is missing, or cannot be read.</exception>
    public static FileStream OpenFile(string path)
    {
        if (Directory.Exists(path))
        {
            throw new TableException(TableProblem.Directory, path) { Expected = "a CSV file", Found = "a directory" };
        }

        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TableException(TableProblem.NoFile, path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TableException(TableProblem.Unreadable, path, e) { Found = SystemReason.Describe(e) };
        }
    }

    private static string NameOf(string path) => path == Examples.Standard ? Examples.StandardInput : path;

    private static bool IsPlainFile(string path) => File.Exists(path) && !SpecialFile.Is(path);

    private static string[] Matching(string pattern)
    {
        string folder = Path.GetDirectoryName(pattern) is { Length: > 0 } named ? named : ".";
        if (folder.AsSpan().ContainsAny('*', '?'))
        {
            throw CliException.WrongInput($"--data: expected a pattern in the file's name alone, got '{PlainText.Brief(pattern)}'");
        }

        string[] paths = Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, Path.GetFileName(pattern)).Order(StringComparer.Ordinal)]
            : [];
        return paths.Length > 0 ? [.. paths.Select(path => folder == "." && !pattern.StartsWith('.') ? Path.GetFileName(path) : path)]
            : throw CliException.WrongInput($"--data: no file is called as '{PlainText.Brief(pattern)}' says");
    }
}
