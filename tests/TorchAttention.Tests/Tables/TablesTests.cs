using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.Tables;

public sealed class TablesTests
{
    [Fact]
    public void BuiltInTables_HaveTheirRowsAndDefaultColumns()
    {
        Assert.Equal(["ethanol", "faithful", "iris", "mcycle"], BuiltInTable.All.Select(table => table.Name));
        Assert.All(BuiltInTable.All, builtIn =>
        {
            Table table = builtIn.Read(_ => [builtIn.X, builtIn.Y]);
            Assert.Equal(builtIn.RowCount, table.RowCount);
            Assert.NotEmpty(builtIn.Source);
        });
        Assert.Equal([2.4, 2.6, 3.2], BuiltInTable.Find("MCycle")!.Read(_ => ["times"])[0][..3].ToArray());
        Assert.Null(BuiltInTable.Find("nothing"));
    }

    [Fact]
    public void Standardization_IsMeanAndSampleDeviation()
    {
        var scale = Standardization.Measure([2, 4, 4, 4, 5, 5, 7, 9]);

        Assert.Equal(5, scale.Mean, 1e-15);
        Assert.Equal(Math.Sqrt(32 / 7.0), scale.Deviation, 1e-15);
        Assert.Equal(7.5, scale.Invert(scale.Apply(7.5)), 1e-14);
        Assert.Equal(3, Standardization.None.Apply(3));
    }

    [Fact]
    public void Standardization_KeepsItsDigitsFarFromZero()
    {
        var scale = Standardization.Measure([1e9 + 1, 1e9 + 2, 1e9 + 3]);
        Assert.Equal((1e9 + 2, 1), (scale.Mean, scale.Deviation));
    }

    [Theory]
    [InlineData("at least 2", 1.0)]
    [InlineData("got 3 everywhere", 3.0, 3.0, 3.0)]
    [InlineData("float64", 1e308, -1e308)]
    [InlineData("float64", 1e-310, 2e-310)]
    public void Standardization_RefusesWhatHasNoSpread(string message, params double[] values) =>
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => Standardization.Measure(values)).Message, StringComparison.Ordinal);

    [Fact]
    public void WholeFile_IsReplacedWholeOrNotAtAll()
    {
        string folder = Directory.CreateTempSubdirectory("torchattention-").FullName;
        try
        {
            string file = Path.Combine(folder, "a.txt");
            WholeFile.WriteText(file, writer => writer.Write("first"));
            Assert.Throws<InvalidOperationException>(() => WholeFile.WriteText(file, writer =>
            {
                writer.Write("second");
                throw new InvalidOperationException();
            }));
            Assert.Equal("first", File.ReadAllText(file));

            WholeFile.WriteText(file, writer => writer.Write("third"));
            Assert.Equal("third", File.ReadAllText(file));
            Assert.Equal([file], Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Columns_AreFoundByName()
    {
        var table = new Table("t.csv", ["a", "b", "c", "c"], [[1, 2], [3, 4], [5, 6], [7, 8]]);

        Assert.Equal([3, 4], table["b"].ToArray());
        Assert.Equal([3, 1, 4, 2], table.Rows("b", "a"));
        Assert.Empty(table.Rows());
        ArgumentException none = Assert.Throws<ArgumentException>(() => table["B"].Length);
        Assert.StartsWith(
            "t.csv: expected one column 'B', found none; its columns are 'a', 'b', 'c', 'c'.", none.Message, StringComparison.Ordinal);
        ArgumentException two = Assert.Throws<ArgumentException>(() => table.Rows("a", "c"));
        Assert.StartsWith("t.csv: expected one column 'c', found 2; ", two.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Table_RefusesColumnsOfDifferentLengths()
    {
        Assert.Throws<ArgumentException>(() => new Table("t", ["a"], []));
        Assert.Throws<ArgumentException>(() => new Table("t", ["a", "b"], [[1], [1, 2]]));
    }
}
