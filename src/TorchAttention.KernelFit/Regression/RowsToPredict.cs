using TorchAttention.Cli.Output;

namespace TorchAttention.Cli.Regression;

/// <summary>Rows that a model predicts from, read a chunk at a time, and written with what is predicted.</summary>
internal sealed class RowsToPredict
{
    /// <summary>All columns in the file's order.</summary>
    public const string All = "all";

    private const int ChunkRows = 1 << 15;

    private readonly TableRows _rows;
    private readonly string[] _features;
    private readonly string? _by;
    private readonly string[] _keptColumns;
    private readonly IReadOnlyList<string>? _order;

    /// <param name="rows">Where they are read from.</param>
    /// <param name="model">The columns that the model predicts from.</param>
    /// <param name="keep">The columns to carry along, <see cref="All"/> of them, or none where null.</param>
    /// <exception cref="TableException">A column is not there.</exception>
    public RowsToPredict(TableRows rows, QueryColumns model, string? keep)
    {
        _rows = rows;
        _features = model.Features;
        _by = model.By;
        _order = keep == All ? rows.Header : null;
        rows.Choose(model.Features, model.By, kinds: [.. model.Kinds]);
        rows.TakeLevels(model.Levels, model.MayBeUnseen);
        if (model.RefuseGroup is not null)
        {
            rows.RefuseLabels(model.RefuseGroup);
        }

        // Dates and groups go out as they came.
        IEnumerable<string> groupColumn = model.By is null ? [] : [model.By];
        _keptColumns =
        [
            .. groupColumn.Union(Kept(rows.Header, keep)), .. _features.Where((_, j) => model.Kinds[j] != ColumnKind.Number),
        ];
        rows.Keep(_keptColumns);
    }

    /// <summary>Writes the header, and gives what writes some rows.</summary>
    public delegate WriteRows Begin(PredictedRows written);

    /// <summary>Writes some rows of predictions.</summary>
    /// <param name="queries">Queries (m, d).</param>
    /// <param name="groups">The group of each (m); none where there are no groups.</param>
    /// <param name="kept">The text of each column that is carried along (m).</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public delegate void WriteRows(
        double[] queries, List<string> groups, IReadOnlyList<List<string>> kept, CancellationToken cancellationToken);

    /// <summary>Predicts every row.</summary>
    /// <param name="text">Where the predictions go.</param>
    /// <param name="begin">The model.</param>
    /// <param name="flush">What is done after the header and after each chunk, given how many rows were read.</param>
    /// <param name="wait">Reads, and waits for it; null to read right away.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public void Predict(
        RowText text, Begin begin, Action<int> flush, Func<Func<int>, int>? wait, CancellationToken cancellationToken)
    {
        WriteRows writeRows = begin(new PredictedRows(text, _features, _keptColumns, _order));
        flush(0);
        List<double>[] columns = [.. _features.Select(_ => new List<double>())];
        List<string>[] kept = [.. _keptColumns.Select(_ => new List<string>())];
        List<string> groups = [];
        while ((wait is null ? Read() : wait(Read)) is > 0 and int count)
        {
            double[] numbers = new double[count * columns.Length];
            for (int i = 0; i < numbers.Length; i++)
            {
                numbers[i] = columns[i % columns.Length][i / columns.Length];
            }

            writeRows(numbers, groups, kept, cancellationToken);
            flush(count);
        }

        text.Finish();

        int Read()
        {
            groups.Clear();
            Array.ForEach(columns, column => column.Clear());
            Array.ForEach(kept, column => column.Clear());
            try
            {
                return Examples.Advised(() => _rows.Read(columns, ChunkRows, groups, kept));
            }
            catch (TableException e) when (e.Kind == TableProblem.UnknownName)
            {
                throw CliException.WrongInput($"{e.Message}; " + (e.Column == _by
                    ? "--unknown-groups empty leaves what is predicted for such rows empty"
                    : "--unseen mean weighs all levels alike there"), e);
            }
        }
    }

    private string[] Kept(IReadOnlyList<string> header, string? keep)
    {
        string[] columns = keep is null ? []
            : keep == All ? [.. header.Except(_features)]
            : [.. keep.Split(',').Select(name => name.Trim())];
        bool isWrong(string name) => _features.Contains(name) || columns.Count(other => other == name) > 1 || name.Length == 0;
        return columns.FirstOrDefault(isWrong) is not string wrong ? columns
            : throw CliException.WrongInput(
                $"--keep: expected other columns than the features {PlainText.List(_features)}, each once, got '{PlainText.Brief(wrong)}'");
    }
}
