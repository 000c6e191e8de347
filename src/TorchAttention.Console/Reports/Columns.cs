using System.Globalization;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Cli.Reports;

/// <summary>The numbers of a table of metrics by column. A last line that is still being written is passed over.</summary>
internal sealed class Columns
{
    private readonly Dictionary<string, double[]> _columns;

    private Columns(Dictionary<string, double[]> columns)
    {
        _columns = columns;
    }

    public static Columns None { get; } = new([]);

    public IEnumerable<string> Names => _columns.Keys;

    /// <summary>A column; empty where there is none of the name.</summary>
    public double[] this[string name] => _columns.TryGetValue(name, out double[]? column) ? column : [];

    /// <summary>Reads a file; none where it is not there.</summary>
    /// <exception cref="CliException">It is damaged.</exception>
    public static Columns Read(string file)
    {
        if (!File.Exists(file))
        {
            return None;
        }

        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        string[] lines = reader.ReadToEnd().Split('\n')[..^1];
        if (lines.Length == 0)
        {
            return None;
        }

        string[] names = lines[0].Split(',');
        if (names.Distinct().Count() < names.Length)
        {
            throw CliException.WrongInput($"'{file}' is damaged (row 1 names a column twice)");
        }

        double[][] columns = [.. names.Select(_ => new double[lines.Length - 1])];
        for (int row = 1; row < lines.Length; row++)
        {
            string[] cells = lines[row].Split(',');
            for (int j = 0; j < names.Length; j++)
            {
                columns[j][row - 1] = cells.Length == names.Length && double.TryParse(cells[j], NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                    ? value
                    : throw CliException.WrongInput($"'{file}' is damaged (row {row + 1}: expected {names.Length} numbers, found '{PlainText.Of(lines[row])}')");
            }
        }

        return new Columns(names.Zip(columns).ToDictionary());
    }
}
