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
/// Moments that a database sums where the rows are: a query, and what its answer says. Rows that are a large part of their cell come as
/// rows, all others as sums.
/// </summary>
/// <remarks>
/// A database adds float64 numbers in an order of its own: its sums are not the same bits each time, and what that may do to an error is in
/// its bound. They are sums of powers of t, which the reader turns into those of Chebyshev's polynomials.
/// </remarks>
public static partial class MomentQuery
{
    // PostgreSQL has no wider answers.
    private const int MostColumns = 1664;

    // count; weight, least, heaviest.
    private const int OtherColumns = 4;

    // cell_exponent, cell, x.
    private const int ColumnsOfFeature = 3;

    /// <summary>The query.</summary>
    /// <param name="dialect">The database.</param>
    /// <param name="table">The table, or a view.</param>
    /// <param name="x">The keys' column.</param>
    /// <param name="y">The columns of values (v).</param>
    /// <param name="cellWidth">The width of the cells, rounded down to a power of 2; about the bandwidth or less.</param>
    /// <param name="degree">The highest degree that is to be fitted, 0 or 1.</param>
    /// <param name="weights">The column of the rows' weights; null where each counts alike. Rows of weight 0 are none.</param>
    /// <exception cref="ArgumentException">
    /// A name is empty, the width cannot be had, there is no column of values or too many, or another degree.
    /// </exception>
    public static string Create(
        SqlDialect dialect, string table, string x, IReadOnlyList<string> y, double cellWidth, int degree = 0, string? weights = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(x);
        int terms = degree is 0 or 1 ? MomentGrid.TermsOf(degree)
            : throw new ArgumentException($"Expected the degree 0 or 1, got {degree}.", nameof(degree));
        ArgumentNullException.ThrowIfNull(y);
        int keep = weights is null ? MomentGrid.KeptOfEqual : MomentGrid.KeptOfWeighted;
        return Create(dialect, table, [x], y, [cellWidth], new SqlSums(terms, y.Count, weights is not null), keep, weights);
    }

    /// <summary>The query for any number of features.</summary>
    internal static string Create(
        SqlDialect dialect,
        string table,
        IReadOnlyList<string> x,
        IReadOnlyList<string> y,
        IReadOnlyList<double> cellWidths,
        SqlSums sums,
        int mostKept,
        string? weights)
    {
        ArgumentException.ThrowIfNullOrEmpty(table);
        if (y.Count == 0 || y.Any(string.IsNullOrEmpty))
        {
            throw new ArgumentException("Expected the names of columns of values, got none.", nameof(y));
        }

        int d = x.Count;
        int[] exponents = [.. cellWidths.Select(width => width > 0 && double.IsFinite(width) ? Math.ILogB(width)
            : throw new ArgumentException($"Expected a positive width, got {width}.", nameof(cellWidths)))];
        if (sums.Names.Length + (2 * y.Count) + (ColumnsOfFeature * d) + OtherColumns > MostColumns)
        {
            throw new ArgumentException($"Expected fewer columns of values, got {y.Count}: {sums.Names.Length} sums.", nameof(y));
        }

        string type = dialect switch
        {
            SqlDialect.Postgres => "double precision",
            SqlDialect.DuckDB => "DOUBLE",
            _ => "REAL",
        };

        // SQLite may be built without a floor, and writes 15 digits where it is not told otherwise.
        string floor(string p) =>
            dialect == SqlDialect.SQLite ? $"CAST({p} AS INTEGER) - ({p} < CAST({p} AS INTEGER))" : $"floor({p})";
        string shown(string value) => dialect == SqlDialect.SQLite ? $"printf('%!.17g', {value})" : value;

        // Keeps a planner from writing an expression out wherever its name is used.
        string once = dialect switch
        {
            SqlDialect.Postgres => " OFFSET 0",
            SqlDialect.SQLite => " LIMIT -1",
            _ => "",
        };
        string[] all = [.. x, .. y, .. weights is null ? (string[])[] : [weights]];
        string[] columns = [.. Enumerable.Range(0, y.Count).Select(c => $"y{c}")];
        string[] levels = [.. Enumerable.Range(0, y.Count).Select(c => $"level{c}")];
        string numbers = string.Join(", ", columns.Append("s"));
        string cast(string name) => $"CAST({Quoted(name)} AS {type})";
        string values = string.Concat(y.Select((name, c) => $", {cast(name)} AS {columns[c]}"));
        string isThere = string.Join(" AND ", all.Select(name => $"{Quoted(name)} IS NOT NULL"));
        string hasWeight = weights is null ? "" : $" AND {Quoted(weights)} <> 0";
        string inverse(int j) => Math.ScaleB(1, -exponents[j]).ToString("R", CultureInfo.InvariantCulture);
        string keep = mostKept.ToString(CultureInfo.InvariantCulture);

        // One name for each feature, or for the one that there is.
        string each(Func<string, int, string> of, string between = ", ") =>
            string.Join(between, Enumerable.Range(0, d).Select(j => of(d == 1 ? "" : $"{j + 1}", j)));
        string isOfCell = each((j, _) => $"totals.cell{j} = celled.cell{j}", " AND ");
        string cells = each((j, _) => $"cell{j}");
        string ofCell = each((j, _) => $"celled.cell{j}");
        string keys = each((j, i) => $"{cast(x[i])} AS x{j}");
        string inCells = each((j, i) => $"{cast(x[i])} * {inverse(i)} AS p{j}");
        string floors = each((j, _) => $"p{j}, {floor($"p{j}")} AS cell{j}");
        string places = each((j, _) => $"2 * (p{j} - celled.cell{j}) - 1 AS t{j}");
        string shownValues = join(columns.Concat(levels).Select(shown));
        string join(IEnumerable<string> parts) => string.Join(", ", parts);
        string isLight = $"s * {keep} <= total";
        string ofWeights = weights is null ? "" : $", NULL AS weight, {shown("min(s)")} AS least, {shown("max(s)")} AS heaviest";
        string ofRow = weights is null ? "" : $", {shown("s")}, NULL, NULL";
        return $"""
            WITH placed AS NOT MATERIALIZED (
              SELECT {keys}{values}, {(weights is null ? "1.0" : cast(weights))} AS s, {inCells}
              FROM {Table(table)} WHERE {isThere}{hasWeight}),
            celled AS NOT MATERIALIZED (SELECT {each((j, _) => $"x{j}")}, {numbers}, {floors} FROM placed),
            middle AS (SELECT {join(columns.Zip(levels, (value, level) => $"avg({value}) AS {level}"))} FROM placed),
            totals AS MATERIALIZED (SELECT {cells}, sum(s) AS total FROM celled GROUP BY {cells})
            SELECT {each((j, i) => $"{exponents[i]} AS cell_exponent{j}")}, {cells}, count(*) AS count, {each((j, _) => $"NULL AS x{j}")},
              {join(Enumerable.Range(0, y.Count).Select(c => $"NULL AS {ValueName(c, y.Count)}"))},
              {join(levels.Select((level, c) => $"{shown($"min({level})")} AS {LevelName(c, y.Count)}"))}{ofWeights},
              {string.Join(",\n  ", sums.Expressions.Zip(sums.Names, (sum, name) => $"{shown($"sum({sum})")} AS {name}"))}
            FROM (SELECT {cells}, {join(levels)}, s, {join(sums.Factors)}
              FROM (SELECT {ofCell}, {join(levels)}, s, {places}, {join(Distances())}
                FROM celled JOIN totals ON {isOfCell} CROSS JOIN middle WHERE {isLight}{once}) AS many{once}) AS powers
            GROUP BY {cells}
            UNION ALL
            SELECT {join(exponents.Select(e => $"{e}"))}, {ofCell}, 1, {each((j, _) => shown($"x{j}"))}, {shownValues}{ofRow}{Nothing()}
            FROM celled JOIN totals ON {isOfCell} CROSS JOIN middle WHERE NOT ({isLight});

            """;

        IEnumerable<string> Distances() => columns.Zip(levels, (value, level) => $"{value} - {level} AS u{value[1..]}");

        string Nothing() => string.Concat(Enumerable.Repeat(", NULL", sums.Names.Length));
    }

    private static string ValueName(int column, int columns) => columns == 1 ? "y" : $"y{column + 1}";

    private static string LevelName(int column, int columns) => columns == 1 ? "level" : $"level{column + 1}";

    private static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    // A schema stands before a point.
    private static string Table(string name) => string.Join('.', name.Split('.').Select(Quoted));
}
