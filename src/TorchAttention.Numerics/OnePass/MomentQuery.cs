using TorchAttention.Numerics.Tables;

namespace TorchAttention.Numerics.OnePass;

/// <summary>The databases whose SQL is known.</summary>
public enum SqlDialect
{
    /// <summary>PostgreSQL 12 or later.</summary>
    Postgres,

    /// <summary>DuckDB.</summary>
    DuckDB,

    /// <summary>SQLite 3.35 or later.</summary>
    SQLite,
}

/// <summary>
/// Moments that a database sums where the rows are: a query, and what its answer says. Cells of many rows come as sums, those of few as
/// rows.
/// </summary>
/// <remarks>
/// A database adds float64 numbers in an order of its own: its sums are not the same bits each time, and what that may do to an error is in
/// its bound. They are sums of powers of t, which the reader turns into those of Chebyshev's polynomials.
/// </remarks>
public static class MomentQuery
{
    private const int Terms = MomentGrid.TermsOfMeans;

    // cell_exponent, cell, count, x, y, level.
    private const int FirstSum = 6;
    private const int Fields = FirstSum + (3 * Terms) - 1;

    /// <summary>The query.</summary>
    /// <param name="dialect">The database.</param>
    /// <param name="table">The table, or a view.</param>
    /// <param name="x">The keys' column.</param>
    /// <param name="y">The values' column.</param>
    /// <param name="cellWidth">The width of the cells, rounded down to a power of 2; about the bandwidth or less.</param>
    /// <exception cref="ArgumentException">A name is empty, or the width cannot be had.</exception>
    public static string Create(SqlDialect dialect, string table, string x, string y, double cellWidth)
    {
        ArgumentException.ThrowIfNullOrEmpty(table);
        ArgumentException.ThrowIfNullOrEmpty(x);
        ArgumentException.ThrowIfNullOrEmpty(y);
        int exponent = cellWidth > 0 && double.IsFinite(cellWidth) ? Math.ILogB(cellWidth)
            : throw new ArgumentException($"Expected a positive width, got {cellWidth}.", nameof(cellWidth));
        string type = dialect switch
        {
            SqlDialect.Postgres => "double precision",
            SqlDialect.DuckDB => "DOUBLE",
            _ => "REAL",
        };

        // SQLite may be built without a floor, and writes 15 digits where it is not told otherwise.
        string floor = dialect == SqlDialect.SQLite ? "CAST(p AS INTEGER) - (p < CAST(p AS INTEGER))" : "floor(p)";
        string shown(string value) => dialect == SqlDialect.SQLite ? $"printf('%!.17g', {value})" : value;

        // Keeps a planner from writing the place in the cell out wherever it is used.
        string once = dialect switch
        {
            SqlDialect.Postgres => " OFFSET 0",
            SqlDialect.SQLite => " LIMIT -1",
            _ => "",
        };
        string inverse = Math.ScaleB(1, -exponent).ToString("R", CultureInfo.InvariantCulture);
        string power(string factor, int k) => string.Join("*", Enumerable.Repeat("t", k).Prepend(factor).Where(part => part.Length > 0));
        IEnumerable<string> sums =
        [
            .. Enumerable.Range(1, Terms - 1).Select(k => $"{shown($"sum({power("", k)})")} AS m{k}"),
            .. Enumerable.Range(0, Terms).Select(k => $"{shown($"sum({power("u", k)})")} AS v{k}"),
            .. Enumerable.Range(0, Terms).Select(k => $"{shown($"sum({power("u*u", k)})")} AS q{k}"),
        ];
        string nothing = string.Concat(Enumerable.Repeat(", NULL", (3 * Terms) - 1));
        string keep = MomentGrid.KeptOfEqual.ToString(CultureInfo.InvariantCulture);
        return $"""
            WITH placed AS NOT MATERIALIZED (
              SELECT CAST({Quoted(x)} AS {type}) AS x, CAST({Quoted(y)} AS {type}) AS y, CAST({Quoted(x)} AS {type}) * {inverse} AS p
              FROM {Table(table)} WHERE {Quoted(x)} IS NOT NULL AND {Quoted(y)} IS NOT NULL),
            celled AS NOT MATERIALIZED (SELECT x, y, p, {floor} AS cell FROM placed),
            middle AS (SELECT avg(y) AS level FROM placed)
            SELECT {exponent} AS cell_exponent, cell, count(*) AS count, NULL AS x, NULL AS y, {shown("min(level)")} AS level,
              {string.Join(",\n  ", sums)}
            FROM (SELECT cell, level, 2 * (p - cell) - 1 AS t, y - level AS u FROM celled CROSS JOIN middle{once}) AS many
            GROUP BY cell HAVING count(*) >= {keep}
            UNION ALL
            SELECT {exponent}, cell, 1, {shown("x")}, {shown("y")}, {shown("level")}{nothing}
            FROM celled CROSS JOIN middle
            WHERE cell IN (SELECT cell FROM celled GROUP BY cell HAVING count(*) < {keep});

            """;
    }

    /// <summary>Reads the query's answer, as CSV with a header row.</summary>
    /// <param name="reader">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="TableException">It is no such text.</exception>
    public static Moments Read(TextReader reader, string name)
    {
        ArgumentNullException.ThrowIfNull(reader);
        int row = 1;
        string header = reader.ReadLine() ?? "";
        string names = header.Replace("\"", "", StringComparison.Ordinal);
        if (!names.StartsWith("cell_exponent,cell,count,x,y,level,m1,", StringComparison.Ordinal))
        {
            throw Wrong(null, "the answer of the query that moments --sql prints, as CSV with its header", header);
        }

        var sums = new List<(long Cell, double Count, double Level, double[] Powers)>();
        var rows = new List<(long Cell, double X, double Y, double Level)>();
        int? exponent = null;
        while (reader.ReadLine() is string line)
        {
            row++;
            string[] fields = line.Split(',');
            if (line.Length == 0)
            {
                continue;
            }

            if (fields.Length != Fields)
            {
                throw Wrong(null, $"{Fields} fields", $"{fields.Length}");
            }

            int own = (int)Whole(fields[0], "cell_exponent", MomentGrid.LeastExponent, MomentGrid.MostExponent);
            exponent ??= own;
            if (own != exponent)
            {
                throw Wrong("cell_exponent", $"{exponent} as before", fields[0]);
            }

            long cell = Whole(fields[1], "cell", -(long)MomentGrid.MostCell, (long)MomentGrid.MostCell);
            double count = Whole(fields[2], "count", 1, long.MaxValue);
            double level = Number(fields[5], "level");
            if (fields[3].Length > 0)
            {
                rows.Add((cell, Number(fields[3], "x"), Number(fields[4], "y"), level));
                continue;
            }

            double[] powers = new double[3 * Terms];
            powers[0] = count;
            for (int k = 1; k < powers.Length; k++)
            {
                powers[k] = Number(fields[FirstSum + k - 1], "sum");
            }

            sums.Add((cell, count, level, powers));
        }

        return sums.Count + rows.Count > 0 ? Sum(sums, rows, exponent!.Value, Wrong)
            : throw new TableException(TableProblem.Empty, name) { Expected = "cells below the header row", Found = "none" };

        double Number(string field, string column) =>
            double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)
                ? number
                : throw Wrong(column, "a finite number", field);

        long Whole(string field, string column, long least, long most)
        {
            double number = Number(field, column);
            return number >= least && number <= most && Math.Floor(number) == number ? (long)number
                : throw Wrong(column, $"a whole number from {least} to {most}", field);
        }

        TableException Wrong(string? column, string expected, string found) =>
            new(TableProblem.Unusable, name) { Row = row, Column = column, Expected = expected, Found = found };
    }

    private static Moments Sum(
        List<(long Cell, double Count, double Level, double[] Powers)> sums,
        List<(long Cell, double X, double Y, double Level)> rows,
        int exponent,
        Func<string?, string, string, TableException> wrong)
    {
        var levels = new SortedDictionary<long, double>();
        double squares = 0;
        double total = 0;
        foreach ((long cell, double count, double level, double[] powers) in sums)
        {
            if (!levels.TryAdd(cell, level))
            {
                throw wrong("cell", "each cell once", $"{cell} again");
            }

            squares += powers[2 * Terms];
            total += count;
        }

        foreach ((long cell, _, double y, double level) in rows)
        {
            levels[cell] = level;
            squares += (y - level) * (y - level);
            total++;
        }

        double unit = Math.Sqrt(squares / total);
        int unitExponent = unit > 0 ? Math.Clamp(Math.ILogB(unit) + 4, MomentGrid.LeastExponent, MomentGrid.MostExponent) : 0;
        var grid = new MomentGrid(exponent, [unitExponent], Terms, [.. levels.Keys], [.. levels.Values]);
        var moments = new Moments(grid);
        double[] polynomials = Chebyshev.InPowers(Terms);
        var cellSums = new Int128[3 * Terms];
        foreach ((long cell, double count, _, double[] powers) in sums)
        {
            for (int kind = 0; kind < 3; kind++)
            {
                for (int k = 0; k < Terms; k++)
                {
                    double sum = 0;
                    for (int j = 0; j <= k; j++)
                    {
                        sum += polynomials[(k * Terms) + j] * powers[(kind * Terms) + j];
                    }

                    double scaled = Math.ScaleB(sum, FixedPointSums.Bits - (kind * unitExponent));
                    cellSums[(kind * Terms) + k] = Math.Abs(scaled) < Math.ScaleB(1, 126) ? (Int128)Math.Round(scaled)
                        : throw wrong(null, "sums that belong together", $"others in the cell {cell}");
                }
            }

            moments.Set(cell, (long)count, cellSums, count * MomentSums.Rounding);
        }

        moments.Add([.. rows.Select(row => row.X)], [.. rows.Select(row => row.Y)]);
        return moments;
    }

    private static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    // A schema stands before a point.
    private static string Table(string name) => string.Join('.', name.Split('.').Select(Quoted));
}
