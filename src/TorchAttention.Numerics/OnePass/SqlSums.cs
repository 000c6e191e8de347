namespace TorchAttention.Numerics.OnePass;

/// <summary>
/// The sums of a cell that a query asks for: of s^m t^k, then of s^m u t^k and s^m u^2 t^k for each column's u = y - level, and with
/// weights of t^k alone; of two features t1^k t2^l with k + l up to 15. The number of the rows is no sum.
/// </summary>
internal sealed class SqlSums
{
    // What follows the name of a sum, and its product of powers.
    private readonly (string Suffix, string Product)[] _powers;
    private readonly int _highest;
    private readonly int _columns;
    private readonly int _features;
    private readonly bool _hasWeights;

    /// <summary>Sums of one feature.</summary>
    public SqlSums(int terms, int columns, bool hasWeights)
        : this([.. Enumerable.Range(0, terms).Select(k => new[] { k })], columns, hasWeights)
    {
    }

    /// <summary>Sums.</summary>
    /// <param name="degrees">The powers of each feature in each product (terms, d); none in the first.</param>
    /// <param name="columns">v.</param>
    /// <param name="hasWeights">Whether rows have weights.</param>
    public SqlSums(int[][] degrees, int columns, bool hasWeights)
    {
        (_columns, _hasWeights, _features, Terms) = (columns, hasWeights, degrees[0].Length, degrees.Length);
        _highest = degrees.Max(powers => powers.Max()) + 1;
        _powers = [.. degrees.Select(powers => (
            string.Join('_', powers),
            string.Join(" * ", powers.Index().Where(k => k.Item > 0).Select(k => $"t{Named(k.Index)}{k.Item}"))))];
        (string Name, string Expression)[] sums =
            [.. Enumerable.Range(1, hasWeights ? MomentGrid.Towers : 1).SelectMany(Tower), .. hasWeights ? Powers("r", "", from: 1) : []];
        Names = [.. sums.Select(sum => sum.Name)];
        Expressions = [.. sums.Select(sum => sum.Expression)];
    }

    /// <summary>How many products of powers there are.</summary>
    public int Terms { get; }

    /// <summary>What each sum is called.</summary>
    public string[] Names { get; }

    /// <summary>What is summed, by the names of factors.</summary>
    public string[] Expressions { get; }

    /// <summary>The products that sums are made of, each with its name, of s, t and u0, u1, ..</summary>
    public IEnumerable<string> Factors =>
    [
        .. Enumerable.Range(0, _features).SelectMany(j => Enumerable.Range(1, _highest - 1).Select(
            k => $"{Product(_features == 1 ? "t" : $"t{j + 1}", k)} AS t{Named(j)}{k}")),
        .. Enumerable.Range(1, _hasWeights ? MomentGrid.Towers : 0).Select(m => $"{Product("s", m)} AS s{m}"),
        .. Enumerable.Range(0, _columns).SelectMany(c => new[] { $"u{c}", $"u{c} * u{c} AS square{c}" }),
    ];

    /// <summary>The terms that an answer of so many sums has; 0 for none.</summary>
    public static int TermsOf(int sums, int columns, bool hasWeights) =>
        new[] { MomentGrid.TermsOfMeans, MomentGrid.TermsOfLines }
            .FirstOrDefault(terms => new SqlSums(terms, columns, hasWeights).Names.Length == sums);

    private IEnumerable<(string Name, string Expression)> Tower(int m)
    {
        (string name, string weight) = _hasWeights ? ($"w{m}_", $"s{m}") : ("", "");
        IEnumerable<(string, string)> all = Powers($"{name}m", weight, from: _hasWeights ? 0 : 1);
        for (int c = 0; c < _columns; c++)
        {
            string column = _columns == 1 ? "" : $"{c + 1}_";
            all = all.Concat(Powers($"{name}v{column}", Times(weight, $"u{c}"), from: 0))
                .Concat(Powers($"{name}q{column}", Times(weight, $"square{c}"), from: 0));
        }

        return all;
    }

    private IEnumerable<(string Name, string Expression)> Powers(string name, string factor, int from) =>
        _powers.Skip(from).Select(power => ($"{name}{power.Suffix}", Times(factor, power.Product)));

    private string Named(int feature) => _features == 1 ? "" : $"{feature + 1}_";

    private static string Times(string one, string other) =>
        one.Length == 0 ? other : other.Length == 0 ? one : $"{one} * {other}";

    private static string Product(string factor, int count) => string.Join(" * ", Enumerable.Repeat(factor, count));
}
