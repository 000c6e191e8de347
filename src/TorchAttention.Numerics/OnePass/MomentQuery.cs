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

    // cell_exponent, cell, count, x; weight, least, heaviest.
    private const int OtherColumns = 7;

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
        ArgumentException.ThrowIfNullOrEmpty(table);
        ArgumentException.ThrowIfNullOrEmpty(x);
        ArgumentNullException.ThrowIfNull(y);
        if (y.Count == 0 || y.Any(string.IsNullOrEmpty))
        {
            throw new ArgumentException("Expected the names of columns of values, got none.", nameof(y));
        }

        int exponent = cellWidth > 0 && double.IsFinite(cellWidth) ? Math.ILogB(cellWidth)
            : throw new ArgumentException($"Expected a positive width, got {cellWidth}.", nameof(cellWidth));
        int terms = degree is 0 or 1 ? MomentGrid.TermsOf(degree)
            : throw new ArgumentException($"Expected the degree 0 or 1, got {degree}.", nameof(degree));
        var sums = new SqlSums(terms, y.Count, weights is not null);
        if (sums.Names.Length + (2 * y.Count) + OtherColumns > MostColumns)
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
        string floor = dialect == SqlDialect.SQLite ? "CAST(p AS INTEGER) - (p < CAST(p AS INTEGER))" : "floor(p)";
        string shown(string value) => dialect == SqlDialect.SQLite ? $"printf('%!.17g', {value})" : value;

        // Keeps a planner from writing an expression out wherever its name is used.
        string once = dialect switch
        {
            SqlDialect.Postgres => " OFFSET 0",
            SqlDialect.SQLite => " LIMIT -1",
            _ => "",
        };
        string[] all = [x, .. y, .. weights is null ? (string[])[] : [weights]];
        string[] columns = [.. Enumerable.Range(0, y.Count).Select(c => $"y{c}")];
        string[] levels = [.. Enumerable.Range(0, y.Count).Select(c => $"level{c}")];
        string numbers = string.Join(", ", columns.Append("s"));
        string cast(string name) => $"CAST({Quoted(name)} AS {type})";
        string values = string.Concat(y.Select((name, c) => $", {cast(name)} AS {columns[c]}"));
        string isThere = string.Join(" AND ", all.Select(name => $"{Quoted(name)} IS NOT NULL"));
        string hasWeight = weights is null ? "" : $" AND {Quoted(weights)} <> 0";
        string inverse = Math.ScaleB(1, -exponent).ToString("R", CultureInfo.InvariantCulture);
        string keep = (weights is null ? MomentGrid.KeptOfEqual : MomentGrid.KeptOfWeighted).ToString(CultureInfo.InvariantCulture);
        string join(IEnumerable<string> parts) => string.Join(", ", parts);
        string isLight = $"s * {keep} <= total";
        string ofWeights = weights is null ? "" : $", NULL AS weight, {shown("min(s)")} AS least, {shown("max(s)")} AS heaviest";
        string ofRow = weights is null ? "" : $", {shown("s")}, NULL, NULL";
        return $"""
            WITH placed AS NOT MATERIALIZED (
              SELECT {cast(x)} AS x{values}, {(weights is null ? "1.0" : cast(weights))} AS s, {cast(x)} * {inverse} AS p
              FROM {Table(table)} WHERE {isThere}{hasWeight}),
            celled AS NOT MATERIALIZED (SELECT x, {numbers}, p, {floor} AS cell FROM placed),
            middle AS (SELECT {join(columns.Zip(levels, (value, level) => $"avg({value}) AS {level}"))} FROM placed),
            totals AS MATERIALIZED (SELECT cell, sum(s) AS total FROM celled GROUP BY cell)
            SELECT {exponent} AS cell_exponent, cell, count(*) AS count, NULL AS x,
              {join(Enumerable.Range(0, y.Count).Select(c => $"NULL AS {ValueName(c, y.Count)}"))},
              {join(levels.Select((level, c) => $"{shown($"min({level})")} AS {LevelName(c, y.Count)}"))}{ofWeights},
              {string.Join(",\n  ", sums.Expressions.Zip(sums.Names, (sum, name) => $"{shown($"sum({sum})")} AS {name}"))}
            FROM (SELECT cell, {join(levels)}, s, {join(sums.Factors)}
              FROM (SELECT celled.cell, {join(levels)}, s, 2 * (p - celled.cell) - 1 AS t, {join(Distances())}
                FROM celled JOIN totals ON totals.cell = celled.cell CROSS JOIN middle WHERE {isLight}{once}) AS many{once}) AS powers
            GROUP BY cell
            UNION ALL
            SELECT {exponent}, celled.cell, 1, {shown("x")}, {join(columns.Select(shown))}, {join(levels.Select(shown))}{ofRow}{Nothing()}
            FROM celled JOIN totals ON totals.cell = celled.cell CROSS JOIN middle WHERE NOT ({isLight});

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
