namespace TorchAttention.Cli.Regression;

/// <summary>The options that say how a CSV file is written.</summary>
/// <param name="predicts">Whether rows without a target may be predicted.</param>
/// <param name="hasLevels">Whether features may be categories.</param>
internal sealed class CsvFileOptions(bool predicts = false, bool hasLevels = false)
{
    private readonly Option<string?> _delimiter = Delimiter();
    private readonly Option<bool> _decimalComma = DecimalComma();
    private readonly Option<string?> _thousands = Thousands();
    private readonly Option<MissingRows> _missing = Options.OneOf(
        "--missing",
        MissingIs + (predicts ? "; predict is for a missing target, whose rows are predicted and in no fit" : "")
            + (hasLevels ? "; level for a missing name of a category, which is a level of its own" : ""),
        MissingRows.Error,
        Options.Names<MissingRows>().Where(pair => (predicts || pair.Value != MissingRows.Predict)
            && (hasLevels || pair.Value != MissingRows.Level)).ToDictionary());
    private readonly Option<DateOrder> _dates = Options.OneOf(
        "--dates", "What a file's dates with slashes begin with", DateOrder.YearFirst, new Dictionary<string, DateOrder>
        {
            ["year-first"] = DateOrder.YearFirst,
            ["day-first"] = DateOrder.DayFirst,
            ["month-first"] = DateOrder.MonthFirst,
        });

    private const string MissingIs = "What becomes of a file's rows with a missing number";

    /// <summary>What becomes of rows with a missing number.</summary>
    private enum MissingRows
    {
        Error,
        Drop,
        Predict,
        Level,
    }

    public static Option<string?> Delimiter() => Options.Text(
        "--delimiter", "character", "What stands between two fields of a file: a character, or tab (default ,)");

    public static Option<bool> DecimalComma() => Options.Flag("--decimal-comma", "A file's numbers are written 3,14");

    public static Option<string?> Thousands() => Options.Text(
        "--thousands", "mark", "What stands between groups of three digits of a file's numbers, as the comma in 12,345 (default nothing)");

    public static Option<MissingValues> Missing() => Options.OneOf(
        "--missing", MissingIs, MissingValues.Error, Options.Names<MissingValues>());

    /// <summary>What the options say together.</summary>
    public static CsvOptions Combine(string? delimiter, bool decimalComma, string? thousands, MissingValues missing)
    {
        char between = delimiter switch
        {
            null => ',',
            "tab" or "\\t" => '\t',
            [char one] when !char.IsAsciiLetterOrDigit(one) && !"\"\r\n.-+ ".Contains(one) && one <= '~' => one,
            _ => throw CliException.WrongInput($"--delimiter: expected a character that is in no number, or tab, got '{delimiter}'"),
        };
        if (decimalComma && between == ',')
        {
            throw CliException.WrongInput("--decimal-comma: expected another --delimiter than the comma, such as ';'");
        }

        char? mark = thousands switch
        {
            null => null,
            [char one] when one != (decimalComma ? ',' : '.') && !char.IsAsciiLetterOrDigit(one) && !"\"\r\n+-".Contains(one) => one,
            _ => throw CliException.WrongInput(
                $"--thousands: expected a character that is nowhere else in a number, got '{PlainText.Brief(thousands)}'"),
        };
        return new CsvOptions { Delimiter = between, DecimalComma = decimalComma, Thousands = mark, Missing = missing };
    }

    public void AddTo(Command command)
    {
        command.AddAll(_delimiter, _decimalComma, _thousands, _missing, _dates);
    }

    /// <summary>Whether rows without a target are to be predicted.</summary>
    public bool Predicts(ParseResult parsed) => parsed.GetValue(_missing) == MissingRows.Predict;

    /// <summary>Whether a missing name of a category is a level of its own.</summary>
    public bool IsLevel(ParseResult parsed) => parsed.GetValue(_missing) == MissingRows.Level;

    public CsvOptions Read(ParseResult parsed) => Combine(
        parsed.GetValue(_delimiter), parsed.GetValue(_decimalComma), parsed.GetValue(_thousands),
        parsed.GetValue(_missing) == MissingRows.Drop ? MissingValues.Drop : MissingValues.Error) with
    {
        Dates = parsed.GetValue(_dates),
    };
}
