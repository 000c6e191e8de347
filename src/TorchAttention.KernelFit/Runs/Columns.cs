using TorchAttention.Numerics.Storage;

namespace TorchAttention.Cli.Runs;

/// <summary>The numbers of a table of metrics by column. A last line that is still being written is passed over.</summary>
internal sealed class Columns
{
    private readonly Dictionary<string, double[]> _columns;

    private Columns(Dictionary<string, double[]> columns)
    {
        _columns = columns;
    }

    public static Columns None { get; } = new([]);

    /// <summary>A column; empty where there is none of the name.</summary>
    public double[] this[string name] => _columns.TryGetValue(name, out double[]? column) ? column : [];

    /// <summary>Reads a file; none where it is not there, or not begun.</summary>
    /// <param name="file">The file.</param>
    /// <param name="needed">The columns that it has to have.</param>
    /// <exception cref="RunException">It is damaged.</exception>
    public static Columns Read(string file, params string[] needed)
    {
        if (RunFile.Read(file) is not { Length: > 0 } bytes)
        {
            return None;
        }

        using var reader = new StreamReader(new MemoryStream(bytes));
        string[] lines = reader.ReadToEnd().Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n')[..^1];
        if (lines.Length == 0)
        {
            return None;
        }

        string[] names = Names(lines[0]);
        if (names.Distinct().Count() < names.Length || Array.Find(needed, name => !names.Contains(name)) is not null)
        {
            throw Damaged(0, $"each name once, and {string.Join(", ", needed)} among them");
        }

        double[][] columns = [.. names.Select(_ => new double[lines.Length - 1])];
        for (int row = 1; row < lines.Length; row++)
        {
            string[] cells = lines[row].Split(',');
            for (int j = 0; j < names.Length; j++)
            {
                double value = double.NaN;
                bool isNumber = cells.Length == names.Length
                    && double.TryParse(cells[j], NumberStyles.Float, CultureInfo.InvariantCulture, out value);
                columns[j][row - 1] = isNumber ? value
                    : throw Damaged(row, $"{names.Length} numbers");
            }
        }

        return new Columns(names.Zip(columns).ToDictionary());

        static string[] Names(string header)
        {
            var record = new QuotedRecord(',');
            record.Begin(header);
            return [.. Enumerable.Range(0, record.Count).Select(place => record.Read(place, out _).ToString())];
        }

        RunException Damaged(int line, string expected) =>
            RunException.Damaged(file, expected, $"'{PlainText.Brief(lines[line])}'", row: line + 1);
    }
}
