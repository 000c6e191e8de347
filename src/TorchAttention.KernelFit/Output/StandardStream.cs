using System.Text;

namespace TorchAttention.Cli.Output;

/// <summary>
/// Standard output or standard error where a failure to write does not end the run: the text is dropped from there on, and the files are
/// still written. What is written as a line is one, and holds nothing that a terminal would obey; pieces are what this program's own
/// tables are made of, and go through as they are.
/// </summary>
internal sealed class StandardStream(TextWriter inner) : TextWriter
{
    private bool _lost;

    /// <summary>
    /// What the system said when text was lost; null where none was, or where the stream was closed from the start and nobody expects any.
    /// </summary>
    public string? Failure { get; private set; }

    /// <summary>The error's text for a failure.</summary>
    public static string Lost(string failure) =>
        $"standard output cannot be written to ({failure}); what was not printed is lost, files are not";

    public override Encoding Encoding => inner.Encoding;

    /// <summary>Puts these in the place of both streams.</summary>
    /// <returns>Standard output.</returns>
    public static StandardStream Install()
    {
        var output = new StandardStream(Console.Out);
        Console.SetOut(output);
        Console.SetError(new StandardStream(Console.Error));
        return output;
    }

    public override void Write(char value) => Try(() => inner.Write(value));

    public override void Write(string? value) => Try(() => inner.Write(value));

    public override void Write(char[] buffer, int index, int count) => Try(() => inner.Write(buffer, index, count));

    public override void WriteLine(string? value) => Try(() => inner.WriteLine(PlainText.Escape(value ?? "")));

    public override void Flush() => Try(inner.Flush);

    private void Try(Action write)
    {
        if (_lost)
        {
            return;
        }

        try
        {
            write();
        }
        catch (IOException e)
        {
            _lost = true;
            Failure = SystemReason.Describe(e);
        }
        catch (UnauthorizedAccessException)
        {
            // The system says so of a descriptor that was closed when the process started.
            _lost = true;
        }
    }
}
