using Spectre.Console;
using Spectre.Console.Rendering;

namespace TorchAttention.Cli.Output;

/// <summary>
/// Tables, charts and bars for whoever watches. Whatever a file's text holds, a terminal is not to obey it: the only sequences that reach
/// one are Spectre's own.
/// </summary>
internal static class Terminal
{
    private static readonly Lazy<IAnsiConsole> _output = new(() => Create(Console.Out));

    /// <summary>Standard output.</summary>
    public static IAnsiConsole Output => _output.Value;

    /// <summary>Standard error.</summary>
    public static IAnsiConsole OnError() => Create(Console.Error);

    /// <summary>Text from outside as a table's cell or another piece of markup, written out before its room is measured.</summary>
    public static string Cell(string text) => Markup.Escape(PlainText.Escape(text));

    /// <summary>A table; one without headers where no column has a name.</summary>
    /// <param name="left">The columns of text.</param>
    /// <param name="right">After them the columns of numbers.</param>
    /// <param name="gap">Spaces before a number.</param>
    public static Spectre.Console.Table Table(IReadOnlyList<string> left, IReadOnlyList<string> right, int gap = 1)
    {
        bool hasNames = left.Concat(right).Any(name => name.Length > 0);
        var table = new Spectre.Console.Table { Border = TableBorder.Rounded, ShowHeaders = hasNames };
        table.AddColumns([.. left.Select(Cell)]);
        return table.AddColumns([.. right.Select(name => new TableColumn(Cell(name)).RightAligned().PadLeft(gap))]);
    }

    private static IAnsiConsole Create(TextWriter writer)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        console.Pipeline.Attach(new PlainHook());
        return console;
    }

    private sealed class PlainHook : IRenderHook
    {
        public IEnumerable<IRenderable> Process(RenderOptions options, IEnumerable<IRenderable> renderables) =>
            renderables.Select(inner => new Plain(inner));
    }

    private sealed class Plain(IRenderable inner) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) => inner.Measure(options, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => inner.Render(options, maxWidth).Select(segment =>
            segment.IsControlCode || segment.IsLineBreak ? segment : new Segment(PlainText.Escape(segment.Text), segment.Style));
    }
}
