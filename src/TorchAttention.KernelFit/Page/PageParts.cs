namespace TorchAttention.Cli.Page;

/// <summary>What pages are made of: texts, styles and scripts that are in the program.</summary>
internal static class PageParts
{
    private static readonly string[] _styles = ["uPlot.min.css", "live.css"];

    /// <summary>The styles, for a page's head.</summary>
    public static string Style => string.Concat(_styles.Select(name => $"<style>\n{Text(name)}\n</style>\n"));

    /// <summary>The page of a training while it runs, which asks <c>/state</c>.</summary>
    /// <param name="title">What it is called.</param>
    public static string Board(string title) =>
        Document(title, Text("board.html") + Scripts("uPlot.iife.min.js", "charts.js", "board.js"));

    /// <summary>A page of its own.</summary>
    /// <param name="title">Its title.</param>
    /// <param name="body">Its markup.</param>
    public static string Document(string title, string body) => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>{System.Net.WebUtility.HtmlEncode(PlainText.Escape(title))}</title>
        {Style}
        </head>
        <body>
        <main>
        {body}
        </main>
        </body>
        </html>

        """;

    /// <summary>Scripts as elements.</summary>
    public static string Scripts(params IEnumerable<string> names) =>
        string.Concat(names.Select(name => $"<script>\n{Text(name)}\n</script>\n"));

    /// <summary>A part's text.</summary>
    public static string Text(string name)
    {
        using Stream stream = typeof(PageParts).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The program lacks its part '{name}'.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
