using System.Diagnostics;
using System.Globalization;
using System.Text;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Tests.OnePass;

/// <summary>Moments that a database has summed say what those of its rows say; the real ones where they are installed.</summary>
public sealed class MomentQueryTests : IDisposable
{
    private const string PostgresPrograms = "/usr/lib/postgresql";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void AnswerOfSQLite_FitsAsItsRows()
    {
        Assert.SkipUnless(IsThere("sqlite3", "--version"), "SQLite's program is not installed.");
        string rows = WriteRows();
        File.WriteAllText(PathOf("q.sql"), MomentQuery.Create(SqlDialect.SQLite, "rows", "a \"key\"", "c", 0.05));
        string script = $".mode csv\n.import {rows} rows\n.headers on\n.read q.sql\n";

        SaysTheSame(Run("sqlite3", [":memory:"], script));
    }

    [Fact]
    public void AnswerOfPostgres_FitsAsItsRows()
    {
        string? programs = Directory.Exists(PostgresPrograms)
            ? Directory.GetDirectories(PostgresPrograms).Select(version => Path.Combine(version, "bin")).FirstOrDefault(
                bin => File.Exists(Path.Combine(bin, "postgres")))
            : null;
        Assert.SkipWhen(programs is null || !OperatingSystem.IsLinux(), "PostgreSQL is not installed.");
        Assert.SkipWhen(Environment.UserName == "root" && !IsThere("runuser", "--version"), "PostgreSQL does not run as root.");
        string rows = WriteRows();
        string query = MomentQuery.Create(SqlDialect.Postgres, "rows", "a \"key\"", "c", 0.05);
        File.WriteAllText(
            PathOf("q.sql"),
            $"create table rows (\"a \"\"key\"\"\" numeric, c numeric);\n\\copy rows from '{rows}' csv header\n{query};\n");

        // A server of its own, which ends with the test.
        string data = PathOf("data");
        Run("chmod", ["a+rwx", _folder.FullName], "");
        Administer(programs!, "initdb", "-D", data, "-A", "trust", "-U", "someone");
        Administer(
            programs!, "pg_ctl", "-D", data, "-o", $"-k {_folder.FullName} -c listen_addresses=", "-l", PathOf("log"), "-w", "start");
        try
        {
            SaysTheSame(Administer(
                programs!, "psql", "-q", "--csv", "-h", _folder.FullName, "-U", "someone", "-d", "postgres", "-f", PathOf("q.sql")));
        }
        finally
        {
            Administer(programs!, "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop");
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
            "a.csv, row 2, column 'sum': expected a finite number, got NaN", $"{lines[0]}\n{lines[1].Replace(",1.5,", ",NaN,")}\n");
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
        string query = MomentQuery.Create(SqlDialect.DuckDB, "main.a\"; drop table b", "x", "y", 0.01);

        Assert.Contains("FROM \"main\".\"a\"\"; drop table b\"", query, StringComparison.Ordinal);
        Assert.Contains("-7 AS cell_exponent", query, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => MomentQuery.Create(SqlDialect.DuckDB, "t", "x", "", 0.01));
        Assert.Throws<ArgumentException>(() => MomentQuery.Create(SqlDialect.DuckDB, "t", "x", "y", 0));
    }

    private static (double[] X, double[] Y) Rows()
    {
        var random = new Random(1);
        double[] x = [.. Enumerable.Range(0, 3000).Select(_ => Math.Round(random.NextDouble() * random.NextDouble(), 6))];
        return (x, [.. x.Select(at => Math.Round(100 + Math.Sin(9 * at) + random.NextDouble(), 6))]);
    }

    private static void SaysTheSame(string answer)
    {
        (double[] x, double[] y) = Rows();
        var moments = new Moments(MomentGrid.Choose(x, y, x.Length, 0.05));
        moments.Add(x, y);
        Moments theirs = MomentQuery.Read(new StringReader(answer), "answer");
        MomentRegression expected = MomentRegression.Fit(moments);
        MomentRegression actual = MomentRegression.Fit(theirs, new MomentOptions { Bandwidth = expected.Bandwidth });

        Assert.Equal(moments.Count, theirs.Count);
        double error = expected.Diagnostics.LeaveOneOutError;
        Assert.Equal(error, actual.Diagnostics.LeaveOneOutError, 1e-11 * error);
        Assert.InRange(actual.Certificate.Bound, expected.Certificate.Bound, 1e-8);
        Assert.Equal(expected.Bandwidth, MomentRegression.Fit(theirs).Bandwidth, 1e-6 * expected.Bandwidth);
    }

    // One cell of many rows, as a database sums them.
    private static string Answer()
    {
        string powers = string.Join(',', Enumerable.Repeat("1.5", 47));
        string names = string.Join(',', Enumerable.Range(2, 46).Select(k => $"s{k}"));
        return $"cell_exponent,cell,count,x,y,level,m1,{names}\n-4,1,800,,,0.5,{powers}\n";
    }

    private string WriteRows()
    {
        (double[] x, double[] y) = Rows();
        var text = new StringBuilder("\"a \"\"key\"\"\",c\n");
        for (int i = 0; i < x.Length; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{x[i]},{y[i]}\n");
        }

        File.WriteAllText(PathOf("rows.csv"), text.ToString());
        return PathOf("rows.csv");
    }

    private string PathOf(string file) => Path.Combine(_folder.FullName, file);

    private string Administer(string programs, string program, params string[] arguments) => Environment.UserName == "root"
        ? Run("runuser", ["-u", "postgres", "--", Path.Combine(programs, program), .. arguments], "")
        : Run(Path.Combine(programs, program), arguments, "");

    private string Run(string program, string[] arguments, string input)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = _folder.FullName,
            RedirectStandardInput = true,
            RedirectStandardOutput = !arguments.Contains("start"),
        })!;
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        string output = arguments.Contains("start") ? "" : process.StandardOutput.ReadToEnd();
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
}
