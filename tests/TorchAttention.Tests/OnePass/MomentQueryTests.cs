using System.Diagnostics;
using System.Globalization;
using System.Text;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Bandwidths;
using TorchAttention.Numerics.Tables;
using TorchAttention.Tests.Cluster;

namespace TorchAttention.Tests.OnePass;

/// <summary>Moments that a database has summed say what those of its rows say; the real ones where they are installed.</summary>
public sealed class MomentQueryTests : IDisposable
{
    private static readonly Asked[] _asked =
    [
        new(0, ["c"], false), new(1, ["c"], false), new(0, ["c", "d"], false), new(0, ["c"], true), new(1, ["c", "d"], true),
    ];

    private static readonly string[][] _ofBoxes = [["c"], ["c", "s"]];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void AnswerOfSQLite_FitsAsItsRows()
    {
        Assert.SkipUnless(IsThere("sqlite3", "--version"), "SQLite's program is not installed.");
        string rows = WriteRows();
        foreach (Asked asked in _asked)
        {
            File.WriteAllText(PathOf("q.sql"), asked.Query(SqlDialect.SQLite));
            string script = $".mode csv\n.import {rows} rows\n.headers on\n.read q.sql\n";

            SaysTheSame(Run("sqlite3", [":memory:"], script), asked);
        }

        foreach (string[] y in _ofBoxes)
        {
            File.WriteAllText(PathOf("q.sql"), QueryOfBoxes(SqlDialect.SQLite, y));
            SaysTheSame(Run("sqlite3", [":memory:"], $".mode csv\n.import {rows} rows\n.headers on\n.read q.sql\n"), y);
        }
    }

    [Fact]
    public void AnswerOfDuckDB_FitsAsItsRows()
    {
        Assert.SkipUnless(IsThere("duckdb", "--version"), "DuckDB's program is not installed.");
        string table = $"CREATE TABLE rows AS SELECT * FROM read_csv('{WriteRows()}', header = true);\n";
        foreach (Asked asked in _asked)
        {
            SaysTheSame(Run("duckdb", ["-csv"], table + asked.Query(SqlDialect.DuckDB)), asked);
        }

        foreach (string[] y in _ofBoxes)
        {
            SaysTheSame(Run("duckdb", ["-csv"], table + QueryOfBoxes(SqlDialect.DuckDB, y)), y);
        }
    }

    [Fact]
    public void AnswerOfPostgres_FitsAsItsRows()
    {
        using var server = new PostgresServer(SiloProcesses.FreePort());
        server.Ask(
            "create table rows (\"a \"\"key\"\"\" numeric, c numeric, d numeric, s numeric);\n"
                + $"copy rows from stdin csv header;\n{File.ReadAllText(WriteRows())}\\.\n");
        foreach (Asked asked in _asked)
        {
            SaysTheSame(server.Ask(asked.Query(SqlDialect.Postgres)), asked);
        }

        foreach (string[] y in _ofBoxes)
        {
            SaysTheSame(server.Ask(QueryOfBoxes(SqlDialect.Postgres, y)), y);
        }
    }

    [Fact]
    public void AnswerThatIsNone_IsRefusedWithItsRow()
    {
        string answer = Answer();
        Assert.Equal(800, MomentQuery.Read(new StringReader(answer), "a.csv").Count);
        string[] lines = answer.Split('\n');

        Refused("a.csv, row 1: expected the answer of the query", "x,y\n1,2\n");
        Refused("a.csv: expected cells below the header row, found none", $"{lines[0]}\n");
        Refused("a.csv, row 2: expected 53 fields, got 3", $"{lines[0]}\n1,2,3\n");
        Refused(
            "a.csv, row 2, column 'm1': expected a finite number, got NaN", $"{lines[0]}\n{lines[1].Replace(",1.5,", ",NaN,")}\n");
        Refused("a.csv, row 1: expected the answer of the query", $"{lines[0]},more\n{lines[1]},1\n");
        string half = $"-4,1,0.5{lines[1][lines[1].IndexOf(",,", StringComparison.Ordinal)..]}";
        Refused("a.csv, row 2, column 'count': expected a whole number", $"{lines[0]}\n{half}\n");
        Refused("a.csv, row 3, column 'cell': expected each cell once", $"{lines[0]}\n{lines[1]}\n{lines[1]}\n");

        static void Refused(string message, string text)
        {
            TableException refused = Assert.Throws<TableException>(() => MomentQuery.Read(new StringReader(text), "a.csv"));
            Assert.StartsWith(message, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Names_AreQuoted()
    {
        string query = MomentQuery.Create(SqlDialect.DuckDB, "main.a\"; drop table b", "x", ["y"], 0.01);

        Assert.Contains("FROM \"main\".\"a\"\"; drop table b\"", query, StringComparison.Ordinal);
        Assert.Contains("-7 AS cell_exponent", query, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => MomentQuery.Create(SqlDialect.DuckDB, "t", "x", [""], 0.01));
        Assert.Throws<ArgumentException>(() => MomentQuery.Create(SqlDialect.DuckDB, "t", "x", ["y"], 0));
        Assert.Throws<ArgumentException>(() => MomentQuery.Create(SqlDialect.DuckDB, "t", "x", ["y"], 0.01, 2));
        string[] many = [.. Enumerable.Range(0, 60).Select(c => $"y{c}")];
        Assert.Throws<ArgumentException>(() => MomentQuery.Create(SqlDialect.DuckDB, "t", "x", many, 0.01));
    }

    // A weight here and there is large, and one in eleven is none.
    private static (double[] X, double[] C, double[] D, double[] S) Rows()
    {
        var random = new Random(1);
        double[] x = [.. Enumerable.Range(0, 3000).Select(_ => Math.Round(random.NextDouble() * random.NextDouble(), 6))];
        return (
            x,
            [.. x.Select(at => Math.Round(100 + Math.Sin(9 * at) + random.NextDouble(), 6))],
            [.. x.Select(at => Math.Round((7 * at) + random.NextDouble(), 6))],
            [.. x.Select((_, i) => i % 11 == 0 ? 0 : i % 97 == 0 ? 30 : Math.Round(0.5 + random.NextDouble(), 6))]);
    }

    private static void SaysTheSame(string answer, Asked asked)
    {
        (double[] x, double[] c, double[] d, double[] s) = Rows();
        double[] y = asked.Y.Length == 1 ? c : [.. c.Zip(d).SelectMany(pair => new[] { pair.First, pair.Second })];
        double[] weights = asked.HasWeights ? s : [];
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length, 0.05, asked.Degree, weights));
        moments.Add(x, y, weights);
        Moments theirs = MomentQuery.Read(new StringReader(answer), "answer");
        var options = new MomentOptions { Degree = asked.Degree };
        MomentRegression expected = MomentRegression.Fit(moments, options);
        MomentRegression actual = MomentRegression.Fit(theirs, options with { Bandwidth = expected.Bandwidth });

        Assert.Equal(moments.Count, theirs.Count);
        double error = expected.Diagnostics.LeaveOneOutError;
        Assert.Equal(error, actual.Diagnostics.LeaveOneOutError, 1e-9 * error);
        Assert.Equal(expected.Diagnostics.EffectiveDegreesOfFreedom, actual.Diagnostics.EffectiveDegreesOfFreedom, 1e-7);
        Assert.Equal(expected.Certificate.IsProved, actual.Certificate.IsProved);
        Assert.True(!actual.Certificate.IsProved || actual.Certificate.Bound > expected.Certificate.Bound, $"{actual.Certificate}");
        Assert.True(asked.Degree > 0 || asked.HasWeights || actual.Certificate.Bound < 1e-8, $"{actual.Certificate}");
        Assert.Equal(expected.Bandwidth, MomentRegression.Fit(theirs, options).Bandwidth, 1e-6 * expected.Bandwidth);
    }

    // Boxes of many rows and of few.
    private static string QueryOfBoxes(SqlDialect dialect, string[] y) =>
        BoxQuery.Create(dialect, "rows", ["a \"key\"", "d"], y, [0.13, 0.5]);

    private static void SaysTheSame(string answer, string[] columns)
    {
        (double[] x, double[] c, double[] d, double[] s) = Rows();
        double[] keys = [.. x.Zip(d).SelectMany(pair => new[] { pair.First, pair.Second })];
        double[] y = columns.Length == 1 ? c : [.. c.Zip(s).SelectMany(pair => new[] { pair.First, pair.Second })];
        var moments = new BoxMoments(BoxGrid.Choose(keys, y, 2, x.Length, [0.13, 0.5]));
        moments.Add(keys, y);
        BoxMoments theirs = BoxQuery.Read(new StringReader(answer), "answer");
        BoxStore.Box[] boxes = theirs.Parts.Values.Single().InOrder();
        Assert.Contains(boxes, box => box.Sums.Length > 0);
        Assert.Contains(boxes, box => box.Waiting > 0);
        Assert.Equal(moments.Count, theirs.Count);
        Assert.Equal(moments.Boxes, theirs.Boxes);
        BoxRegression expected = BoxRegression.Fit(moments);
        var given = new MomentOptions { Bandwidth = Bandwidth.Fixed([.. expected.Bandwidths]) };
        Diagnostics actual = BoxRegression.Fit(theirs, given).Diagnostics;
        Assert.Equal(1, actual.LeaveOneOutError / expected.Diagnostics.LeaveOneOutError, 1e-9);
        Assert.Equal(1, actual.EffectiveDegreesOfFreedom / expected.Diagnostics.EffectiveDegreesOfFreedom, 1e-9);
        Assert.Equal(1, BoxRegression.Fit(theirs).Search!.Score / expected.Search!.Score, 1e-9);

        // Rows of a file that are cut as the database did add up.
        var more = new BoxMoments(theirs.Grid);
        more.Add(keys, y);
        more.Merge(theirs);
        Assert.Equal(2 * moments.Count, more.Count);
        TableException refused = Assert.Throws<TableException>(
            () => BoxQuery.Read(new StringReader(answer[..answer.LastIndexOf(',')]), "a.csv"));
        Assert.Contains("fields", refused.Message, StringComparison.Ordinal);
        Assert.Throws<TableException>(() => MomentQuery.Read(new StringReader(answer), "a.csv"));
        Assert.True(BoxQuery.IsAnswer(answer.Split('\n')[0]));
    }

    // One cell of many rows, as a database sums them.
    private static string Answer()
    {
        string powers = string.Join(',', Enumerable.Repeat("1.5", 47));
        string names = string.Join(',', new SqlSums(16, 1, hasWeights: false).Names);
        return $"cell_exponent,cell,count,x,y,level,{names}\n-4,1,800,,,0.5,{powers}\n";
    }

    private string WriteRows()
    {
        (double[] x, double[] c, double[] d, double[] s) = Rows();
        var text = new StringBuilder("\"a \"\"key\"\"\",c,d,s\n");
        for (int i = 0; i < x.Length; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{x[i]},{c[i]},{d[i]},{s[i]}\n");
        }

        File.WriteAllText(PathOf("rows.csv"), text.ToString());
        return PathOf("rows.csv");
    }

    private string PathOf(string file) => Path.Combine(_folder.FullName, file);

    private string Run(string program, string[] arguments, string input)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = _folder.FullName,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }

    private static bool IsThere(string program, string argument)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, argument) { RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private sealed record Asked(int Degree, string[] Y, bool HasWeights)
    {
        public string Query(SqlDialect dialect) =>
            MomentQuery.Create(dialect, "rows", "a \"key\"", Y, 0.05, Degree, HasWeights ? "s" : null);
    }
}
