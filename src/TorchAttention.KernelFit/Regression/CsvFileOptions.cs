namespace TorchAttention.Cli.Regression;

/// <summary>The options that say how a CSV file is written.</summary>
internal sealed class CsvFileOptions
{
    private readonly Option<string?> _delimiter = Options.Text(
        "--delimiter", "character", "What stands between two fields: a character, or tab (default ,)");
    private readonly Option<bool> _decimalComma = Options.Flag("--decimal-comma", "Numbers are written 3,14");
    private readonly Option<MissingValues> _missing = Options.OneOf(
        "--missing", "What becomes of rows with a missing number", MissingValues.Error, Options.Names<MissingValues>());

    public void AddTo(Command command)
    {
        command.AddAll(_delimiter, _decimalComma, _missing);
    }

    public CsvOptions Read(ParseResult parsed)
    {
        string delimiter = parsed.GetValue(_delimiter) ?? ",";
        char character = delimiter is "tab" or "\\t" ? '\t'
            : delimiter.Length == 1 && !char.IsAsciiLetterOrDigit(delimiter[0]) && !"\"\r\n.-+ ".Contains(delimiter[0]) ? delimiter[0]
            : throw CliException.WrongInput($"--delimiter: expected a character that is in no number, or tab, got '{delimiter}'");
        bool decimalComma = parsed.GetValue(_decimalComma);
        return decimalComma && character == ','
            ? throw CliException.WrongInput("--decimal-comma: expected another --delimiter than the comma, such as ';'")
            : new CsvOptions { Delimiter = character, DecimalComma = decimalComma, Missing = parsed.GetValue(_missing) };
    }
}
