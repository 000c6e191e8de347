using System.CommandLine;
using TorchAttention.Numerics.Tables;

namespace TorchAttention.Cli.Regression;

/// <summary>The options that say how a CSV file is written.</summary>
internal sealed class CsvFileOptions
{
    private readonly Option<string?> _delimiter = new("--delimiter") { Description = "What stands between two fields: a character, or tab (default ,)", HelpName = "character" };
    private readonly Option<bool> _decimalComma = new("--decimal-comma") { Description = "Numbers are written 3,14" };
    private readonly Option<MissingValues> _missing = Options.OneOf(
        "--missing", "What becomes of rows with a missing number", MissingValues.Error, new Dictionary<string, MissingValues> { ["error"] = MissingValues.Error, ["drop"] = MissingValues.Drop });

    public void AddTo(Command command)
    {
        command.Add(_delimiter);
        command.Add(_decimalComma);
        command.Add(_missing);
    }

    public CsvOptions Read(ParseResult parsed)
    {
        string delimiter = parsed.GetValue(_delimiter) ?? ",";
        char character = delimiter is "tab" or "\\t" ? '\t'
            : delimiter.Length == 1 && !char.IsAsciiLetterOrDigit(delimiter[0]) && delimiter[0] is not ('"' or '\r' or '\n' or '.' or '-' or '+' or ' ') ? delimiter[0]
            : throw CliException.WrongInput($"--delimiter: expected a character that is in no number, or tab, got '{delimiter}'");
        bool decimalComma = parsed.GetValue(_decimalComma);
        return decimalComma && character == ','
            ? throw CliException.WrongInput("--decimal-comma: expected another --delimiter than the comma, such as ';'")
            : new CsvOptions { Delimiter = character, DecimalComma = decimalComma, Missing = parsed.GetValue(_missing) };
    }
}
