using Microsoft.Data.Analysis;
using Microsoft.ML;
using TorchAttention.Files;
using TorchAttention.Numerics.Regression.Categories;
using TorchAttention.Numerics.Tables;
using TorchAttention.Tests.Console;
using TorchAttention.Tests.Files;

namespace TorchAttention.Tests;

/// <summary>What the code of <c>docs/formats.md</c> reads; alone, since it reads from the process's current folder.</summary>
[Collection(nameof(Training.AloneTests))]
public sealed class FormatsSnippetsTests : IDisposable
{
    private readonly ConsoleProcess _console = new();

    public void Dispose() => _console.Dispose();

    [Fact]
    public void Files_AreReadWholeAndInBatches()
    {
        Written.Copy(Written.BuiltIn("mcycle"), _console.PathOf("mcycle.parquet"));
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = _console.Folder;
        try
        {
            (Table table, double sum) = RunBatches();
            Assert.Equal(133, table.RowCount);
            Assert.Equal(table["accel"].ToArray().Sum(), sum, 1e-9);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    [Fact]
    public void FramesAndViews_BecomeTables()
    {
        var frame = new DataFrame(new DoubleDataFrameColumn("x", [1, 2, 3]), new Int32DataFrameColumn("n", [4, 5, 6]));
        Table table = FromDataFrame(frame, "n", "x");
        Assert.Equal([4, 5, 6], table["n"].ToArray());
        Assert.Equal([1, 2, 3], table["x"].ToArray());

        var others = new DataFrame(
            new DateTimeDataFrameColumn("day", [DateTime.UnixEpoch.AddDays(1.5), DateTime.UnixEpoch.AddDays(2)]),
            new StringDataFrameColumn("store", ["b", null!]));
        Assert.Equal([1.5, 2], FromDataFrame(others, "day")["day"].ToArray());
        (Category category, double[] places) = Levels(others, "store");
        Assert.Equal(["(missing)", "b"], category.Levels);
        Assert.Equal([1, 0], places);

        var doubles = new DataFrame(new DoubleDataFrameColumn("x", [1, 2, 3]), new DoubleDataFrameColumn("y", [4, 5, 6]));
        Table ofView = FromDataView(doubles, "y");
        Assert.Equal([4, 5, 6], ofView["y"].ToArray());
        Assert.Equal(3, ofView.RowCount);
    }

    private static (Table Table, double Sum) RunBatches()
    {
        Table table = TableFile.Read("mcycle.parquet", ["times", "accel"]);
        double sum = 0;
        foreach (Table batch in TableFile.Batches("mcycle.parquet", ["accel"]))
        {
            foreach (double accel in batch["accel"])
            {
                sum += accel;
            }
        }

        return (table, sum);
    }

    private static Table FromDataFrame(DataFrame frame, params string[] columns) => new("frame", columns, Array.ConvertAll(
        columns, name => Enumerable.Range(0, (int)frame.Rows.Count).Select(i => Number(frame[name][i])).ToArray()));

    private static double Number(object? value) => value switch
    {
        DateTime date => (date - DateTime.UnixEpoch).TotalDays,
        TimeSpan duration => duration.TotalHours,
        null => double.NaN,
        _ => Convert.ToDouble(value),
    };

    private static (Category Category, double[] Places) Levels(DataFrame frame, string column)
    {
        string[] names = [.. Enumerable.Range(0, (int)frame.Rows.Count).Select(i => frame[column][i]?.ToString() ?? "(missing)")];
        string[] levels = [.. names.Distinct().Order(StringComparer.Ordinal)];
        return (new Category(levels), Array.ConvertAll(names, name => (double)Array.IndexOf(levels, name)));
    }

    private static Table FromDataView(IDataView view, params string[] columns)
    {
        DataViewSchema.Column[] chosen = Array.ConvertAll(columns, name => view.Schema[name]);
        List<double>[] values = Array.ConvertAll(columns, _ => new List<double>());
        using DataViewRowCursor cursor = view.GetRowCursor(chosen);
        ValueGetter<double>[] getters = Array.ConvertAll(chosen, cursor.GetGetter<double>);
        double value = 0;
        while (cursor.MoveNext())
        {
            for (int j = 0; j < getters.Length; j++)
            {
                getters[j](ref value);
                values[j].Add(value);
            }
        }

        return new Table("view", columns, Array.ConvertAll(values, column => column.ToArray()));
    }
}
