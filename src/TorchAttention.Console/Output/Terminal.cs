using Spectre.Console;
using Spectre.Console.Rendering;
using TorchAttention.Numerics.Tables;

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
    public static string Cell(string text) => Markup.Escape(PlainText.Of(text));

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
            segment.IsControlCode || segment.IsLineBreak ? segment : new Segment(PlainText.Of(segment.Text), segment.Style));
    }
}
