namespace TorchAttention.Cli.Output;

/// <summary>Rows as objects of JSON: a list of them, or one a line.</summary>
/// <param name="writer">Where they go.</param>
/// <param name="isList">Whether they are one list.</param>
internal sealed class JsonRows(TextWriter writer, bool isList) : RowText
{
    private string[] _names = [];
    private int _column;
    private bool _isFirst = true;

    /// <inheritdoc/>
    public override void WriteNames(IReadOnlyList<string> names)
    {
        _names = [.. names.Select(Quoted)];
        writer.Write(isList ? "[" : "");
    }

    /// <inheritdoc/>
    public override void Add(string text)
    {
        Begin();
        writer.Write(Quoted(text));
    }

    /// <inheritdoc/>
    /// <remarks>JSON has no word for what is no number, or infinite: null.</remarks>
    public override void Add(double number)
    {
        Begin();
        writer.Write(double.IsFinite(number) ? Digits.Exact(number) : "null");
    }

    /// <inheritdoc/>
    public override void End()
    {
        writer.Write(isList ? "}" : "}\n");
        _column = 0;
        _isFirst = false;
    }

    /// <inheritdoc/>
    public override void Finish() => writer.Write(isList ? "\n]\n" : "");

    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    private void Begin()
    {
        string before = _column > 0 ? ", " : !isList ? "{" : _isFirst ? "\n{" : ",\n{";
        writer.Write($"{before}{_names[_column++]}: ");
    }
}
