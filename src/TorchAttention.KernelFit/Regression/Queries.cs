using TorchAttention.Cli.Output;

namespace TorchAttention.Cli.Regression;

/// <summary>A file of what is to be predicted, and where the predictions go.</summary>
/// <param name="Data">The file; - for standard input.</param>
/// <param name="Output">The file of the predictions; - for standard output.</param>
/// <param name="Csv">How the file is written.</param>
/// <param name="Keep">The columns to carry along, <see cref="RowsToPredict.All"/> of them, or none where null.</param>
internal sealed record Queries(string Data, string Output, CsvOptions Csv, string? Keep)
{
    /// <summary>Predicts every row.</summary>
    /// <param name="columns">The columns of the model.</param>
    /// <param name="begin">The model.</param>
    public int Predict(QueryColumns columns, RowsToPredict.Begin begin)
    {
        using var interruption = new Interruption();
        using TableRows rows = Examples.Open(Data, Csv);
        var queries = new RowsToPredict(rows, columns, Keep);
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

        void WriteText(TextWriter writer) => Write(RowText.Create(Output, writer, Csv), writer.Flush);

        void Write(RowText text, Action flush) => queries.Predict(text, begin, _ => flush(), Wait, interruption.Token);

        // A read may wait for ever, and nothing else ends it.
        int Wait(Func<int> read)
        {
            Task<int> reading = Task.Run(read);
            Task.WaitAny([reading], interruption.Token);
            return reading.GetAwaiter().GetResult();
        }
    }
}
