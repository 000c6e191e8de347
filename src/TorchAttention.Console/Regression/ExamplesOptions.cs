using System.CommandLine;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Cli.Regression;

/// <summary>The options that say what the examples are.</summary>
internal sealed class ExamplesOptions
{
    private readonly Option<string?> _data = new("--data")
    {
        Description = $"A CSV file with a header row, - for standard input, or a built-in table ({string.Join(", ", BuiltInTable.All.Select(table => table.Name))})",
        HelpName = "name|file",
    };

    private readonly Option<string?> _x = new("--x") { Description = "The features' columns, separated by commas (by default a built-in table's own, or the first of a file's two)", HelpName = "columns" };
    private readonly Option<string?> _y = new("--y") { Description = "The target's column (by default a built-in table's own, or the second of a file's two)", HelpName = "column" };
    private readonly Option<string?> _weights = new("--weights") { Description = "A column that says how much each row counts", HelpName = "column" };
    private readonly Option<bool> _classes = new("--classes") { Description = "The target is the name of a class: fit the classes' probabilities" };
    private readonly CsvFileOptions _file = new();

    public void AddTo(Command command)
    {
        command.Add(_data);
        command.Add(_x);
        command.Add(_y);
        command.Add(_weights);
        command.Add(_classes);
        _file.AddTo(command);
    }

    public Examples Read(ParseResult parsed)
    {
        string data = parsed.GetValue(_data) ?? throw CliException.WrongInput("--data: expected a file or a built-in table, got none");
        return Examples.Read(data, parsed.GetValue(_x), parsed.GetValue(_y), parsed.GetValue(_weights), parsed.GetValue(_classes), _file.Read(parsed));
    }
}
