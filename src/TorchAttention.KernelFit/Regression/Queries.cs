using TorchAttention.Cli.Output;

namespace TorchAttention.Cli.Regression;

/// <summary>A file of what is to be predicted, read a chunk at a time, and where the predictions go.</summary>
/// <param name="Data">The file; - for standard input.</param>
/// <param name="Output">The file of the predictions; - for standard output.</param>
/// <param name="Csv">How the file is written.</param>
/// <param name="Keep">The columns to carry along, <see cref="All"/> of them, or none where null.</param>
internal sealed record Queries(string Data, string Output, CsvOptions Csv, string? Keep)
{
    /// <summary>All columns in the file's order.</summary>
    public const string All = "all";

    private const int ChunkRows = 1 << 15;

    /// <summary>Writes the header, and gives what writes some rows of predictions: queries (m x d), their groups, text that is carried
    /// along.</summary>
    public delegate Action<double[], List<string>, List<string>[], CancellationToken> Begin(PredictedRows written);

    /// <summary>Predicts every row.</summary>
    /// <param name="features">The columns of the features (d).</param>
    /// <param name="kinds">What they are.</param>
    /// <param name="by">The column of groups; null for none.</param>
    /// <param name="levels">The levels of categories (d), null where a feature is none; empty where there are none.</param>
    /// <param name="begin">The model.</param>
    public int Predict(string[] features, ColumnKind[] kinds, string? by, IReadOnlyList<string>?[] levels, Begin begin)
    {
        using var interruption = new Interruption();
        using TableRows rows = Examples.Open(Data, Csv);
        rows.Choose(features, by, kinds: [.. kinds]);
        rows.TakeLevels(levels);

        // Dates and groups go out as they came.
        IEnumerable<string> groupColumn = by is null ? [] : [by];
        string[] keptColumns =
        [
            .. groupColumn.Union(Kept(rows.Header, features)), .. features.Where((_, j) => kinds[j] != ColumnKind.Number),
        ];
        rows.Keep(keptColumns);
        if (Output == Examples.Standard)
        {
            DataStream.WriteOutput(WriteText);
        }
        else if (RowText.IsParquet(Output))
        {
            WholeFile.Write(Output, stream => Write(new ParquetRows(stream), () => { }));
        }
        else
        {
            WholeFile.WriteText(Output, WriteText);
        }

        if (rows.DroppedRows > 0)
        {
            Console.Error.WriteLine($"note: {rows.DroppedRows} {(rows.DroppedRows == 1 ? "row" : "rows")} with missing numbers left out");
        }

        return ExitCode.Done;

        // A read may wait for ever, and nothing else ends it.
        bool Read(List<double>[] columns, List<string> groups, List<string>[] kept)
        {
            Task<int> reading = Task.Run(() => ReadChunk(rows, columns, groups, kept));
            Task.WaitAny([reading], interruption.Token);
            return reading.GetAwaiter().GetResult() > 0;
        }

        void WriteText(TextWriter writer) => Write(RowText.Create(Output, writer, Csv), writer.Flush);

        void Write(RowText text, Action flush)
        {
            IReadOnlyList<string>? order = Keep == All ? rows.Header : null;
            Action<double[], List<string>, List<string>[], CancellationToken> writeRows =
                begin(new PredictedRows(text, features, keptColumns, order));
            flush();
            List<double>[] columns = [.. features.Select(_ => new List<double>())];
            List<string>[] kept = [.. keptColumns.Select(_ => new List<string>())];
            List<string> groups = [];
            while (Read(columns, groups, kept))
            {
                double[] numbers = new double[columns[0].Count * columns.Length];
                for (int i = 0; i < numbers.Length; i++)
                {
                    numbers[i] = columns[i % columns.Length][i / columns.Length];
                }

                writeRows(numbers, groups, kept, interruption.Token);
                flush();
            }

            text.Finish();
        }
    }

    private string[] Kept(IReadOnlyList<string> header, IReadOnlyList<string> features)
    {
        string[] columns = Keep is null ? []
            : Keep == All ? [.. header.Except(features)]
            : [.. Keep.Split(',').Select(name => name.Trim())];
        bool isWrong(string name) => features.Contains(name) || columns.Count(other => other == name) > 1 || name.Length == 0;
        return columns.FirstOrDefault(isWrong) is not string wrong ? columns
            : throw CliException.WrongInput(
                $"--keep: expected other columns than the features {PlainText.List(features)}, each once, got '{PlainText.Brief(wrong)}'");
    }

    private static int ReadChunk(TableRows rows, List<double>[] columns, List<string> groups, List<string>[] kept)
    {
        groups.Clear();
        Array.ForEach(columns, column => column.Clear());
        Array.ForEach(kept, column => column.Clear());
        return Examples.Advised(() => rows.Read(columns, ChunkRows, groups, kept));
    }
}
